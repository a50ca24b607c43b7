"""How constants are spelled in printed code."""

from __future__ import annotations

from typing import final

from flambeau.errors import UnsupportedError
from flambeau.ir import (
    ANY,
    STRING,
    TENSOR,
    DictType,
    EnumValue,
    Function,
    ListType,
    OptionalType,
    ScriptObject,
    TupleType,
    Type,
    UnionType,
    bound_class_of,
    infer_constant_type,
    is_device,
    is_tensor,
    quoted,
    value_text,
)

from .constant_table import ConstantTable
from .definition_names import DefinitionNames

_EXACT_TYPES = (bool, int, float, complex, type(None))


def is_ambiguous_element(element: Type) -> bool:
    """Whether a list or dict literal does not tell its element type, so that it needs an annotation."""
    return (
        isinstance(element, (OptionalType, UnionType))
        or element is ANY
        or any(map(is_ambiguous_element, element.contained))
    )


@final
class LiteralPrinter:
    """Spells constant values; what has no literal goes to the constant table."""

    def __init__(self, table: ConstantTable, names: DefinitionNames) -> None:
        self._table = table
        self._annotation = names.annotation
        self._reference = names.reference

    def text(self, value: object, type: Type | None = None) -> str:
        """The source text of a constant; `type` is its static type, where known."""
        if isinstance(value, _EXACT_TYPES):
            return value_text(value)
        if isinstance(value, str):
            return quoted(value) if _has_literal(value) else self._entry(value, STRING)
        if isinstance(value, EnumValue):
            return f"{self._reference(value.type)}.{value.name}"
        if isinstance(value, Function):
            return self._reference(value)
        if is_device(value):
            return f"torch.device({quoted(str(value))})"
        if isinstance(value, (list, dict, tuple)):
            return self._container(value, type)
        if is_tensor(value):
            return self._entry(value, TENSOR, is_tensor=True)
        held = value.type if isinstance(value, ScriptObject) else bound_class_of(value)
        if held is not None:
            return self._entry(value, held)
        raise UnsupportedError(f"a constant of Python type '{value.__class__.__name__}' cannot be saved")

    def constant_type(self, value: object) -> Type | None:
        """The type to declare for a class constant; None if it cannot be one."""
        if isinstance(value, (list, tuple)) and not value:
            return TupleType(())
        return infer_constant_type(value)

    def _entry(self, value: object, type: Type | None, *, is_tensor: bool = False) -> str:
        return f"CONSTANTS.c{self._table.add(value, type, is_tensor=is_tensor)}"

    def _container(self, value: list[object] | dict[object, object] | tuple[object, ...], type: Type | None) -> str:
        type = _unwrapped(type) or infer_constant_type(value)
        if _holds_other_text(value):
            return self._entry(value, type)
        if isinstance(value, tuple):
            elements = type.elements if isinstance(type, TupleType) else (None,) * len(value)
            inner = ", ".join(self.text(v, e) for v, e in zip(value, elements, strict=True))
            text = f"({inner},)" if len(value) == 1 else f"({inner})"
            return f"{self._reference(type)}{text}" if isinstance(type, TupleType) and type.field_names else text
        if isinstance(value, list):
            element = type.element if isinstance(type, ListType) else None
            text = f"[{', '.join(self.text(v, element) for v in value)}]"
            return self.annotated(text, type, not value or element is None or is_ambiguous_element(element))
        key, item = (type.key, type.value) if isinstance(type, DictType) else (None, None)
        text = "{" + ", ".join(f"{self.text(k, key)}: {self.text(v, item)}" for k, v in value.items()) + "}"
        return self.annotated(text, type, not value or item is None or is_ambiguous_element(item))

    def annotated(self, text: str, type: Type | None, needed: bool) -> str:
        """`annotate(T, text)` where the literal alone would not have type T."""
        return f"annotate({self._annotation(type)}, {text})" if needed and type is not None else text


def _unwrapped(type: Type | None) -> Type | None:
    return type.element if isinstance(type, OptionalType) else type


def _has_literal(text: str) -> bool:
    """Whether PyTorch reads the literal of a string back. It does not know `\\r`; what is not ASCII has none."""
    return text.isascii() and "\r" not in text


def _holds_other_text(value: object) -> bool:
    if isinstance(value, str):
        return not _has_literal(value)
    if isinstance(value, dict):
        return any(map(_holds_other_text, value)) or any(map(_holds_other_text, value.values()))
    return isinstance(value, (list, tuple)) and any(map(_holds_other_text, value))
