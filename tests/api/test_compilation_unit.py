"""Functions and methods from TorchScript source text."""

from __future__ import annotations

import pytest

from flambeau import ir
from flambeau.api import CompilationUnit, Module
from flambeau.errors import FlambeauError, ObjectError, ScriptError
from flambeau.ir import ScriptObject
from tests.api.hand_made import module_type


def test_functions_call_each_other_whatever_their_order() -> None:
    unit = CompilationUnit(
        """
def outer(n: int) -> int:
    return inner(n) + 1

def inner(n: int) -> int:
    return n * 2
"""
    )
    assert unit.outer(4) == 9
    assert unit.inner(n=4) == 8
    assert [f.name for f in unit.get_functions()] == ["outer", "inner"]
    assert str(unit.outer.schema) == "outer(int n) -> int"
    assert "prim::CallFunction" in str(unit.outer.graph)
    assert "prim::CallFunction" not in str(unit.outer.inlined_graph)


def test_definitions_add_up() -> None:
    unit = CompilationUnit("def one() -> int:\n    return 1\n")
    unit.define("def two() -> int:\n    return one() + one()\n")
    assert unit.two() == 2


def test_annotations_and_builtins() -> None:
    unit = CompilationUnit(
        """
def f(xs: List[int], scale: Optional[float] = None, *, names: Dict[str, int]) -> Tuple[float, str]:
    total = 0.0
    for x in xs:
        total += float(x)
    if scale is not None:
        total = total * scale
    return math.floor(total) + 0.5, str(len(names))
"""
    )
    assert unit.f([1, 2], names={"a": 1}) == (3.5, "1")
    assert unit.f((1, 2), 2.0, names={}) == (6.5, "0")


def test_unknown_names_are_reported_at_their_place() -> None:
    unit = CompilationUnit()
    with pytest.raises(ScriptError, match="undefined value zzz") as raised:
        unit.define("def fine() -> int:\n    return 1\ndef q(x):\n    return zzz(x)\n")
    assert "return zzz(x)\n           ~~~ <--- HERE" in str(raised.value)
    assert unit.get_functions() == []


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("class Q:\n    pass\n", "expected def but found 'class' here"),
        ("x = 1\n", "expected"),
        ("def a(x\n  return x\n", 'File "<string>", line 1'),
        ("def a(x: Unknown):\n  return x\n", "Unknown"),
    ],
)
def test_text_that_is_refused(source: str, message: str) -> None:
    unit = CompilationUnit()
    with pytest.raises(ScriptError, match=message):
        unit.define(source)
    assert unit.get_functions() == []


def test_names_are_taken_once() -> None:
    unit = CompilationUnit("def a() -> int:\n    return 1\n")
    with pytest.raises(ObjectError, match=r"method 'a' already defined\."):
        unit.define("def b() -> int:\n    return 1\ndef a() -> int:\n    return 2\n")
    assert [f.name for f in unit.get_functions()] == ["a"]


def test_functions_from_graphs() -> None:
    unit = CompilationUnit()
    graph = ir.parse("graph(%x.1 : int):\n  %y : int = aten::neg(%x.1)\n  return (%y)\n")
    function = unit.create_function("negated", graph)
    assert function(3) == -3
    assert str(function.schema) == "negated(int x) -> int"
    with pytest.raises(ObjectError, match=r"method 'negated' already defined\."):
        unit.create_function("negated", graph)
    mangled = unit.create_function("negated", graph, should_mangle=True)
    assert mangled.qualified_name == "___torch_mangle_0.negated"
    assert mangled(1) == -1


def test_lookups() -> None:
    unit = CompilationUnit("def a() -> int:\n    return 1\n")
    found = unit.find_function("a")
    assert found is not None
    assert found() == 1
    assert unit.find_function("b") is None
    with pytest.raises(AttributeError, match="'CompilationUnit' has no attribute 'b'"):
        _ = unit.b
    assert "a" in dir(unit)
    assert unit.get_class("a") is None
    assert unit.get_interface("a") is None
    unit.drop_all_functions()
    assert unit.get_functions() == []


def test_calls_check_their_arguments() -> None:
    unit = CompilationUnit("def f(n: int, m: int = 2) -> int:\n    return n + m\n")
    with pytest.raises(FlambeauError, match=r"f\(\) Expected a value of type 'int' for argument 'n'") as raised:
        unit.f("a")
    assert isinstance(raised.value, RuntimeError)
    with pytest.raises(FlambeauError, match=r"f\(\) is missing value for argument 'n'"):
        unit.f()
    with pytest.raises(FlambeauError, match=r"f\(\) expected at most 2 argument\(s\) but received 3 argument\(s\)"):
        unit.f(1, 2, 3)
    with pytest.raises(FlambeauError, match="Unknown keyword argument 'q'"):
        unit.f(1, q=3)


# --- methods


def counter() -> Module:
    return Module(ScriptObject(module_type("Counter", ("n", ir.INT), ("training", ir.BOOL)), [5, True]))


def test_methods_from_text() -> None:
    module = counter()
    module.define(
        """
def forward(self, by: int) -> int:
    self.n = self.n + self.step(by)
    return self.n

def step(self, by: int = 1) -> int:
    return by if self.training else 0
"""
    )
    assert module(3) == 8
    assert module.getattr("n") == 8
    module.eval()
    assert module(3) == 8
    assert module.get_method("step")() == 0
    assert str(module.forward.schema) == "forward(__torch__.Counter self, int by) -> int"


def test_methods_are_defined_once_and_all_or_none() -> None:
    module = counter()
    module.define("def f(self) -> int:\n    return 1\n")
    with pytest.raises(ObjectError, match=r"Can't redefine method: f on class: __torch__\.Counter"):
        module.define("def g(self) -> int:\n    return 1\ndef f(self) -> int:\n    return 2\n")
    with pytest.raises(ScriptError, match="undefined value zzz"):
        module.define("def h(self) -> int:\n    return 1\ndef i(self) -> int:\n    return zzz\n")
    assert module.method_names() == ["f"]
