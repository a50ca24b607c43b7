"""Every exception a user of flambeau can see.

The classes say whose fault it is: `ScriptError` the script's author, `ArchiveError` the file, `OperatorError` a call
that no operator accepts, `ObjectError` a use of a scripted object that it does not allow, `ExecutionError` the running
script, `UnsupportedError` flambeau itself (a case it does not handle yet), `InvalidGraphError` flambeau itself (a pass
broke an invariant). All but the last also derive from the built-in class that PyTorch raises in the same place, so that
handlers written for it keep working.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Protocol

    class Highlightable(Protocol):
        """A place in source text that can show itself (`flambeau.ir.SourceRange`)."""

        def highlight(self) -> str: ...


__all__ = [
    "ArchiveArgumentError",
    "ArchiveError",
    "CollectedErrors",
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


_MOST_OTHERS = 9
"""How many errors are shown besides the first."""


class FlambeauError(Exception):
    """Base of every exception that flambeau raises."""


class ScriptError(FlambeauError, RuntimeError):
    """A script does not compile.

    `message` is the problem alone, `range` the place (or None), `calls` the chain of compilations that led there, from
    the innermost outwards, each a sentence and the place of the call. `others` are errors that were found besides, and
    have nothing to do with this one. `str()` shows them all.
    """

    def __init__(
        self,
        message: str,
        range: Highlightable | None = None,
        calls: Sequence[tuple[str, Highlightable | None]] = (),
        *,
        remedy: str | Callable[[], str] = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.range = range
        self.calls: list[tuple[str, Highlightable | None]] = list(calls)
        self.others: list[ScriptError] = []
        self._remedies: list[str | Callable[[], str]] = [remedy]

    @property
    def remedy(self) -> str:
        """What can be done about it, where that is known and the message does not say it."""
        for known in self._remedies:
            text = known if isinstance(known, str) else known()
            if text:
                self._remedies = [text]
                return text
        return ""

    def otherwise(self, remedy: str | Callable[[], str]) -> None:
        """Note what can be done where nothing that was noted before is of help; a function is asked when needed."""
        self._remedies = [*self._remedies, remedy]

    def called_from(self, sentence: str, range: Highlightable | None) -> None:
        """Add the next outer compilation to the chain."""
        for error in (self, *self.others):
            error.calls.append((sentence, range))

    def along_with(self, errors: Sequence[ScriptError]) -> ScriptError:
        """This error, with others that are to be reported together with it: each place once, and not too many."""
        seen = {error._key() for error in (self, *self.others)}
        for error in (found for given in errors for found in (given, *given.others)):
            if error._key() not in seen and len(self.others) < _MOST_OTHERS:
                seen.add(error._key())
                alone = copy(error)
                alone.others, alone.calls = [], list(error.calls)
                self.others.append(alone)
        return self

    def _key(self) -> str:
        return self.range.highlight() if self.range is not None else self.message

    def __str__(self) -> str:
        if not self.others:
            return self._text()
        count = "Another error" if len(self.others) == 1 else f"{len(self.others)} other errors"
        return f"\n\n{count}, independent of the first:\n\n".join(
            [self._text(), "\n\n".join(error._text() for error in self.others)]
        )

    def _text(self) -> str:
        parts = [self.message]
        if self.range is not None:
            parts = [f"{self.message}:\n{self.range.highlight()}"]
        for sentence, range_ in self.calls:
            parts.append(sentence if range_ is None else f"{sentence}\n{range_.highlight()}")
        if self.remedy:
            parts.append(f"Hint: {self.remedy}" if self.remedy.endswith("?") else f"Hint: {self.remedy}.")
        return "\n".join(part.rstrip("\n") for part in parts)


class CollectedErrors:
    """The errors of several compilations, to be raised together:

    collected = CollectedErrors()
    for function in functions:
        with collected:
            function.ensure_defined()
    collected.raise_if_any()
    """

    def __init__(self) -> None:
        self._first: ScriptError | None = None

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: object) -> bool:
        if not isinstance(error, ScriptError):
            return False
        if self._first is None:
            self._first = error
        else:
            self._first.along_with([error])
        return True

    def raise_if_any(self) -> None:
        """Raise the first error, which shows the others."""
        if self._first is not None:
            raise self._first


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
    `script_traceback` shows the script's own source lines, the innermost last. `operator_call` is the operator that
    failed with what it was given, `aten::mm(self: float32[2, 3], mat2: float32[2, 3])`; empty where the script raised.
    """

    script_traceback: str = ""
    operator_call: str = ""


class UnsupportedError(FlambeauError, NotImplementedError):
    """A valid request that flambeau does not implement."""


class UnsupportedSyntaxError(ScriptError, UnsupportedError):
    """Valid Python that is not part of the TorchScript language."""


class InvalidGraphError(FlambeauError):
    """A graph violates an invariant; always a bug in whatever produced the graph."""
