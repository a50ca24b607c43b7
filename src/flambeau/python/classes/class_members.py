"""The members of Python classes, seen without calling anything."""

from __future__ import annotations

from typing import TypeVar

Kind = TypeVar("Kind")


def members_of_kind(cls: type, kind: type[Kind]) -> dict[str, Kind]:
    """What a class and its bases hold of a kind (functions, properties), by name in alphabetical order."""
    members: dict[str, object] = {}
    for base in reversed(cls.__mro__):
        members.update(vars(base))
    found = {name: member for name, member in members.items() if isinstance(member, kind)}
    return dict(sorted(found.items()))
