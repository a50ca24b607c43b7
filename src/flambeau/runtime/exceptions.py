"""Exceptions that come out of scripts.

An exception that a script raises, or that an operator raises under it, reaches the caller as an object of a class that
is both `ExecutionError` and the Python class of the exception. A failed operator's is a `RuntimeError` besides: it is
all PyTorch's own TorchScript raises there. The text is TorchScript's: the script's source lines from outside in,
then the message; between the two is what the failed operator had been given. `args` are those of the original
exception, which is also its `__cause__`.

Frames are found by walking the Python traceback: generated code is registered with a map from its lines to nodes, and
the reference interpreter keeps the node in a local variable.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import CodeType, FrameType, TracebackType
from typing import TypeAlias, final

from flambeau.errors import ExecutionError
from flambeau.ir import Node, SourceRange
from flambeau.runtime.operands import Operand, argument_text, operand_values, undefined_argument

__all__ = [
    "ScriptException",
    "ScriptFrame",
    "combined_class",
    "located",
    "raised_in_script",
    "register_code",
    "register_interpreter",
]

_HEAD = "The following operation failed in the TorchScript interpreter.\n"
_ASSERTION = "AssertionError: "


@final
@dataclass(frozen=True, slots=True)
class ScriptFrame:
    """One line of a script traceback: a function, and the place it had got to."""

    function: str
    range: SourceRange | None

    def text(self, range: SourceRange) -> str:
        return range.highlight(self.function)


class ScriptException(ExecutionError):
    """Base of what scripts raise; the class of each object is also the Python class of the exception."""

    frames: tuple[ScriptFrame, ...] = ()
    shown_class: str = ""
    """The class as the last line of the text names it."""
    shown_message: str = ""
    restored_text: str = ""

    def __init__(self, *args: object) -> None:
        self.args = args

    def again(self) -> ScriptException:
        """A new object that says the same, to be raised where somebody waits for the task that raised this one.

        Waiting failed, so it is a `RuntimeError` too, which is all that PyTorch's own TorchScript raises there.
        """
        other = combined_class(type(self).__bases__[1], is_failure=True)(*self.args)
        other.frames, other.restored_text = self.frames, self.restored_text
        other.shown_class, other.shown_message = self.shown_class, self.shown_message
        other.operator_call = self.operator_call
        other.__cause__ = self
        return other

    @property
    def script_traceback(self) -> str:  # type: ignore[override]  # computed when asked for
        """The script's own source lines, from the outermost call to the innermost."""
        return "".join(_traceback_lines(self.frames))

    def __str__(self) -> str:
        if self.restored_text:
            return self.restored_text
        call = f"In the call {self.operator_call}\n" if self.operator_call else ""
        return f"{_HEAD}{self.script_traceback}{call}{self.shown_class}: {self.shown_message}\n"

    def __reduce__(self) -> tuple[Callable[..., ScriptException], tuple[object, ...]]:
        bases = type(self).__bases__
        is_failure = bases[-1] is RuntimeError
        return _rebuilt, (bases[1], is_failure, self.args, self.shown_class, self.shown_message, str(self))


def _rebuilt(
    base: type[Exception], is_failure: bool, args: tuple[object, ...], shown_class: str, shown_message: str, text: str
) -> ScriptException:
    """The other end of pickling, which keeps the text of the traceback, not the sources behind it."""
    error = combined_class(base, is_failure=is_failure)(*args)
    error.shown_class, error.shown_message, error.restored_text = shown_class, shown_message, text
    return error


def _traceback_lines(frames: Sequence[ScriptFrame]) -> Iterator[str]:
    known = [(frame, frame.range) for frame in frames if frame.range is not None]
    if not known:
        return
    originals = [(frame, original) for frame, range in known if (original := range.original()) is not None]
    kind = ", serialized code" if originals else ""
    yield f"Traceback of TorchScript{kind} (most recent call last):\n"
    yield from (frame.text(range) for frame, range in known)
    if originals:
        yield "\nTraceback of TorchScript, original code (most recent call last):\n"
        yield from (frame.text(range) for frame, range in originals)


_combined: dict[tuple[type[Exception], bool], type[ScriptException]] = {}


def combined_class(base: type[Exception], *, is_failure: bool) -> type[ScriptException]:
    """A class that is `ScriptException` and `base`, and for a failed operator `RuntimeError`; always the same one."""
    key = (base, is_failure)
    if key not in _combined:
        _combined[key] = _combine(base, is_failure)
    return _combined[key]


def _combine(base: type[Exception], is_failure: bool) -> type[ScriptException]:
    bases: tuple[type, ...] = (ScriptException, base)
    if is_failure and not issubclass(base, RuntimeError):
        bases = (*bases, RuntimeError)
    try:
        return type(base.__name__, bases, {"__module__": base.__module__, "__qualname__": base.__qualname__})
    except TypeError:  # a class that cannot be derived from, or not together with another
        return type("RuntimeError", (ScriptException, RuntimeError), {"__module__": "builtins"})


# --- raising in a script


