"""Element types, layouts, memory formats and quantization schemes of tensors, with ATen's numbers.

The numbers are part of file formats and of scripts (`dtype` is an int at run time), so they never change. The facts
about an element type (size, spellings) stand in one table here. Nothing in this file needs PyTorch.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

__all__ = ["Layout", "MemoryFormat", "QScheme", "ScalarType"]


class ScalarType(IntEnum):
    """The element type of a tensor. The member's name is how graphs print it (`Float`)."""

    Byte = 0
    Char = 1
    Short = 2
    Int = 3
    Long = 4
    Half = 5
    Float = 6
    Double = 7
    ComplexHalf = 8
    ComplexFloat = 9
    ComplexDouble = 10
    Bool = 11
    QInt8 = 12
    QUInt8 = 13
    QInt32 = 14
    BFloat16 = 15
    QUInt4x2 = 16
    QUInt2x4 = 17
    Bits1x8 = 18
    Bits2x4 = 19
    Bits4x2 = 20
    Bits8 = 21
    Bits16 = 22
    Float8_e5m2 = 23
    Float8_e4m3fn = 24
    Float8_e5m2fnuz = 25
    Float8_e4m3fnuz = 26
    UInt16 = 27
    UInt32 = 28
    UInt64 = 29
    UInt1 = 30
    UInt2 = 31
    UInt3 = 32
    UInt4 = 33
    UInt5 = 34
    UInt6 = 35
    UInt7 = 36
    Int1 = 37
    Int2 = 38
    Int3 = 39
    Int4 = 40
    Int5 = 41
    Int6 = 42
    Int7 = 43
    Float8_e8m0fnu = 44
    Float4_e2m1fn_x2 = 45
    BComplex32 = 46
    """Since PyTorch 2.15: two of `BFloat16`."""
    Undefined = 47

    @property
    def itemsize(self) -> int:
        """Bytes an element takes in a storage; 0 for `Undefined`."""
        return _FACTS[self].itemsize

    @property
    def type_name(self) -> str:
        """The spelling in graphs: `Float`."""
        return self.name

    @property
    def dtype_name(self) -> str:
        """The spelling in Python, after `torch.`: `float32`."""
        return _FACTS[self].dtype_name

    @property
    def storage_name(self) -> str:
        """The spelling in archives: `FloatStorage`."""
        return f"{self.name}Storage"

    @property
    def numpy_name(self) -> str | None:
        """The NumPy dtype with the same values and bytes, or None."""
        return _FACTS[self].numpy_name

    @property
    def is_floating_point(self) -> bool:
        return _FACTS[self].kind == "f"

    @property
    def is_complex(self) -> bool:
        return _FACTS[self].kind == "c"

    @property
    def is_integral(self) -> bool:
        """Integers, `bool` not included."""
        return _FACTS[self].kind == "i"

    @property
    def is_quantized(self) -> bool:
        return _FACTS[self].kind == "q"

    @classmethod
    def from_storage_name(cls, name: str) -> ScalarType | None:
        """`FloatStorage` -> `Float`; None where there is no such storage class."""
        return _BY_STORAGE_NAME.get(name)

    @classmethod
    def from_dtype_name(cls, name: str) -> ScalarType | None:
        """`float32` -> `Float`, other spellings of the same dtype (`float`) included; None for an unknown name."""
        return _BY_DTYPE_NAME.get(name)

    @classmethod
    def from_type_name(cls, name: str) -> ScalarType | None:
        """`Float` -> `Float`; None for an unknown name."""
        return cls.__members__.get(name)


class Layout(IntEnum):
    """How a tensor keeps its elements."""

    Strided = 0
    Sparse = 1
    SparseCsr = 2
    Mkldnn = 3
    SparseCsc = 4
    SparseBsr = 5
    SparseBsc = 6
    Jagged = 7


class MemoryFormat(IntEnum):
    """A named order of dimensions in memory."""

    Contiguous = 0
    Preserve = 1
    ChannelsLast = 2
    ChannelsLast3d = 3


class QScheme(IntEnum):
    """How a quantized tensor's integers stand for real numbers."""

    PerTensorAffine = 0
    PerChannelAffine = 1
    PerTensorSymmetric = 2
    PerChannelSymmetric = 3
    PerChannelAffineFloatQParams = 4

    @property
    def scheme_name(self) -> str:
        """The spelling in Python and in archives, after `torch.`: `per_tensor_affine`."""
        return _QSCHEME_NAMES[self]

    @property
    def is_per_channel(self) -> bool:
        return "Channel" in self.name

    @classmethod
    def from_scheme_name(cls, name: str) -> QScheme | None:
        return _BY_QSCHEME_NAME.get(name)


