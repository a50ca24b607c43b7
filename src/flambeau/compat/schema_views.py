"""Schemas of `torch._C` as views of flambeau's, and which changes of a schema keep old calls working."""

from __future__ import annotations

from flambeau import ir as program
from flambeau.compat.type_views import Type, type_view
from flambeau.compat.views import View, shown

__all__ = ["Argument", "FunctionSchema"]


class Argument(View):
    """An argument or a result of a schema."""

    __slots__ = ()
    by_value = True
    ir: program.Argument

    @property
    def name(self) -> str:
        return self.ir.name

    @property
    def type(self) -> Type:
        return type_view(self.ir.type)

    @property
    def real_type(self) -> Type:
        return type_view(self.ir.declared_type)

    @property
    def N(self) -> int | None:
        return self.ir.broadcast

    @property
    def default_value(self) -> object:
        return self.ir.default if self.ir.has_default else None

    def has_default_value(self) -> bool:
        return self.ir.has_default

    @property
    def kwarg_only(self) -> bool:
        return self.ir.kwarg_only

    @property
    def is_out(self) -> bool:
        return self.ir.is_out

    @property
    def is_write(self) -> bool:
        return self.ir.is_write

    @property
    def alias_info(self) -> AliasInfo | None:
        return None if self.ir.alias is None else AliasInfo(self.ir.alias)


class AliasInfo(View):
    """What a schema says of the memory behind an argument."""

    __slots__ = ()
    by_value = True
    ir: program.AliasInfo

    @property
    def is_write(self) -> bool:
        return self.ir.is_write

    @property
    def before_set(self) -> set[str]:
        return {f"alias::{name}" for name in self.ir.before}

    @property
    def after_set(self) -> set[str]:
        return {f"alias::{name}" for name in self.ir.after}


class FunctionSchema(View):
    """The signature of an operator or a function."""

    __slots__ = ()
    by_value = True
    ir: program.FunctionSchema

    @property
    def name(self) -> str:
        return self.ir.name

    @property
    def overload_name(self) -> str:
        return self.ir.overload_name

    @property
    def arguments(self) -> list[Argument]:
        return [Argument(a) for a in self.ir.arguments]

    @property
    def returns(self) -> list[Argument]:
        return [Argument(a) for a in self.ir.returns]

    @property
    def is_mutable(self) -> bool:
        return self.ir.is_mutable

    def is_backward_compatible_with(self, old: FunctionSchema) -> bool:
        """Whether every call that the old schema allows is allowed by this one, and means the same."""
        return _accepts_calls_of(self.ir, shown(old))

    def check_forward_compatible_with(self, old: FunctionSchema) -> tuple[bool, str]:
        """Whether calls that are written for this schema, its new arguments left out, run where only the old one is
        known; if not, why.
        """
        given = shown(old)
        if not _same_results(self.ir, given):
            return False, ""
        reason = _why_not_forward(self.ir, given)
        return not reason, reason


def _same_results(new: program.FunctionSchema, old: program.FunctionSchema) -> bool:
    if (new.name, new.overload_name, new.is_vararg) != (old.name, old.overload_name, old.is_vararg):
        return False
    if len(new.returns) != len(old.returns):
        return False
    return all(program.is_subtype(n.type, o.type) for n, o in zip(new.returns, old.returns, strict=True))


def _accepts_calls_of(new: program.FunctionSchema, old: program.FunctionSchema) -> bool:
    if not _same_results(new, old) or len(new.arguments) < len(old.arguments):
        return False
    known = {a.name: a for a in new.arguments}
    for index, argument in enumerate(old.arguments):
        now = known.get(argument.name) if argument.kwarg_only else new.arguments[index]
        if now is None or now.name != argument.name or not _takes(now, argument):
            return False
    names = {a.name for a in old.arguments}
    return all(a.has_default for a in new.arguments if a.name not in names)


def _takes(new: program.Argument, old: program.Argument) -> bool:
    """Whether an argument takes what it took before, given in the same way, with the same default."""
    if not program.is_subtype(old.type, new.type) or (new.kwarg_only and not old.kwarg_only):
        return False
    return not old.has_default or (new.has_default and new.default == old.default)


def _why_not_forward(new: program.FunctionSchema, old: program.FunctionSchema) -> str:
    by_name = {a.name: a for a in old.arguments if a.kwarg_only}
    by_place = [a for a in old.arguments if not a.kwarg_only]
    if sum(a.is_out for a in new.arguments) != sum(a.is_out for a in old.arguments):
        return "Function schema should have the same number of out arguments"
    for index, argument in enumerate(new.arguments):
        before = by_name.get(argument.name)
        if before is None and not argument.kwarg_only and index < len(by_place):
            before = by_place[index]
        if before is not None:
            if before.name != argument.name or not _takes(before, argument):
                return f"'{argument.name}' is not forward compatible with the older version of the schema"
            continue
        added = f"Function schema is not forward compatible since the new argument '{argument.name}' of type "
        if not argument.has_default:
            return f"{added}{argument.type_text()} did not provide a default value."
        if isinstance(argument.default, (list, tuple, dict)):
            return f"{added}{argument.type_text()} has a container type as its default value."
    return ""
