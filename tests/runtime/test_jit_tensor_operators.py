"""The operators that TorchScript has beyond PyTorch's dispatcher and that take tensors, enums, or any number of values.

Each is called with the same arguments by TorchScript and by ours, like those on plain values in `test_jit_operators`.
The last test lists every operator of the table that none of these modules calls.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TypeAlias

import pytest
import torch
from torch import Tensor

from flambeau import ir
from flambeau.runtime.registry import kernel_of_operator
from tests.runtime import test_jit_operator_effects, test_jit_operators, test_optimised_graphs
from tests.runtime.oracle import Failed, ours, program, same

Samples: TypeAlias = "list[tuple[object, ...]]"

SCALARS = (torch.tensor(2.5), torch.tensor(3), torch.tensor(True), torch.tensor(1 - 2j), torch.tensor([4.0]))
TENSORS = (*SCALARS, torch.arange(6.0).reshape(2, 3), torch.zeros(0), torch.arange(4), torch.ones(2, 3, 4, 5))
KEYS = (torch.tensor(1.0), torch.tensor([2, 3]))
IMAGE = torch.arange(32.0).reshape(1, 2, 4, 4)
MATRIX = torch.arange(6.0).reshape(2, 3)
MKLDNN = (MATRIX - 2).to_mkldnn()
FULL_TYPE = "Float(2, 3, strides=[3, 1], requires_grad=0, device=cpu)"
WITH_GRADIENT = torch.ones(3, requires_grad=True)
WITH_GRADIENT.grad = torch.ones(3)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    QUANTIZED = torch.quantize_per_tensor(MATRIX, 0.5, 1, torch.qint8)
NONE = "\n  %n : NoneType = prim::Constant()\n  %l : int[] = prim::Constant[value=[3]]()\n"
RANDOM = "%r : Tensor = aten::rand"
INDICES = [torch.tensor([0, 1]), torch.tensor([2, 0])]


def each(*values: object) -> Samples:
    return [(value,) for value in values]


def with_each(values: Sequence[object], *others: object) -> Samples:
    return [(value, *others) for value in values]


def dicts(*others: object) -> Samples:
    return [({}, *others), ({KEYS[0]: 1}, *others), ({KEYS[0]: 1, KEYS[1]: 2}, *others)]


def keyed(*others: object) -> Samples:
    """Dicts with a key that they have and one that they do not."""
    return [({KEYS[0]: 1, KEYS[1]: 2}, key, *others) for key in (*KEYS, torch.tensor(1.0))]


def _tensor_samples() -> dict[str, Samples]:
    numbers = {n: each(*TENSORS) for n in ("Bool.Tensor", "Float.Tensor", "Int.Tensor", "FloatImplicit", "IntImplicit")}
    numbers |= {n: each(*TENSORS) for n in ("ScalarImplicit", "ComplexImplicit", "_tensor_to_list", "element_size")}
    numbers |= {n: each(*TENSORS) for n in ("len.Tensor", "size", "stride", "sym_size", "sym_stride", "cpu")}
    for name, other in (("float", 1.5), ("int", 2), ("bool", True)):
        numbers[f"Complex.Tensor_{name}"] = with_each(SCALARS, other)
        numbers[f"Complex.{name}_Tensor"] = [(other, t) for t in SCALARS]
        numbers[f"copy_.{name}"] = with_each([MATRIX.clone(), torch.arange(3)], other)
        numbers[f"tensor.{name}"] = [(other, dtype, None, False) for dtype in (None, 6, 4)]
        numbers[f"as_tensor.{name}"] = [(other, dtype, None) for dtype in (None, 6, 4)]
    del numbers["copy_.bool"]
    return {f"aten::{name}": samples for name, samples in numbers.items()} | {
        "aten::Complex.Tensor_Tensor": [(a, b) for a in SCALARS for b in SCALARS],
        "aten::tensor.complex": [(1j, None, None, False), (1j, 9, None, False)],
        "aten::as_tensor.complex": [(1j, None, None), (1j, 9, None)],
        "aten::tensor": [([1, 2], None, None, False), ([], None, None, False), ([3], 6, None, True)],
        "aten::as_tensor.list": [([1, 2], None, None), ([], None, None), ([3], 6, torch.device("cpu"))],
        "aten::as_tensor": [(t, dtype, None) for t in TENSORS for dtype in (None, 6)],
        "aten::copy_.Tensor": [(MATRIX.clone(), torch.ones(3)), (torch.arange(3), torch.tensor(2.5))],
        "aten::cuda": each(*SCALARS) if not torch.cuda.is_available() else [],
        "aten::is_non_overlapping_and_dense": each(*TENSORS, MATRIX.t(), MATRIX[:, ::2], torch.ones(1).expand(3)),
        "aten::is_strides_like_format": [(t, 2) for t in (IMAGE, IMAGE.to(memory_format=torch.channels_last))],
        "aten::split": [(MATRIX, [1, 2], 1), (MATRIX, [1, 1], 0), (MATRIX, [1, 1], 1)],
        "aten::to.prim_Device": [
            (t, device, 6, False, False) for t in TENSORS for device in (None, torch.device("cpu"))
        ],
        "aten::to.prim_dtype": [(t, dtype, False, copy) for t in TENSORS for dtype in (None, 4) for copy in (False,)],
        "aten::to.prim_other": [(t, False, copy) for t in TENSORS for copy in (False,)],
        "prim::abs": each(*TENSORS, -MATRIX),
        **{
            f"prim::{name}": each(*TENSORS)
            for name in (
                *("data", "device", "dtype", "is_cpu", "is_cuda", "is_ipu", "is_maia", "is_meta", "is_mkldnn"),
                *("is_mps", "is_mtia", "is_nested", "is_quantized", "is_sparse", "is_sparse_csr", "is_vulkan"),
                *("is_xla", "is_xpu", "itemsize", "layout", "name", "nbytes", "requires_grad"),
            )
        },
        **{f"aten::{n}.a": each(MATRIX, torch.ones(2, 2) * 1j, torch.ones(3)) for n in ("mH", "mT", "matrix_H")},
        "aten::numpy_T.a": each(MATRIX, torch.ones(3)),
    }


def _list_samples() -> dict[str, Samples]:
    lists = [[], [torch.tensor(1.0)], [torch.tensor(2), torch.tensor(1)], [MATRIX, MATRIX]]
    pairs = [(a, b) for a in lists for b in lists]
    found: dict[str, Samples] = {
        "aten::eq.Tensor_list": pairs,
        "aten::ne.Tensor_list": pairs,
        **{f"aten::{n}": [(x, t) for x in lists for t in SCALARS] for n in ("count.Tensor", "index.list_Tensor")},
        "aten::remove.Tensor": [(list(x), t) for x in lists for t in SCALARS],
        "aten::sorted.Tensor": each(*lists),
        "aten::sort.Tensor": [(list(x), reverse) for x in lists for reverse in (True, False)],
        "aten::len.Dict_Tensor": dicts(),
        "aten::keys.Tensor": dicts(),
        "aten::values.Tensor": dicts(),
        "aten::items.Tensor": dicts(),
        "aten::copy.Dict_Tensor": dicts(),
        "aten::dict.Dict_Tensor": dicts(),
        "aten::clear.Tensor": dicts(),
        "aten::popitem.Tensor": dicts(),
        "aten::dict.Tensor": each([], [(KEYS[0], 1), (KEYS[1], 2)]),
        "aten::update.Tensor": [(a[0], {KEYS[1]: 7}) for a in dicts()],
        "aten::setdefault.Tensor": keyed(5),
        "aten::_set_item.Tensor": keyed(5),
        "aten::get.Tensor": keyed(),
        "aten::get.default_Tensor": keyed(5),
        "aten::pop.Dict_Tensor": keyed(),
        "aten::pop.Dict_default_Tensor": keyed(5),
        "aten::Delete.Dict_Tensor": keyed(),
        "aten::__contains__.Tensor": keyed(),
        "aten::__getitem__.Dict_Tensor": keyed(),
        "aten::len.any": each([], [1, "a"]),
    }
    return found


def _call_samples() -> dict[str, Samples]:
    """Operators that compute."""
    sizes = [(IMAGE, 8), (IMAGE, None)]
    packed = torch.ones(3).to_mkldnn(), torch.zeros(3).to_mkldnn()
    return {
        "aten::__interpolate": [(i, s, None if s else 2.0, "nearest", None, None, False) for i, s in sizes],
        "aten::__interpolate.size_list": [(IMAGE, [6, 8], None, m, None, None, False) for m in ("nearest", "bilinear")],
        "aten::__interpolate.scale_list": [
            (IMAGE, None, [0.5, 2.0], m, None, None, False) for m in ("area", "bicubic")
        ],
        "aten::__interpolate.size_list_scale_list": [(IMAGE, None, [2.0, 1.0], "bilinear", True, None, False)],
        "aten::__upsample": [(i, s, None if s else 2, "nearest", None) for i, s in sizes],
        "aten::__upsample.size_list": [(IMAGE, [8, 6], None, "bilinear", False)],
        "aten::__upsample_bilinear": [(i, s, None if s else 2) for i, s in sizes],
        "aten::__upsample_bilinear.size_list": [(IMAGE, [8, 6], None)],
        "aten::__upsample_bilinear.scale_list": [(IMAGE, None, [2, 3])],
        "aten::__upsample_bilinear.size_list_scale_list": [(IMAGE, [8, 6], None), (IMAGE, None, [2, 3])],
        "aten::__upsample_nearest": [(i, s, None if s else 2) for i, s in sizes],
        "aten::__upsample_nearest.size_list": [(IMAGE, [8, 6], None)],
        "aten::_grad_sum_to_size": [(MATRIX, None), (MATRIX, [3]), (MATRIX, [2, 1]), (MATRIX, [])],
        "aten::_ncf_unsqueeze": [(torch.ones(3), n) for n in (2, 3, 4)],
        "aten::_ncf_view": [(torch.arange(6.0), [4, 2, 3], 2), (torch.arange(3.0), [4, 2, 3], 1)],
        "aten::_no_grad_fill_": [(MATRIX.clone(), 2.5)],
        "aten::_no_grad_zero_": [(MATRIX.clone(),)],
        "aten::_no_grad_normal_": [(MATRIX.clone(), 0.0, 1.0, None)],
        "aten::_no_grad_uniform_": [(MATRIX.clone(), 0.0, 1.0, None)],
        "aten::_no_grad_embedding_renorm_": [(MATRIX.clone(), torch.tensor([0, 1]), 1.0, 2.0)],
        "aten::_pack_sequence": [(MATRIX, torch.tensor([2, 1]), None, None), (MATRIX, INDICES[0], *INDICES)],
        "aten::index.Tensor_hacked_twin": [(MATRIX, INDICES), (MATRIX, INDICES[:1])],
        "aten::_unsafe_index.Tensor_hacked_twin": [(MATRIX, INDICES)],
        "aten::index_put.hacked_twin": [(MATRIX, INDICES, torch.ones(2), flag) for flag in (True, False)],
        "aten::index_put_.hacked_twin": [(MATRIX.clone(), INDICES, torch.ones(2), flag) for flag in (True, False)],
        "aten::_unsafe_index_put.hacked_twin": [(MATRIX, INDICES, torch.ones(2), True)],
        "aten::_index_put_impl_.hacked_twin": [(MATRIX.clone(), INDICES, torch.ones(2), True, False)],
        "aten::dequantize.tensor": each(QUANTIZED, MATRIX),
        "aten::dequantize.list": each([QUANTIZED, QUANTIZED]),
        "aten::device": each("cpu", "cuda:1", "nonsense"),
        "prim::MKLDNNLayerNorm": [(MATRIX.to_mkldnn(), [3], *packed, 1e-5, True)],
        "prim::MKLDNNScalarMul": [(MATRIX.to_mkldnn(), 2.0)],
        "prim::mkldnn_convolution": [
            (IMAGE.to_mkldnn(), torch.ones(3, 2, 2, 2).to_mkldnn(), None, [1, 1], [0, 0], [1, 1], 1)
        ],
    }


SAMPLES: dict[str, Samples] = {**_tensor_samples(), **_list_samples(), **_call_samples()}


def called(function: Callable[..., object], arguments: tuple[object, ...]) -> object:
    """What a call gives, on copies. Keys of dicts stay the same tensors, as those are found by identity."""
    copies = [_copied(a) for a in arguments]
    torch.manual_seed(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function(*copies)
    except Exception as error:
        return Failed(error)


def _cloned(value: Tensor) -> Tensor:
    if value.layout is not torch.strided:
        return value.clone()
    return torch.empty_like(value).copy_(value.detach()).requires_grad_(value.requires_grad)


def _copied(value: object) -> object:
    if isinstance(value, Tensor):
        kept = any(value is key for key in KEYS)
        return value if kept or value.grad is not None else _cloned(value)
    if isinstance(value, (list, dict)):
        return value.copy()
    return value


@pytest.mark.parametrize("name", SAMPLES)
def test_operator_agrees_with_torchscript(name: str) -> None:
    case = program(ir.operator(name))
    theirs, mine = case.by_torch(), ours(case.text)
    found = []
    for arguments in SAMPLES[name]:
        expected, got = called(theirs, arguments), called(mine, arguments)  # type: ignore[arg-type]
        if not same(expected, got):
            found.append(f"{arguments}: TorchScript gives {expected!r}, we give {got!r}")
    assert not found, "\n".join(found[:10])


TEXTS: dict[str, tuple[str, str, Samples]] = {
    "aten::format": (
        "%a : str, %b : int, %c : float",
        "%r : str = aten::format(%a, %b, %c)",
        [(form, 1, 2.5) for form in ("{} {}", "{}{}!", "{}", "{} {} {}", "{{}}", "%s")],
    ),
    "aten::percentFormat": (
        "%a : str, %b : (int, float)",
        "%r : str = aten::percentFormat(%a, %b)",
        [(form, (1, 2.5)) for form in ("%d %f", "%s%s", "%i", "%d %d %d", "%% %d %e", "%x %g")],
    ),
    "prim::AutogradAdd": (
        "%a : Tensor, %b : Tensor",
        "%r : Tensor = prim::AutogradAdd(%a, %b)",
        [(MATRIX, MATRIX), (MATRIX, torch.ones(3))],
    ),
    **{
        f"prim::{name}": ("%a : Tensor, %b : Tensor", f"%r : bool = prim::{name}(%a, %b)", [(MATRIX, MATRIX)])
        for name in ("AutogradAllNonZero", "AutogradAllZero", "AutogradAnyNonZero")
    },
    "prim::BroadcastSizes": (
        "%a : int[], %b : int[]",
        "%r : int[] = prim::BroadcastSizes(%a, %b)",
        [([2, 1], [3]), ([], [4]), ([2], [3])],
    ),
    "prim::ChunkSizes": (
        "%a : int[]",
        "%r : int[], %s : int[] = prim::ChunkSizes[dim=0, chunks=3](%a)",
        [([7, 2],), ([2],), ([9],)],
    ),
    "prim::ConstantChunk": (
        "%a : Tensor",
        "%r : Tensor, %s : Tensor = prim::ConstantChunk[dim=1, chunks=2](%a)",
        [(MATRIX,), (IMAGE,), (torch.ones(2, 1),)],
    ),
    "prim::FusedConcat": (
        "%a : Tensor, %b : Tensor",
        "%r : Tensor = prim::FusedConcat[dim=1](%a, %b)",
        [(MATRIX, MATRIX), (MATRIX, torch.ones(3))],
    ),
    "prim::MMTreeReduce": (
        "%a : Tensor, %b : Tensor, %c : Tensor, %d : Tensor",
        "%r : Tensor = prim::MMTreeReduce(%a, %b, %c, %d)",
        [(torch.ones(2, 2), MATRIX[:, :2], torch.ones(2, 2), MATRIX[:, 1:])],
    ),
    "prim::MMBatchSide": (
        "%a : Tensor, %b : Tensor, %c : Tensor",
        "%r : Tensor, %s : Tensor = prim::MMBatchSide[side=0](%b, %c, %a)",
        [(torch.ones(2, 2), MATRIX, MATRIX)],
    ),
    "prim::VarConcat": (
        "%a : Tensor, %b : Tensor, %c : int",
        "%r : Tensor = prim::VarConcat(%a, %b, %c)",
        [(MATRIX, MATRIX, dim) for dim in (0, 1, 2)],
    ),
    "prim::VarStack": (
        "%a : Tensor, %b : Tensor, %c : int",
        "%r : Tensor = prim::VarStack(%a, %b, %c)",
        [(MATRIX, MATRIX, dim) for dim in (0, 1, 3)],
    ),
    "prim::IfThenElse": (
        "%a : bool, %b : int, %c : int",
        "%r : int = prim::IfThenElse(%a, %b, %c)",
        [(True, 1, 2), (False, 1, 2)],
    ),
    "prim::TupleIndex": (
        "%a : (int, int), %b : int",
        "%i : int = prim::Constant[value=1]()\n  %r : int = prim::TupleIndex(%a, %i)",
        [((1, 2), 0)],
    ),
    "prim::TupleUnpack": ("%a : (int, int)", "%r : int, %s : int = prim::TupleUnpack(%a)", [((1, 2),)]),
    "aten::einsum.sublist": (
        "%a : Tensor, %b : int[], %c : Tensor, %d : int[], %e : int[]",
        "%r : Tensor = aten::einsum(%a, %b, %c, %d, %e)",
        [(MATRIX, [0, 1], MATRIX, [2, 1], [0, 2])],
    ),
    **{
        f"prim::MKLDNN{name}": ("%a : Tensor", f"%r : Tensor = prim::MKLDNN{name}(%a)", each(MKLDNN))
        for name in ("HardSwish", "HardSwish_", "HardSigmoid", "HardSigmoid_")
    },
    **{
        f"prim::MKLDNN{name}": (
            "%a : Tensor",
            f"%r : Tensor = prim::MKLDNN{name}[min_val=-1., max_val=2.5](%a)",
            each(MKLDNN),
        )
        for name in ("HardTanh", "HardTanh_", "Clamp", "Clamp_")
    },
    "prim::MKLDNNScalarMul_": (
        "%a : Tensor, %b : float",
        "%r : Tensor = prim::MKLDNNScalarMul_(%a, %b)",
        [(MKLDNN, 2.5), (MKLDNN, 0.0)],
    ),
    "prim::MKLDNNLayerNorm_": (
        "%a : Tensor, %b : int[], %c : Tensor, %d : Tensor, %e : float, %f : bool",
        "%r : Tensor = prim::MKLDNNLayerNorm_(%a, %b, %c, %d, %e, %f)",
        [(MKLDNN, [3], torch.ones(3).to_mkldnn(), torch.zeros(3).to_mkldnn(), 1e-5, True)],
    ),
    "prim::BroadcastMKLDNNTensors": (
        "%a : Tensor, %b : Tensor",
        "%r : Tensor, %s : Tensor = prim::BroadcastMKLDNNTensors(%a, %b)",
        [(MKLDNN, MKLDNN), (torch.ones(1, 3).to_mkldnn(), MKLDNN), (MKLDNN, torch.ones(1, 3))],
    ),
    "prim::TypeCheck": (
        "%a : Tensor",
        f"%r : Tensor, %s : bool = prim::TypeCheck[types=[{FULL_TYPE}]](%a)",
        each(MATRIX, MATRIX.double(), MATRIX.t(), MATRIX.clone().requires_grad_(), torch.ones(2, 4), torch.ones(3)),
    ),
    "prim::oneDNNFusionGuard": (
        "%a : Tensor",
        f"%r : Tensor, %s : bool = prim::oneDNNFusionGuard[types=[{FULL_TYPE}]](%a)",
        each(MATRIX, MATRIX.double(), MATRIX.t(), torch.ones(2, 4), torch.ones(3)),
    ),
    "prim::grad": (
        "%a : Tensor",
        "%g : Tensor = prim::grad(%a)\n  %r : bool = prim::AutogradAnyNonZero(%g)",
        each(MATRIX, WITH_GRADIENT),
    ),
    "prim::AutogradZero": (
        "%a : Tensor",
        "%z : Tensor = prim::AutogradZero()\n  %r : Tensor = prim::AutogradAdd(%a, %z)",
        each(MATRIX),
    ),
    "prim::Uninitialized": (
        "%a : bool, %b : int",
        "%u : int = prim::Uninitialized()\n  %r : int = prim::IfThenElse(%a, %b, %u)",
        [(True, 5)],
    ),
    "prim::BailoutTemplate": ("%a : int", "%r : int = prim::BailoutTemplate()", each(0)),
    "prim::IgnoredPythonOp": ("%a : Tensor", "%r : NoneType = prim::IgnoredPythonOp(%a)", each(MATRIX)),
    "aten::set_grad_enabled": (
        "%a : bool",
        "%b : bool = aten::is_grad_enabled()\n  aten::set_grad_enabled(%a)\n  %c : bool = aten::is_grad_enabled()\n"
        "  aten::set_grad_enabled(%b)\n  %r : bool = aten::__and__(%c, %b)",
        each(True, False),
    ),
    "aten::manual_seed": (
        "%a : int",
        f"aten::manual_seed(%a){NONE}  {RANDOM}(%l, %n, %n, %n, %n)",
        each(0, 5, -1, 2**40),
    ),
    "aten::manual_seed.generator": (
        "%a : int",
        f"%m : NoneType = prim::Constant()\n  %g : Generator = aten::Generator(%m, %m)\n"
        f"  %h : Generator = aten::manual_seed(%g, %a){NONE}  {RANDOM}(%l, %h, %n, %n, %n, %n)",
        each(0, 5, 2**40),
    ),
    "aten::Generator": (
        "%a : Device, %b : int",
        f"%g : Generator = aten::Generator(%a, %b){NONE}  {RANDOM}(%l, %g, %n, %n, %n, %n)",
        [(torch.device("cpu"), 3), (torch.device("meta"), 3)],
    ),
    "aten::initial_seed": (
        "%a : Device, %b : int",
        "%g : Generator = aten::Generator(%a, %b)\n  %r : int = aten::initial_seed(%g)",
        [(torch.device("cpu"), seed) for seed in (0, 3, 2**62, -1)],
    ),
    "aten::seed": (
        "%a : Device, %b : int",
        "%g : Generator = aten::Generator(%a, %b)\n  %c : int = aten::seed(%g)\n  %d : int = aten::initial_seed(%g)\n"
        "  %r : bool = aten::eq(%c, %d)",
        [(torch.device("cpu"), 3)],
    ),
    "aten::hash.generic": (
        "%a : int, %b : str, %c : float",
        "%i : int = aten::hash(%a)\n  %k : int = aten::hash(%b)\n  %u : int = aten::hash(%b)\n"
        "  %e : bool = aten::eq(%k, %u)\n  %f : int = aten::hash(%c)\n  %v : int = aten::hash(%c)\n"
        "  %g : bool = aten::eq(%f, %v)\n  %h : bool = aten::__and__(%e, %g)\n  %j : int = aten::Int(%h)\n"
        "  %r : int = aten::add(%i, %j)",
        [(n, "text", 2.5) for n in (0, -1, 5, 2**62, -(2**63))],
    ),
    "aten::is_scripting": ("%a : int", "%r : bool = aten::is_scripting()", each(0)),
    "aten::_get_tracing_state": ("%a : int", "%r : bool = aten::_get_tracing_state()", each(0)),
    "aten::get_autocast_dtype": (
        "%a : str",
        "%r : int = aten::get_autocast_dtype(%a)",
        each("cpu", "cuda", "nonsense"),
    ),
    "prim::TimePoint": (
        "%a : int",
        "%b : int = prim::TimePoint()\n  %c : int = prim::TimePoint()\n  %r : bool = aten::le(%b, %c)",
        each(0),
    ),
    "aten::dequantize.any": (
        "%a : (Tensor, Tensor)",
        "%r : Any = aten::dequantize(%a)",
        each((QUANTIZED, QUANTIZED), (MATRIX, MATRIX)),
    ),
    "aten::has_torch_function": ("%a : Tensor", "%r : bool = aten::has_torch_function(%a)", [(MATRIX,)]),
}
"""Operators of any number of arguments, or with attributes: parameters, the call, arguments."""


@pytest.mark.parametrize("name", TEXTS)
def test_call_agrees_with_torchscript(name: str) -> None:
    parameters, call, samples = TEXTS[name]
    results = "%r, %s" if "%s :" in call else "%r"
    types = ", ".join(part.split(" : ")[1] for part in call.splitlines()[-1].split(" = ")[0].split(", "))
    text = f"graph({parameters}):\n  {call}\n  %t : ({types}) = prim::TupleConstruct({results})\n  return (%t)\n"
    theirs = torch._C._create_function_from_graph("f", torch._C.parse_ir(text))
    mine = ours(text)
    for arguments in samples:
        expected, got = called(theirs, arguments), called(mine, arguments)  # type: ignore[arg-type]
        assert same(expected, got), f"{arguments}: TorchScript gives {expected!r}, we give {got!r}"


OVERLOADS: dict[str, Samples] = {
    "onnx::Reshape": [(MATRIX, torch.tensor([3, 2])), (MATRIX, torch.tensor([-1])), (MATRIX, torch.tensor([4]))],
    "onnx::Shape": each(*TENSORS),
}
"""Operators whose graphs PyTorch cannot run; what `torch.ops` would call is run instead."""


@pytest.mark.parametrize("name", OVERLOADS)
def test_overload_agrees_with_pytorch(name: str) -> None:
    operation, *_ = torch._C._get_operation_overload(name, "")
    mine = kernel_of_operator(ir.operator(name))
    for arguments in OVERLOADS[name]:
        expected, got = called(operation, arguments), called(mine, arguments)
        assert same(expected, got), f"{arguments}: PyTorch gives {expected!r}, we give {got!r}"


def test_devices_with_an_index() -> None:
    """PyTorch takes its own arguments from the stack in the wrong order, and fails whatever it is given."""
    case = program(ir.operator("aten::device.with_index"))
    theirs, mine = case.by_torch(), ours(case.text)
    for arguments in (("cuda", 1), ("cpu", 0), ("nonsense", 0)):
        assert isinstance(called(theirs, arguments), Failed)  # type: ignore[arg-type]
        got = called(mine, arguments)
        assert same(got, Failed(RuntimeError())) if arguments[0] == "nonsense" else got == (torch.device(*arguments),)


def test_every_operator_of_the_table_is_called() -> None:
    called = {
        *(operator.qualified_name for operator in test_jit_operators.COVERED),
        *("aten::pow.int_to_int", "aten::device.with_index"),
        *SAMPLES,
        *TEXTS,
        *OVERLOADS,
        *test_jit_operator_effects.CALLED,
        *test_optimised_graphs.KINDS,
    }
    table = {o.qualified_name for o in test_jit_operators.OVERLOADS if o.is_jit_only}
    assert sorted(table - called) == []
    assert sorted(called - table) == [], "no such operators"
