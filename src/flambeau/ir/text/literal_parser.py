"""Constants from their text, the other direction of `constant_text`.

What a text means depends on the type it is read for: `[1, 2]` is a list of floats where the constant's type says so,
`{3}` a tensor of the type's element type. A tensor becomes `TensorData` where the text tells it exactly (whole
numbers of a known element type); all others, and objects, become an `OpaqueConstant`, which prints as it was read.
With `tensors`, every dense tensor of known geometry gets data: the numbers as shown (rounded), zeros where none are.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NoReturn, final

from flambeau.errors import ParseError
from flambeau.ir import types as t
from flambeau.ir.class_types import EnumType
from flambeau.ir.source import Source
from flambeau.ir.tensor import Device, Storage, TensorData, contiguous_strides
from flambeau.ir.text.constant_text import OpaqueConstant
from flambeau.ir.text.lexer import unquoted
from flambeau.ir.types import Type
from flambeau.ir.values import EnumValue

if TYPE_CHECKING:
    import numpy

MAX_DEPTH = 100
_INT_RANGE = range(-(1 << 63), 1 << 64)
_LONGEST_INT = 64

_SPACE = re.compile(r"\s*")
_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'')
_REAL = r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|inf|nan)"
_NUMBER = re.compile(_REAL)
_COMPLEX = re.compile(rf"({_REAL})?((?(1)[-+]|[-+]?){_REAL[5:]})j")
_OPAQUE = re.compile(r"<Tensor>|\[<Tensors>\]|<Graph>|\[<Graphs>\]|object\(0x[0-9a-f]+\)")
_TENSOR_WITH_VALUES = re.compile(r"[^\"'\[\]{}]*\[ [A-Z]\w*Type\{")
_SINGLE = re.compile(r"\{\s*([^{}\n]*?)\s*\}")
_QUALIFIED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
_DEVICE = re.compile(r"torch\.device\(")
_WORDS = {"None": None, "True": True, "False": False}
_WORD = re.compile(r"None\b|True\b|False\b")


@final
class LiteralParser:
    """Reads values at a position of a source; `position` is where the next one is expected."""

    def __init__(self, source: Source, position: int = 0, *, tensors: bool = False) -> None:
        self._source = source
        self._text = source.text
        self.position = position
        self._tensors = tensors
        self._depth = 0

    def value(self, type: Type | None) -> object:
        """The value that starts here; `type` is the one it is wanted for, where that is known."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self.fail("value is nested too deeply")
        parsed = self._value(type.element if isinstance(type, t.OptionalType) else type)
        self._depth -= 1
        return parsed

    def _value(self, type: Type | None) -> object:
        text = self._text
        if _TENSOR_WITH_VALUES.match(text, self.position):
            return self._tensor_with_values(type)
        if self._match(_SPACE) is None:
            self.fail("expected a value")
        if opaque := self._match(_OPAQUE):
            return self._unseen_tensor(opaque, type) if opaque == "<Tensor>" else OpaqueConstant(opaque)
        match text[self.position : self.position + 1]:
            case '"' | "'":
                return self._string(type)
            case "[":
                return self._list(type)
            case "(":
                return self._tuple(type)
            case "{":
                if isinstance(type, t.TensorType) or (type is None and self._holds_one_number()):
                    return self._single(type)
                return self._dict(type)
        return self._word_or_number(type)

    def _word_or_number(self, type: Type | None) -> object:
        if text := self._match(_WORD):
            return _WORDS[text]
        if (found := _COMPLEX.match(self._text, self.position)) is not None:
            self.position = found.end()
            return complex(float(found[1] or 0.0), float(found[2]))
        if number := self._match(_NUMBER):
            return self._number(number, type)
        if self._text.startswith("annotate(", self.position):
            return self._annotated(type)
        if self._match(_DEVICE):
            device = self.value(t.DEVICE)
            self._expect(")")
            return device
        if isinstance(type, EnumType) and (name := self._match(_QUALIFIED)):
            return EnumValue(type, name.rpartition(".")[2], dict(type.members).get(name.rpartition(".")[2]))
        self.fail("expected a value")

    def _number(self, text: str, type: Type | None) -> object:
        if type is t.FLOAT or set(text) & set(".eEn"):
            return float(text)
        value = int(text) if len(text) <= _LONGEST_INT else _INT_RANGE.stop
        if value not in _INT_RANGE:
            self.fail("Number is too big", len(text))
        return complex(value) if type is t.COMPLEX else value

    def _string(self, type: Type | None) -> object:
        literal = self._match(_STRING)
        if literal is None:
            self.fail("string is not closed")
        value = unquoted(literal)
        if type is not t.DEVICE:
            return value
        try:
            return Device.parse(value)
        except ValueError as problem:
            self.fail(str(problem), len(literal))

    # --- containers

    def _annotated(self, type: Type | None) -> object:
        self.position += len("annotate(")
        depth = 0
        while depth or self._text[self.position : self.position + 1] != ",":
            char = self._text[self.position : self.position + 1]
            if char in ("", "\n"):
                self.fail("expected ','")
            depth += {"[": 1, "]": -1}.get(char, 0)
            self.position += 1
        self._expect(",")
        value = self.value(type)
        self._expect(")")
        return value

    def _items(self, close: str, type: Type | None) -> list[object]:
        items: list[object] = []
        elements = type.elements if isinstance(type, t.TupleType) else ()
        every = type.element if isinstance(type, t.ListType) else None
        while not self._accept(close):
            index = len(items)
            items.append(self.value(elements[index] if index < len(elements) else every))
            if not self._accept(","):
                self._expect(close)
                break
        return items

    def _list(self, type: Type | None) -> list[object]:
        self._expect("[")
        return self._items("]", type if isinstance(type, t.ListType) else None)

    def _tuple(self, type: Type | None) -> tuple[object, ...]:
        self._expect("(")
        return tuple(self._items(")", type if isinstance(type, t.TupleType) else None))

    def _dict(self, type: Type | None) -> dict[object, object]:
        self._expect("{")
        key, element = (type.key, type.value) if isinstance(type, t.DictType) else (None, None)
        result: dict[object, object] = {}
        while not self._accept("}"):
            name = self.value(key)
            if not isinstance(name, (str, int, float, complex, bool, EnumValue, OpaqueConstant)):
                self.fail("keys of a dict are numbers, strings or enum members")
            self._expect(":")
            result[name] = self.value(element)
            if not self._accept(","):
                self._expect("}")
                break
        return result

    # --- tensors

    def _holds_one_number(self) -> bool:
        found = _SINGLE.match(self._text, self.position)
        return found is not None and ":" not in found[1] and found[1] != ""

    def _single(self, type: Type | None) -> object:
        found = _SINGLE.match(self._text, self.position)
        if found is None:
            self.fail("expected a number in braces")
        self.position = found.end()
        geometry = type if isinstance(type, t.TensorType) else t.TENSOR
        exact = geometry.scalar_type is not None and not (
            geometry.scalar_type.is_floating_point or geometry.scalar_type.is_complex
        )
        number = _NUMBER.fullmatch(found[1])
        if number is None or not (exact or self._tensors):
            return OpaqueConstant(found[0])
        return _filled(geometry, [float(found[1]) if "." in found[1] or "n" in found[1] else int(float(found[1]))]) or (
            OpaqueConstant(found[0])
        )

    def _unseen_tensor(self, text: str, type: Type | None) -> object:
        zeros = _filled(type, None) if self._tensors and isinstance(type, t.TensorType) else None
        return zeros or OpaqueConstant(text)

    def _tensor_with_values(self, type: Type | None) -> object:
        """Text such as ` 1  2 [ CPULongType{2} ]`, up to the comma or bracket that ends the attribute."""
        start, depth = self.position, 0
        while (char := self._text[self.position : self.position + 1]) and (depth or char not in ",]"):
            depth += {"[": 1, "(": 1, "{": 1, "]": -1, ")": -1, "}": -1}.get(char, 0)
            self.position += 1
        text = self._text[start : self.position]
        whole = isinstance(type, t.TensorType) and type.scalar_type is not None and type.scalar_type.is_integral
        if isinstance(type, t.TensorType) and (whole or self._tensors):
            shown = text[: text.index("[ ")].split()
            if all(_NUMBER.fullmatch(number) for number in shown):
                return _filled(type, [int(n) if whole else float(n) for n in shown]) or OpaqueConstant(text)
        return OpaqueConstant(text)

    # --- text

    def _match(self, pattern: re.Pattern[str]) -> str | None:
        found = pattern.match(self._text, self.position)
        if found is None:
            return None
        self.position = found.end()
        return found[0]

    def _accept(self, word: str) -> bool:
        self._match(_SPACE)
        if not self._text.startswith(word, self.position):
            return False
        self.position += len(word)
        return True

    def _expect(self, word: str) -> None:
        if not self._accept(word):
            found = self._text[self.position : self.position + 1]
            self.fail(f"expected '{word}' but found '{found}' here" if found else f"expected '{word}'")

    def fail(self, message: str, back: int = 0) -> NoReturn:
        """Raise ParseError for the place `back` characters ago."""
        start = self.position - back
        raise ParseError(message, self._source.range(start, max(self.position, start + 1)))


def _filled(type: Type | None, values: list[int | float] | None) -> TensorData | None:
    """A tensor of a type with these elements, or zeros; None where the type does not tell enough, or does not fit."""
    if not isinstance(type, t.TensorType) or type.scalar_type is None or type.sizes is None:
        return None
    sizes = tuple(s for s in type.sizes if isinstance(s, int))
    result = TensorData(type.scalar_type, sizes, contiguous_strides(sizes))
    if len(sizes) != len(type.sizes):
        return None
    if values is None:
        nbytes = result.numel * type.scalar_type.itemsize
        result.storage = Storage(nbytes, lambda: memoryview(bytearray(nbytes)), device=type.device or "cpu")
        return result
    if type.scalar_type.numpy_name is None or len(values) != result.numel:
        return None
    array = _array(values, type.scalar_type.numpy_name)
    if array is None:
        return None
    result.storage = Storage(array.nbytes, bytearray(array.tobytes()), device=type.device or "cpu")
    return result


def _array(values: list[int | float], dtype: str) -> numpy.ndarray | None:
    import numpy

    try:
        return numpy.array(values, dtype=dtype)
    except (OverflowError, ValueError):
        return None
