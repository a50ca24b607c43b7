"""Random programs over tensors give exactly what eager gives, in forms that were specialised for their arguments.

Values, dtypes, shapes and strides must be the same, and so must what shares memory with what, and the arguments
afterwards. More: `FLAMBEAU_TEST_SEED=7 pytest tests/runtime/test_specialized_random.py -m slow`.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import random
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor

import flambeau
from flambeau.runtime.python_tier.specialized import Form

SEED = int(os.environ.get("FLAMBEAU_TEST_SEED", "0"))
UNARY = ("sigmoid", "tanh", "relu", "exp", "neg", "abs", "floor")
BINARY = ("{a} + {b}", "{a} - {b}", "{a} * {b}", "{a} / ({b} * {b} + 1.5)", "torch.maximum({a}, {b})")
NUMBERS = ("{a} * 0.5", "{a} + 3", "{a} - s", "{a} / 2", "{a} * s", "{a} / s")


class Generator:
    """One program: statements over tensor variables, some of them in loops."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.names = itertools.count()
        self.lines: list[str] = []

    def program(self) -> str:
        known = ["x", "y", "w"]
        self.lines = ["    kept: list[Tensor] = []", "    total = 0.0"]
        self.block(known, "    ", self.random.randint(3, 8), depth=0)
        results = self.random.sample(known, min(3, len(known)))
        head = "import torch\nfrom torch import Tensor\n\n\ndef f(x: Tensor, y: Tensor, w: Tensor, s: float, n: int)"
        signature = f"{head} -> tuple[Tensor, Tensor, Tensor, list[Tensor], float]:"
        return "\n".join([signature, *self.lines, f"    return {', '.join(results)}, kept, total", ""])

    def block(self, known: list[str], indent: str, count: int, depth: int) -> None:
        for _ in range(count):
            if depth < 2 and self.random.random() < 0.2:
                self.loop(known, indent, depth)
            elif self.random.random() < 0.08:
                self.rows(known, indent)
            elif self.random.random() < 0.1:
                self.cell(known, indent)
            elif self.random.random() < 0.08:
                self.history(known, indent)
            else:
                self.statement(known, indent)

    def rows(self, known: list[str], indent: str) -> None:
        """A loop over all rows of a tensor, some of which are given out, and the best of each column."""
        rows, index, name = self.random.choice(known), f"i{next(self.names)}", f"v{next(self.names)}"
        first = self.random.choice((0, 1))
        pick = "row" if self.random.random() < 0.5 else f"{name}"
        self.lines += [
            f"{indent}{name} = {rows}[0] * 1.0",
            f"{indent}for {index} in range({first}, {rows}.size(0)):",
            f"{indent}    row = {rows}[{index}]",
            f"{indent}    best, where = ({name}[: w.size(0)].unsqueeze(1) + w[: {name}.size(0)]).max(dim={first})",
            f"{indent}    total = total + float(best[0]) + int(where[-1])",
            f"{indent}    {name} = ({name} + row) * 0.5",
        ]
        if self.random.random() < 0.5:
            self.lines.append(f"{indent}    kept.append({pick})")

    def cell(self, known: list[str], indent: str) -> None:
        """A recurrent cell, some of whose gates are given out."""
        rows, index, name = self.random.choice(known), f"i{next(self.names)}", f"v{next(self.names)}"
        first, second = self.random.choice((("p", "q"), ("torch.sigmoid(p)", "torch.tanh(q)"), ("torch.exp(p)", "q")))
        rest = self.random.choice(("p + q", "q * 0.5", "p - q"))
        self.lines += [
            f"{indent}square = w.t() @ w",
            f"{indent}{name} = {rows}[:1] * 1.0",
            f"{indent}for {index} in range({rows}.size(0)):",
            f"{indent}    gates = torch.mm({rows}[{index}].unsqueeze(0), square) + {name} * s",
            f"{indent}    p, q = gates.chunk(2, 1)",
            f"{indent}    {name} = torch.cat([{first} * {second}, {rest}], 1)",
        ]
        if self.random.random() < 0.5:
            self.lines.append(f"{indent}    kept.append({self.random.choice((name, 'q', 'gates', 'p'))})")
        known.append(name)

    def history(self, known: list[str], indent: str) -> None:
        """Indices that one loop collects and another follows backwards; some are given out as well."""
        rows, j, last, passed, name = self.random.choice(known), *(f"{p}{next(self.names)}" for p in "jlpv")
        bound = self.random.choice(("n", f"{rows}.size(0)"))
        self.lines += [
            f"{indent}{passed}: list[Tensor] = []",
            f"{indent}square = w.t() @ w",
            f"{indent}{name} = {rows}[:1].sum(0)",
            f"{indent}for {j} in range({bound}):",
            f"{indent}    best, where = ({name}.unsqueeze(1) + square).max(dim={self.random.choice((0, 1))})",
            f"{indent}    {name} = {self.random.choice((f'best + {rows}[{j}]', 'best * 0.5', f'best - {name}'))}",
            f"{indent}    {passed}.append(where)",
        ]
        if self.random.random() < 0.3:
            self.lines.append(f"{indent}    kept.append({self.random.choice(('where', 'best', name))})")
        self.lines += [
            f"{indent}{last} = 0",
            f"{indent}for {j} in range(len({passed})):",
            f"{indent}    {last} = int({passed}[len({passed}) - 1 - {j}][{last}])",
            f"{indent}    total = total * 0.5 + {last}",
        ]
        if self.random.random() < 0.2:
            self.lines.append(f"{indent}kept += {passed}")

    def loop(self, known: list[str], indent: str, depth: int) -> None:
        carried = f"v{next(self.names)}"
        self.lines.append(f"{indent}{carried} = {self.random.choice(known)} * 1.0")
        index = f"i{next(self.names)}"
        self.lines.append(f"{indent}for {index} in range(n):")
        inner = [*known, carried]
        self.block(inner, indent + "    ", self.random.randint(2, 6), depth + 1)
        source = self.random.choice(inner)
        self.lines.append(f"{indent}    {carried} = {carried} + torch.tanh({source}) * 0.5")
        if self.random.random() < 0.4:
            self.lines.append(f"{indent}    kept.append({self.random.choice(inner)})")
        known.append(carried)

    def statement(self, known: list[str], indent: str) -> None:
        pick = self.random.choice
        a, b = pick(known), pick(known)
        kind = self.random.random()
        name = f"v{next(self.names)}"
        if kind < 0.3:
            text = pick(BINARY).format(a=a, b=b)
        elif kind < 0.5:
            text = f"torch.{pick(UNARY)}({a})"
        elif kind < 0.65:
            text = pick(NUMBERS).format(a=a)
        elif kind < 0.8:
            text = self.shaped(a)
        elif kind < 0.9:
            text = self.chain(a, b)
        elif kind < 0.95:
            self.lines.append(f"{indent}total = total + float({a}.sum())")
            return
        else:
            self.lines.append(f"{indent}kept.append({a})")
            return
        self.lines.append(f"{indent}{name} = {text}")
        known.append(name)

    def chain(self, a: str, b: str) -> str:
        """What nothing but the next operator sees."""
        text = f"({a} * {b})"
        for _ in range(self.random.randint(1, 3)):
            text = self.random.choice(
                (
                    f"torch.sigmoid({text})",
                    f"({text} + {a})",
                    f"({b} * {text})",
                    f"({text} * 0.25)",
                    f"{text}.clamp(min=0)",
                )
            )
        return text

    def shaped(self, a: str) -> str:
        """Forms that keep two dimensions of sizes that go with the others."""
        return self.random.choice(
            (
                f"{a}.t().t()",
                f"{a}[:1] + {a}",
                f"{a}[0] * {a}",
                f"{a}.unsqueeze(0)[0]",
                f"torch.mm({a}, w.t() @ w) if {a}.size(1) == w.size(1) else {a} * 1",
                f"{a}[torch.arange({a}.size(0))]",
                f"{a}[torch.arange({a}.size(0)) - {a}.size(0)]",
                f"{a}[(torch.arange({a}.size(0)) > -1)]",
                f"torch.cat({a}.chunk(2, 1), 1)",
                f"torch.cat([torch.sigmoid({a}.chunk(2, 1)[0]), {a}], 1)[:, : {a}.size(1)]",
                f"{a}.max(dim=0, keepdim=True)[0] + {a}",
            )
        )


