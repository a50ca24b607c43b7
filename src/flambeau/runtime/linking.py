"""Compiled code that other generated code calls directly: who calls it, and how it is replaced under them."""

from __future__ import annotations

import weakref

from flambeau.runtime.locks import locks
from flambeau.runtime.python_tier.plan import Compiled, bind, unlink

__all__ = ["Entry"]


class Entry:
    """What calls of one function run: `run`, which can change at any time."""

    __slots__ = ("__weakref__", "_callers", "_is_open", "run")

    def __init__(self, run: Compiled) -> None:
        self.run = run
        self._callers: weakref.WeakKeyDictionary[Compiled, str] = weakref.WeakKeyDictionary()
        """The generated code that calls `run`, under what name."""
        self._is_open = True

    def link(self, caller: Compiled, name: str) -> Compiled | None:
        """Let generated code call this by a name of its own, until it is told to ask again; None if it was closed."""
        with locks.linking:
            if not self._is_open:
                return None
            self._callers[caller] = name
            bind(caller, name, self.run)
            return self.run

    def replace(self, run: Compiled) -> None:
        """Run something else from now on."""
        with locks.linking:
            self.run = run
            self._unlink()

    def close(self) -> None:
        """Have nobody call it any more."""
        with locks.linking:
            self._is_open = False
            self._unlink()

    def _unlink(self) -> None:
        for caller, name in list(self._callers.items()):
            unlink(caller, name)
        self._callers.clear()
