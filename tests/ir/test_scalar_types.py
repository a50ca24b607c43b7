"""Element types have ATen's numbers, sizes and names."""

from __future__ import annotations

from typing import List

import pytest

from flambeau.ir import Layout, MemoryFormat, QScheme, ScalarType

torch = pytest.importorskip("torch")

DTYPES = [getattr(torch, name) for name in dir(torch) if isinstance(getattr(torch, name), torch.dtype)]
KNOWN = [s for s in ScalarType if s is not ScalarType.Undefined]


@pytest.mark.parametrize("name", [n for n in dir(torch) if isinstance(getattr(torch, n), torch.dtype)])
def test_every_dtype_is_known(name: str) -> None:
    scalar_type = ScalarType.from_dtype_name(name)
    assert scalar_type is not None
    dtype = getattr(torch, name)
    assert dtype is getattr(torch, scalar_type.dtype_name)
    assert (dtype.itemsize, dtype.is_floating_point, dtype.is_complex) == (
        scalar_type.itemsize,
        scalar_type.is_floating_point,
        scalar_type.is_complex,
    )


@pytest.mark.parametrize("scalar_type", [s for s in KNOWN if hasattr(torch, s.dtype_name)], ids=str)
def test_number(scalar_type: ScalarType) -> None:
    """PyTorch's own scripts see a dtype as its number."""
    module = torch.nn.Module()
    module.dtype = getattr(torch, scalar_type.dtype_name)
    assert torch.jit.script(module)._c.getattr("dtype") == scalar_type


@pytest.mark.parametrize("scalar_type", KNOWN, ids=str)
def test_names_lead_back(scalar_type: ScalarType) -> None:
    assert ScalarType.from_dtype_name(scalar_type.dtype_name) is scalar_type
    assert ScalarType.from_storage_name(scalar_type.storage_name) is scalar_type
    assert ScalarType.from_type_name(scalar_type.type_name) is scalar_type


def test_unknown_names() -> None:
    assert ScalarType.from_dtype_name("float33") is None
    assert ScalarType.from_storage_name("Float") is None
    assert ScalarType.from_storage_name("UndefinedStorage") is None
    assert QScheme.from_scheme_name("per_tensor") is None


LAYOUTS = ["strided", "sparse_coo", "sparse_csr", "_mkldnn", "sparse_csc", "sparse_bsr", "sparse_bsc", "jagged"]


@pytest.mark.parametrize("number", range(len(LAYOUTS)))
def test_layout_number(number: int) -> None:
    module = torch.nn.Module()
    module.value = getattr(torch, LAYOUTS[number])
    assert torch.jit.script(module)._c.getattr("value") == number == Layout(number)


def memory_formats(contiguous: int, preserve: int, last: int, last3d: int) -> List[int]:
    return [contiguous, preserve, last, last3d]


def test_memory_format_numbers() -> None:
    compiled = torch.jit.script(memory_formats)
    given = [torch.contiguous_format, torch.preserve_format, torch.channels_last, torch.channels_last_3d]
    assert compiled(*given) == [0, 1, 2, 3] == list(MemoryFormat)


@pytest.mark.parametrize("scheme", QScheme, ids=str)
def test_quantization_schemes(scheme: QScheme) -> None:
    assert str(getattr(torch, scheme.scheme_name)) == f"torch.{scheme.scheme_name}"
    assert QScheme.from_scheme_name(scheme.scheme_name) is scheme
