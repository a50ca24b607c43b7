"""What the iterations of a loop share: memory for results (see `flambeau.passes.specialization.loop_buffers`)."""

from __future__ import annotations

from typing import Any, final

__all__ = ["MOST_NUMBERS", "LoopMemory"]

MOST_NUMBERS = 24
"""Tensors of fewer elements are made a list of numbers faster than a view of one of them."""
_MOST_ELEMENTS = 1 << 16
"""Results with more elements are computed in so long a time that taking memory counts for nothing."""


_LOOKS = 8
"""After so many iterations that began differently, none is expected to begin as the one before."""


@final
class LoopMemory:
    """The results of the iteration before, as attributes that generated code sets, and whether this one may reuse them.

    It may if it begins as the one before began, with tensors of the same sizes and strides. Results called `short_...`
    are kept unless they are short, and so may not be overwritten.
    """

    __slots__ = ("__dict__", "_began", "looks", "ready")

    def __init__(self) -> None:
        self.ready = False
        self.looks = _LOOKS
        """How many iterations are still to be looked at."""
        self._began: tuple[object, ...] | None = None

    def look(self, *geometry: object) -> None:
        """Note what an iteration begins with."""
        self.looks -= 1
        if geometry == self._began:  # and so will all others
            self.looks = 0
            self.ready = all(_fits(name, made) for name, made in vars(self).items())
        self._began = geometry


def _fits(name: str, made: Any) -> bool:
    """Whether memory is worth keeping for a result, or the results of an operator, and may be overwritten."""
    tensors = made if isinstance(made, tuple) else (made,)
    most = MOST_NUMBERS - 1 if name.startswith("short") else _MOST_ELEMENTS
    return all(t.numel() <= most for t in tensors)
