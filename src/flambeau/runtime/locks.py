"""The locks of what functions run as. A child process begins with new ones: whoever held them is not there."""

from __future__ import annotations

import os
import threading
from typing import final

__all__ = ["locks"]


@final
class _Locks:
    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        self.compiling = threading.RLock()
        """Held while a thread compiles what it is about to run; not while something is optimised in the background."""
        self.linking = threading.RLock()
        """Held for moments: what a name in generated code stands for and who is known to call what change together."""


locks = _Locks()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=locks.renew)
