"""Methods of classes that derive from `ScriptModule`: those marked with `@script_method` are compiled.

    class Scale(ScriptModule):
        __constants__ = ["factor"]

        def __init__(self):
            super().__init__()
            self.factor = 2.0
            self.define("def halved(self, x):\\n    return x / self.factor\\n")

        @script_method
        def forward(self, x):
            return x * self.factor

An object of such a class is an ordinary module while its `__init__` runs, and is compiled at the end of it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any, cast, final

from flambeau import settings
from flambeau.errors import ScriptError
from flambeau.python.classes.class_members import members_of_kind

__all__ = ["ScriptMethod", "function_behind", "script_method", "script_method_names"]


@final
class ScriptMethod:
    """A function in the body of a class derived from `ScriptModule`, which becomes a method of the compiled object."""

    def __init__(self, function: FunctionType) -> None:
        self.__func__ = function
        self.__name__ = function.__name__
        self.__doc__ = function.__doc__
        self.__module__ = function.__module__

    def __get__(self, owner: Any, cls: type) -> object:
        if owner is None:
            return self
        if "_c" not in vars(owner):  # `__init__` is running, or nothing is to be compiled
            return MethodType(self.__func__, owner)
        return owner._script_method(self.__name__)

    def __call__(self, /, *args: object, **kwargs: object) -> object:
        """The function itself, called through its class."""
        return self.__func__(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<script_method {self.__func__.__qualname__}>"


def script_method(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a method of a class derived from `ScriptModule`, so that it is compiled when an object is made."""
    if not settings.JIT.value:
        return fn
    plain = inspect.unwrap(fn)
    if not isinstance(plain, FunctionType):
        raise ScriptError(f"script_method marks functions, not a {type(fn).__name__}")
    return cast("Callable[..., Any]", ScriptMethod(plain))


def function_behind(cls: type, name: str) -> FunctionType | None:
    """The Python function that a class has under a name, marked or not; None if it is no function, or not of users."""
    member = inspect.getattr_static(cls, name, None)
    if isinstance(member, ScriptMethod):
        return member.__func__
    if not isinstance(member, FunctionType) or member.__module__ == "flambeau.python.modules.script_module":
        return None
    return member


def script_method_names(cls: type) -> list[str]:
    """The marked methods of a class and its bases."""
    return list(members_of_kind(cls, ScriptMethod))
