"""Archives of older format versions, made by rewriting new ones."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

UNWANTED = (".debug_pkl", "/.data/serialization_id", "/byteorder")


class Identity(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x


def records_of(data: bytes) -> dict[str, bytes]:
    """The records of an archive by name, without its folder."""
    archive = zipfile.ZipFile(io.BytesIO(data))
    return {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}


def archive_of(records: Mapping[str, bytes]) -> bytes:
    """A plain zip archive of records."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, content in records.items():
            archive.writestr(f"archive/{name}", content)
    return file.getvalue()


def saved(module: nn.Module) -> bytes:
    file = io.BytesIO()
    torch.jit.save(module, file)
    return file.getvalue()


def rewritten(
    data: bytes,
    version: int,
    edit_code: Callable[[str], str] = str,
    edit: Callable[[str, bytes], bytes | None] = lambda _, content: content,
) -> bytes:
    """The archive as if of another version; code is edited, and debug records, which would not fit, are dropped."""
    records: dict[str, bytes] = {}
    for name, content in records_of(data).items():
        if f"/{name}".endswith(UNWANTED) or name in ("version", ".data/version"):
            continue
        if name.endswith(".py"):
            content = edit_code(content.decode()).encode()
        kept = edit(name, content)
        if kept is not None:
            records[name] = kept
    records["version" if version < 6 else ".data/version"] = f"{version}\n".encode()
    return archive_of(records)


def with_forward(code: str, parameters: str, body: str, returns: str = "Any") -> str:
    """A module's code with another `forward`, its last method."""
    head = code[: code.index("  def forward")]
    name = code[code.index("class ") + 6 : code.index("(Module)")]
    lines = body.replace("\n", "\n    ")
    owner = f"__torch__.tests.serialization.old_archives.{name}"
    return f"{head}  def forward(self: {owner},\n    {parameters}) -> {returns}:\n    {lines}\n"


def module_of(version: int, parameters: str, body: str) -> bytes:
    """An archive of a version with a module whose `forward` has this body."""
    return rewritten(saved(torch.jit.script(Identity())), version, lambda code: with_forward(code, parameters, body))
