"""What programs call or write in scripts and in Python alike: `annotate`, `fork`, `wait`, and marks for the compiler.

In scripts these are part of the language (`special_forms` knows them). In Python they do what comes nearest: `annotate`
gives the value, `fork` runs at once.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeVar

from flambeau.errors import ScriptError
from flambeau.python.markers import Modifier
from flambeau.runtime import Awaitable, Future

__all__ = [
    "Attribute",
    "Final",
    "annotate",
    "awaitable",
    "awaitable_nowait",
    "awaitable_wait",
    "export",
    "fork",
    "ignore",
    "interface",
    "is_scripting",
    "strict_fusion",
    "unused",
    "wait",
]

F = TypeVar("F", bound=Callable[..., Any])
C = TypeVar("C", bound=type)
T = TypeVar("T")


class Attribute(NamedTuple):
    """The value of a module's attribute with its type, where the value does not tell: `Attribute([], List[int])`."""

    value: Any
    type: Any


def annotate(the_type: Any, the_value: T) -> T:
    """The value; in a script, as one of that type."""
    return the_value


def is_scripting() -> bool:
    """Whether the caller is a script: always False in Python, always True in scripts."""
    return False


class strict_fusion:  # the name that programs know
    """A region of a script that is to be fused as a whole: `with strict_fusion(): ...`.

    It changes nothing: what can be fused is. Outside of scripts it warns that it has no meaning there.
    """

    def __init__(self) -> None:
        if not is_scripting():
            warnings.warn("Only works in script mode", stacklevel=2)

    def __enter__(self) -> None:
        pass

    def __exit__(self, type: Any, value: Any, traceback: Any) -> None:
        pass


def fork(func: Callable[..., Any], *args: object, **kwargs: object) -> Future:
    """Begin to run a function, and wait for its result later; outside of scripts it runs at once."""
    future = Future()
    future.set_result(func(*args, **kwargs))
    return future


def wait(future: Future) -> Any:
    """The result of what was forked; TypeError if that is no future."""
    if not callable(getattr(future, "wait", None)):
        raise TypeError(f"wait() expects a future, not {type(future).__name__}")
    return future.wait()


def awaitable(func: Callable[..., Any], *args: object, **kwargs: object) -> Awaitable:
    """A call that is made when its result is first asked for, once, by whoever asks."""
    return Awaitable(lambda: func(*args, **kwargs))


def awaitable_wait(aw: Awaitable) -> Any:
    """The result of an awaitable; TypeError if it is none."""
    if not isinstance(aw, Awaitable):
        raise TypeError(f"expected an awaitable, not {type(aw).__name__}")
    return aw.wait()


def awaitable_nowait(o: object) -> Awaitable:
    """An awaitable whose result is there already."""
    return Awaitable(lambda: o, is_nowait=True)


def interface(obj: C) -> C:
    """Mark a class as the interface of modules or objects: its methods say what others have."""
    if not inspect.isclass(obj):
        raise ScriptError("interface must be applied to a class")
    obj.__torch_script_interface__ = True  # type: ignore[attr-defined]  # the mark that scripting looks for
    return obj


def _mark(function: Any, modifier: Modifier) -> Any:
    if isinstance(function, property):
        for accessor in (function.fget, function.fset):
            if accessor is not None:
                _mark(accessor, modifier)
        return function
    if not callable(function):
        raise ScriptError(f"expected a function, not a {type(function).__name__}")
    function._torchscript_modifier = modifier.value
    return function


def export(fn: F) -> F:
    """Mark a method to be compiled though nothing calls it."""
    marked: F = _mark(fn, Modifier.EXPORT)
    return marked


def unused(fn: F) -> F:
    """Mark a function or property not to be compiled; a script that calls it raises."""
    marked: F = _mark(fn, Modifier.UNUSED)
    return marked


def ignore(drop: bool | F = False) -> Any:
    """Mark a function not to be compiled; scripts call it in Python, and cannot be saved (with `drop`: a call raises).

    Used as `@ignore` or `@ignore(drop=True)`.
    """
    if callable(drop):
        return _mark(drop, Modifier.IGNORE)
    if not isinstance(drop, bool):
        raise ScriptError(f"Argument to @ignore must be a bool or a function but got {drop}")
    modifier = Modifier.UNUSED if drop else Modifier.IGNORE
    return lambda function: _mark(function, modifier)
