"""Every switch of flambeau in one table: name, default, meaning.

A setting's value comes from, in this order: an enclosing `override(...)` of the same context (thread or task), a value
given to `Setting.set`, the environment variable `FLAMBEAU_<NAME>` as it was when the value was first asked for, its
default.

    with settings.override(verify=True):
        optimize(graph)
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Generic, TypeVar

T = TypeVar("T", bool, int, str)

_SETTINGS: dict[str, Setting[bool] | Setting[int] | Setting[str]] = {}
_TRUE, _FALSE = frozenset({"1", "true", "on", "yes"}), frozenset({"", "0", "false", "off", "no"})


class Setting(Generic[T]):
    """One switch. `value` is what counts now."""

    def __init__(self, name: str, default: T, meaning: str, alias: str = "") -> None:
        self.name = name
        self.alias = alias
        """Another environment variable, which counts where the setting's own is not set."""
        self.default: T = default
        self.meaning = meaning
        self._process: T | None = None
        self._environment: T | None = None
        self._override: ContextVar[T | None] = ContextVar(f"flambeau.{name}", default=None)
        self._was_overridden = False
        """Whether any context ever overrode it: until then there is no need to ask."""

    @property
    def environment_variable(self) -> str:
        return f"FLAMBEAU_{self.name.upper()}"

    @property
    def value(self) -> T:
        if self._was_overridden:
            overridden = self._override.get()
            if overridden is not None:
                return overridden
        if self._process is not None:
            return self._process
        if self._environment is None:
            text = os.environ.get(self.environment_variable, os.environ.get(self.alias) if self.alias else None)
            self._environment = self.default if text is None else self._parse(text)
        return self._environment

    def set(self, value: T | None) -> None:
        """Set the value for the whole process; None goes back to the environment or the default."""
        self._process = value

    def _parse(self, text: str) -> T:
        if isinstance(self.default, bool):
            if text.lower() not in _TRUE | _FALSE:
                raise ValueError(f"{self.environment_variable} must be 0 or 1, not {text!r}")
            return text.lower() in _TRUE
        try:
            return type(self.default)(text)
        except ValueError:
            raise ValueError(
                f"{self.environment_variable} must be of type {type(self.default).__name__}, not {text!r}"
            ) from None


def setting(name: str, default: T, meaning: str, alias: str = "") -> Setting[T]:
    """Add a switch to the table."""
    if name in _SETTINGS:
        raise ValueError(f"setting {name!r} is defined twice")
    created = Setting(name, default, meaning, alias)
    _SETTINGS[name] = created
    return created


def all_settings() -> tuple[Setting[bool] | Setting[int] | Setting[str], ...]:
    """The table, in the order of definition."""
    return tuple(_SETTINGS.values())


@contextmanager
def override(**values: bool | int | str) -> Iterator[None]:
    """Give settings other values within a `with` block of this thread (or task)."""
    tokens = []
    for name, value in values.items():
        if name not in _SETTINGS:
            raise ValueError(f"no setting {name!r}; there are: {', '.join(sorted(_SETTINGS))}")
        variable: ContextVar[object] = _SETTINGS[name]._override  # type: ignore[assignment]  # one table, three value types
        _SETTINGS[name]._was_overridden = True
        tokens.append((variable, variable.set(value)))
    try:
        yield
    finally:
        for variable, token in reversed(tokens):
            variable.reset(token)


VERIFY = setting("verify", False, "check the graph after each pass")
DUMP = setting("dump", "", "names of passes, separated by commas, whose result is logged; `all` for every pass")
TIER = setting(
    "tier", "python", "how functions run: `interpreter` (the reference) or `python` (compiled to Python source)"
)
BACKGROUND = setting(
    "background", True, "run large programs unoptimised at first, and optimise them in a thread; 0: optimise first"
)
AT_ONCE = setting(
    "at_once", 200, "programs of so many nodes, calls replaced by what they call, are small: always optimised first"
)
PROFILED_RUNS = setting(
    "profiled_runs", 1, "how often a large program runs before it is optimised, and any before it is specialised"
)
SPECIALIZATIONS = setting("specializations", 12, "how many forms specialised for kinds of tensors a plan may have")
JIT = setting("jit", True, "0: `script` and `trace` return what they are given", alias="PYTORCH_JIT")
