"""Archives in the forms that older versions and other tools gave them: read as `torch.jit.load` reads them."""

from __future__ import annotations

import contextlib
import io
import re
import zipfile
from collections.abc import Callable, Iterator
from functools import cache

import pytest
import torch
from torch import Tensor, nn

import flambeau
from flambeau.errors import FlambeauError
from tests.serialization.old_archives import UNWANTED, archive_of, module_of, records_of, rewritten, saved
from tests.serialization.old_spellings import ON_A_MATRIX, ON_AN_IMAGE, ON_AN_IMAGE_AND_A_KERNEL
from tests.serialization.zoo import equal

pytestmark = pytest.mark.filterwarnings("ignore")

MATRIX = torch.linspace(-1, 1, 6).reshape(2, 3)
IMAGE = torch.linspace(-1, 1, 72).reshape(1, 2, 6, 6)
KERNEL = torch.linspace(-1, 1, 54).reshape(3, 2, 3, 3)
LINEAR = "__torch__.torch.nn.modules.linear.Linear"


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 3)
        self.rest = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.ReLU())
        self.register_buffer("shift", torch.ones(3))

    def scaled(self, x: Tensor, by: int = 2) -> Tensor:
        return x * by

    def forward(self, x: Tensor) -> Tensor:
        return self.rest(self.first(x)) + self.shift + self.scaled(x)


@cache
def net() -> bytes:
    torch.manual_seed(0)
    return saved(torch.jit.script(Net().eval()))


def run(load: Callable[[io.BytesIO], nn.Module], data: bytes, *arguments: Tensor) -> object:
    module = load(io.BytesIO(data))
    torch.manual_seed(0)
    with torch.no_grad(), contextlib.redirect_stdout(io.StringIO()):
        return module(*(argument.clone() for argument in arguments))


def check(data: bytes, *arguments: Tensor) -> None:
    expected = run(torch.jit.load, data, *arguments)
    mine = run(flambeau.load, data, *arguments)
    assert equal(mine, expected) or repr(mine) == repr(expected)


def pieces(bodies: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    size = 60
    return (bodies[i : i + size] for i in range(0, len(bodies), size))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bodies", "parameters", "arguments"),
    [
        *((bodies, "x: Tensor", (MATRIX,)) for bodies in pieces(ON_A_MATRIX)),
        (ON_AN_IMAGE, "x: Tensor", (IMAGE,)),
        (ON_AN_IMAGE_AND_A_KERNEL, "x: Tensor,\n    w: Tensor", (IMAGE, KERNEL)),
    ],
)
def test_spellings(bodies: tuple[str, ...], parameters: str, arguments: tuple[Tensor, ...]) -> None:
    read = 0
    for body in bodies:
        data = module_of(3, parameters, body)
        try:
            run(torch.jit.load, data, *arguments)
        except (RuntimeError, torch.jit.Error):
            # What is refused there may be read here; it must not end in anything else.
            with contextlib.suppress(FlambeauError, RuntimeError, torch.jit.Error, ValueError, IndexError):
                run(flambeau.load, data, *arguments)
            continue
        check(data, *arguments)
        read += 1
    assert read >= len(bodies) // 2


CODE: dict[str, Callable[[str], str]] = {
    "a version and imports": lambda code: f"op_version_set = 1\nimport __torch__.torch.nn.modules.linear\n{code}",
    "imports of what is not there": lambda code: f"import __torch__\nimport __torch__.nowhere\n{code}",
    "no list of buffers": lambda code: re.sub(r"  __buffers__ = .*\n", "", code),
    "no lists": lambda code: re.sub(r"  __(parameters|buffers)__ = .*\n", "", code),
    "lists without a last comma": lambda code: code.replace('", ]', '"]'),
    "self without a type": lambda code: re.sub(r"self: [\w.]+", "self", code),
    "parameters in one line": lambda code: re.sub(r",\n    ", ", ", code),
    "wider indentation": lambda code: re.sub(r"(?m)^( +)", lambda found: found[1] * 2, code),
    "carriage returns": lambda code: code.replace("\n", "\r\n"),
    "comments and empty lines": lambda code: f"# generated\n\n{code}\n\n# the end\n",
    "no attribute for hooks": lambda code: re.sub(r"  _is_full_backward_hook.*\n", "", code),
}


