"""What freezing makes of convolutions and their neighbours when it changes them to the MKL-DNN layout."""

from __future__ import annotations

from flambeau.ir.jit_operators.table import SPECIAL, JitOperator, table

_NORM = (
    "int[] normalized_shape, Tensor? weight=None, Tensor? bias=None, float eps=1.0000000000000001e-05, "
    "bool cudnn_enable=True"
)

OPERATORS: tuple[JitOperator, ...] = (
    *table(
        """
        prim::MKLDNN{0}(Tensor {1}{2}) -> Tensor
        prim::MKLDNN{0}_(Tensor(a!) {3}{2}) -> Tensor(a!)
        """,
        each=(
            ("Clamp", "self", "", "self"),
            ("HardSigmoid", "a", "", "self"),
            ("HardSwish", "a", "", "self"),
            ("HardTanh", "self", "", "self"),
            ("LayerNorm", "input", f", {_NORM}", "input"),
            ("ScalarMul", "self", ", Scalar other", "self"),
        ),
    ),
    *table("""
        prim::mkldnn_convolution(Tensor input, Tensor weight, Tensor? bias, int[] stride, int[] padding, \
int[] dilation, int groups) -> Tensor
    """),
    *table(
        """
        prim::BroadcastMKLDNNTensors(...) -> ...
        prim::ConstantMKLDNNTensor(...) -> ...
        """,
        alias=SPECIAL,
    ),
)
