"""A module as text: for each module its parameters, attributes and methods, then its submodules, nested.

A module that several others share is shown in full once: the text stays in proportion to the module.
"""

from __future__ import annotations

from flambeau.api.members import named_slots, named_submodules
from flambeau.ir import ScriptObject, is_tensor
from flambeau.runtime import text_of

__all__ = ["dump"]


def dump(root: ScriptObject, *, code: bool, attributes: bool, parameters: bool) -> str:
    """The text of a module and all below it; values, and bodies of methods, where asked for."""
    lines: list[str] = []
    shown: set[ScriptObject] = set()
    stack: list[tuple[str, ScriptObject | None]] = [("", root)]
    while stack:
        margin, module = stack.pop()
        if module is None:
            lines.extend((f"{margin}  }}", f"{margin}}}"))
            continue
        lines.append(f"{margin}module {module.type.qualified_name} {{")
        if module in shown:
            lines.extend((f"{margin}  (shown above)", f"{margin}}}"))
            continue
        shown.add(module)
        lines.append(f"{margin}  parameters {{")
        lines.extend(_indented(margin, _parameter_lines(module, parameters)))
        lines.extend((f"{margin}  }}", f"{margin}  attributes {{"))
        lines.extend(_indented(margin, _attribute_lines(module, attributes)))
        lines.extend((f"{margin}  }}", f"{margin}  methods {{"))
        lines.extend(_indented(margin, _method_lines(module, code)))
        lines.extend((f"{margin}  }}", f"{margin}  submodules {{"))
        stack.append((margin, None))
        stack.extend((f"{margin}    ", child) for _, child in reversed(list(named_submodules(module))))
    return "\n".join(lines) + "\n"


def _indented(margin: str, lines: list[str]) -> list[str]:
    return [f"{margin}    {line}" for line in lines]


def _parameter_lines(module: ScriptObject, with_values: bool) -> list[str]:
    lines: list[str] = []
    for attribute, value in named_slots(module):
        if attribute.kind == "parameter" and is_tensor(value):
            lines.extend(f"{attribute.name} = {text_of(value) if with_values else '...'}".split("\n"))
    return lines


def _attribute_lines(module: ScriptObject, with_values: bool) -> list[str]:
    lines: list[str] = []
    for attribute, value in named_slots(module):
        shown = text_of(value) if with_values or not is_tensor(value) else "..."
        lines.extend(f"{attribute.name} = {shown}".split("\n"))
    return lines


def _method_lines(module: ScriptObject, with_body: bool) -> list[str]:
    lines: list[str] = []
    for name, function in module.type.methods.items():
        lines.append(f"method {name} {{")
        if with_body:
            lines.extend(f"  {line}" for line in str(function.graph).rstrip("\n").split("\n"))
        lines.append("}")
    return lines