@pytest.mark.parametrize("version", [1, 2, 3])
@pytest.mark.parametrize("form", CODE)
def test_code(form: str, version: int) -> None:
    check(rewritten(net(), version, CODE[form]), MATRIX)


@pytest.mark.parametrize(
    "name",
    [
        "__torch__.torch.nn.modules.linear.___torch_mangle_7.Linear",
        "__torch__.torch.nn.modules.linear.___torch_mangle_7.___torch_mangle_12.Linear",
        "__torch__.___torch_mangle_0.Linear",
        "__torch__.a1._b.C_9.Linear",
    ],
)
def test_names(name: str) -> None:
    """A class that goes by another name, in its definition and wherever it is used."""
    records: dict[str, bytes] = {}
    path = "code/" + LINEAR.rpartition(".")[0].replace(".", "/") + ".py"
    for record, content in records_of(net()).items():
        if f"/{record}".endswith(UNWANTED):
            continue
        content = content.replace(LINEAR.encode(), name.encode())
        old, new = ("c" + "\n".join(n.rpartition(".")[::2]) + "\n" for n in (LINEAR, name))
        content = content.replace(old.encode(), new.encode())
        records["code/" + name.rpartition(".")[0].replace(".", "/") + ".py" if record == path else record] = content
    check(archive_of(records), MATRIX)


def packed_again(
    folder: str = "archive", method: int = zipfile.ZIP_STORED, *, folders: bool = False, mac: bool = False
) -> bytes:
    """The archive as a user's zip program makes it."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        if folders:
            archive.writestr(f"{folder}/", b"")
            archive.writestr(f"{folder}/code/", b"")
        for name, content in sorted(records_of(net()).items()):
            archive.writestr(f"{folder}/{name}", content)
            if mac:
                archive.writestr(f"__MACOSX/{folder}/._{name.rpartition('/')[2]}", b"\0\5\x16\7")
        archive.comment = b"packed by hand" if folders else b""
    return file.getvalue()


PACKED: dict[str, Callable[[], bytes]] = {
    "compressed": lambda: packed_again(method=zipfile.ZIP_DEFLATED),
    "folders and a comment": lambda: packed_again(folders=True),
    "a folder with spaces": lambda: packed_again("my model (1)"),
    "a folder that is not ASCII": lambda: packed_again("größe.v2"),
    "by macOS": lambda: packed_again(method=zipfile.ZIP_DEFLATED, mac=True),
    "bytes behind it": lambda: net() + bytes(10),
    "a page of bytes behind it": lambda: net() + bytes(4096),
}


@pytest.mark.parametrize("form", PACKED)
def test_containers(form: str) -> None:
    check(PACKED[form](), MATRIX)
    assert flambeau.validate(PACKED[form]()) == ()


def test_bytes_behind_an_archive_are_suspicious() -> None:
    size = len(net())
    assert (
        f"bytes {size} to {size + 10} of the file belong to no record"
        in flambeau.inspect(PACKED["bytes behind it"]()).suspicious
    )


@pytest.mark.parametrize(
    "unwanted", ["mobile_debug_handles.pkl", "bytecode.pkl", "callstack_debug_map.pkl", "attributes.pkl"]
)
def test_records_of_other_readers(unwanted: str) -> None:
    check(archive_of({**records_of(net()), unwanted: b"\x80\x02)."}), MATRIX)


def test_saved_for_the_lite_interpreter() -> None:
    scripted = torch.jit.load(io.BytesIO(net()))
    check(scripted._save_to_buffer_for_lite_interpreter(), MATRIX)
