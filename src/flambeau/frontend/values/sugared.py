"""Sugared values: what an expression means while a function is compiled.

Most expressions mean a value of the graph (`SimpleValue`); others mean a module, a function, a class, a type, a
range: things that exist at compile time only, and that each know what it means to call them, index them, iterate over
them, read and write their attributes. What a kind of value cannot do raises a ScriptError in TorchScript's words;
that is all the base class does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn, TypeAlias, final

from flambeau import ir
from flambeau.errors import ScriptError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..emitter import Emitter
    from ..environment import Frame

SugaredFactory: TypeAlias = "Callable[[ir.Value], SugaredValue]"
"""Makes the sugared value that `self` means, of the graph's value for it."""


class SugaredValue:
    """Base of all meanings. `kind` names it in messages: "cannot call a <kind>"."""

    __slots__ = ()

    @property
    def kind(self) -> str:
        raise NotImplementedError

    @property
    def is_first_class(self) -> bool:
        """Whether `as_value` gives a value of the graph, so that it can be assigned, passed and returned."""
        return False

    def as_value(self, emitter: Emitter, range: ir.SourceRange) -> ir.Value:
        """The value of the graph."""
        self.refuse(f"{self.kind} cannot be used as a value", range)

    def as_index(self, emitter: Emitter, range: ir.SourceRange) -> ir.Value:
        """The value of the graph, where this is an index of a tensor."""
        return self.as_value(emitter, range)

    def as_tuple(self, emitter: Emitter, range: ir.SourceRange, size_hint: int | None = None) -> list[SugaredValue]:
        """The elements, for unpacking; `size_hint` is how many the context wants, for lists."""
        self.refuse(f"{self.kind} cannot be used as a tuple", range)

    def attribute(self, emitter: Emitter, range: ir.SourceRange, name: str) -> SugaredValue:
        """What `value.name` means."""
        self.refuse(f"attribute lookup is not defined on {self.kind}", range)

    def has_attribute(self, emitter: Emitter, range: ir.SourceRange, name: str) -> bool | ir.Value:
        """What `hasattr(value, "name")` is; a value of the graph where only a run can tell."""
        self.refuse(f"attribute lookup is not defined on {self.kind}", range)

    def set_attribute(self, emitter: Emitter, range: ir.SourceRange, name: str, value: ir.Value) -> None:
        """Emit `value.name = value`."""
        self.refuse(f"attribute assignment is not defined on {self.kind}", range)

    def call(
        self,
        emitter: Emitter,
        range: ir.SourceRange,
        args: Sequence[Arg],
        kwargs: Sequence[Arg],
        n_binders: int = 1,
    ) -> SugaredValue:
        """Emit a call; `n_binders` is how many names its result is unpacked to."""
        self.refuse(f"cannot call a {self.kind}", range)

    def stored(self, emitter: Emitter, range: ir.SourceRange) -> SugaredValue:
        """What a variable holds that was given this after a value of the graph."""
        return self

    def escaped(self, frame: Frame) -> SugaredValue:
        """What this is to the caller of a function that returned it, whose variables are in `frame`."""
        return self

    @property
    def meant_class(self) -> type | None:
        """The Python class that this is, if it is one."""
        return None

    @property
    def instance_class(self) -> type | None:
        """The Python class of the object that this is, where that is known and the graph's type does not say it."""
        return None

    @property
    def as_context(self) -> SugaredValue:
        """What it is where a `with` statement calls it; only few things are something else there."""
        return self

    @property
    def description_key(self) -> object | None:
        """What all modules of the same type have in common; None for other things."""
        return None

    @property
    def identity(self) -> object:
        """What tells this from others, of what there is only one: a function, a class; None where nothing does."""
        return None

    @property
    def none_test(self) -> bool | None:
        """Of a function that only says whether its argument is None: what it returns for None; else None."""
        return None

    @property
    def tested_types(self) -> tuple[ir.Type, ...] | None:
        """Of a function that only says whether its argument is of some types: these types; else None."""
        return None

    @property
    def text(self) -> str | None:
        """What `str(value)` is, for what is no value of the graph but has a text; else None."""
        return None

    def truth(self, emitter: Emitter, range: ir.SourceRange) -> bool | None:
        """What `bool(value)` is at compile time, for what is no value of the graph; None if only a run can tell."""
        return None

    def iterate(self, emitter: Emitter, range: ir.SourceRange) -> SugaredValue:
        """What a loop goes through: a value with `length` and `item`, or with a `static_length` and `as_tuple`."""
        self.refuse(f"{self.kind} cannot be used as an iterable", range)

    @property
    def static_length(self) -> int | None:
        """The number of elements, if iteration is unrolled at compile time; else None."""
        return None

    def length(self, emitter: Emitter, range: ir.SourceRange) -> ir.Value:
        """Emit `len(value)`."""
        self.refuse(f"'{self.kind}' object is not iterable", range)

    def item(
        self, emitter: Emitter, range: ir.SourceRange, index: ir.Value, hint: ir.Type | None = None
    ) -> SugaredValue:
        """Emit `value[index]`; `hint` is the type that the context declares for it."""
        self.refuse(f"'{self.kind}' object is not subscriptable", range)

    def slice(
        self,
        emitter: Emitter,
        range: ir.SourceRange,
        start: ir.Value | None,
        stop: ir.Value | None,
        step: ir.Value | None,
    ) -> SugaredValue:
        """Emit `value[start:stop:step]`; a bound that is not written is None."""
        self.refuse(f"'{self.kind}' object is not subscriptable", range)

    def contains(self, emitter: Emitter, range: ir.SourceRange, item: ir.Value) -> ir.Value:
        """Emit `item in value`."""
        return emitter.sugar(self.as_value(emitter, range)).contains(emitter, range, item)

    def refuse(self, message: str, range: ir.SourceRange, remedy: str | Callable[[], str] = "") -> NoReturn:
        """Raise the ScriptError that this value cannot do what is asked."""
        raise ScriptError(message, range, remedy=remedy)


@final
@dataclass(frozen=True, slots=True, eq=False)
class Arg:
    """An argument of a call: what was written, where, and the keyword it was given with."""

    sugared: SugaredValue
    range: ir.SourceRange
    name: str = ""

    def value(self, emitter: Emitter) -> ir.Value:
        """The value of the graph; ScriptError if it has none."""
        return self.sugared.as_value(emitter, self.range)
