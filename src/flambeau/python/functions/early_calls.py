"""Calls that are made while a script is compiled: of Python functions that do not compile, with known arguments.

    if is_available("apex"): ...            functions that ask what is installed, which version, which platform
    np.log(2 * np.pi)                       arithmetic of numbers that are known

The result is a constant of the script. Functions that draw random numbers, or read a clock or a file, are not called.
"""

from __future__ import annotations

import functools
import inspect
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import BuiltinFunctionType, CodeType, FunctionType, MappingProxyType, ModuleType
from typing import TYPE_CHECKING

import torch

from flambeau import ir
from flambeau.frontend import Arg, KeywordsValue, SugaredTuple, SugaredValue, known_value, notes
from flambeau.python.namespaces import ABSENT, FAILURES, closure_of
from flambeau.python.unit import services, unit

if TYPE_CHECKING:
    from flambeau.frontend import Emitter
    from flambeau.ir import SourceRange

_CHANGING = frozenset(
    """
    time time_ns perf_counter monotonic process_time sleep now utcnow today datetime
    random randint randrange choice choices sample shuffle uniform gauss normalvariate rand randn randperm urandom
    uuid1 uuid4 secrets token_hex seed manual_seed
    open input print write unlink remove rmdir mkdir makedirs system popen Popen check_output urlopen getpid
    next setattr delattr
    """.split()  # noqa: SIM905  # a list of words
)
"""Names of functions whose results differ from call to call, or that do something besides."""
_READING = frozenset("get keys values items count index startswith endswith split lower upper strip".split())  # noqa: SIM905
"""Methods that only look at their object."""
_UNCHANGED = (dict, MappingProxyType, tuple, str, frozenset)
_NUMERIC_MODULES = ("math", "cmath", "_operator")
_MOST_FUNCTIONS = 400

objects: dict[type[SugaredValue], Callable[[SugaredValue], object]] = {}
"""Of sugared values that stand for Python objects, how to get these."""


def early_result(
    emitter: Emitter, range: SourceRange, function: object, args: Sequence[Arg], kwargs: Sequence[Arg]
) -> SugaredValue | None:
    """What a call of a Python function gives now; None if it cannot be made before the script runs."""
    if not emitter.infers or not callable(function) or not _may_be_called(function):
        return None
    takes_ints = not inspect.isfunction(function)
    if not takes_ints and not unit.infers_at_once:
        return None
    given = [_known_object(emitter, arg.sugared, arg.range, takes_ints) for arg in args]
    named = {arg.name: _known_object(emitter, arg.sugared, arg.range, takes_ints) for arg in kwargs}
    if any(value is ABSENT for value in (*given, *named.values())):
        return None
    result = _called(function, given, named)
    if result is ABSENT:
        return None
    notes.went_beyond = True
    return services.sugared(result, range)


def _called(function: Callable[..., object], args: Sequence[object], kwargs: Mapping[str, object]) -> object:
    """The result; `ABSENT` if the call raises, or draws random numbers."""
    before = random.getstate(), torch.random.get_rng_state()
    try:
        result = function(*args, **kwargs)
    except FAILURES:
        return ABSENT
    if random.getstate() != before[0] or not torch.equal(torch.random.get_rng_state(), before[1]):
        random.setstate(before[0])
        torch.random.set_rng_state(before[1])
        return ABSENT
    if isinstance(result, torch.Tensor):
        return ABSENT
    # Numbers of NumPy's are to tensors what Python's are.
    is_number = type(result).__module__ == "numpy" and getattr(result, "ndim", None) == 0
    return getattr(result, "item", lambda: result)() if is_number else result


def _known_object(emitter: Emitter, given: SugaredValue, range: SourceRange, takes_ints: bool) -> object:
    """The Python object that an argument is; `ABSENT` if that is not known.

    To a script dtypes are ints, so that it is not known of an int what a Python function would have got.
    """
    if isinstance(given, SugaredTuple):
        parts = [_known_object(emitter, part, range, takes_ints) for part in given.elements]
        return ABSENT if any(part is ABSENT for part in parts) else tuple(parts)
    if isinstance(given, KeywordsValue):
        entries = {key: _known_object(emitter, part, range, takes_ints) for key, part in given.entries.items()}
        return ABSENT if any(part is ABSENT for part in entries.values()) else entries
    if type(given) in objects:
        return objects[type(given)](given)
    if not given.is_first_class:
        return ABSENT
    known = known_value(emitter, given.as_value(emitter, range))
    return known if _is_certain(known, takes_ints) else ABSENT


def _is_certain(known: object, takes_ints: bool) -> bool:
    if isinstance(known, tuple):
        return all(_is_certain(part, takes_ints) for part in known)
    if isinstance(known, int) and not isinstance(known, bool):
        return takes_ints
    return known is not ir.NOT_CONSTANT and not isinstance(known, ir.EnumValue)


def _may_be_called(function: Callable[..., object]) -> bool:
    """Whether a call does nothing but give a result, the same one each time, as far as can be seen."""
    if isinstance(function, functools._lru_cache_wrapper):
        function = function.__wrapped__
    if function in (set, frozenset):
        return True
    if isinstance(function, FunctionType):
        return _CHANGING.isdisjoint(_names_in(function))
    if type(function).__name__ == "ufunc" and type(function).__module__ == "numpy":
        return True
    if isinstance(function, BuiltinFunctionType):
        owner = function.__self__
        if isinstance(owner, ModuleType):
            return owner.__name__ in _NUMERIC_MODULES
        return isinstance(owner, _UNCHANGED) and function.__name__ in _READING
    return False


def _names_in(function: FunctionType) -> Iterator[str]:
    """The names that a function uses, and those that the functions use which it names."""
    pending: list[FunctionType] = [function]
    seen = {function.__code__}
    while pending and len(seen) < _MOST_FUNCTIONS:
        current = pending.pop()
        yield from (names := list(_names_of(current.__code__)))
        captured = closure_of(current)
        for name in names:
            found = captured.get(name, current.__globals__.get(name))
            if isinstance(found, (FunctionType, functools._lru_cache_wrapper)):
                found = inspect.unwrap(found)
            if isinstance(found, FunctionType) and found.__code__ not in seen:
                seen.add(found.__code__)
                pending.append(found)


def _names_of(code: CodeType) -> Iterator[str]:
    yield from (*code.co_names, *code.co_freevars)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_of(constant)
