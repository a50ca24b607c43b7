"""What real calls show about parameters that nothing else says the type of.

`watched(obj, examples)` runs a function or module in Python and notes, for each Python function that is called on the
way, the types of its arguments. Compilation asks `seen_by` for them where a parameter has no annotation.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from types import CodeType, FrameType
from typing import final

import torch
from torch import nn

from flambeau import ir
from flambeau.errors import ScriptError
from flambeau.python.types.type_inference import NotInferred, infer_type

_FOREIGN = ("torch.nn.functional", "torch.nn.modules.", "torch._", "torch.utils", "torch.overrides", "torch.autograd")


@final
@dataclass(slots=True)
class Observation:
    """The types that the arguments of one function had in all calls that were watched."""

    types: dict[str, ir.Type] = field(default_factory=dict)
    rest: tuple[ir.Type, ...] | None = None
    """Those of `*args`; None if no call was seen, or calls differ in number."""
    keywords: dict[str, ir.Type] | None = None
    """Those of `**kwargs`."""

    def add(self, code: CodeType, values: Mapping[str, object]) -> None:
        """Take in one call."""
        position = code.co_argcount + code.co_kwonlyargcount
        names = code.co_varnames
        for name in names[:position]:
            self._join(self.types, name, values.get(name))
        if code.co_flags & inspect.CO_VARARGS:
            taken = values.get(names[position])
            types = [infer_type(value) for value in taken] if isinstance(taken, tuple) else []
            known = tuple(t for t in types if not isinstance(t, NotInferred))
            if len(known) == len(types) and (self.rest is None or len(self.rest) == len(known)):
                self.rest = known
            position += 1
        if code.co_flags & inspect.CO_VARKEYWORDS:
            given = values.get(names[position])
            self.keywords = {} if self.keywords is None else self.keywords
            for name, value in given.items() if isinstance(given, dict) else ():
                self._join(self.keywords, name, value)

    def _join(self, types: dict[str, ir.Type], name: str, value: object) -> None:
        inferred = infer_type(tuple(value) if isinstance(value, torch.Size) else value)
        if isinstance(inferred, NotInferred):
            return
        former = types.get(name)
        joined = inferred if former is None else ir.unify(former, inferred)
        types[name] = former if joined is None and former is not None else joined or inferred


_seen: dict[CodeType, Observation] = {}
"""What is known while an object is scripted with examples."""
compiled_with_examples: dict[Callable[..., object], ir.Function] = {}
"""The functions compiled meanwhile by what was seen."""
_sessions = count(1)
_session = 0


def session() -> int:
    """A number for the examples that are looked at; 0 if there are none."""
    return _session if _seen else 0


def seen_by(function: Callable[..., object]) -> Observation | None:
    """What calls of a function showed; None if none was watched."""
    plain = inspect.unwrap(getattr(function, "__func__", function))
    code = getattr(plain, "__code__", None)
    return _seen.get(code) if isinstance(code, CodeType) else None


@contextmanager
def watched(obj: object, examples: object) -> Iterator[None]:
    """Run the examples in Python, and let compilations in the `with` block see what they showed."""
    global _session
    _seen.clear()
    compiled_with_examples.clear()
    _session = next(_sessions)
    try:
        _watch(_calls(obj, examples))
        yield
    finally:
        _seen.clear()
        compiled_with_examples.clear()


def _calls(obj: object, examples: object) -> list[tuple[Callable[..., object], tuple[object, ...]]]:
    """The calls that examples describe: a list of argument tuples, or such a list for each function or module."""
    if isinstance(examples, Mapping):
        pairs = [(target, given) for target, each in examples.items() for given in _tuples(each)]
    else:
        pairs = [(obj, given) for given in _tuples(examples)]
    calls: list[tuple[Callable[..., object], tuple[object, ...]]] = []
    for target, given in pairs:
        if not callable(target):
            raise ScriptError(f"example_inputs: {target!r} cannot be called")
        calls.append((target, given))
    return calls


def _tuples(examples: object) -> list[tuple[object, ...]]:
    if not isinstance(examples, Sequence) or isinstance(examples, str):
        raise ScriptError(
            "example_inputs must be a list of tuples of arguments, or a dict of such lists by module or function; got "
            f"{type(examples).__name__}"
        )
    return [tuple(given) if isinstance(given, (tuple, list)) else (given,) for given in examples]


def _watch(calls: list[tuple[Callable[..., object], tuple[object, ...]]]) -> None:
    def note(frame: FrameType, event: str, argument: object) -> None:
        if event == "call" and not str(frame.f_globals.get("__name__", "")).startswith(_FOREIGN):
            _seen.setdefault(frame.f_code, Observation()).add(frame.f_code, frame.f_locals)

    former = sys.getprofile()
    for target, given in calls:
        with torch.random.fork_rng(devices=[]), _state_kept(target):
            sys.setprofile(note)
            try:
                target(*given)
            finally:
                sys.setprofile(former)


@contextmanager
def _state_kept(target: object) -> Iterator[None]:
    """Leave the parameters and buffers of a module as they were: running statistics are not what examples are for."""
    if not isinstance(target, nn.Module):
        yield
        return
    kept = {
        name: value.detach().clone()
        for name, value in target.state_dict(keep_vars=True).items()
        if isinstance(value, torch.Tensor)
    }
    try:
        yield
    finally:
        with torch.no_grad():
            for name, value in target.state_dict(keep_vars=True).items():
                if name in kept and isinstance(value, torch.Tensor) and value.shape == kept[name].shape:
                    value.copy_(kept[name])
