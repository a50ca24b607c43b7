"""Variables that the body of a loop or one branch assigns first, and that are read afterwards.

    for x in xs:                    last: Optional[Tensor] = None
        last = f(x)         ->      for x in xs: last = f(x)
    return last                     if last is None: raise UnboundLocalError
                                    return last

TorchScript does not know them after the loop, or after the `if`. Where that is why a definition does not compile, they
are made before it, as optional values that no one sees: reading one that has no value raises what Python raises.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flambeau import ir
from flambeau.errors import ScriptError

from .assumptions import Reconsider, Subject
from .environment import Frame, shown_name
from .values.simple_values import SimpleValue
from .values.sugared import SugaredValue

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .emitter import Emitter


def declare_late_variables(emitter: Emitter, range: ir.SourceRange) -> None:
    """Make the variables that are assumed to be there before the loop or `if` that stands at `range`."""
    for (kind, place), type in emitter.assumptions.types.items():
        if kind == "late" and isinstance(place, tuple) and place[:-1] == _place(emitter, range) and type is not None:
            if not emitter.environment.is_defined(place[-1]):
                emitter.environment.make_late(place[-1], type, range)


def note_late_variables(emitter: Emitter, body: Frame, range: ir.SourceRange) -> None:
    """Remember what the body of a loop, whose frame was closed, assigned: it may be read after the loop."""
    if not emitter.infers:
        return
    types = {**body.partial, **{shown_name(slot): type for slot, type in body.types.items()}}
    for name, reason in body.undefined.items():
        if isinstance(reason, Reconsider) and reason.subject[0] == "late" and reason.type is not None:
            types.setdefault(name, reason.type)
    for name, type in types.items():
        if not name or emitter.environment.is_defined(name) or type is ir.NONE or isinstance(type, ir.OptionalType):
            continue
        subject: Subject = ("late", (*_place(emitter, range), name))
        problem = Reconsider(ScriptError(f"undefined value {name}"), subject, ir.unshaped(type))
        emitter.environment.frame.undefined.setdefault(name, problem)


def note_branch_variables(emitter: Emitter, reasons: Mapping[str, ScriptError], range: ir.SourceRange) -> None:
    """Remember what some branch of the `if` at `range` assigned that has no value after it, and why."""
    frame = emitter.environment.frame
    place = _place(emitter, emitter.environment.outermost_loop() or range)
    types: dict[str, ir.Type] = {}
    for name in reasons:
        type = frame.partial.get(name)
        if type is not None and not emitter.environment.is_defined(name) and not ir.is_subtype(ir.NONE, type):
            types[name] = ir.unshaped(type)
    subjects: dict[str, Subject] = {name: ("late", (*place, name)) for name in types}
    for name, problem in reasons.items():
        if emitter.infers and name in types:
            along = {subjects[other]: type for other, type in types.items() if other != name}
            problem = Reconsider(problem, subjects[name], types[name], along)
        frame.undefined[name] = problem


def _place(emitter: Emitter, range: ir.SourceRange) -> tuple[object, ...]:
    return (id(range.source), range.start, *emitter.inline_sites)


def read_late_variable(emitter: Emitter, name: str, read: SugaredValue, range: ir.SourceRange) -> SugaredValue:
    """A variable that was read; if it is one of these, with a check that it has a value."""
    if not isinstance(read, SimpleValue) or not emitter.environment.is_late(name):
        return read
    value = read.value
    if not isinstance(value.type, ir.OptionalType):
        return read
    is_missing = emitter.builtin(range, "aten::__is__", value, None)
    message = f"local variable '{name}' referenced before assignment"
    emitter.raise_if(range, is_missing, message, "builtins.UnboundLocalError")
    return SimpleValue(emitter.unchecked_cast(value, value.type.element, range))
