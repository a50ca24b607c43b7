"""Qualified names of Python objects, as archives spell them: `__torch__.package.module.Name`."""

from __future__ import annotations

import enum

from flambeau.errors import ScriptError

PREFIX = "__torch__"


def qualified_name(obj: object) -> str:
    """The name under which a Python class or function is compiled; ScriptError if it has none that is valid.

    The module `__main__` becomes the bare prefix, so that a script run directly and one imported differ, as in
    TorchScript.
    """
    override = getattr(obj, "_jit_override_qualname", None)
    if isinstance(override, str):
        return override
    name = short_name(obj)
    module = getattr(obj, "__module__", None)
    if not isinstance(module, str):
        raise ScriptError(f"Could not get qualified name for class '{name}': __module__ can't be None.")
    if "." in name:
        raise ScriptError(f"Could not get qualified name for class '{name}': '{name}' is not a valid identifier")
    if module == "__main__":
        return f"{PREFIX}.{name}"
    # Modules that came out of a torch.package have names such as `<torch_package_0>.models`.
    return f"{PREFIX}.{module.replace('<', '_').replace('>', '_')}.{name}"


def short_name(obj: object) -> str:
    """The unqualified name of a Python class or function, made a valid identifier."""
    name = getattr(obj, "__name__", None)
    if name is None and isinstance(obj, enum.Enum):
        name = obj.name
    if not isinstance(name, str) or not name:
        raise ScriptError("Could not get name of python class object")
    return "_lambda" if name == "<lambda>" else name


def type_name(value: object) -> str:
    """How messages spell the type of a Python value: with its module, unless it is a builtin."""
    kind = value if isinstance(value, type) else type(value)
    if kind.__module__ in ("builtins", "__builtin__"):
        return kind.__name__
    return f"{kind.__module__}.{kind.__qualname__}"
