"""Putting the replacements in place, and taking them out again."""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, NoReturn

import torch
import torch.testing

from flambeau.compat.replacements import FOR_USERS, KEPT, REFUSED, REPLACEMENTS
from flambeau.errors import UnsupportedError
from flambeau.testing import FileCheck

_lock = threading.RLock()
_originals: dict[tuple[ModuleType, str], object] = {}
"""By module and name: the object that a replacement stands in for."""


def is_installed() -> bool:
    """Whether `torch.jit` is served by flambeau now."""
    return bool(_originals)


def install() -> None:
    """Serve `torch.jit` by flambeau from now on, in the whole process. A second call changes nothing."""
    with _lock:
        if _originals:
            return
        served = torch.jit  # noqa: TID251  # the one place that names it: to replace what is in it
        for name in sorted(vars(served)):
            replacement = _replacement(name, vars(served)[name])
            if replacement is not None:
                _put(served, name, replacement)
        _put(torch._C, "ScriptFunction", REPLACEMENTS["ScriptFunction"])
        for name, function in FOR_USERS.items():
            _put(torch._C, name, _for_users(function, getattr(torch._C, name)))
        for module in (torch._C, torch.testing):
            _put(module, "FileCheck", FileCheck)


def uninstall() -> None:
    """Put back everything that was there before `install`."""
    with _lock:
        for (module, name), original in _originals.items():
            setattr(module, name, original)
        _originals.clear()


@contextmanager
def installed() -> Iterator[None]:
    """Serve `torch.jit` by flambeau within a `with` statement."""
    already = is_installed()
    install()
    try:
        yield
    finally:
        if not already:
            uninstall()


def _put(module: ModuleType, name: str, replacement: object) -> None:
    _originals[module, name] = getattr(module, name)
    setattr(module, name, replacement)


def _replacement(name: str, original: object) -> object | None:
    """What to put in place of a name of `torch.jit`; None leaves it alone."""
    if name in REPLACEMENTS:
        return REPLACEMENTS[name]
    if name in REFUSED and callable(original):
        return _missing(name, original)
    if name in KEPT or name.startswith("__") or isinstance(original, ModuleType):
        return None
    home = getattr(original, "__module__", "") or ""
    if not callable(original) or not home.startswith("torch.jit"):
        return None
    return _missing(name, original)


def _for_users(function: Callable[..., Any], original: Callable[..., Any]) -> Callable[..., Any]:
    """A function that is the original for callers inside of PyTorch."""

    def called(*args: object, **kwargs: object) -> object:
        caller = sys._getframe(1).f_globals.get("__name__") or ""
        within = caller == "torch" or caller.startswith("torch.")
        return (original if within else function)(*args, **kwargs)

    return functools.wraps(function)(called)


def _missing(name: str, original: Callable[..., Any]) -> object:
    """What raises UnsupportedError when it is called; for a class, also when it is derived from."""

    def refuse(*args: object, **kwargs: object) -> NoReturn:
        raise UnsupportedError(f"torch.jit.{name} is not available under flambeau")

    if isinstance(original, type):
        return type(name, (), {"__new__": refuse, "__init_subclass__": classmethod(refuse)})
    return functools.wraps(original)(refuse)
