"""Tensors to `TensorData` and back: nothing copied, sharing kept, every kind of tensor."""

from __future__ import annotations

import mmap
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from flambeau.errors import ArchiveArgumentError, ArchiveError, UnsupportedError
from flambeau.ir import Layout, ScalarType, Storage, TensorData
from flambeau.python.archives.tensors import TensorDescriber, TorchValues, checked_device

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*quantize.*deprecated:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*[Ss]parse:UserWarning"),
]


def there_and_back(tensor: Tensor) -> Tensor:
    return TorchValues().tensor(TensorDescriber()(tensor))


def matrix() -> Tensor:
    return torch.randn(3, 4)


DENSE: dict[str, Callable[[], Tensor]] = {
    "contiguous": matrix,
    "transposed": lambda: matrix().t(),
    "offset": lambda: matrix()[1:],
    "expanded": lambda: torch.randn(1, 3).expand(5, 3),
    "scalar": lambda: torch.tensor(3),
    "empty": lambda: torch.zeros(0, 3),
    "bool": lambda: torch.tensor([True, False]),
    "conjugated": lambda: torch.randn(2, dtype=torch.complex64).conj(),
    "negated": lambda: torch._neg_view(matrix()),
    "requires grad": lambda: torch.randn(3, requires_grad=True),
    "parameter": lambda: torch.nn.Parameter(torch.randn(3)),
}


@pytest.mark.parametrize("case", DENSE)
def test_dense_tensors_share_their_memory(case: str) -> None:
    tensor = DENSE[case]()
    result = there_and_back(tensor)
    assert torch.equal(result, tensor)
    assert (result.dtype, result.shape, result.stride(), result.storage_offset()) == (
        tensor.dtype,
        tensor.shape,
        tensor.stride(),
        tensor.storage_offset(),
    )
    assert (result.requires_grad, result.is_conj(), result.is_neg()) == (
        tensor.requires_grad,
        tensor.is_conj(),
        tensor.is_neg(),
    )
    assert result.is_leaf
    if tensor.numel():
        assert result.data_ptr() == tensor.data_ptr()


DTYPES = [s for s in ScalarType if s.itemsize and isinstance(getattr(torch, s.dtype_name, None), torch.dtype)]


@pytest.mark.parametrize("dtype", [d for d in DTYPES if not d.is_quantized], ids=lambda d: d.dtype_name)
@pytest.mark.filterwarnings("ignore:ComplexHalf support is experimental:UserWarning")
def test_every_element_type(dtype: ScalarType) -> None:
    data = TensorData(dtype, (2,), (1,), Storage(2 * dtype.itemsize, bytearray(range(2 * dtype.itemsize))))
    tensor = TorchValues().tensor(data)
    assert str(tensor.dtype) == f"torch.{dtype.dtype_name}"
    described = TensorDescriber()(tensor)
    assert described.dtype is dtype
    assert described.storage is not None
    assert described.storage.data == data.storage.data  # type: ignore[union-attr]


QUANTIZED: dict[str, Callable[[], Tensor]] = {
    "per tensor, quint8": lambda: torch.quantize_per_tensor(matrix(), 0.1, 3, torch.quint8),
    "per tensor, qint32": lambda: torch.quantize_per_tensor(matrix(), 0.1, 3, torch.qint32),
    "per channel": lambda: torch.quantize_per_channel(
        matrix(), torch.tensor([0.1, 0.2, 0.3]), torch.tensor([1, 2, 3]), 0, torch.qint8
    ),
    "per channel, float parameters": lambda: torch.quantize_per_channel(
        matrix(), torch.tensor([0.1, 0.2, 0.3]), torch.tensor([1.0, 2.0, 3.0]), 0, torch.quint8
    ),
}


@pytest.mark.parametrize("case", QUANTIZED)
def test_quantized_tensors(case: str) -> None:
    tensor = QUANTIZED[case]()
    result = there_and_back(tensor)
    assert torch.equal(result.int_repr(), tensor.int_repr())
    assert torch.equal(result.dequantize(), tensor.dequantize())
    assert result.qscheme() == tensor.qscheme()


