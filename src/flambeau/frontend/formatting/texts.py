"""The text of things, as `str`, `print`, f-strings and the formatting of strings show them.

f"{x}"          of most values their operator makes the text (aten::format, aten::str)
f"{type(x)}"    a constant: classes are no values of the graph
f"{mode}"       of members of Enum classes a table of the texts that Python gives them, as classes may define them
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flambeau import ir

from ..folding import known_value
from ..values.sugared import Arg

if TYPE_CHECKING:
    from ..emitter import Emitter


def shown(emitter: Emitter, arg: Arg, *, formatted: bool = False) -> ir.Value:
    """A value that the operators for text show as Python does; `formatted`: as f-strings do, not as `str` does."""
    if arg.sugared.text is not None:
        return emitter.constant(arg.sugared.text, arg.range)
    value = arg.value(emitter)
    if isinstance(value.type, ir.EnumType) and value.type.texts:
        names = [name for name, _ in value.type.members]
        texts = dict(zip(names, [pair[formatted] for pair in value.type.texts], strict=True))
        return _text_of_member(emitter, value, texts, arg.range)
    return value


def shown_operand(emitter: Emitter, arg: Arg) -> ir.Value:
    """The right operand of `%`: a value, or a tuple of the values that are shown."""
    given = arg.sugared
    if given.is_first_class:
        value = arg.value(emitter)
        if not any(isinstance(part, ir.EnumType) for part in value.type.contained):
            return shown(emitter, arg)
        given = emitter.sugar(value)
    elif given.kind != "tuple":
        return shown(emitter, arg)
    parts = given.as_tuple(emitter, arg.range)
    return emitter.make_tuple([shown(emitter, Arg(part, arg.range)) for part in parts], arg.range)


def _text_of_member(emitter: Emitter, value: ir.Value, texts: dict[str, str], range: ir.SourceRange) -> ir.Value:
    member = known_value(emitter, value)
    if isinstance(member, ir.EnumValue):
        return emitter.constant(texts[member.name], range)
    entries = [emitter.constant(part, range) for entry in texts.items() for part in entry]
    table = emitter.insert("prim::DictConstruct", entries, (ir.DictType(ir.STRING, ir.STRING),), range).output
    return emitter.builtin(range, "aten::__getitem__", table, emitter.builtin(range, "prim::EnumName", value))
