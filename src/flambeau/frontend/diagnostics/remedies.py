"""What a person can do about an error, by the message that names it; for those whose message does not say so itself."""

from __future__ import annotations

import re
from functools import partial

from flambeau.errors import ScriptError

_IN_PYTHON = "a function marked with @torch.jit.ignore, which stays in Python"

_REFINE = "compare it with None first; an attribute must be put into a variable for that"

_REMEDIES: tuple[tuple[str, str], ...] = (
    (r"^try blocks", f"test for the case before it fails, or put the block into {_IN_PYTHON}"),
    (r"^blocks that stay in Python", f"put the block into {_IN_PYTHON}"),
    (r"^(global|nonlocal) variables", "pass the value as an argument and return the new one"),
    (r"^(import statements|class definitions)", "move it to the top of the file"),
    (r"^(Yield|YieldFrom|Await|async .*|Lambda|ClassDef) aren't", f"put it into {_IN_PYTHON}"),
    (r"^annotated assignments without assigned value", "give the variable a value where it is declared"),
    (r"^(Set|SetComp) aren't", "use a list, or a dict whose values do not matter"),
    (r"^(keyword-arg|Dict) expansion", "write the arguments out"),
    (r"^Compiled functions can't take variable number", "give each argument a name and a type"),
    (r"^raise statements without", "raise an exception: `raise RuntimeError(...)`"),
    (r"is not defined in the (true|false) branch", "assign it before the `if`, or in both branches"),
    (
        r"^undefined value (\w+)",
        r"assign \1 before this line on every path, or import it at the top of the file",
    ),
    (
        r"^Variable '(\w+)' previously had type",
        r"use another name, or declare the wider type where \1 is first assigned: `\1: Optional[...] = ...`",
    ),
    (
        r"^Type mismatch: (\w+) is set to type",
        r"declare its type before the branches: `\1: Union[...] = ...`, or use two names",
    ),
    (
        r"^Inferred '(\w+)' to be of type 'Tensor' because it was not annotated",
        r"annotate it where the function is defined: `\1: ...`",
    ),
    (r"has no attribute or method '(__\w+__)'", r"define \1 in the class"),
    (r"^Wrong type for attribute assignment", "annotate the attribute in the class body with a type for both values"),
    (r"boolean dispatch at position.* was not constant", "write two calls, one in each branch of an `if`"),
    (r"^range cannot be used as a value", "loop over it, or make a list of it: `list(range(...))`"),
    (
        r"^Cannot instantiate class '\w*' in a script",
        f"make the object in __init__ and keep it as an attribute, or in {_IN_PYTHON}",
    ),
    (
        r"^Expected a value of type '(int|float|str|bool|complex)' for argument '\w+' but instead found type "
        r"'(int|float|str|bool|complex|number)'",
        r"convert it: `\1(...)`",
    ),
    (
        r"^ *Expected a value of type 'List\[(.*)\]' for argument '\w+' but instead found type '\1'",
        "put it into a list: `[...]`",
    ),
    (
        r"^Expected a value of type 'Tensor' for argument '\w+' but instead found type '(int|float|bool)'",
        "make a tensor of it: `torch.tensor(...)`",
    ),
    (r"^'Optional\[.*\]' object", _REFINE),
    (
        r"but instead found type 'Optional\[",
        _REFINE,
    ),
    (
        r"failed to convert Python type",
        "annotate it in the class body, or name it in __jit_ignored_attributes__",
    ),
    (r"is called recursively", f"write it as a loop, or as {_IN_PYTHON}"),
    (r"does not return along all paths", "end every path with a `return` or a `raise`"),
    (r"^Python builtin .* not supported", f"put the call into {_IN_PYTHON}"),
    (
        r"^(Unknown type (name|annotation|constructor)|Expression of type .* cannot be used in a type)",
        "types are Tensor, int, float, bool, complex, str, List[T], Dict[K, V], Tuple[...], Optional[T], Union[...], "
        "Any, NamedTuples, enums and classes that compile",
    ),
    (r"is not a valid constant", "constants are numbers, strings, None, devices, dtypes and tuples of them"),
    (r"^Cannot call a ScriptModule that is not a submodule", "assign the module to an attribute of `self` in __init__"),
    (
        r"TorchScript classes does not support inheritance",
        "make it an attribute, or copy the methods of the base class",
    ),
    (r"recursively contain instances", "keep the objects in a list of their own, and refer to them by index"),
    (r"defined as a class attribute", "assign it in __init__"),
    (r"^Return value was annotated as having type", "change the annotation, or convert the value"),
)
_COMPILED = tuple((re.compile(pattern, re.MULTILINE), remedy) for pattern, remedy in _REMEDIES)


def remedy_for(message: str) -> str:
    """What to do about an error with that message; empty if nothing is known to help."""
    for pattern, remedy in _COMPILED:
        found = pattern.search(message)
        if found is not None:
            return found.expand(remedy)
    return ""


def add_remedies(error: ScriptError) -> None:
    """Note in an error, and in those reported along with it, what can be done."""
    for each in (error, *error.others):
        each.otherwise(partial(remedy_for, each.message))
