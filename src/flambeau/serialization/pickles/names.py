"""The names in a pickle of any origin that Python's unpickler would look up, and perhaps call. Nothing is unpickled."""

from __future__ import annotations

import pickletools
from itertools import islice

from .reader import is_archive_name

__all__ = ["foreign_names"]

_MAX_INSTRUCTIONS = 1_000_000
_TEXTS = frozenset({"SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE"})


def foreign_names(data: bytes | bytearray | memoryview) -> list[str]:
    """The names, such as `os.system`, that no TorchScript archive uses, in order; of a damaged pickle those before the
    damage.
    """
    found: dict[str, None] = {}
    texts: list[str] = []
    try:
        for opcode, argument, _ in islice(pickletools.genops(bytes(data)), _MAX_INSTRUCTIONS):
            if opcode.name in _TEXTS:
                texts = [*texts[-1:], str(argument)]
                continue
            names: list[str] = []
            if opcode.name in ("GLOBAL", "INST"):
                names = str(argument).split(" ", 1)
            elif opcode.name == "STACK_GLOBAL":
                names = texts
            if len(names) == 2 and not is_archive_name(*names):
                found[f"{names[0]}.{names[1]}"[:200]] = None
    except (ValueError, OverflowError):
        pass  # damaged: the reader of values says where
    return list(found)
