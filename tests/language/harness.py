"""Programs in the TorchScript language, each run by plain Python, by torch.jit (the oracle) and by flambeau.

A section file declares its programs with the decorators of a `Suite`:

    suite = Suite("statements")

    @suite.accepts(1, 2)            # two calls with one argument each; a tuple holds several arguments
    def twice(n: int) -> int:
        return n * 2

    @suite.rejects("try blocks aren't supported")
    def catch(n: int) -> int: ...

Results must agree exactly: values, their types, dtypes and strides of tensors, what is printed, what became of the
arguments and of a module's state. Where TorchScript by its definition gives another result than plain Python the
program says so (`differs`), and then it must differ. A rejected program must be refused with the same key words, by the
matching class of error and at the same source line as torch.jit's.
"""

from __future__ import annotations

import contextlib
import copy
import io
import math
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch.jit.frontend import FrontendError

from flambeau.errors import ExecutionError

__all__ = ["Call", "Program", "Rejected", "Run", "Suite", "marked_line", "run", "same"]

_MARKER = re.compile(r"^\s*~+(?:\.\.\.)?\s*<--- HERE", re.MULTILINE)


@dataclass(frozen=True)
class Call:
    """One call of a method other than `forward`."""

    method: str
    arguments: tuple[object, ...] = ()


@dataclass
class Program:
    """A function, or a module class without constructor arguments, and what is to come of it."""

    name: str
    target: Callable[..., object]
    calls: tuple[Call, ...]
    rejection: str | None = None
    differs: str = ""
    """Why plain Python's results are not TorchScript's; empty where they are."""
    extension: bool = False
    """Rejected by torch.jit, accepted by flambeau: compared with plain Python only."""
    correction: str = ""
    """What torch.jit does wrong when it runs this; flambeau is compared with plain Python."""
    deadly: bool = False
    """torch.jit must not run this: it would kill the process."""
    marked: str | None = ""
    """Part of the line an error must mark; empty for the line torch.jit marks; None where no line is at fault."""
    ours: str = ""
    """Key words of our error, where torch.jit's own name no cause."""

    def __str__(self) -> str:
        return self.name

    @property
    def follows_python(self) -> bool:
        """Whether plain Python, not torch.jit, says what is right."""
        return self.extension or bool(self.correction)

    @property
    def is_module(self) -> bool:
        return isinstance(self.target, type)

    def fresh(self) -> Callable[..., object]:
        """The function itself, or a new module, equal to every other one made here."""
        if not self.is_module:
            return self.target
        torch.manual_seed(0)
        return self.target()  # type: ignore[no-any-return]

    @cached_property
    def python(self) -> Run:
        return run(self.fresh(), self.calls)

    @cached_property
    def oracle(self) -> Run | Rejected:
        if self.deadly:
            return Rejected(RuntimeError("not run: it would kill the process"))
        # torch.jit forgets declared overloads once it has compiled them.
        overloads = dict(torch._jit_internal._overloaded_fns)
        try:
            return self.under(torch.jit.script)
        finally:
            torch._jit_internal._overloaded_fns.update(overloads)

    def under(self, script: Callable[[object], object]) -> Run | Rejected:
        """Compile and run."""
        subject = self.fresh()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                scripted = script(subject)
        except Exception as error:
            return Rejected(error)
        return run(scripted, self.calls)


@dataclass(frozen=True)
class Outcome:
    """What one call did: a value or an error, and the arguments afterwards."""

    value: object
    error: Exception | None
    arguments: tuple[object, ...]


@dataclass(frozen=True)
class Run:
    """All calls of a program, what they printed, and the state of the module afterwards."""

    outcomes: tuple[Outcome, ...]
    printed: str
    state: dict[str, object]
    warned: tuple[str, ...]


@dataclass(frozen=True)
class Rejected:
    """The compiler's refusal."""

    error: Exception

    @property
    def is_syntax(self) -> bool:
        return isinstance(self.error, FrontendError)


def run(subject: object, calls: tuple[Call, ...]) -> Run:
    """Call `subject` and note everything that can be seen from outside."""
    outcomes = []
    printed = io.StringIO()
    with warnings.catch_warnings(record=True) as warned, contextlib.redirect_stdout(printed):
        warnings.simplefilter("always")
        for call in calls:
            arguments = copy.deepcopy(call.arguments)
            target = subject if call.method == "__call__" else getattr(subject, call.method)
            torch.manual_seed(0)
            try:
                value, error = target(*arguments), None  # type: ignore[operator]
            except Exception as raised:
                value, error = None, raised
            outcomes.append(Outcome(value, error, arguments))
    return Run(tuple(outcomes), printed.getvalue(), _state(subject), tuple(_user_warnings(warned)))


