"""The text of a tensor's values, as TorchScript shows it: in graphs (`constant_text`) and when printed (`tensor_text`).

The number format is ATen's: one width for all elements, chosen from the smallest and the largest magnitude; matrices
are cut into column groups; higher ranks are shown matrix by matrix; complex tensors show their real parts only.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from flambeau.ir.scalar_types import Layout, ScalarType
from flambeau.ir.tensor import TensorData

if TYPE_CHECKING:
    import numpy

__all__ = ["constant_text", "real_values", "tensor_text"]

GRAPH_LIMIT = 10
"""Tensors with more elements are shown in graphs as `<Tensor>`."""
_OPAQUE = "<Tensor>"
_LINE = 80

_MINIFLOATS = {
    # exponent bits, mantissa bits, bias, whether there is an infinity, whether 0x80 is the only NaN
    ScalarType.Float8_e5m2: (5, 2, 15, True, False),
    ScalarType.Float8_e4m3fn: (4, 3, 7, False, False),
    ScalarType.Float8_e5m2fnuz: (5, 2, 16, False, True),
    ScalarType.Float8_e4m3fnuz: (4, 3, 8, False, True),
}
_QUANTIZED_AS = {ScalarType.QInt8: "int8", ScalarType.QUInt8: "uint8", ScalarType.QInt32: "int32"}


def constant_text(tensor: TensorData) -> str:
    """The text of a tensor constant in a graph: `{3}`, ` 1  2 [ CPULongType{2} ]`, or `<Tensor>` for larger ones."""
    if tensor.layout is Layout.Strided and tensor.numel == 1:
        value = _item(tensor)
        return _OPAQUE if value is None else f"{{{value}}}"
    if tensor.numel > GRAPH_LIMIT:
        return _OPAQUE
    return tensor_text(tensor).replace("\n", " ")


def tensor_text(tensor: TensorData) -> str:
    """The text that printing the tensor in a script shows; `<Tensor>` where the values cannot be read."""
    if tensor.layout is Layout.Sparse and len(tensor.parts) == 2:
        indices, values = map(tensor_text, tensor.parts)
        size = ", ".join(map(str, tensor.sizes))
        return f"[ {_type_text(tensor)}{{}}\nindices:\n{indices}\nvalues:\n{values}\nsize:\n[{size}]\n]"
    if tensor.layout is Layout.Mkldnn and len(tensor.parts) == 1:
        (dense,) = tensor.parts
        return f"MKLDNN Tensor: {tensor_text(dense).replace(_type_text(dense), _type_text(tensor))}"
    values_or_none = real_values(tensor)
    if values_or_none is None:
        return _OPAQUE
    shape = ",".join(map(str, tensor.sizes))
    tail = f"[ {_type_text(tensor)}{{{shape}}}{_quantizer_text(tensor)} ]"
    return "".join(_body(values_or_none, tensor.sizes)) + tail


def real_values(tensor: TensorData) -> numpy.ndarray | None:
    """The elements as a float64 array (of complex ones the real parts), None where there are no readable values."""
    import numpy

    if tensor.layout is not Layout.Strided or tensor.storage is None or not tensor.storage.has_data:
        return None
    if tensor.dtype.numpy_name is not None:
        return numpy.real(tensor.numpy()).astype(numpy.float64)
    bits = _bits(tensor)
    if bits is None:
        return None
    dtype = tensor.dtype
    if dtype is ScalarType.BFloat16:
        return (bits.astype(numpy.uint32) << 16).view(numpy.float32).astype(numpy.float64)
    if dtype is ScalarType.BComplex32:
        return (bits << 16).view(numpy.float32).astype(numpy.float64)
    if dtype is ScalarType.ComplexHalf:
        halves = numpy.ascontiguousarray((bits & 0xFFFF).astype(numpy.uint16))
        return halves.view(numpy.float16).astype(numpy.float64)
    if dtype in _MINIFLOATS:
        table = numpy.array([_minifloat(code, *_MINIFLOATS[dtype]) for code in range(256)])
        decoded: numpy.ndarray = table[bits]
        return decoded
    return _dequantized(tensor, bits) if dtype in _QUANTIZED_AS else None


def _bits(tensor: TensorData) -> numpy.ndarray | None:
    """The elements as unsigned integers."""
    words = {1: ScalarType.Byte, 2: ScalarType.UInt16, 4: ScalarType.UInt32}
    word = words.get(tensor.dtype.itemsize)
    if word is None:
        return None
    return TensorData(word, tensor.sizes, tensor.strides, tensor.storage, tensor.storage_offset).numpy()


def _minifloat(code: int, exponent_bits: int, mantissa_bits: int, bias: int, infinite: bool, one_nan: bool) -> float:
    sign = -1.0 if code & 0x80 else 1.0
    exponent = (code & 0x7F) >> mantissa_bits
    mantissa = code & ((1 << mantissa_bits) - 1)
    if one_nan:
        if code == 0x80:
            return math.nan
    elif exponent == (1 << exponent_bits) - 1:
        if infinite:
            return math.nan if mantissa else sign * math.inf
        if mantissa == (1 << mantissa_bits) - 1:
            return math.nan
    if exponent == 0:
        return sign * math.ldexp(mantissa, 1 - bias - mantissa_bits)
    return sign * math.ldexp((1 << mantissa_bits) + mantissa, exponent - bias - mantissa_bits)


def _dequantized(tensor: TensorData, bits: numpy.ndarray) -> numpy.ndarray | None:
    import numpy

    quantizer = tensor.quantizer
    if quantizer is None:
        return None
    integers = numpy.ascontiguousarray(bits).view(_QUANTIZED_AS[tensor.dtype]).astype(numpy.float64)
    if quantizer.scales is None or quantizer.zero_points is None:
        return _rounded((integers - quantizer.zero_point) * float(numpy.float32(quantizer.scale)))
    scales, zero_points = real_values(quantizer.scales), real_values(quantizer.zero_points)
    if scales is None or zero_points is None:
        return None
    along = tuple(-1 if d == quantizer.axis else 1 for d in range(tensor.rank))
    return _rounded((integers - zero_points.reshape(along)) * scales.reshape(along))


def _rounded(values: numpy.ndarray) -> numpy.ndarray:
    """Values of a dequantized tensor are float32."""
    return values.astype("float32").astype("float64")


def _item(tensor: TensorData) -> str | None:
    """The one element as a C++ stream shows it."""
    if tensor.dtype.is_complex and tensor.dtype.numpy_name is not None and tensor.storage and tensor.storage.has_data:
        value = complex(tensor.numpy().reshape(()))
        return f"({value.real:g},{value.imag:g})"
    values = real_values(tensor)
    if values is None:
        return None
    if tensor.dtype.is_integral or tensor.dtype is ScalarType.Bool:
        return str(int(tensor.numpy().reshape(())))
    return f"{float(values.reshape(())):g}"


def _type_text(tensor: TensorData) -> str:
    backend = tensor.device.partition(":")[0]
    backend = backend.capitalize() if backend == "meta" else backend.upper()
    if tensor.layout is Layout.Strided:
        prefix = "Quantized" if tensor.quantizer else ""
    else:
        prefix = "Mkldnn" if tensor.layout is Layout.Mkldnn else "Sparse"
    return f"{prefix}{backend}{tensor.dtype.type_name}Type"


def _quantizer_text(tensor: TensorData) -> str:
    quantizer = tensor.quantizer
    if quantizer is None:
        return ""
    text = f", qscheme: {quantizer.scheme.scheme_name}"
    if quantizer.scales is None or quantizer.zero_points is None:
        return f"{text}, scale: {_shortest(quantizer.scale)}, zero_point: {quantizer.zero_point}"
    scales, zero_points = tensor_text(quantizer.scales), tensor_text(quantizer.zero_points)
    return f"{text}, scales: {scales}, zero_points: {zero_points}, axis: {quantizer.axis}"


def _shortest(value: float) -> str:
    """The fewest digits that read back as the same number."""
    return repr(value).removesuffix(".0")


@final
@dataclass(frozen=True, slots=True)
class _Format:
    """How every element of a tensor is shown: printf conversion, width, and a factor taken out of all of them."""

    conversion: str
    width: int
    scale: float = 1.0

    def __call__(self, value: float) -> str:
        return format(value / self.scale, self.conversion).rjust(self.width)


def _chosen_format(values: Sequence[float]) -> _Format:
    finite = [abs(v) for v in values if math.isfinite(v)]
    smallest = _digits(min(finite)) if finite else 1
    largest = _digits(max(finite)) if finite else 1
    if all(v == math.ceil(v) for v in finite):
        return _Format(".4e", 11) if largest > 9 else _Format("g", largest + 1)
    if largest - smallest > 4:
        return _Format(".4e", 12 if abs(largest) > 99 or abs(smallest) > 99 else 11)
    if largest > 5 or largest < 0:
        return _Format(".4f", 7, 10.0 ** (largest - 1))
    return _Format(".4f", 7 if largest == 0 else largest + 6)


def _digits(magnitude: float) -> int:
    """Digits before the decimal point (negative: zeros after it)."""
    return math.floor(math.log10(magnitude)) + 1 if magnitude else 1


def _body(values: numpy.ndarray, sizes: tuple[int, ...]) -> Iterator[str]:
    if values.size == 0:
        return
    if not sizes:
        yield f"{_shortest(float(values))}\n"
        return
    if len(sizes) == 1:
        shown = values.tolist()
        form = _chosen_format(shown)
        if form.scale != 1:
            yield f"{form.scale:g} *\n"
        yield from (f"{form(v)}\n" for v in shown)
        return
    if len(sizes) == 2:
        yield from _matrix(values.tolist(), indent=0)
        return
    for number, index in enumerate(itertools.product(*map(range, sizes[:-2]))):
        if number:
            yield "\n"
        yield f"({','.join(str(i + 1) for i in index)},.,.) = \n"
        yield from _matrix(values[index].tolist(), indent=1)


def _matrix(rows: list[list[float]], indent: int) -> Iterator[str]:
    form = _chosen_format([v for row in rows for v in row])
    margin = " " * indent
    per_line = max(1, (_LINE - indent) // (form.width + 1))
    columns = len(rows[0])
    for first in range(0, columns, per_line):
        last = min(first + per_line, columns)
        if per_line < columns:
            if first:
                yield "\n"
            yield f"Columns {first + 1} to {last}{margin}"
        if form.scale != 1:
            yield f"{form.scale:g} *\n{margin}"
        for number, row in enumerate(rows):
            if number:
                yield margin + (" " if form.scale != 1 else "")
            yield " ".join(map(form, row[first:last])) + "\n"