def load(source: str, folder: Path, name: str) -> Callable[..., object]:
    path = folder / f"{name}.py"
    path.write_text(source)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module: ModuleType = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    function: Callable[..., object] = module.f
    return function


SHAPES = (((3, 4), (3, 4), (2, 4)), ((3, 4), (1, 4), (3, 1)), ((1, 4), (3, 4), (4, 4)), ((0, 4), (1, 4), (2, 4)))
DTYPES = (torch.float32, torch.float32, torch.float64, torch.bfloat16)


def arguments(seed: int) -> list[object]:
    """Tensors of shapes that broadcast, some of which are not contiguous."""
    chosen = random.Random(seed)
    torch.manual_seed(seed)
    dtype = chosen.choice(DTYPES)
    tensors = []
    for rows, columns in chosen.choice(SHAPES):
        plain = torch.randn(rows, columns).to(dtype)
        tensors.append(torch.randn(columns, rows).to(dtype).t() if chosen.random() < 0.15 else plain)
    return [*tensors, chosen.choice((0.75, -2.0)), chosen.choice((0, 1, 3, 6))]


def outcome(function: Callable[..., object], given: list[object]) -> object:
    """What a call gives, its arguments afterwards, and what shares memory with what."""
    copied = [a.clone(memory_format=torch.preserve_format) if isinstance(a, Tensor) else a for a in given]
    result = function(*copied)
    tensors: list[Tensor] = []
    collect([copied, result], tensors)
    addresses = [t.untyped_storage().data_ptr() for t in tensors]
    shared = [addresses.index(a) if t.numel() else -1 for a, t in zip(addresses, tensors, strict=True)]
    described = [(t.dtype, tuple(t.shape), strides(t), t.requires_grad, contents(t)) for t in tensors]
    sizes = [t.untyped_storage().nbytes() for t in tensors]
    return described, shared, sizes, repr(result[4]) if isinstance(result, tuple) else None


