"""Operators that used to mean something else: each row of the table, against PyTorch, on archives of old versions."""

from __future__ import annotations

import io
import itertools
import pickle
import pickletools
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

import flambeau
from flambeau.errors import ArchiveError, FlambeauError
from flambeau.ir import parse_schema
from flambeau.serialization.code.upgraders import UPGRADERS, definition_of, needed_version
from tests.marks import tables_are_of_this_pytorch
from tests.serialization.old_archives import module_of, records_of, rewritten, saved
from tests.serialization.script_modules import Lists
from tests.serialization.zoo import equal

pytestmark = pytest.mark.filterwarnings("ignore")


@tables_are_of_this_pytorch
def test_the_table_is_pytorchs() -> None:
    theirs = {
        (name, entry.bumped_at_version, entry.upgrader_name)
        for name, entries in torch._C._get_operator_version_map().items()
        for entry in entries
    }
    assert {(u.operator, u.until, u.name) for u in UPGRADERS} == theirs


@pytest.mark.parametrize("upgrader", UPGRADERS, ids=lambda u: u.name)
def test_parameters_are_those_of_the_old_operator(upgrader) -> None:
    (entry,) = torch._C._get_operator_version_map()[upgrader.operator]
    old = parse_schema(entry.old_schema)
    assert [p.arg for p in definition_of(upgrader).parameters] == [a.name for a in old.arguments]


# --- behaviour

I, J = torch.tensor([5, -7, 3]), torch.tensor([2, 2, -2])
F, G = I.float(), J.float()
TWO = "x: Tensor,\n    y: Tensor"
THREE = f"{TWO},\n    out: Tensor"


def _division() -> Iterator[tuple[str, str, tuple[object, ...]]]:
    for x, y in itertools.product((I, F), (J, G)):
        for rounding in ("", ', rounding_mode="floor"', ', rounding_mode="trunc"', ", rounding_mode=None"):
            yield TWO, f"return torch.div(x, y{rounding})", (x, y)
            yield TWO, f"return torch.div_(x, y{rounding})", (x, y)
            for out in (torch.zeros(3), torch.zeros(3, dtype=torch.int64)):
                yield THREE, f"return torch.div(x, y{rounding}, out=out)", (x, y, out)
    for x, rounding in itertools.product((I, F), ("", ', rounding_mode="trunc"')):
        for number in ("2", "2.5"):
            yield "x: Tensor", f"return torch.div(x, {number}{rounding})", (x,)
            yield "x: Tensor", f"return torch.div_(x, {number}{rounding})", (x,)
        yield "x: Tensor,\n    n: int", f"return torch.div(x, n{rounding})", (x, 2)
        yield "x: Tensor,\n    n: float", f"return torch.div(x, n{rounding})", (x, 2.0)
    yield "n: int", "return torch.div(n, 2)", (7,)
    yield "x: Tensor", "return torch.div(torch.div(x, 2), torch.div(x, 3))", (I,)


def _full() -> Iterator[tuple[str, str, tuple[object, ...]]]:
    for value, rest in itertools.product(
        ("5", "5.5", "True", "n"), ("", ", dtype=6", ", dtype=4, layout=0", ", dtype=None, pin_memory=False")
    ):
        yield "n: float", f"return torch.full([2], {value}{rest})", (1.5,)
    yield "x: Tensor", "return torch.full([2], 5, out=x)", (torch.zeros(2),)
    yield "x: Tensor", "return torch.full([2], 5.5, out=x)", (torch.zeros(2, dtype=torch.int64),)


def _spaced() -> Iterator[tuple[str, str, tuple[object, ...]]]:
    for steps, rest in itertools.product(
        ("", ", 5", ", None", ", steps=7"), ("", ", dtype=6", ", dtype=7, device=None", ", out=x")
    ):
        yield "x: Tensor", f"return torch.linspace(0., 1.{steps}{rest})", (torch.zeros(5),)
        yield "x: Tensor", f"return torch.logspace(0, 1{steps}{rest})", (torch.zeros(5),)
    yield "x: Tensor", "return torch.logspace(0, 1, 5, 2.)", (I,)
    yield "x: Tensor", "return torch.logspace(0, 1, base=2.)", (I,)


def _gelu() -> Iterator[tuple[str, str, tuple[object, ...]]]:
    yield "x: Tensor", "return torch.gelu(x)", (F,)
    yield TWO, "return torch.gelu(x, out=y)", (F, torch.zeros(3))
    yield "x: Tensor", "return torch.gelu_(x)", (F,)


CASES = {
    "division": (_division, (1, 2, 3, 4)),
    "full": (_full, (2, 4, 5)),
    "spaced": (_spaced, (3, 7, 8, 9)),
    "gelu": (_gelu, (3, 9, 10)),
}


def _result(load, data: bytes, arguments: tuple[object, ...]) -> object:
    """What a call gives, with what became of the arguments; an error's family where it fails."""
    copies = tuple(a.clone() if isinstance(a, Tensor) else a for a in arguments)
    try:
        return load(io.BytesIO(data))(*copies), copies
    except (FlambeauError, RuntimeError):
        return "refused"


