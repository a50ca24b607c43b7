"""Spellings that are something simpler in scripts: `Variable(x)`, `torch.FloatTensor(2, 3)`, `torch.Size([2, 3])`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import torch

from flambeau import ir
from flambeau.errors import ScriptError
from flambeau.frontend import Arg, SimpleValue, SugaredValue, known_value
from flambeau.ir import SourceRange
from flambeau.python.types.constants import enumeration_number

if TYPE_CHECKING:
    from flambeau.frontend import Emitter

_ELEMENTS: dict[object, torch.dtype] = {
    torch.FloatTensor: torch.float32,
    torch.DoubleTensor: torch.float64,
    torch.HalfTensor: torch.float16,
    torch.LongTensor: torch.int64,
    torch.IntTensor: torch.int32,
    torch.ShortTensor: torch.int16,
    torch.CharTensor: torch.int8,
    torch.ByteTensor: torch.uint8,
    torch.BoolTensor: torch.bool,
}


def legacy_value(obj: object) -> SugaredValue | None:
    """What such a class means in a script; None for any other object."""
    if obj is torch.autograd.Variable:
        return VariableClass()
    if obj is torch.Size:
        return SizeClass()
    if isinstance(obj, type(torch.FloatTensor)) and obj in _ELEMENTS:
        return LegacyTensor(_ELEMENTS[obj])
    return None


@final
@dataclass(frozen=True, slots=True, eq=False)
class VariableClass(SugaredValue):
    """`Variable`, which is the tensor that it wraps."""

    @property
    def kind(self) -> str:
        return "class"

    def call(
        self, emitter: Emitter, range: SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg], n_binders: int = 1
    ) -> SugaredValue:
        if len(args) != 1:
            raise ScriptError("Variable takes one tensor in a script", range)
        for option in kwargs:
            if option.name not in ("requires_grad", "volatile"):
                raise ScriptError(f"Variable has no argument '{option.name}'", option.range)
            if known_value(emitter, option.value(emitter)) is not False:
                raise ScriptError(f"Variable(..., {option.name}=...) must be False in a script", option.range)
        return args[0].sugared


@final
@dataclass(frozen=True, slots=True, eq=False)
class SizeClass(SugaredValue):
    """`torch.Size`, which is a list of ints."""

    @property
    def kind(self) -> str:
        return "class"

    def call(
        self, emitter: Emitter, range: SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg], n_binders: int = 1
    ) -> SugaredValue:
        if len(args) > 1 or kwargs:
            raise ScriptError("torch.Size takes one list or tuple of ints", range)
        sizes = args[0].value(emitter) if args else emitter.make_list([], ir.INT, range)
        if isinstance(sizes.type, ir.TupleType):
            parts = [part.as_value(emitter, range) for part in SimpleValue(sizes).as_tuple(emitter, range)]
            sizes = emitter.make_list(parts, ir.INT, range)
        if sizes.type != ir.ListType(ir.INT):
            raise ScriptError("torch.Size takes one list or tuple of ints", range)
        return SimpleValue(emitter.builtin(range, "aten::list", sizes))


@final
@dataclass(frozen=True, slots=True, eq=False)
class LegacyTensor(SugaredValue):
    """A tensor class that is called: with sizes, or with the elements."""

    dtype: torch.dtype

    @property
    def kind(self) -> str:
        return "class"

    def call(
        self, emitter: Emitter, range: SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg], n_binders: int = 1
    ) -> SugaredValue:
        values = [arg.value(emitter) for arg in args]
        dtype = enumeration_number(self.dtype)
        if kwargs:
            raise ScriptError("Legacy Tensor Constructor takes no keyword arguments in a script", range)
        if all(value.type is ir.INT for value in values):
            sizes = values or [emitter.constant(0, range)]
            made = emitter.builtin(range, "aten::empty", emitter.make_list(sizes, ir.INT, range), dtype=dtype)
            return SimpleValue(made)
        if len(values) == 1 and isinstance(values[0].type, (ir.ListType, ir.TupleType)):
            elements = values[0]
            if isinstance(elements.type, ir.TupleType):
                parts = [part.as_value(emitter, range) for part in SimpleValue(elements).as_tuple(emitter, range)]
                elements = emitter.make_list(parts, parts[0].type if parts else ir.FLOAT, range)
            return SimpleValue(emitter.builtin(range, "aten::tensor", elements, dtype=dtype))
        raise ScriptError("Legacy Tensor Constructor only supports two schemas in TorchScript", range)
