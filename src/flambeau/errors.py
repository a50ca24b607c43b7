"""Every exception a user of flambeau can see.

The classes say whose fault it is: `ScriptError` the script's author, `ArchiveError` the file, `OperatorError` a call
that no operator accepts, `ObjectError` a use of a scripted object that it does not allow, `ExecutionError` the running
script, `UnsupportedError` flambeau itself (a case it does not handle yet), `InvalidGraphError` flambeau itself (a pass
broke an invariant). All but the last also derive from the built-in class that PyTorch raises in the same place, so that
handlers written for it keep working.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    class Highlightable(Protocol):
        """A place in source text that can show itself (`flambeau.ir.SourceRange`)."""

        def highlight(self) -> str: ...


__all__ = [
    "ArchiveArgumentError",
    "ArchiveError",
    "ExecutionError",
    "FlambeauError",
    "InvalidGraphError",
    "ObjectError",
    "OperatorError",
    "ParseError",
    "ScriptError",
    "TracingCheckError",
    "TracingError",
    "UnsupportedError",
    "UnsupportedSyntaxError",
]


class FlambeauError(Exception):
    """Base of every exception that flambeau raises."""


class ScriptError(FlambeauError, RuntimeError):
    """A script does not compile.

    `message` is the problem alone, `range` the place (or None), `calls` the chain of compilations that led there, from
    the innermost outwards, each a sentence and the place of the call. `str()` shows them all.
    """

    def __init__(
        self,
        message: str,
        range: Highlightable | None = None,
        calls: Sequence[tuple[str, Highlightable | None]] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.range = range
        self.calls: list[tuple[str, Highlightable | None]] = list(calls)

    def called_from(self, sentence: str, range: Highlightable | None) -> None:
        """Add the next outer compilation to the chain."""
        self.calls.append((sentence, range))

    def __str__(self) -> str:
        parts = [self.message]
        if self.range is not None:
            parts = [f"{self.message}:\n{self.range.highlight()}"]
        for sentence, range_ in self.calls:
            parts.append(sentence if range_ is None else f"{sentence}\n{range_.highlight()}")
        return "\n".join(part.rstrip("\n") for part in parts)


class ParseError(ScriptError):
    """Text of a graph, a type or an operator schema is malformed."""


class ArchiveError(FlambeauError, RuntimeError):
    """A file cannot be read as, or written to, a TorchScript archive; `record` names the entry at fault where known."""

    def __init__(self, message: str, record: str | None = None) -> None:
        super().__init__(message if record is None else f"{message} (record '{record}')")
        self.message = message
        self.record = record


class ArchiveArgumentError(ArchiveError, ValueError):
    """Loading or saving was asked for with something that cannot be: no such file, a directory, no such device."""


class OperatorError(FlambeauError, RuntimeError):
    """No such operator, or none of its overloads accepts the arguments."""


class ObjectError(FlambeauError, RuntimeError):
    """A scripted module or object does not allow what was asked: a value of another type for an attribute, a member
    added or deleted, a method that it does not have.
    """


class TracingError(FlambeauError, RuntimeError):
    """A program cannot be traced."""


class TracingCheckError(TracingError):
    """A trace and the traced program disagree, or two traces of it do."""


class ExecutionError(FlambeauError):
    """A script raised while running.

    Where the script raised an exception of class `E`, the object is an instance of both `ExecutionError` and `E`.
    `script_traceback` shows the script's own source lines, the innermost last.
    """

    script_traceback: str = ""


class UnsupportedError(FlambeauError, NotImplementedError):
    """A valid request that flambeau does not implement."""


class UnsupportedSyntaxError(ScriptError, UnsupportedError):
    """Valid Python that is not part of the TorchScript language."""


class InvalidGraphError(FlambeauError):
    """A graph violates an invariant; always a bug in whatever produced the graph."""
