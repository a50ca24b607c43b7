"""Where an inlined node came from: the chain of calls that were replaced by their callees' bodies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from .source import SourceRange


@final
@dataclass(frozen=True, slots=True)
class InlinedCall:
    """One call: the function that was called, the place of the call, and the call that it was itself inlined into.

    `instance_type` and `instance_name` say which submodule a method was called on.
    """

    function: str
    range: SourceRange | None
    outer: InlinedCall | None = None
    instance_type: str = ""
    instance_name: str = ""

    def frames(self) -> tuple[InlinedCall, ...]:
        """The calls, outermost first."""
        chain: list[InlinedCall] = []
        call: InlinedCall | None = self
        while call is not None:
            chain.append(call)
            call = call.outer
        return tuple(reversed(chain))


def appended(call: InlinedCall | None, outer: InlinedCall) -> InlinedCall:
    """`call` with `outer` as its outermost call."""
    if call is None:
        return outer
    result = outer
    for frame in call.frames():
        result = InlinedCall(frame.function, frame.range, result, frame.instance_type, frame.instance_name)
    return result
