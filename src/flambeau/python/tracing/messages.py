"""Warnings of the tracer: the places where a recording says less than the program did.

Texts are TorchScript's. PyTorch's own Python code warns of nothing: the checks that its layers make of shapes would
drown what matters.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from types import FrameType
from typing import final

from flambeau.python.tracing.origins import calling_frame, is_library
from flambeau.python.tracing.state import tracing


class TracerWarning(Warning):
    """A trace may not mean what the traced program means."""


CONTAINER_OUTPUT = (
    "Encountering a {kind} at the output of the tracer might cause the trace to be incorrect, this is only valid if "
    "the container structure does not change based on the module's inputs. Consider using a constant container "
    "instead (e.g. for `list`, use a `tuple` instead. for `dict`, use a `NamedTuple` instead). If you absolutely "
    "need this and know the side effects, pass strict=False to trace() to allow this behavior."
)
LENGTH = (
    "Using len to get tensor shape might cause the trace to be incorrect. Recommended usage would be tensor.shape[0]. "
    "Passing a tensor of different shape might lead to errors or silently give incorrect results."
)
ITERATION = (
    "Iterating over a tensor might cause the trace to be incorrect. Passing a tensor of different shape won't "
    "change the number of iterations executed (and might lead to errors or silently give incorrect results)."
)


def conversion(target: str) -> str:
    """The text for a tensor that becomes a Python value."""
    return (
        f"Converting a tensor to {target} might cause the trace to be incorrect. We can't record the data flow of "
        "Python values, so this value will be treated as a constant in the future. This means that the trace might "
        "not generalize to other inputs!"
    )


def construction(function: str) -> str:
    """The text for a tensor that is made from Python values."""
    return (
        f"{function} results are registered as constants in the trace. You can safely ignore this warning if you use "
        "this function to create tensors out of constant variables that would be the same every time you call this "
        "function. In any other case, this might cause the trace to be incorrect."
    )


def custom_backward(function: str) -> str:
    """The text for an `autograd.Function` that gradients are to flow through."""
    return (
        f"The autograd function '{function}' is recorded by the operators of its forward. Its own backward is not "
        "part of the trace: gradients will be those of the operators."
    )


def assigned(attribute: str) -> str:
    """The text for state that is no buffer."""
    return (
        f"The attribute '{attribute}' was assigned a tensor that depends on the inputs of the trace. The assignment "
        "is not recorded, since the attribute is not a buffer."
    )


@final
@dataclass(frozen=True, slots=True)
class Place:
    """A line of the traced program."""

    frame: FrameType | None
    line: int

    @classmethod
    def of(cls, frame: FrameType | None) -> Place:
        """The line that a frame has reached."""
        return cls(frame, 0 if frame is None else frame.f_lineno)


def warn(text: str, place: Place | None = None) -> None:
    """Warn at a line of the traced program (the one that is running now)."""
    if tracing.is_repeated:
        return
    place = place or Place.of(calling_frame())
    frame = place.frame
    if frame is None:
        warnings.warn(text, TracerWarning, stacklevel=2)
    elif not is_library(frame):
        names = frame.f_globals
        warnings.warn_explicit(
            text,
            TracerWarning,
            frame.f_code.co_filename,
            place.line,
            names.get("__name__", "<unknown>"),
            names.setdefault("__warningregistry__", {}),
        )
