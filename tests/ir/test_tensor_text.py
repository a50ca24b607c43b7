"""The text of tensor values is ATen's, in graphs and when a script prints."""

from __future__ import annotations

import os

import pytest

from flambeau.ir.scalar_types import ScalarType
from flambeau.ir.tensor import Storage, TensorData
from flambeau.ir.text.tensor_text import constant_text, tensor_text

torch = pytest.importorskip("torch")
from tests.serialization.torch_side import Describer  # noqa: E402

INF, NAN = float("inf"), float("nan")


def random(*sizes: int, scale: float = 1.0) -> object:
    return torch.rand(*sizes, generator=torch.Generator().manual_seed(len(sizes))) * scale


CASES = {
    "int vector": torch.tensor([1, 2, -300]),
    "int matrix": torch.tensor([[1, 2], [3, 400]]),
    "rank 3": torch.arange(8).reshape(2, 2, 2),
    "rank 5": torch.ones(1, 2, 1, 1, 2),
    "different widths in two slices": torch.tensor([[[1.0]], [[1000.5]]]),
    "whole floats": torch.tensor([1.0, 2.0]),
    "decimals": torch.tensor([1.5, -2.25, 1000.125]),
    "wide range": torch.tensor([1e-5, 1.0]),
    "very wide range": torch.tensor([1e-5, 1e200], dtype=torch.float64),
    "large whole": torch.tensor([1e10, 1.0]),
    "nan": torch.tensor([NAN, 1.0]),
    "infinities": torch.tensor([INF, -INF, 0.5]),
    "only nan": torch.tensor([NAN, NAN]),
    "scaled": torch.tensor([1e-3, 2e-3]),
    "scaled matrix": torch.tensor([[1e-4, 2e-4], [3e-4, 4e-4]]),
    "scaled rank 3": torch.arange(8).reshape(2, 2, 2) * 1e-4,
    "scaled and wide": random(1, 14, scale=1e-3),
    "columns": random(2, 40),
    "columns in rank 3": random(2, 2, 14, scale=1e10),
    "seven digits": torch.tensor([1234567.0, 1.0]),
    "bool": torch.tensor([True, False]),
    "empty": torch.tensor([]),
    "empty matrix": torch.zeros(0, 3),
    "zeros": torch.zeros(2, 2),
    "scalar": torch.tensor(0.1),
    "int scalar": torch.tensor(3),
    "one element": torch.tensor([7]),
    "bool scalar": torch.tensor(True),
    "complex": torch.tensor([1 + 2j, 3 - 1j]),
    "complex scalar": torch.tensor(1 + 2j),
    "half": torch.tensor([0.1, 2.0], dtype=torch.half),
    "bfloat16": torch.tensor([0.1, -3e8], dtype=torch.bfloat16),
    "double": torch.tensor([0.1, 2.0], dtype=torch.double),
    "byte": torch.tensor([1, 255], dtype=torch.uint8),
    "int scale": torch.tensor([10**12, 1]),
    "negative": torch.tensor([-1.0, -2.0]),
    "tiny scalar": torch.tensor(1e-20),
    "strided": torch.arange(10)[1::3],
    "transposed": torch.arange(6).reshape(2, 3).t(),
    "quantized": torch.quantize_per_tensor(torch.ones(2), 0.1, 3, torch.quint8),
    "per channel": torch.quantize_per_channel(
        torch.ones(2, 2), torch.tensor([0.1, 0.2]), torch.tensor([1, 2]), 0, torch.qint8
    ),
    "sparse": torch.sparse_coo_tensor(torch.tensor([[0, 1]]), torch.tensor([1.0, 2.0]), (3,)),
    "eleven": torch.ones(11),
    "conjugate": torch.tensor([1 + 2j]).conj(),
    "negated": torch.tensor([1 + 2j, 2 + 3j]).conj().imag,
    **{
        str(dtype): torch.arange(-8, 8).to(torch.float32).mul(0.37).to(dtype)
        for dtype in (torch.float8_e5m2, torch.float8_e4m3fn, torch.float8_e5m2fnuz, torch.float8_e4m3fnuz)
    },
}


@torch.jit.script
def show(x: torch.Tensor) -> None:
    print(x)


@pytest.mark.parametrize("name", CASES)
def test_printed_text(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    show(CASES[name])
    expected = capfd.readouterr().out
    assert tensor_text(Describer()(CASES[name])) + os.linesep == expected


@pytest.mark.parametrize("name", CASES)
def test_text_in_a_graph(name: str) -> None:
    graph = torch._C.parse_ir("graph():\n  %x : Tensor = prim::Constant()\n  return (%x)\n")
    node = next(graph.nodes())
    node.t_("value", CASES[name])
    shown = str(node).partition("value=")[2].rpartition("]()")[0]
    assert constant_text(Describer()(CASES[name])) == shown


def test_without_data() -> None:
    tensor = TensorData(ScalarType.Float, (2,), (1,), Storage(8, device="meta"))
    assert tensor_text(tensor) == constant_text(tensor) == "<Tensor>"
