"""Reading graphs: the wider grammar, inferred types, constants, names, and what is refused, with its place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flambeau import ir
from flambeau.errors import ParseError


def parse_line(line: str, inputs: str = "%x : Tensor, %n : int") -> ir.Node:
    graph = ir.parse(f"graph({inputs}):\n  {line}\n  return ()\n")
    return list(graph.nodes())[-1]


def test_layout_does_not_matter() -> None:
    graph = ir.parse(
        "graph( %x:int , # the input\n %c : bool) :\n"
        "# a comment\n\n"
        "   %r:int=prim::If( %c )\n  block0( ):\n->( %x )\n        block1():\n"
        "  %y:int = aten::neg(\n    %x\n  )\n -> (%y)\n"
        "return(%r)"
    )
    assert ir.check(graph) == []
    assert str(graph).splitlines()[-2:] == ["      -> (%y)", "  return (%r)"]


def test_names_and_numbers_are_kept() -> None:
    text = (
        "graph(%x.1 : int,\n      %7 : int):\n  %self.a.weight : int = aten::neg(%x.1)\n  %3 : int = aten::neg(%7)\n"
        "  return (%3, %self.a.weight)\n"
    )
    graph = ir.parse(text)
    assert str(graph) == text
    assert graph.find_value("self.a.weight") is not None
    new = graph.insert("aten::neg", [graph.inputs[0]], [ir.INT]).output
    assert new.unique > 7


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("%y = aten::relu(%x)", ["Tensor"]),
        ("%y = aten::size(%x)", ["int[]"]),
        ("%y = aten::add(%n, %n)", ["int"]),
        ("%y = prim::unheard_of(%x)", ["Tensor"]),
        ("%y, %z = prim::unheard_of(%x)", ["Tensor", "Tensor"]),
        ("%y, %z = aten::max(%x, %n, %b)", ["Tensor", "Tensor"]),
    ],
)
def test_types_that_are_not_written_follow_from_schemas(line: str, expected: list[str]) -> None:
    node = parse_line(line, "%x : Tensor, %n : int, %b : bool")
    assert [str(v.type) for v in node.outputs] == expected


def test_type_variables_are_bound() -> None:
    graph = ir.parse("graph(%l : str[], %i : int):\n  %e = aten::__getitem__(%l, %i)\n  return (%e)\n")
    assert graph.outputs[0].type is ir.STRING


def test_inputs_without_a_type_are_tensors() -> None:
    assert ir.parse("graph(%x, %y : int):\n  return (%x)\n").inputs[0].type == ir.TENSOR


def constant(type: str, value: str, **options: bool) -> object:
    graph = ir.parse(f"graph():\n  %c : {type} = prim::Constant[value={value}]()\n  return (%c)\n", **options)
    return ir.constant_value(graph.outputs[0])


@pytest.mark.parametrize(
    ("type", "text", "value"),
    [
        ("int", "3", 3),
        ("int", "-9223372036854775808", -(2**63)),
        ("bool", "1", True),
        ("float", "3", 3.0),
        ("float", "10000000000000000", 1e16),
        ("float", "-inf", -float("inf")),
        ("complex", "0.+3.j", 3j),
        ("complex", "2j", 2j),
        ("complex", "-1.-2.j", -1 - 2j),
        ("str", r'"a\'\n\303\251"', "a'\né"),
        ("Device", '"cuda:1"', ir.Device("cuda", 1)),
        ("float[]", "[1, 2.]", [1.0, 2.0]),
        ("int[]", "annotate(List[int], [])", []),
        ("Dict(str, int)", "annotate(Dict[str, int],{})", {}),
        ("Dict(str, float)", '{"a": 1}', {"a": 1.0}),
        ("(int, str)", '(1, "a")', (1, "a")),
        ("(float)", "(1,)", (1.0,)),
        ("int?[]", "annotate(List[Optional[int]], [1, None])", [1, None]),
        ("int?", "3", 3),
    ],
)
def test_constants(type: str, text: str, value: object) -> None:
    found = constant(type, text)
    assert found == value
    assert repr(found) == repr(value)


def test_enum_members() -> None:
    color = ir.EnumType("__torch__.Color", ir.INT, (("RED", 1), ("BLUE", 2)))
    text = "graph():\n  %c : Enum<__torch__.Color> = prim::Constant[value=__torch__.Color.BLUE]()\n  return (%c)\n"
    graph = ir.parse(text, lambda name: color if name == color.qualified_name else None)
    assert ir.constant_value(graph.outputs[0]) == ir.EnumValue(color, "BLUE", 2)
    assert str(ir.parse(text)) == text


def test_functions() -> None:
    known = ir.Function("__torch__.f")
    text = 'graph():\n  %f : Function = prim::Constant[name="f"]()\n  return (%f)\n'
    graph = ir.parse(text, find_function=lambda name: known if name == "f" else None)
    assert ir.constant_value(graph.outputs[0]) is known
    assert graph.outputs[0].type == ir.FunctionType(known)
    assert str(ir.parse(text)) == text


def test_classes_that_nobody_knows_stand_for_themselves() -> None:
    text = "graph(%self : __torch__.a.M,\n      %o : InterfaceType<I>):\n  return (%self, %o)\n"
    graph = ir.parse(text)
    assert isinstance(graph.inputs[0].type, ir.ClassType)
    assert isinstance(graph.inputs[1].type, ir.InterfaceType)
    assert str(graph) == text


LONG3 = "Long(3, strides=[1], requires_grad=0, device=cpu)"
FLOAT2 = "Float(2, strides=[1], requires_grad=0, device=cpu)"


def test_whole_numbers_are_exact() -> None:
    tensor = constant(LONG3, " 1  2  3 [ CPULongType{3} ]")
    assert isinstance(tensor, ir.TensorData)
    assert tensor.numpy().tolist() == [1, 2, 3]
    assert constant("Bool(requires_grad=0, device=cpu)", "{1}").numpy().tolist() is True  # type: ignore[attr-defined]


@pytest.mark.parametrize("text", ["<Tensor>", " 0.1000  0.2000 [ CPUFloatType{2} ]"])
def test_rounded_numbers_are_only_text(text: str) -> None:
    assert constant(FLOAT2, text) == ir.OpaqueConstant(text)


def test_tensors_can_be_asked_for() -> None:
    tensor = constant(FLOAT2, " 0.1000  0.2000 [ CPUFloatType{2} ]", parse_tensor_constants=True)
    assert isinstance(tensor, ir.TensorData)
    assert tensor.numpy().tolist() == pytest.approx([0.1, 0.2])
    zeros = constant(
        "Float(2, 3, strides=[3, 1], requires_grad=0, device=cpu)", "<Tensor>", parse_tensor_constants=True
    )
    assert isinstance(zeros, ir.TensorData)
    assert zeros.numpy().tolist() == [[0.0] * 3] * 2


def test_places_scopes_and_python_operators() -> None:
    node = parse_line("%y : int = ^Double[inplace=0](3, x)(%n), scope: M::f/N::g # a b.py:12:4")
    assert (node.kind, node.attribute("name"), node.scope) == ("prim::PythonOp", "Double", "M::f/N::g")
    assert node.range is not None
    assert (node.range.filename, node.range.line, node.range.column) == ("a b.py", 12, 4)


@pytest.mark.parametrize(
    ("text", "message", "marked"),
    [
        ("", "expected 'graph' but found the end here", ""),
        ("graph(%x : int):\n  return (%y)", "Cannot find a variable with name 'y'", "%y"),
        ("graph(%x : int, %x : int):\n  return ()", "%x is defined twice", "%x"),
        (
            "graph(%x : int):\n  %y = aten::neg(%x)\n",
            "expected an operator such as aten::add but found the end here",
            "",
        ),
        ("graph(%x : Int):\n  return ()", "unknown type specifier 'Int'", "Int"),
        ("graph(%x : int[):\n  return ()", "expected ']'", ""),
        ("graph(%x : a.b.C):\n  return ()", "unknown class 'a.b.C'", ""),
        (
            "graph():\n  %c : int = prim::Constant[value=99999999999999999999]()\n  return ()",
            "Number is too big",
            "9" * 20,
        ),
        ('graph():\n  %c : str = prim::Constant[value="a]()\n  return ()', "string is not closed", ""),
        ('graph():\n  %c : Device = prim::Constant[value="a b"]()\n  return ()', "not a device: 'a b'", '"a b"'),
        ("graph():\n  %c : int = prim::Constant[value=?]()\n  return ()", "expected a value", "?"),
        ("graph():\n  block0():\n    -> ()\n  return ()", "a block must follow the node that it belongs to", ""),
        ("graph():\n  -> ()", "expected a node or 'return' but found '-' here", "-"),
        ("graph(%x : int):\n  %a, %b = aten::neg(%x)\n  return ()", "aten::neg.int has 1 results, not 2", ""),
        ("graph(%x):\n  %y = foo::f_0(%x)\n  return ()\nwith foo::f_1 = graph():\n  return ()", "expected the end", ""),
        ("graph():\n  return ()\ngraph():\n  return ()", "expected the end but found 'graph' here", "graph"),
    ],
)
def test_refusals(text: str, message: str, marked: str) -> None:
    with pytest.raises(ParseError) as caught:
        ir.parse(text)
    assert message in caught.value.message
    assert isinstance(caught.value.range, ir.SourceRange)
    assert not marked or caught.value.range.text == marked
    assert "<--- HERE" in str(caught.value)


def test_values_of_a_branch_are_not_visible_outside() -> None:
    text = (
        "graph(%c : bool, %x : int):\n   = prim::If(%c)\n    block0():\n      %y : int = aten::neg(%x)\n      -> ()\n"
        "    block1():\n      -> ()\n  return (%y)\n"
    )
    with pytest.raises(ParseError, match="Cannot find a variable with name 'y'"):
        ir.parse(text)
    assert [b.invariant for b in ir.check(ir.parse(text, checked=False))] == ["out-of-scope"]


@pytest.mark.parametrize("depth", [50, 5000])
def test_blocks_nest_to_any_depth(depth: int) -> None:
    text = "graph(%c : bool):\n" + " = prim::If(%c)\nblock0():\n" * depth + "-> ()\nblock1():\n-> ()\n" * depth
    graph = ir.parse(text + "return ()\n")
    assert len(graph.find_nodes("prim::If")) == depth
    assert str(ir.copy_graph(graph)) == str(graph)


@pytest.mark.parametrize(
    "text",
    [
        "graph(%x : " + "(" * 400 + "int" + ")" * 400 + "):\n  return ()",
        "graph(%x : int" + "[]" * 4000 + "):\n  return ()",
        "graph():\n  %c : int[] = prim::Constant[value=" + "[" * 400 + "]" * 400 + "]()\n  return ()",
    ],
)
def test_types_and_values_nest_to_a_limit(text: str) -> None:
    with pytest.raises(ParseError, match="nested too deeply"):
        ir.parse(text)


SAMPLE = """graph(%x.1 : Float(2, strides=[1], requires_grad=0, device=cpu),
      %c : bool):
  %2 : (int, str) = prim::Constant[value=(1, "s")]() # a.py:1:2
  %3 : Float(requires_grad=0, device=cpu) = prim::Constant[value={0.5}]()
  %y : Tensor = prim::If(%c)
    block0():
      %z : Tensor = foo::bar[i=3, f=1.5, types=[int, (str, Tensor[])], d={"a": 1}](%x.1), scope: a/b # b.py:3:4
      -> (%z)
    block1():
      -> (%x.1)
  %f : Future[Tensor] = prim::fork_0(%y)
  return (%y)
with prim::fork_0 = graph(%0 : Tensor):
  return (%0)
"""


@given(
    st.lists(
        st.tuples(
            st.integers(0, len(SAMPLE)),
            st.integers(0, 12),
            st.sampled_from(
                [
                    "",
                    "(",
                    ")",
                    "[",
                    "]",
                    "%",
                    "::",
                    "=",
                    "->",
                    '"',
                    "{",
                    "}",
                    "<",
                    "annotate(",
                    "1e999",
                    "j",
                    "\n",
                    "#",
                    "\0",
                    "²",
                    "9" * 30,
                ]
            ),
        ),
        max_size=3,
    )
)
def test_damaged_text_is_refused_or_read(damages: list[tuple[int, int, str]]) -> None:
    text = SAMPLE
    for place, length, new in damages:
        text = text[:place] + new + text[place + length :]
    try:
        printed = str(ir.parse(text))
    except ParseError:
        return
    assert str(ir.parse(printed)) == printed