def _user_warnings(warned: list[warnings.WarningMessage]) -> Iterator[str]:
    for warning in warned:
        if issubclass(warning.category, UserWarning):
            yield str(warning.message)


def _state(subject: object) -> dict[str, object]:
    if not isinstance(subject, torch.nn.Module):
        return {}
    return {name: value.detach().clone() for name, value in subject.state_dict().items()}


@dataclass
class Suite:
    """The programs of one section file."""

    section: str
    programs: list[Program] = field(default_factory=list)

    def accepts(self, *calls: object, differs: str = "") -> Callable[[Callable[..., object]], Callable[..., object]]:
        """Compiles, and every call has the outcome it has in plain Python (unless `differs`) and torch.jit."""
        return self._declare(calls, differs=differs)

    def extends(self, *calls: object) -> Callable[[Callable[..., object]], Callable[..., object]]:
        """torch.jit rejects it; flambeau accepts it and does what plain Python does."""
        return self._declare(calls, extension=True)

    def corrects(
        self, *calls: object, because: str, deadly: bool = False
    ) -> Callable[[Callable[..., object]], Callable[..., object]]:
        """torch.jit compiles it and then goes wrong; flambeau does what plain Python does."""
        return self._declare(calls, correction=because, deadly=deadly)

    def rejects(
        self, message: str, *, marked: str | None = "", ours: str = ""
    ) -> Callable[[Callable[..., object]], Callable[..., object]]:
        """Does not compile, and the error says why."""
        return self._declare((), rejection=message, marked=marked, ours=ours)

    def _declare(
        self,
        calls: tuple[object, ...],
        rejection: str | None = None,
        differs: str = "",
        extension: bool = False,
        correction: str = "",
        deadly: bool = False,
        marked: str | None = "",
        ours: str = "",
    ) -> Callable[[Callable[..., object]], Callable[..., object]]:
        made = tuple(map(_as_call, calls)) or (Call("__call__"),)

        def declare(target: Callable[..., object]) -> Callable[..., object]:
            name = f"{self.section}/{target.__name__}"
            if any(program.name == name for program in self.programs):
                raise ValueError(f"two programs are called {name}")
            self.programs.append(
                Program(name, target, made, rejection, differs, extension, correction, deadly, marked, ours)
            )
            return target

        return declare


def _as_call(given: object) -> Call:
    if isinstance(given, Call):
        return given
    return Call("__call__", given if isinstance(given, tuple) else (given,))


def marked_line(text: str) -> str | None:
    """The source line that the first marker of an error message stands under."""
    found = _MARKER.search(text)
    if found is None:
        return None
    lines = text[: found.start()].splitlines()
    return lines[-1].strip() if lines else None


class Difference(AssertionError):
    """Two runs are not the same."""


def same(ours: object, theirs: object, place: str = "result", strides: bool = True) -> None:
    """Fail unless two values are indistinguishable: type, value, and for tensors dtype, sizes, strides and device."""
    if isinstance(theirs, tuple) and hasattr(theirs, "_fields"):
        _equal(type(ours).__name__, type(theirs).__name__, f"type of {place}")
        _equal(getattr(ours, "_fields", None), theirs._fields, f"fields of {place}")
        ours, theirs = tuple(ours), tuple(theirs)  # type: ignore[call-overload]
    elif isinstance(theirs, torch.Tensor):
        if not isinstance(ours, torch.Tensor):
            raise Difference(f"{place} is {ours!r}, not {theirs!r}")
    else:
        _equal(type(ours), type(theirs), f"type of {place}")
    if isinstance(theirs, torch.Tensor):
        _same_tensors(ours, theirs, place, strides)  # type: ignore[arg-type]
    elif isinstance(theirs, (list, tuple)):
        _equal(len(ours), len(theirs), f"length of {place}")  # type: ignore[arg-type]
        for index, (a, b) in enumerate(zip(ours, theirs)):  # type: ignore[call-overload]
            same(a, b, f"{place}[{index}]", strides)
    elif isinstance(theirs, dict):
        same(list(ours), list(theirs), f"keys of {place}", strides)  # type: ignore[call-overload]
        for key, a, b in zip(theirs, ours.values(), theirs.values()):  # type: ignore[attr-defined]
            same(a, b, f"{place}[{key!r}]", strides)
    elif isinstance(theirs, float):
        _same_floats(ours, theirs, place)  # type: ignore[arg-type]
    elif isinstance(theirs, complex):
        _same_floats(ours.real, theirs.real, place)  # type: ignore[attr-defined]
        _same_floats(ours.imag, theirs.imag, place)  # type: ignore[attr-defined]
    else:
        _equal(ours, theirs, place)


