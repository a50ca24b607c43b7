"""Calls of einops in scripts: `rearrange`, `repeat`, `reduce`, `einsum`, `pack`, `unpack`, `parse_shape`.

Each pattern becomes a function of its own, whose text `einops_source` writes; an archive holds that function. einops
itself is not imported: its functions are recognised by the module and name they carry.
"""

from __future__ import annotations

import functools
import itertools
import linecache
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import torch

from flambeau import ir
from flambeau.errors import ScriptError
from flambeau.frontend import Arg, KeywordsValue, SimpleValue, SugaredValue, known_value
from flambeau.ir import SourceRange, Value
from flambeau.python.unit import services
from flambeau.python.values import einops_source as source

if TYPE_CHECKING:
    from flambeau.frontend import Emitter

_PARAMETERS: dict[str, tuple[str, ...]] = {
    "rearrange": ("tensor", "pattern"),
    "repeat": ("tensor", "pattern"),
    "reduce": ("tensor", "pattern", "reduction"),
    "pack": ("tensors", "pattern"),
    "unpack": ("tensor", "packed_shapes", "pattern"),
    "parse_shape": ("x", "pattern"),
}
_MODULES = ("einops.einops", "einops.packing")
_WITH_LENGTHS = ("rearrange", "repeat", "reduce")
"""Operations that take lengths of axes by name."""
_counter = itertools.count()


def einops_value(module: str, name: str) -> SugaredValue | None:
    """What the function of that module and name means, if it is one of einops; else None."""
    if module not in _MODULES or (name not in _PARAMETERS and name != "einsum"):
        return None
    return EinopsFunction(name)


@final
@dataclass(frozen=True, slots=True, eq=False)
class EinopsFunction(SugaredValue):
    """A function of einops, called with a pattern that is known when the call is compiled."""

    operation: str

    @property
    def kind(self) -> str:
        return "function"

    def truth(self, emitter: Emitter, range: SourceRange) -> bool | None:
        return True

    def call(
        self, emitter: Emitter, range: SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg], n_binders: int = 1
    ) -> SugaredValue:
        try:
            if self.operation == "einsum":
                return _einsum(emitter, range, [*args, *kwargs])
            given, lengths = self._bound(range, args, kwargs)
            pattern = _text(emitter, given["pattern"])
            if self.operation == "parse_shape":
                return _parse_shape(emitter, range, given["x"], pattern)
            if self.operation == "pack":
                return _called(emitter, range, "pack", source.pack(pattern), [_list(emitter, given["tensors"])])
            if self.operation == "unpack":
                operands = [given["tensor"], _list(emitter, given["packed_shapes"])]
                return _called(emitter, range, "unpack", source.unpack(pattern), operands)
            reduction = _text(emitter, given["reduction"]) if self.operation == "reduce" else None
            tensor = given["tensor"]
            of_list = isinstance(tensor.value(emitter).type, ir.ListType)
            names = [arg.name for arg in lengths]
            adds = self.operation == "repeat"
            text = source.transformation(pattern, names, reduction, of_list=of_list, adds_axes=adds)
        except ScriptError as error:
            raise error if error.range is not None else ScriptError(str(error), range) from None
        return _called(emitter, range, self.operation, text, [tensor, *lengths])

    def _bound(
        self, range: SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg]
    ) -> tuple[dict[str, Arg], list[Arg]]:
        """The arguments by parameter, and the lengths of axes."""
        parameters = _PARAMETERS[self.operation]
        if len(args) > len(parameters):
            raise ScriptError(f"{self.operation}() takes {len(parameters)} positional arguments", range)
        given = dict(zip(parameters, args, strict=False))
        lengths = []
        for arg in kwargs:
            if arg.name in parameters and arg.name not in given:
                given[arg.name] = arg
            elif self.operation in _WITH_LENGTHS and arg.name not in given:
                lengths.append(arg)
            else:
                raise ScriptError(f"{self.operation}() got an unexpected keyword argument '{arg.name}'", arg.range)
        missing = [name for name in parameters if name not in given]
        if missing:
            raise ScriptError(f"{self.operation}() is missing its argument '{missing[0]}'", range)
        return given, lengths


def _text(emitter: Emitter, arg: Arg) -> str:
    known = known_value(emitter, arg.value(emitter))
    if not isinstance(known, str):
        raise ScriptError("a pattern or reduction of einops must be known when the script is compiled", arg.range)
    return known


def _list(emitter: Emitter, arg: Arg) -> Arg:
    """A tuple as a list of the same elements."""
    value: Value = arg.value(emitter)
    if not isinstance(value.type, ir.TupleType) or not value.type.elements:
        return arg
    parts = [part.as_value(emitter, arg.range) for part in SimpleValue(value).as_tuple(emitter, arg.range)]
    return Arg(emitter.sugar(emitter.make_list(parts, parts[0].type, arg.range)), arg.range)


def _einsum(emitter: Emitter, range: SourceRange, args: list[Arg]) -> SugaredValue:
    if len(args) < 2:
        raise ScriptError("einsum takes tensors and a pattern", range)
    *tensors, pattern = args
    return _called(emitter, range, "einsum", source.einsum(_text(emitter, pattern), len(tensors)), tensors)


def _parse_shape(emitter: Emitter, range: SourceRange, tensor: Arg, pattern: str) -> SugaredValue:
    """The lengths of the named axes; `_` names none."""
    axes = pattern.split()
    if not all(axis.isidentifier() for axis in axes):
        raise ScriptError(f"'{pattern}' is no pattern for parse_shape: it names axes, or skips them with '_'", range)
    x = tensor.value(emitter)
    sizes: dict[object, SugaredValue] = {
        axis: emitter.sugar(emitter.builtin(range, "aten::size", x, place))
        for place, axis in enumerate(axes)
        if axis != "_"
    }
    return KeywordsValue(sizes)


def _called(emitter: Emitter, range: SourceRange, operation: str, text: str, args: Sequence[Arg]) -> SugaredValue:
    return services.sugared(_function(operation, text), range).call(emitter, range, args, [])


@functools.cache
def _function(operation: str, text: str) -> Callable[..., object]:
    """The Python function of a text. There are as many as the program has patterns."""
    text = text.replace("transform", operation, 1)
    filename = f"<einops {operation} {next(_counter)}>"
    namespace: dict[str, Any] = {"torch": torch, "Tensor": torch.Tensor, "List": list, "Tuple": tuple}
    namespace["__name__"] = "einops"
    exec(compile(text, filename, "exec"), namespace)
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    function: Callable[..., object] = namespace[operation]
    return function
