"""What each kind of meaning can do, what it refuses and in which words; and the chain of compilations in errors."""

from __future__ import annotations

import pytest

from flambeau import frontend, ir
from flambeau.errors import ScriptError, UnsupportedError
from flambeau.frontend import SugaredValue
from tests.frontend.scripts import Names, compile_text, error_of, marked, shape_of


class Thing(SugaredValue):
    kind = "thing"


@pytest.mark.parametrize(
    ("expression", "message", "place"),
    [
        ("[thing]", "thing cannot be used as a value", "thing"),
        ("thing.x", "attribute lookup is not defined on thing", "thing.x"),
        ("thing(1)", "cannot call a thing", "thing(1)"),
        ("thing[0]", "'thing' object is not subscriptable", "thing[0]"),
        ("thing[0:1]", "'thing' object is not subscriptable", "thing[0:1]"),
        ("[i for i in thing]", "thing cannot be used as an iterable", "thing"),
        ("len(thing)", "'thing' object is not iterable", "len(thing)"),
        ("(*thing, 1)", "thing cannot be used as an iterable", "thing"),
        ("1 in thing", "thing cannot be used as a value", "1 in thing"),
        ("hasattr(thing, 'x')", "attribute lookup is not defined on thing", "thing"),
    ],
)
def test_refusals(expression: str, message: str, place: str) -> None:
    error = error_of(f"def f():\n    return {expression}\n", Names({"thing": Thing()}))
    assert (error.message, marked(error)) == (message, place)


def test_attributes_are_not_assigned() -> None:
    error = error_of("def f():\n    thing.x = 1\n", Names({"thing": Thing()}))
    assert error.message == "attribute assignment is not defined on thing"


def test_unsupported_syntax_is_both_kinds_of_error() -> None:
    error = error_of("def f():\n    global x\n")
    assert isinstance(error, UnsupportedError)


def test_constants_are_values() -> None:
    names = Names({"limit": frontend.ConstantValue((1, "a")), "empty": frontend.ConstantValue([], ir.ListType(ir.INT))})
    assert 'return (([1, "a"], []))' not in shape_of("def f():\n    return limit[0], len(limit), empty\n", names)
    function = compile_text("def f():\n    a, b = limit\n    return b, empty\n", names)
    assert str(function.schema) == "f() -> ((str, int[]))"


def test_a_tuple_of_things_is_unrolled() -> None:
    function = frontend.FunctionValue.of(compile_text("def g(x: int) -> int:\n    return x + 1\n"))
    names = Names({"steps": frontend.SugaredTuple((function, function))})
    text = """
    def f(x: int):
        for i, step in enumerate(steps):
            x = step(x) * i
        return steps[0](x), len(steps), steps[1:][0](2)
    """
    assert shape_of(text, names).count("prim::CallFunction") == 4


def test_overloads_of_functions() -> None:
    ints = compile_text("def g(x: int) -> int:\n    return x\n")
    strings = compile_text("def g(x: str) -> str:\n    return x\n")
    names = Names({"g": frontend.FunctionValue.of(ints, strings)})
    function = compile_text("def f():\n    return g('a'), g(1)\n", names)
    assert str(function.schema) == "f() -> ((str, int))"
    assert "The following variants are available" in error_of("def f():\n    return g(1.5)\n", names).message


def test_overloads_of_operators() -> None:
    names = Names({"ops": frontend.OperatorNamespaces()})
    text = "def f(x):\n    return ops.aten.add.Tensor(x, x), ops.aten.relu.default(x), ops.aten.add(x, 1)\n"
    assert shape_of(text, names).count("aten::add(") == 2
    assert "attribute lookup" in error_of("def f(x):\n    return ops.aten.add.Nothing(x)\n", names).message


def test_named_tuples() -> None:
    point = ir.TupleType((ir.INT, ir.FLOAT), "__torch__.Point", ("x", "y"), (2.5,))
    names = Names({"Point": frontend.NamedTupleConstructor(point)}, {"Point": point})
    text = """
    def f(p: Point):
        q = Point(1)
        r = Point(y=0.5, x=2)
        a, b = r
        return p.x, q.y, r[0], b, q
    """
    assert str(compile_text(text, names).schema) == (
        "f(__torch__.Point p) -> ((int, float, int, float, NamedTuple(x : int, y : float)))"
    )
    assert error_of("def f(p: Point):\n    return p.z\n", names).message.startswith(
        "'__torch__.Point' object has no attribute or method 'z'"
    )


