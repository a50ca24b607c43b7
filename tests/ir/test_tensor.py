"""Tensor values without PyTorch."""

from __future__ import annotations

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_strategies

from flambeau.ir import Device, Layout, ScalarType, Storage, TensorData, contiguous_strides

NUMPY_DTYPES = sorted({s.numpy_name for s in ScalarType if s.numpy_name})


@given(
    numpy_strategies.arrays(
        st.sampled_from(NUMPY_DTYPES), numpy_strategies.array_shapes(min_dims=0, min_side=0, max_dims=4)
    )
)
def test_numpy_round_trip(array: numpy.ndarray) -> None:
    data = TensorData.from_numpy(array)
    assert data.is_contiguous
    assert data.sizes == array.shape
    assert data.numel == array.size
    assert data.extent == array.size
    back = data.numpy()
    assert back.dtype == array.dtype
    assert back.tobytes() == array.tobytes()


def test_view_shares_the_storage() -> None:
    storage = Storage(24, bytearray(range(24)))
    whole = TensorData(ScalarType.Byte, (4, 6), (6, 1), storage)
    part = TensorData(ScalarType.Byte, (2, 3), (12, 2), storage, 1)
    assert part.numpy().tolist() == [[1, 3, 5], [13, 15, 17]]
    assert part.extent == 18
    assert not part.is_contiguous
    whole.numpy()[0, 1] = 99
    assert part.numpy()[0, 0] == 99


def test_expanded_tensor_has_few_bytes() -> None:
    data = TensorData(ScalarType.Float, (1 << 40, 2), (0, 1), Storage(8, bytearray(8)))
    assert data.numel == 1 << 41
    assert data.extent == 2
    assert data.numpy().shape == (1 << 40, 2)


def test_empty_tensor_beyond_its_storage() -> None:
    data = TensorData(ScalarType.Float, (0, 3), (3, 1), Storage(0, b""), 7)
    assert data.extent == 0
    assert data.numpy().shape == (0, 3)


def test_conjugation_and_negation() -> None:
    array = numpy.array([1 + 2j, 3 - 1j], dtype="complex64")
    data = TensorData.from_numpy(array)
    data.is_conj = True
    assert data.numpy().tolist() == [1 - 2j, 3 + 1j]
    data.is_neg = True
    assert data.numpy().tolist() == [-1 + 2j, -3 - 1j]


@pytest.mark.parametrize(
    "data",
    [
        TensorData(ScalarType.BFloat16, (1,), (1,), Storage(2, bytes(2))),
        TensorData(ScalarType.Float, (1,), (1,), Storage(4, device="meta")),
        TensorData(ScalarType.Float, (2,), (1,), Storage(4, bytes(4))),
        TensorData(ScalarType.Float, (2,), layout=Layout.Sparse),
    ],
    ids=["no such dtype", "no data", "too short", "sparse"],
)
def test_no_array(data: TensorData) -> None:
    with pytest.raises(ValueError, match=r"NumPy has no array|has no data|beyond the end"):
        data.numpy()


def test_storage_is_read_once_when_asked_for() -> None:
    calls: list[int] = []

    def load() -> memoryview:
        calls.append(1)
        return memoryview(bytearray(4))

    storage = Storage(4, load)
    assert storage.has_data
    assert calls == []
    assert storage.data is storage.data
    assert calls == [1]


@pytest.mark.parametrize("text", ["cpu", "cuda:0", "cuda:17", "meta", "privateuseone:1"])
def test_device_text(text: str) -> None:
    assert str(Device.parse(text)) == text


@pytest.mark.parametrize("text", ["", ":", "cuda:", "cuda:x", "cuda:-1", "cuda:0:1", "a b", "cuda:99999999", "cuda:²"])
def test_bad_device(text: str) -> None:
    with pytest.raises(ValueError, match="not a device"):
        Device.parse(text)


def test_strides_of_empty_sizes() -> None:
    assert contiguous_strides((2, 0, 3)) == (3, 3, 1)
    assert contiguous_strides(()) == ()