SPARSE: dict[str, Callable[[], Tensor]] = {
    "coo": lambda: matrix().to_sparse(),
    "coo, not coalesced": lambda: torch.sparse_coo_tensor(torch.tensor([[1, 1]]), torch.ones(2), (3,)),
    "csr": lambda: matrix().to_sparse_csr(),
    "csc": lambda: matrix().to_sparse_csc(),
    "bsr": lambda: torch.randn(4, 4).to_sparse_bsr((2, 2)),
    "bsc": lambda: torch.randn(4, 4).to_sparse_bsc((2, 2)),
}


@pytest.mark.parametrize("case", SPARSE)
def test_sparse_tensors(case: str) -> None:
    tensor = SPARSE[case]()
    result = there_and_back(tensor)
    assert result.layout == tensor.layout
    assert torch.equal(result.to_dense(), tensor.to_dense())


def test_shared_storage_and_identity_are_kept() -> None:
    whole = matrix()
    describe, make = TensorDescriber(), TorchValues()
    a, b, again = describe(whole), describe(whole[1]), describe(whole)
    assert a is again
    assert a.storage is b.storage
    made = make.tensor(a)
    assert make.tensor(again) is made
    make.tensor(b).fill_(7)
    assert torch.equal(made[1], torch.full((4,), 7.0))


def test_writing_to_a_mapped_tensor_does_not_write_the_file(tmp_path: Path) -> None:
    file = tmp_path / "data"
    file.write_bytes(bytes(8))
    with file.open("rb") as opened:
        mapped = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_COPY)
    tensor = TorchValues().tensor(TensorData(ScalarType.Float, (2,), (1,), Storage(8, memoryview(mapped))))
    del mapped
    tensor.add_(1)
    assert tensor.tolist() == [1.0, 1.0]
    assert file.read_bytes() == bytes(8)


def test_read_only_memory_is_copied() -> None:
    original = bytes(8)
    tensor = TorchValues().tensor(TensorData(ScalarType.Float, (2,), (1,), Storage(8, original)))
    tensor.add_(1)
    assert original == bytes(8)


def test_meta_tensors_and_map_location() -> None:
    described = TensorDescriber()(torch.empty(3, device="meta"))
    assert described.storage is not None
    assert not described.storage.has_data
    assert TorchValues().tensor(described).device.type == "meta"
    assert TorchValues(torch.device("meta")).tensor(TensorDescriber()(matrix())).shape == (3, 4)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_a_device_that_is_absent_is_named() -> None:
    data = TensorData(ScalarType.Float, (1,), (1,), Storage(4, bytearray(4), device="cuda:0"))
    with pytest.raises(ArchiveError, match=r"cuda:0.*map_location"):
        TorchValues().tensor(data)
    assert TorchValues(torch.device("cpu")).tensor(data).device.type == "cpu"


@pytest.mark.parametrize(
    ("location", "message"), [(3, "None, string or torch.device, but got type: <class 'int'>"), ("moon", "'moon'")]
)
def test_wrong_map_location(location: object, message: str) -> None:
    with pytest.raises(ArchiveArgumentError, match=message) as raised:
        checked_device(location)  # type: ignore[arg-type]
    assert isinstance(raised.value, ValueError)


@pytest.mark.parametrize(
    "data",
    [
        TensorData(ScalarType.Float, (2, 2), (2, 1), Storage(4, bytearray(4))),
        TensorData(ScalarType.Float, (2,), (-1,), Storage(8, bytearray(8))),
        TensorData(ScalarType.Long, (1,), (1,), Storage(8, bytearray(8)), requires_grad=True),
        TensorData(ScalarType.Float, (1,), (1,), Storage(4)),
        TensorData(
            ScalarType.Float,
            (2,),
            layout=Layout.Sparse,
            parts=(
                TensorData(ScalarType.Long, (1, 1), (1, 1), Storage(8, bytearray(b"\x09" * 8))),
                TensorData(ScalarType.Float, (1,), (1,), Storage(4, bytearray(4))),
            ),
        ),
    ],
    ids=["beyond its storage", "negative stride", "gradient of integers", "no data", "index out of range"],
)
def test_unsound_tensors_are_refused(data: TensorData) -> None:
    with pytest.raises(ArchiveError):
        TorchValues().tensor(data)


def test_tensors_without_a_stored_form_are_named() -> None:
    with pytest.raises(UnsupportedError, match="Mkldnn"):
        TensorDescriber()(matrix().to_mkldnn())
    with pytest.raises(UnsupportedError, match="str"):
        TensorDescriber()("no tensor")