def strides(tensor: Tensor) -> tuple[int, ...]:
    """Those that lead to elements."""
    if tensor.numel() == 0:
        return ()
    return tuple(s if n > 1 else 0 for n, s in zip(tensor.shape, tensor.stride(), strict=True))


def contents(tensor: Tensor) -> bytes:
    plain = tensor.contiguous()
    return (
        torch.where(plain.isnan(), torch.zeros_like(plain), plain).view(torch.uint8).numpy().tobytes()
        if plain.numel()
        else b""
    )


def collect(value: object, found: list[Tensor]) -> None:
    if isinstance(value, Tensor):
        found.append(value)
    elif isinstance(value, (list, tuple)):
        for element in value:
            collect(element, found)


def forms_of(source: str, seed: int, folder: Path, given: Callable[[int], list[object]]) -> list[Form]:
    """Run a program as eager and as a script, on what `given` makes of several seeds; the specialised forms that came
    of it.
    """
    function = load(source, folder, f"program_{seed}")
    scripted = flambeau.script(function)
    with torch.no_grad():
        for call in range(3):
            values = given(seed * 10 + call)
            try:
                expected = outcome(function, values)
            except (RuntimeError, IndexError, ValueError):  # scripts may leave out what fails, if nothing comes of it
                continue
            for repetition in range(4):
                found = outcome(scripted, values)
                assert found == expected, f"seed {seed}, call {call}, run {repetition}\n{source}"
    specialized = scripted.execution_plan().specialized
    return [] if specialized is None else specialized.forms


def check(seed: int, folder: Path) -> int:
    """Returns how many specialised forms came of it."""
    return len(forms_of(Generator(seed).program(), seed, folder, arguments))


@pytest.mark.parametrize("part", range(8))
def test_specialised_programs_do_as_eager(part: int, tmp_path: Path) -> None:
    assert sum(check(seed, tmp_path) for seed in range(part * 12, part * 12 + 12)) > 3


@pytest.mark.slow
@pytest.mark.parametrize("part", range(20))
def test_many_specialised_programs_do_as_eager(part: int, tmp_path: Path) -> None:
    start = 10_000 + SEED * 10_000 + part * 100
    assert sum(check(seed, tmp_path) for seed in range(start, start + 100)) > 30
