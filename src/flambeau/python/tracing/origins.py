"""Where in the user's program a traced operation comes from.

An operation's range is the line of the innermost Python frame, which for layers of `torch.nn` is a line of PyTorch; the
whole stack, down to the call of `trace`, is kept beside it for error messages.
"""

from __future__ import annotations

import linecache
import os
import sys
from types import CodeType, FrameType
from typing import TypeAlias, final

import torch

from flambeau.ir import Source, SourceRange

Stack: TypeAlias = "tuple[tuple[CodeType, int], ...]"

_OUR_FOLDER = os.path.dirname(os.path.dirname(os.path.dirname(__file__))) + os.sep
_CONTEXT_LINES = 3
_TORCH_FOLDER = os.path.dirname(torch.__file__)
_PLUMBING = frozenset(os.path.join(_TORCH_FOLDER, name) for name in ("library.py", "_ops.py", "overrides.py"))
"""Files of PyTorch that lie between the caller of an operator and us."""


def calling_frame() -> FrameType | None:
    """The innermost frame of the traced program."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if not (name.startswith(_OUR_FOLDER) or name in _PLUMBING):
            return frame
        frame = frame.f_back
    return None


def is_library(frame: FrameType) -> bool:
    """Whether a frame belongs to PyTorch."""
    module: str = frame.f_globals.get("__name__", "")
    return module == "torch" or module.startswith("torch.")


@final
class Origins:
    """The ranges of one trace's operations, with their stacks."""

    def __init__(self) -> None:
        self._ranges: dict[Stack, SourceRange] = {}
        self._stacks: dict[int, Stack] = {}

    def range_of(self, frame: FrameType | None) -> SourceRange | None:
        """The range of an operation that is called from a frame."""
        stack = _stack_of(frame)
        if not stack:
            return None
        known = self._ranges.get(stack)
        if known is None:
            code, line = stack[0]
            known = self._ranges[stack] = _range_of_line(code.co_filename, line)
            self._stacks[id(known)] = stack
        return known

    def stack_text(self, range: SourceRange | None) -> str:
        """The stack of an operation, innermost line first; of a range from elsewhere, the range."""
        stack = self._stacks.get(id(range))
        if stack is None:
            return "" if range is None else str(range)
        return "\n".join(_line_text(code, line) for code, line in stack)


def _stack_of(frame: FrameType | None) -> Stack:
    found: list[tuple[CodeType, int]] = []
    while frame is not None and not frame.f_code.co_filename.startswith(_OUR_FOLDER):
        found.append((frame.f_code, frame.f_lineno))
        frame = frame.f_back
    return tuple(found)


def _line_text(code: CodeType, line: int) -> str:
    text = linecache.getline(code.co_filename, line).strip()
    where = f"{code.co_filename}({line}): {code.co_name}"
    return f"{where}\n    {text}" if text else where


def _range_of_line(filename: str, line: int) -> SourceRange:
    """The range of a line, in a source that is the line with the few around it that messages show."""
    lines = linecache.getlines(filename)
    if not 0 < line <= len(lines):
        return Source("", filename, max(line, 1)).range()
    first = max(0, line - 1 - _CONTEXT_LINES)
    source = Source("".join(lines[first : line + _CONTEXT_LINES]), filename, first + 1)
    start = source.offset(line - 1 - first, 0)
    return source.range(start, start + len(source.line(line - 1 - first)))