def test_enums() -> None:
    color = ir.EnumType("__torch__.Color", ir.INT, (("RED", 1), ("BLUE", 2)))
    names = Names({"Color": frontend.EnumClass(color)}, {"Color": color})
    text = """
    def f(c: Color):
        s = 0
        for e in Color:
            s += e.value
        return c == Color.RED, c.name, s, Color.BLUE, len(Color)
    """
    assert (
        str(compile_text(text, names).schema)
        == "f(Enum<__torch__.Color> c) -> ((bool, str, int, Enum<__torch__.Color>, int))"
    )
    assert error_of("def f():\n    return Color.GREEN\n", names).message == (
        "Enum '__torch__.Color' does not have a value named 'GREEN'"
    )


def test_interfaces() -> None:
    step = ir.FunctionSchema(
        "step", "", (ir.Argument("self", ir.ANY), ir.Argument("x", ir.INT)), (ir.Argument("", ir.INT),)
    )
    interface = ir.InterfaceType("__torch__.Steps", methods=[step])
    names = Names(types={"Steps": interface})
    text = """
    class One:
        def __init__(self):
            self.k = 1
        def step(self, x: int) -> int:
            return x + self.k
    class Two:
        def __init__(self):
            self.k = 1
    def run(s: Steps, x: int) -> int:
        return s.step(x)
    def f(x: int):
        s: Steps = One()
        return s.step(x) + run(One(), x)
    """
    assert str(compile_text(text, names).schema) == "f(int x) -> int"
    error = error_of(text.replace("run(One(), x)", "run(Two(), x)"), names)
    assert "Method 'step' is missing from '__torch__.Two'" in error.message


def test_the_chain_of_compilations() -> None:
    names = Names()
    source = ir.Source(
        "def inner(x):\n    return x.nothing\n"
        "def middle(x):\n    return inner(x)\n"
        "def outer(x):\n    return middle(x)\n"
    )
    functions = {}
    for definition in frontend.definitions_in(source):
        functions[definition.name] = ir.Function(
            f"__torch__.{definition.name}",
            define=lambda f, d=definition: frontend.compile_definition(f, d, names),
        )
        names.values[definition.name] = frontend.FunctionValue.of(functions[definition.name])
    with pytest.raises(ScriptError) as caught:
        functions["outer"].ensure_defined()
    assert [sentence for sentence, _ in caught.value.calls] == [
        "'inner' is being compiled since it was called from 'middle'",
        "'middle' is being compiled since it was called from 'outer'",
    ]
    assert [range.text for _, range in caught.value.calls] == ["inner(x)", "middle(x)"]


def test_self_means_what_the_caller_says() -> None:
    class Module(SugaredValue):
        kind = "module"

        def attribute(self, emitter, range, name):
            return frontend.ConstantValue(3)

    owner = ir.ClassType("__torch__.M", is_module=True)
    (definition,) = frontend.definitions_in(ir.Source("def forward(self, x: int):\n    return x + self.k\n"))
    function = ir.Function("__torch__.M.forward")
    frontend.compile_definition(function, definition, Names(), self_type=owner, self_value=lambda value: Module())
    assert str(function.schema) == "forward(__torch__.M self, int x) -> int"


def test_modules_are_called_by_forward() -> None:
    owner = ir.ClassType("__torch__.M", is_module=True)
    source = ir.Source(
        "def forward(self, x: int) -> int:\n    return x\ndef twice(self, x: int) -> int:\n    return self(self(x))\n"
    )
    for definition in frontend.definitions_in(source):
        owner.methods[definition.name] = ir.Function(
            f"__torch__.M.{definition.name}",
            define=lambda f, d=definition: frontend.compile_definition(f, d, Names(), self_type=owner),
        )
    assert len(owner.methods["twice"].graph.find_nodes("prim::CallMethod")) == 2


def test_operator_calls_of_other_rooms() -> None:
    graph = ir.Graph()
    x = graph.add_input("x")
    result = frontend.emit_operator_call(graph, None, "aten::max", [x], {"dim": ir.insert_constant(graph, 0)})
    assert str(result.type) == "NamedTuple(values : Tensor, indices : Tensor)"
    with pytest.raises(ScriptError, match="Unknown builtin op: aten::nothing_like_it"):
        frontend.emit_operator_call(graph, None, "aten::nothing_like_it", [x])


def test_special_forms_are_registered_once() -> None:
    with pytest.raises(ValueError, match="registered already"):
        frontend.special_form("annotate")(lambda *_: Thing())
