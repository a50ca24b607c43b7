"""Code that is remembered from one save to the next: archives are what they would be without that, whatever changes."""

from __future__ import annotations

import gc
import io
import weakref
from collections.abc import Callable
from typing import TypeAlias

import pytest
import torch
from torch import Tensor, nn

import flambeau
from flambeau import ir
from flambeau.ir import ANY, ClassAttribute, ClassType, ScriptObject
from flambeau.passes import inline_calls
from flambeau.python import ScriptModule
from flambeau.serialization import write_archive
from flambeau.serialization.source_printer import SourcePrinter

pytestmark = pytest.mark.filterwarnings("ignore")


class Inner(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 2)
        self.scale = 2.0

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.linear(x)) * self.scale


class Outer(nn.Module):
    sizes: list[int]

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = Inner(), Inner()
        self.sizes = [1, 2]

    def forward(self, x: Tensor) -> Tensor:
        for size in self.sizes:
            x = self.first(x) + size
        if x.sum() > 0:
            x = self.second(x)
        return x

    @torch.jit.export
    def other(self, x: Tensor, n: int = 2) -> Tensor:
        return x.clamp(0, n)


def scripted() -> ScriptModule:
    torch.manual_seed(0)
    module = Outer()
    # Types are shared among modules that are scripted of one class; here nobody knows them yet.
    return flambeau.load(io.BytesIO(bytes_of(flambeau.script(module))))


def bytes_of(module: ScriptModule) -> bytes:
    file = io.BytesIO()
    flambeau.save(module, file)
    return file.getvalue()


def root_of(module: ScriptModule) -> ScriptObject:
    found = module.__flambeau_script_value__()
    assert found is not None
    return found


def bytes_without_memory(module: ScriptModule) -> bytes:
    root_of(module).type.printed = None
    return bytes_of(module)


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The root classes of the programs that are printed."""
    names: list[str] = []
    print_type = SourcePrinter.print_type

    def noted(printer: SourcePrinter, root: ir.NamedType) -> None:
        names.append(root.qualified_name)
        print_type(printer, root)

    monkeypatch.setattr(SourcePrinter, "print_type", noted)
    return names


def test_code_is_printed_twice_and_then_remembered(printed: list[str]) -> None:
    module = scripted()
    printed.clear()
    saved = [bytes_of(module) for _ in range(4)]
    assert len(printed) == 2
    assert len(set(saved)) == 1
    assert flambeau.load(io.BytesIO(saved[-1])).code == module.code


Change: TypeAlias = "Callable[[ScriptModule], object]"


def method_graph(module: ScriptModule) -> ir.Graph:
    return root_of(module).type.methods["forward"].graph


def first(kind: str, module: ScriptModule) -> ir.Node:
    return method_graph(module).find_nodes(kind)[0]


def replace_method(module: ScriptModule) -> None:
    methods = root_of(module).type.methods
    methods["other"].graph = ir.copy_graph(methods["forward"].graph)
    methods["other"].schema = methods["forward"].schema


CHANGES: dict[str, tuple[Change, bool]] = {
    "define": (lambda m: m.define("def more(self, x: Tensor) -> Tensor:\n  return self.forward(x) * 2\n"), True),
    "attribute": (lambda m: root_of(m).type.attributes[0].__setattr__("kind", "buffer"), True),
    "a value": (lambda m: m.first.__setattr__("scale", 3.0), False),
    "a list": (lambda m: setattr(m, "sizes", [1, 2, 7]), False),
    "weights": (lambda m: m.first.linear.weight.data.add_(1), False),
    "dtype": (lambda m: m.to(torch.float64), False),
    "requires_grad": (lambda m: m.requires_grad_(False), False),
    "mode": (lambda m: m.eval(), False),
    "a call": (lambda m: [m(torch.ones(1, 2)) for _ in range(3)], False),
    "name of the root": (lambda m: setattr(root_of(m).type, "qualified_name", "__torch__.Other"), True),
    "name of a class": (lambda m: setattr(root_of(m.first).type, "qualified_name", "__torch__.Other"), True),
    "name of a value": (lambda m: first("aten::sum", m).inputs[0].set_debug_name("y"), True),
    "a constant": (lambda m: first("aten::gt", m).inputs[1].node.set_attribute("value", "i", 5), True),
    "a node": (lambda m: method_graph(m).insert("aten::neg", [method_graph(m).inputs[1]]), True),
    "a submodule's graph": (lambda m: inline_calls(method_graph(m.first)), True),
    "another graph": (replace_method, True),
}


@pytest.mark.parametrize("name", CHANGES)
def test_changes_show(name: str, printed: list[str]) -> None:
    module, (change, is_printed) = scripted(), CHANGES[name]
    before = {bytes_of(module) for _ in range(3)}
    change(module)
    printed.clear()
    after = bytes_of(module)
    assert bool(printed) == is_printed
    assert after not in before or name == "a call"
    again = {bytes_of(module) for _ in range(3)}
    assert {after} == again == {bytes_without_memory(module)}


def test_programs_with_constants_in_the_table_are_printed_each_time(printed: list[str]) -> None:
    module = flambeau.trace(nn.ReLU(), torch.ones(2))
    module.define("def more(self) -> str:\n  return 'größer'\n")
    printed.clear()
    assert len({bytes_of(module) for _ in range(3)}) == 1
    assert len(printed) == 3


def test_what_values_refer_to_counts(printed: list[str]) -> None:
    """The classes of values in places declared Any have code too, which comes in the order of the values."""
    root = ClassType("__torch__.Root", True, [ClassAttribute("x", ANY), ClassAttribute("y", ANY)])
    a, b = (ScriptObject(ClassType(f"__torch__.{name}")) for name in "AB")

    def saved(*values: object) -> bytes:
        file = io.BytesIO()
        write_archive(ScriptObject(root, list(values)), file)
        return file.getvalue()

    def forgotten(*values: object) -> bytes:
        root.printed = None
        return saved(*values)

    wanted = {pair: forgotten(*pair) for pair in [(a, b), (b, a), (a, None), (None, None)]}
    assert len(set(wanted.values())) == 4
    for pair in [*wanted, *wanted, *reversed(wanted)]:
        assert {saved(*pair) for _ in range(3)} == {wanted[pair]}


def test_nothing_is_kept_alive() -> None:
    module = scripted()
    for _ in range(3):
        bytes_of(module)
    graph = weakref.ref(root_of(module).type.methods["forward"])
    del module
    gc.collect()
    assert graph() is None
