"""What a user can get wrong, end to end: the class of the error, and that its message says what and where."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import flambeau
from flambeau.errors import (
    ArchiveError,
    ExecutionError,
    FlambeauError,
    OperatorError,
    ParseError,
    ScriptError,
    UnsupportedSyntaxError,
)


class Doubling(nn.Module):
    def forward(self, x: Tensor, times: int = 1) -> Tensor:
        return x * 2 * times


@pytest.fixture(scope="module")
def archive() -> bytes:
    buffer = io.BytesIO()
    flambeau.save(flambeau.script(Doubling()), buffer)
    return buffer.getvalue()


def rewritten(archive: bytes, name: str, change: object) -> io.BytesIO:
    """The archive with one record replaced (by a plain zip writer)."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(target, "w") as new:
        for info in old.infolist():
            content = old.read(info)
            new.writestr(info.filename, change(content) if info.filename.endswith(name) else content)  # type: ignore[operator]
    target.seek(0)
    return target


# --- files


@pytest.mark.parametrize("content", [b"", b"no zip at all", b"PK\x03\x04", bytes(10_000)])
def test_a_file_that_is_no_zip(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(content)
    with pytest.raises(ArchiveError, match=r"zip|empty"):
        flambeau.load(path)


def test_a_truncated_file(archive: bytes) -> None:
    for length in range(0, len(archive), 97):
        with pytest.raises(ArchiveError):
            flambeau.load(io.BytesIO(archive[:length]))


def test_a_file_of_torch_save(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    torch.save({"weight": torch.ones(2)}, path)
    with pytest.raises(ArchiveError, match=r"torch\.save"):
        flambeau.load(path)


@pytest.mark.parametrize("version", [b"0\n", b"11\n", b"99\n", b"three\n", b""])
def test_a_wrong_version(archive: bytes, version: bytes) -> None:
    with pytest.raises(ArchiveError, match="version"):
        flambeau.load(rewritten(archive, "/version", lambda _: version))


def test_an_unknown_operator(archive: bytes) -> None:
    changed = rewritten(archive, "test_bad_input.py", lambda code: code.replace(b"torch.mul", b"torch.mull"))
    with pytest.raises(FlambeauError, match="aten::mull") as raised:
        flambeau.load(changed)(torch.ones(2))
    assert "test_bad_input.py" in str(raised.value)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="does not exist"):
        flambeau.load(tmp_path / "nothing.pt")


# --- scripts


def with_try(x: Tensor) -> Tensor:
    try:
        return x + 1
    except RuntimeError:
        return x


def with_unknown_name(x: Tensor) -> Tensor:
    return x + nowhere  # type: ignore[name-defined]  # noqa: F821


def with_unknown_operator(x: Tensor) -> Tensor:
    return torch.no_such_operator(x)  # type: ignore[attr-defined]


def with_wrong_argument(x: Tensor) -> Tensor:
    return torch.sum(x, "everything")  # type: ignore[call-overload]


def calls_the_wrong_one(x: Tensor) -> Tensor:
    return with_unknown_name(x)


def test_an_unsupported_statement() -> None:
    with pytest.raises(UnsupportedSyntaxError, match="try blocks aren't supported") as raised:
        flambeau.script(with_try)
    assert "try:" in str(raised.value)
    assert "<--- HERE" in str(raised.value)


def test_an_unknown_name() -> None:
    with pytest.raises(ScriptError, match="undefined value nowhere") as raised:
        flambeau.script(with_unknown_name)
    assert f'File "{__file__}"' in str(raised.value)
    assert "return x + nowhere" in str(raised.value)


def test_an_operator_that_does_not_exist() -> None:
    with pytest.raises(ScriptError, match="no_such_operator"):
        flambeau.script(with_unknown_operator)


def test_an_operator_call_that_no_overload_accepts() -> None:
    with pytest.raises(ScriptError, match="aten::sum") as raised:
        flambeau.script(with_wrong_argument)
    assert "everything" in str(raised.value)


def test_the_chain_of_calls_is_shown() -> None:
    with pytest.raises(ScriptError, match="being compiled since it was called from") as raised:
        flambeau.script(calls_the_wrong_one)
    assert "return with_unknown_name(x)" in str(raised.value)


# --- calls


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        ((), {}, "missing value for argument 'x'"),
        ((torch.ones(1), 1, 2), {}, "expected at most 3 argument"),
        ((torch.ones(1), "one"), {}, "Expected a value of type 'int' for argument 'times'"),
        (("x",), {}, "Expected a value of type 'Tensor"),
        ((torch.ones(1),), {"often": 1}, "Unknown keyword argument 'often'"),
    ],
)
def test_wrong_arguments(args: tuple[object, ...], kwargs: dict[str, object], message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        flambeau.script(Doubling())(*args, **kwargs)


def test_an_operator_that_fails() -> None:
    def product(x: Tensor, y: Tensor) -> Tensor:
        return x @ y

    with pytest.raises(ExecutionError) as raised:
        flambeau.script(product)(torch.ones(2, 3), torch.ones(2, 3))
    assert isinstance(raised.value, RuntimeError)
    assert "return x @ y" in str(raised.value)


# --- graphs


@pytest.mark.parametrize(
    "text",
    [
        "",
        "graph(%x : Tensor)",
        "graph(%x : Nothing):\n  return (%x)\n",
        "graph(%x : Tensor):\n  %y : Tensor = aten::relu(%z)\n  return (%y)\n",
        "graph(%x : Tensor):\n  return (%x",
    ],
)
def test_malformed_graph_text(text: str) -> None:
    with pytest.raises(ParseError):
        flambeau.ir.parse(text)


def test_an_operator_name_that_is_nearly_right() -> None:
    with pytest.raises(OperatorError, match="aten::relu"):
        flambeau.ir.operator("aten::relux")