class _Facts(NamedTuple):
    itemsize: int
    kind: str
    """i: integer, b: bool, f: floating point, c: complex, q: quantized, x: bare bits, empty: none."""
    dtype_name: str
    numpy_name: str | None = None


_S = ScalarType
_FACTS: dict[ScalarType, _Facts] = {
    _S.Byte: _Facts(1, "i", "uint8", "uint8"),
    _S.Char: _Facts(1, "i", "int8", "int8"),
    _S.Short: _Facts(2, "i", "int16", "int16"),
    _S.Int: _Facts(4, "i", "int32", "int32"),
    _S.Long: _Facts(8, "i", "int64", "int64"),
    _S.Half: _Facts(2, "f", "float16", "float16"),
    _S.Float: _Facts(4, "f", "float32", "float32"),
    _S.Double: _Facts(8, "f", "float64", "float64"),
    _S.ComplexHalf: _Facts(4, "c", "complex32"),
    _S.ComplexFloat: _Facts(8, "c", "complex64", "complex64"),
    _S.ComplexDouble: _Facts(16, "c", "complex128", "complex128"),
    _S.Bool: _Facts(1, "b", "bool", "bool"),
    _S.QInt8: _Facts(1, "q", "qint8"),
    _S.QUInt8: _Facts(1, "q", "quint8"),
    _S.QInt32: _Facts(4, "q", "qint32"),
    _S.BFloat16: _Facts(2, "f", "bfloat16"),
    _S.QUInt4x2: _Facts(1, "q", "quint4x2"),
    _S.QUInt2x4: _Facts(1, "q", "quint2x4"),
    _S.Bits1x8: _Facts(1, "x", "bits1x8"),
    _S.Bits2x4: _Facts(1, "x", "bits2x4"),
    _S.Bits4x2: _Facts(1, "x", "bits4x2"),
    _S.Bits8: _Facts(1, "x", "bits8"),
    _S.Bits16: _Facts(2, "x", "bits16"),
    _S.Float8_e5m2: _Facts(1, "f", "float8_e5m2"),
    _S.Float8_e4m3fn: _Facts(1, "f", "float8_e4m3fn"),
    _S.Float8_e5m2fnuz: _Facts(1, "f", "float8_e5m2fnuz"),
    _S.Float8_e4m3fnuz: _Facts(1, "f", "float8_e4m3fnuz"),
    _S.UInt16: _Facts(2, "i", "uint16", "uint16"),
    _S.UInt32: _Facts(4, "i", "uint32", "uint32"),
    _S.UInt64: _Facts(8, "i", "uint64", "uint64"),
    **{_S(29 + bits): _Facts(1, "x", f"uint{bits}") for bits in range(1, 8)},
    **{_S(36 + bits): _Facts(1, "x", f"int{bits}") for bits in range(1, 8)},
    _S.Float8_e8m0fnu: _Facts(1, "f", "float8_e8m0fnu"),
    _S.Float4_e2m1fn_x2: _Facts(1, "f", "float4_e2m1fn_x2"),
    _S.BComplex32: _Facts(4, "c", "bcomplex32"),
    _S.Undefined: _Facts(0, "", "undefined"),
}

_OTHER_DTYPE_NAMES = {
    "half": _S.Half,
    "float": _S.Float,
    "double": _S.Double,
    "chalf": _S.ComplexHalf,
    "cfloat": _S.ComplexFloat,
    "cdouble": _S.ComplexDouble,
    "short": _S.Short,
    "int": _S.Int,
    "long": _S.Long,
    "bit": _S.UInt1,
}

_QSCHEME_NAMES = {
    QScheme.PerTensorAffine: "per_tensor_affine",
    QScheme.PerChannelAffine: "per_channel_affine",
    QScheme.PerTensorSymmetric: "per_tensor_symmetric",
    QScheme.PerChannelSymmetric: "per_channel_symmetric",
    QScheme.PerChannelAffineFloatQParams: "per_channel_affine_float_qparams",
}

_BY_STORAGE_NAME = {s.storage_name: s for s in ScalarType if s is not _S.Undefined}
_BY_DTYPE_NAME = {s.dtype_name: s for s in ScalarType if s is not _S.Undefined} | _OTHER_DTYPE_NAMES
_BY_QSCHEME_NAME = {name: scheme for scheme, name in _QSCHEME_NAMES.items()}