def raised_in_script(message: str, qualified_class_name: str | None) -> ScriptException:
    """The exception for `raise C(message)`, where the compiler knew the class by that name; None: it did not."""
    if qualified_class_name is None:
        is_assertion = message.startswith(_ASSERTION)
        base: type[Exception] = AssertionError if is_assertion else RuntimeError
        error = combined_class(base, is_failure=False)(message.removeprefix(_ASSERTION) if is_assertion else message)
        error.shown_class = "RuntimeError"
    else:
        error = combined_class(_exception_class(qualified_class_name), is_failure=False)(message)
        error.shown_class = qualified_class_name
    error.shown_message = message
    return error


def _exception_class(qualified_name: str) -> type[Exception]:
    """The class of that name, if its module is imported already; nothing is imported on a script's behalf."""
    module_name, _, name = qualified_name.rpartition(".")
    module = builtins if module_name in ("", "builtins") else sys.modules.get(module_name)
    found = getattr(module, name, None)
    if isinstance(found, type) and issubclass(found, Exception) and not issubclass(found, ExecutionError):
        return found
    return RuntimeError


# --- at the border between Python and a script


def located(error: Exception) -> Exception:
    """What to raise for an exception that came up to the border of a script: with the frames that it came through."""
    frames = tuple(_frames_of(error.__traceback__))
    if isinstance(error, ScriptException):
        error.frames = (*frames, *error.frames)
        return error
    if isinstance(error, RecursionError):
        wrapped = combined_class(RuntimeError, is_failure=True)(_TOO_DEEP)
        wrapped.frames = frames[:_SHOWN_OF_DEEP]
        wrapped.shown_class, wrapped.shown_message = "RuntimeError", _TOO_DEEP
        return wrapped
    node, values = _failed_call(error.__traceback__)
    undefined = undefined_argument(node, values) if node and isinstance(error, (AttributeError, TypeError)) else ""
    wrapped = _failure(RuntimeError, undefined) if undefined else _failure(type(error), str(error), *error.args)
    if isinstance(error, KeyError) and error.args:
        wrapped.shown_message = str(error.args[0])
    wrapped.frames = frames
    wrapped.operator_call = argument_text(node, values) if node else ""
    wrapped.__cause__ = error
    return wrapped


def _failure(base: type[Exception], message: str, *args: object) -> ScriptException:
    """A failed operator's exception of a class, which keeps the arguments of the original one."""
    failure = combined_class(base, is_failure=True)(*(args or (message,)))
    failure.shown_class, failure.shown_message = base.__name__, message
    return failure


_TOO_DEEP = "the script's calls or blocks are nested too deeply"
_SHOWN_OF_DEEP = 20

LineMap: TypeAlias = "Sequence[Node | None]"
Operands: TypeAlias = "Mapping[Node, Sequence[Operand]]"
_LINES = "lines of the script"  # no identifier: generated code has no such name
_interpreters: set[CodeType] = set()


def register_code(namespace: dict[str, object], function: str, nodes: LineMap, operands: Operands) -> None:
    """State which node each line (from 1) of generated code carries out, for as long as its namespace lives.

    `operands` say where the inputs of a node are. Nodes lead to graphs, and graphs to the code: a table apart from the
    code would keep all three for ever.
    """
    namespace[_LINES] = (function, nodes, operands)


def register_interpreter(code: CodeType) -> None:
    """State that the frames of a function have local variables `function` (a name), `node` and its `inputs`."""
    _interpreters.add(code)


def _frames_of(traceback: TracebackType | None) -> Iterator[ScriptFrame]:
    while traceback is not None:
        found = _position(traceback.tb_frame, traceback.tb_lineno)
        if found is not None:
            yield from _expanded(*found)
        traceback = traceback.tb_next


def _position(frame: FrameType, line: int) -> tuple[str, Node] | None:
    """The function and the node that a frame is at, if it is one of a script."""
    code = frame.f_code
    if code in _interpreters:
        function, node = frame.f_locals.get("function"), frame.f_locals.get("node")
        # A node with blocks is where the frame of a node inside them comes next.
        return (str(function), node) if isinstance(node, Node) and not node.blocks else None
    known = frame.f_globals.get(_LINES)
    if known is None:
        return None
    function, nodes, _ = known
    node = nodes[line - 1] if 0 < line <= len(nodes) else None
    return None if node is None else (function, node)


def _failed_call(traceback: TracebackType | None) -> tuple[Node | None, list[object]]:
    """The innermost node of a script that was under way, and what it was given, as far as that is still there."""
    found: tuple[FrameType, Node] | None = None
    while traceback is not None:
        position = _position(traceback.tb_frame, traceback.tb_lineno)
        if position is not None:
            found = traceback.tb_frame, position[1]
        traceback = traceback.tb_next
    if found is None:
        return None, []
    frame, node = found
    if frame.f_code in _interpreters:
        return node, list(frame.f_locals.get("inputs", ()))
    return node, operand_values(node, frame.f_globals[_LINES][2].get(node, ()), frame.f_locals)


def _expanded(function: str, node: Node) -> Iterator[ScriptFrame]:
    """The frame of a node, after those of the calls that were inlined to bring it there."""
    for call in node.call.frames() if node.call is not None else ():
        yield ScriptFrame(function, call.range)
        function = call.function.rpartition(".")[2]
    yield ScriptFrame(function, node.range)