def _equal(ours: object, theirs: object, place: str) -> None:
    if ours != theirs:
        raise Difference(f"{place} is {ours!r}, not {theirs!r}")


def _same_floats(ours: float, theirs: float, place: str) -> None:
    if math.isnan(theirs):
        _equal(math.isnan(ours), True, f"whether {place} is nan")
        return
    _equal(ours, theirs, place)
    _equal(math.copysign(1.0, ours), math.copysign(1.0, theirs), f"sign of {place}")


def _same_tensors(ours: torch.Tensor, theirs: torch.Tensor, place: str, strides: bool) -> None:
    facts = ["dtype", "shape", "device", "layout", "requires_grad", "is_quantized"]
    for fact in facts:
        _equal(getattr(ours, fact), getattr(theirs, fact), f"{fact} of {place}")
    if theirs.layout is not torch.strided:
        ours, theirs = ours.to_dense(), theirs.to_dense()
    elif strides:
        _equal(ours.stride(), theirs.stride(), f"strides of {place}")
    a, b = ours.detach(), theirs.detach()
    if a.is_quantized:
        a, b = a.int_repr(), b.int_repr()
    if a.numel() and not a.is_meta and not bool(((a == b) | ((a != a) & (b != b))).all()):
        raise Difference(f"{place} is {ours!r}, not {theirs!r}")


def same_runs(ours: Run, theirs: Run, arguments: bool = True) -> None:
    """Fail unless two runs cannot be told apart. Plain Python shares containers with its caller, scripts do not."""
    for index, (a, b) in enumerate(zip(ours.outcomes, theirs.outcomes, strict=True)):
        place = f"call {index}"
        if b.error is None:
            if a.error is not None:
                raise Difference(f"{place} raised {a.error!r} instead of returning {b.value!r}") from a.error
            same(a.value, b.value, f"result of {place}")
        elif a.error is None:
            raise Difference(f"{place} returned {a.value!r} instead of raising {b.error!r}")
        elif isinstance(a.error, torch.jit.Error) and type(b.error).__name__ not in _last_line(a.error):
            raise Difference(f"{place} raised {_last_line(a.error)!r} instead of {b.error!r}")
        if arguments:
            same(list(a.arguments), list(b.arguments), f"arguments of {place} afterwards")
    _equal(ours.printed, theirs.printed, "what was printed")
    _equal(ours.warned, theirs.warned, "the warnings")
    same(ours.state, theirs.state, "state")


def check_errors(ours: Run, oracle: Run | None, python: Run | None) -> None:
    """An error of a running script is an ExecutionError; if the script raised it, also of the class it raised."""
    for index, outcome in enumerate(ours.outcomes):
        if outcome.error is None:
            continue
        if not isinstance(outcome.error, ExecutionError):
            raise Difference(f"call {index} raised {type(outcome.error)}, not an ExecutionError") from outcome.error
        theirs = oracle.outcomes[index].error if oracle is not None else None
        plain = python.outcomes[index].error if python is not None else None
        is_raised = isinstance(theirs, torch.jit.Error)
        if is_raised:
            _equal(_last_line(outcome.error), _last_line(theirs), f"message of call {index}")
        elif isinstance(theirs, RuntimeError) and not isinstance(outcome.error, RuntimeError):
            raise Difference(f"call {index} raised {type(outcome.error)}, not a RuntimeError")
        if (is_raised or oracle is None) and plain is not None and not isinstance(outcome.error, type(plain)):
            raise Difference(f"call {index} raised {type(outcome.error)}, not a {type(plain)}")


def _last_line(error: Exception | None) -> str:
    return str(error).strip().splitlines()[-1]