@pytest.mark.parametrize(("family", "version"), [(name, v) for name, (_, versions) in CASES.items() for v in versions])
def test_old_archives_behave_as_they_did(family: str, version: int) -> None:
    agreed = 0
    for parameters, body, arguments in CASES[family][0]():
        data = module_of(version, parameters, body)
        theirs = _result(torch.jit.load, data, arguments)
        mine = _result(flambeau.load, data, arguments)
        assert equal(mine, theirs), f"{body} on {arguments}: {mine} instead of {theirs}"
        agreed += theirs != "refused"
    assert agreed > 2


def test_what_was_upgraded_is_saved_as_of_today() -> None:
    """Saved again, the old meaning is spelled out, and the version is that of the operators used for it."""
    old = module_of(3, "x: Tensor", "return torch.div(x, 2)")
    data = flambeau.load(io.BytesIO(old)).save_to_buffer()
    for load in (flambeau.load, torch.jit.load):
        assert torch.equal(load(io.BytesIO(data))(I), torch.tensor([2, -3, 1]))


def test_nearest_meaning_counts() -> None:
    """An overload that never changed is not affected by another of its name that did."""
    data = module_of(3, "n: int", "return torch.div(n, 2)")
    assert flambeau.load(io.BytesIO(data))(7) == 3.5


# --- the version of what we write

WRITTEN = {
    "x / x": 4,
    "x.div_(x)": 4,
    "x / 2": 4,
    "x.div_(2)": 4,
    "torch.div(x, x, out=x)": 4,
    "torch.div(x, x, rounding_mode='floor')": 4,
    "x.div_(x, rounding_mode='floor')": 4,
    "torch.div(x, 2, rounding_mode='floor')": 4,
    "x.div_(2, rounding_mode='trunc')": 4,
    "torch.div(x, x, rounding_mode='floor', out=x)": 4,
    "n / n": 3,
    "f / f": 3,
    "n / f": 3,
    "n // n": 3,
    "1 / x": 3,
    "torch.divide(x, x)": 4,
    "torch.full([2], 1.)": 5,
    "torch.full([2], 1., out=x)": 5,
    "torch.full_like(x, 1)": 3,
    "torch.linspace(0, 1, 5)": 8,
    "torch.linspace(0, 1, 5, out=x)": 8,
    "torch.logspace(0, 1, 5)": 9,
    "torch.logspace(0, 1, 5, out=x)": 9,
    "x + 1": 3,
}


@pytest.mark.parametrize("expression", WRITTEN)
def test_lowest_version_that_can_be_written(expression: str) -> None:
    unit = torch.jit.CompilationUnit(f"def forward(x: Tensor, n: int, f: float):\n    return {expression}\n")
    data = unit.forward.save_to_buffer()
    for records in (records_of(data), records_of(flambeau.load(io.BytesIO(data)).save_to_buffer())):
        folder = ".data/" if WRITTEN[expression] >= 6 else ""
        assert records[f"{folder}version"] == b"%d\n" % WRITTEN[expression]


def test_needed_version() -> None:
    assert needed_version([]) == 0
    assert needed_version(["aten::add.Tensor", "aten::full"]) == 5


# --- container values of old archives


def plain_pickle(class_name: str, state: dict[str, object]) -> bytes:
    """An object whose attributes are pickled as Python would: containers do not say what they hold."""
    module, _, name = class_name.rpartition(".")
    attributes = pickletools.optimize(pickle.dumps(state, protocol=2))[2:-1]
    return b"\x80\x02c" + module.encode() + b"\n" + name.encode() + b"\n)\x81" + attributes + b"b."


@pytest.mark.parametrize("version", [1, 2])
def test_lists_without_type_tags(version: int) -> None:
    """Before version 3 pickles did not say what containers hold; the classes' declarations do."""
    module = torch.jit.script(Lists())
    state = {name: getattr(module, name) for name in ("strings", "table", "pairs", "empty", "optional")}
    name = module._c._type().qualified_name()
    pickled = plain_pickle(name, {"training": True, "_is_full_backward_hook": None, **state})
    old = rewritten(saved(module), version, edit=lambda n, content: pickled if n == "data.pkl" else content)
    mine, theirs = flambeau.load(io.BytesIO(old)), torch.jit.load(io.BytesIO(old))
    assert equal(mine(I), theirs(I))
    again = flambeau.load(io.BytesIO(flambeau.load(io.BytesIO(old)).save_to_buffer()))
    assert equal(again(I), mine(I)) is False  # `mine` was called before
    assert equal(again(I), theirs(I))


def test_files_that_state_their_version() -> None:
    """The first archives said in each file of code of which version its operators are."""
    data = module_of(1, "x: Tensor", "return torch.div(x, 2)")
    old = rewritten(data, 1, lambda code: f"op_version_set = 1\n{code}")
    for load in (flambeau.load, torch.jit.load):
        assert torch.equal(load(io.BytesIO(old))(I), torch.tensor([2, -3, 1]))


@pytest.mark.parametrize("version", [0, 11])
def test_versions_that_cannot_be_read(version: int) -> None:
    with pytest.raises(ArchiveError, match=f"version {version}"):
        flambeau.load(io.BytesIO(module_of(version, "x: Tensor", "return x")))
