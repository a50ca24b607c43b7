"""Putting the replacements in place, and taking them out again."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, NoReturn, cast

import torch
import torch.testing

from flambeau.api import Method, present_by
from flambeau.compat import graph_views, schema_views
from flambeau.compat.replacements import KEPT, REPLACEMENTS
from flambeau.compat.torch_functions import CLASSES, FUNCTIONS, LEFT_ALONE, pass_function, switches
from flambeau.compat.views import ORIGINALS, called_from_torch
from flambeau.errors import UnsupportedError
from flambeau.ir import FunctionSchema, Graph
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
        _install_classes()
        _install_functions()
        present_by(_Views())


def _install_classes() -> None:
    for name, view in CLASSES.items():
        original = vars(torch._C).get(name)
        if isinstance(original, type):
            ORIGINALS[name] = original
            _put_everywhere(name, original, view)
    for name in ("CompilationUnit", "ScriptFunction", "ScriptMethod"):
        _put_everywhere(name, vars(torch._C)[name], REPLACEMENTS.get(name, Method))
    for module in (torch._C, torch.testing):
        _put(module, "FileCheck", FileCheck)


def _install_functions() -> None:
    served = {**FUNCTIONS, **switches()}
    for name, original in sorted(vars(torch._C).items()):
        if name in served:
            _put(torch._C, name, _for_users(served[name], original))
        elif name.startswith("_jit_") and callable(original) and name not in LEFT_ALONE:
            step = pass_function(name.removeprefix("_jit_pass_")) if name.startswith("_jit_pass_") else None
            refusal = functools.partial(_refuse, f"torch._C.{name}")
            _put(torch._C, name, _for_users(step or refusal, original))


class _Views:
    """Shows graphs and schemas as PyTorch's programs expect them."""

    def graph(self, graph: Graph) -> Graph:
        return cast("Graph", graph_views.Graph(graph))

    def schema(self, schema: FunctionSchema) -> FunctionSchema:
        return cast("FunctionSchema", schema_views.FunctionSchema(schema))


def uninstall() -> None:
    """Put back everything that was there before `install`."""
    with _lock:
        present_by(None)
        for (module, name), original in _originals.items():
            setattr(module, name, original)
        _originals.clear()
        ORIGINALS.clear()


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


def _put_everywhere(name: str, original: object, replacement: object) -> None:
    """In `torch._C`, and in `torch` where it shows the same."""
    for module in (torch._C, torch):
        if vars(module).get(name) is original:
            _put(module, name, replacement)


def _replacement(name: str, original: object) -> object | None:
    """What to put in place of a name of `torch.jit`; None leaves it alone."""
    if name in REPLACEMENTS:
        return REPLACEMENTS[name]
    if name in KEPT or name.startswith("__") or isinstance(original, ModuleType):
        return None
    home = getattr(original, "__module__", "") or ""
    if not callable(original) or not home.startswith("torch.jit"):
        return None
    return _missing(name, original)


def _for_users(function: Callable[..., Any], original: Callable[..., Any]) -> Callable[..., Any]:
    """A function that is the original for callers inside of PyTorch."""

    def called(*args: object, **kwargs: object) -> object:
        return (original if called_from_torch() else function)(*args, **kwargs)

    return functools.update_wrapper(called, original)


def _refuse(name: str, *args: object, **kwargs: object) -> NoReturn:
    raise UnsupportedError(f"{name} is not available under flambeau")


def _missing(name: str, original: Callable[..., Any]) -> object:
    """What raises UnsupportedError when it is called; for a class, also when it is derived from."""

    def refuse(*args: object, **kwargs: object) -> NoReturn:
        _refuse(f"torch.jit.{name}")

    if isinstance(original, type):
        return type(name, (), {"__new__": refuse, "__init_subclass__": classmethod(refuse)})
    return functools.wraps(original)(refuse)
