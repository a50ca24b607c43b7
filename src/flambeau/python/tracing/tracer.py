"""One recording, from example inputs to a function."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, final

import torch

from flambeau.errors import TracingError
from flambeau.ir import Function
from flambeau.python.tracing.finishing import finish
from flambeau.python.tracing.functions import replaced
from flambeau.python.tracing.interception import Paused, Recording
from flambeau.python.tracing.mixing import mixed
from flambeau.python.tracing.module_calls import watched
from flambeau.python.tracing.modules import TracedModules
from flambeau.python.tracing.origins import Origins
from flambeau.python.tracing.recorder import Recorder
from flambeau.python.tracing.state import tracing
from flambeau.python.tracing.structures import add_input, check_inputs, pack


@final
class Inputs:
    """What a traced function is called with, by position and by name."""

    __slots__ = ("keywords", "positional")

    def __init__(self, positional: Sequence[object] = (), keywords: Mapping[str, object] | None = None) -> None:
        self.positional = tuple(positional)
        self.keywords = dict(keywords or {})

    def named(self, names: Sequence[str]) -> list[tuple[str, object]]:
        """The inputs in the order of the signature, with the names of their parameters ("" where unknown)."""
        places = {name: index for index, name in enumerate(names)}
        padded = [*names[: len(self.positional)], *[""] * (len(self.positional) - len(names))]
        by_name = sorted(self.keywords.items(), key=lambda item: places.get(item[0], len(names)))
        return [*zip(padded, self.positional, strict=True), *by_name]


def argument_names(function: Callable[..., object]) -> list[str]:
    """The names of a function's parameters that are given by position; empty if it has no signature to look at."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (ValueError, TypeError):
        return []
    return [p.name for p in parameters if p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]


@final
class Trace:
    """The result of one recording."""

    __slots__ = ("function", "origins")

    def __init__(self, function: Function, origins: Origins) -> None:
        self.function = function
        self.origins = origins


def record(
    function: Callable[..., Any],
    inputs: Inputs,
    names: Sequence[str],
    *,
    strict: bool,
    is_repeated: bool = False,
    qualified_name: str = "",
    modules: TracedModules | None = None,
    method: str = "forward",
    outplace: bool = False,
) -> Trace:
    """Call a function with example inputs and record what it does; without warnings if the trace is a repeated one.

    With `outplace`, operators in place are recorded as those that give a new tensor.
    """
    before, tracing.is_repeated = tracing.is_repeated, is_repeated
    try:
        recorder = Recorder(modules, method, outplace)
        return _record(recorder, function, inputs, names, strict, qualified_name)
    finally:
        tracing.is_repeated = before


def _record(
    recorder: Recorder,
    function: Callable[..., Any],
    inputs: Inputs,
    names: Sequence[str],
    strict: bool,
    qualified_name: str,
) -> Trace:
    given = inputs.named(names)
    with Paused(), _within_the_stack():
        check_inputs([value for _, value in given])
        values = [add_input(recorder, name, value) for name, value in given]
    torch.clear_autocast_cache()  # tensors that were cast before are strangers to the trace
    count = len(inputs.positional)
    positional, keywords = values[:count], {name: v for (name, _), v in zip(given[count:], values[count:], strict=True)}
    with replaced(), watched(), mixed(), Recording(recorder):
        output = function(*positional, **keywords)
        with Paused(), _within_the_stack():
            recorder.locate()
            recorder.record_assignments()
            recorder.graph.add_output(pack(recorder, output, strict))
    torch.clear_autocast_cache()
    with _within_the_stack():
        return Trace(finish(recorder, qualified_name), recorder.origins)


@contextmanager
def _within_the_stack() -> Iterator[None]:
    """For what goes down into inputs, outputs and their types: they may be nested deeper than Python can follow."""
    try:
        yield
    except RecursionError:
        raise TracingError("The inputs or outputs of the trace are nested too deeply") from None


__all__ = ["Inputs", "Trace", "argument_names", "record"]
