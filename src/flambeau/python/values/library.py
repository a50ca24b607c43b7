"""Functions of Python's and PyTorch's libraries, as text that compiles: what scripts call in their place.

They compile where they are called, for the arguments of the call, as any Python function does. Each gives what the
original gives; what only concerns memory (checkpoints) or the metadata of functions (`wraps`) is left out.
"""

from __future__ import annotations

import functools
import logging
import math
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch.utils import checkpoint as checkpoints

from flambeau.python.special_forms import origin


def get_default_dtype() -> torch.dtype:
    return torch.empty(0).dtype


def prod(values, start=1):  # type: ignore[no-untyped-def]  # calls say what the types are
    result = start
    for value in values:
        result = result * value
    return result


def reduce(function, sequence, *initial):  # type: ignore[no-untyped-def]
    if len(initial) > 0:
        total = initial[0]
        for value in sequence:
            total = function(total, value)
    else:
        total = sequence[0]
        for value in sequence[1:]:
            total = function(total, value)
    return total


def wraps(wrapped, assigned=None, updated=None):  # type: ignore[no-untyped-def]
    return lambda function: function


def checkpoint(  # type: ignore[no-untyped-def]
    function,
    *args,
    use_reentrant=None,
    context_fn=None,
    determinism_check=None,
    debug=False,
    early_stop=True,
    preserve_rng_state=True,
    **kwargs,
):
    return function(*args, **kwargs)


def checkpoint_sequential(  # type: ignore[no-untyped-def]
    functions, segments, input, use_reentrant=None, preserve_rng_state=True
):
    for function in functions:
        input = function(input)
    return input


def logged(message, *args):  # type: ignore[no-untyped-def]
    if len(args) > 0:
        warnings.warn(message % args, stacklevel=2)
    else:
        warnings.warn(message, stacklevel=2)


def not_logged(message, *args):  # type: ignore[no-untyped-def]
    return None


_FUNCTIONS: dict[object, Callable[..., Any]] = {
    torch.get_default_dtype: get_default_dtype,
    math.prod: prod,
    functools.reduce: reduce,
    functools.wraps: wraps,
    checkpoints.checkpoint: checkpoint,
    checkpoints.checkpoint_sequential: checkpoint_sequential,
}
_NAMED: dict[tuple[str, str], Callable[..., Any]] = {("numpy", "prod"): prod}
"""Those of libraries that need not be installed."""


_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "exception": logging.ERROR,
    "critical": logging.CRITICAL,
}


def log_function(logger: logging.Logger, method: str) -> Callable[..., Any] | None:
    """What logs a message in a script: a warning where the logger takes messages of that level now, else nothing."""
    level = _LEVELS.get(method)
    if level is None:
        return None
    return logged if logger.isEnabledFor(level) else not_logged


def library_function(function: Callable[..., object]) -> Callable[..., Any] | None:
    """The function to compile in place of one of a library; None if there is none."""
    try:
        found = _FUNCTIONS.get(function)
    except TypeError:  # what cannot be hashed
        return None
    return found or _NAMED.get(origin(function))
