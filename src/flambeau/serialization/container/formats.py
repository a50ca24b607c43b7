"""Telling what a file is that is not the TorchScript archive somebody hoped for, so that the error can say so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

from flambeau.serialization.container.zip_records import LOCAL_SIGNATURE

__all__ = ["MAX_VERSION", "MIN_VERSION", "ArchiveKind", "kind_of_records", "refusal", "why_not_zip"]

MIN_VERSION, MAX_VERSION = 1, 10
"""The file format versions that can be read."""

ArchiveKind: TypeAlias = Literal["script", "checkpoint", "package", "export", "legacy", "unknown"]

_REFUSALS: dict[ArchiveKind, str] = {
    "checkpoint": "this is not a TorchScript archive but a checkpoint written by torch.save; read it with torch.load",
    "package": "this is not a TorchScript archive but a torch.package; read it with torch.package.PackageImporter",
    "export": "this is not a TorchScript archive but a program written by torch.export; read it with torch.export.load",
    "legacy": "this archive was written by PyTorch 1.0 or 1.1 (it has a record 'model.json'), whose format is not "
    "supported; load it with PyTorch and save it again",
    "unknown": "this zip file is not a TorchScript archive: it has no record 'constants.pkl'",
}

_TAR_MAGIC_OFFSET = 257


def kind_of_records(has: Callable[[str], bool]) -> ArchiveKind:
    """What kind of archive has such records."""
    if has("model.json"):
        return "legacy"
    if has("constants.pkl"):
        return "script"
    if has(".data/extern_modules"):
        return "package"
    if has("archive_format") or has("serialized_exported_program.json"):
        return "export"
    return "checkpoint" if has("data.pkl") else "unknown"


def refusal(kind: ArchiveKind) -> str | None:
    """Why an archive of this kind cannot be loaded as a script; None if it can."""
    return _REFUSALS.get(kind)


def why_not_zip(head: bytes) -> str | None:
    """What a file is whose first bytes (300 of them or more) are not those of a zip file; None if they are."""
    if not head:
        return "the file is empty"
    if head.startswith(LOCAL_SIGNATURE):
        return None
    if head[4:8] == b"PTMF":
        return "this is a mobile module in flatbuffer format (PTMF), which is not supported here"
    if head.startswith(b"\x80") or head[_TAR_MAGIC_OFFSET : _TAR_MAGIC_OFFSET + 5] == b"ustar":
        return "this is not a TorchScript archive but a file in the format of torch.save before PyTorch 1.6 (a pickle)"
    if head.startswith(b"PK\x05\x06"):
        return "this zip file has no records"
    if not any(head):
        return "not a zip archive: the file starts with zeros (an interrupted download?)"
    return f"not a zip archive: the file starts with {head[:8]!r}"
