"""dtypes, layouts, memory formats and quantization schemes: TorchScript's numbers to PyTorch's objects and back."""

from __future__ import annotations

import torch

from flambeau.ir import Layout, MemoryFormat, QScheme, ScalarType

__all__ = [
    "dtype_number",
    "enumeration_number",
    "layout_number",
    "to_dtype",
    "to_layout",
    "to_memory_format",
    "to_qscheme",
]

_LAYOUT_NAMES = {
    Layout.Strided: "strided",
    Layout.Sparse: "sparse_coo",
    Layout.SparseCsr: "sparse_csr",
    Layout.Mkldnn: "_mkldnn",
    Layout.SparseCsc: "sparse_csc",
    Layout.SparseBsr: "sparse_bsr",
    Layout.SparseBsc: "sparse_bsc",
    Layout.Jagged: "jagged",
}
_MEMORY_FORMATS = {
    MemoryFormat.Contiguous: torch.contiguous_format,
    MemoryFormat.Preserve: torch.preserve_format,
    MemoryFormat.ChannelsLast: torch.channels_last,
    MemoryFormat.ChannelsLast3d: torch.channels_last_3d,
}

# A release of PyTorch may lack the newest of each.
_DTYPES: dict[int, torch.dtype] = {
    int(s): found for s in ScalarType if isinstance(found := getattr(torch, s.dtype_name, None), torch.dtype)
}
_LAYOUTS: dict[int, torch.layout] = {
    int(n): found for n, name in _LAYOUT_NAMES.items() if isinstance(found := getattr(torch, name, None), torch.layout)
}
_QSCHEMES: dict[int, torch.qscheme] = {
    int(q): found for q in QScheme if isinstance(found := getattr(torch, q.scheme_name, None), torch.qscheme)
}
_DTYPE_NUMBERS = {dtype: number for number, dtype in reversed(_DTYPES.items())}
_LAYOUT_NUMBERS = {layout: number for number, layout in _LAYOUTS.items()}
_MEMORY_FORMAT_NUMBERS = {format: int(number) for number, format in _MEMORY_FORMATS.items()}
_QSCHEME_NUMBERS = {scheme: number for number, scheme in _QSCHEMES.items()}
_NUMBERS: dict[object, int] = dict(
    pair
    for table in (_DTYPE_NUMBERS, _LAYOUT_NUMBERS, _MEMORY_FORMAT_NUMBERS, _QSCHEME_NUMBERS)
    for pair in table.items()
)


def _unknown(what: str, number: int) -> ValueError:
    return ValueError(f"this PyTorch has no {what} of number {number}")


def to_dtype(number: int | None) -> torch.dtype | None:
    """The dtype of a number; ValueError if PyTorch has none."""
    if number is None:
        return None
    if number not in _DTYPES:
        raise _unknown("dtype", number)
    return _DTYPES[number]


def to_layout(number: int | None) -> torch.layout | None:
    """The layout of a number; ValueError if PyTorch has none."""
    if number is None:
        return None
    if number not in _LAYOUTS:
        raise _unknown("layout", number)
    return _LAYOUTS[number]


def to_memory_format(number: int | None) -> torch.memory_format | None:
    """The memory format of a number; ValueError if there is none."""
    if number is None:
        return None
    if number not in _MEMORY_FORMATS:
        raise _unknown("memory format", number)
    return _MEMORY_FORMATS[MemoryFormat(number)]


def to_qscheme(number: int | None) -> torch.qscheme | None:
    """The quantization scheme of a number; ValueError if there is none."""
    if number is None:
        return None
    if number not in _QSCHEMES:
        raise _unknown("quantization scheme", number)
    return _QSCHEMES[number]


def dtype_number(dtype: torch.dtype) -> int:
    """The number of a dtype."""
    return _DTYPE_NUMBERS[dtype]


def enumeration_number(value: object) -> int | None:
    """The number of a dtype, layout, memory format or quantization scheme; None for anything else."""
    return _NUMBERS.get(value)


def layout_number(layout: torch.layout) -> int:
    """The number of a layout."""
    return _LAYOUT_NUMBERS[layout]
