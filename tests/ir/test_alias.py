"""Alias analysis: what may share memory, who writes, what may move."""

from __future__ import annotations

import pytest

from flambeau import ir
from flambeau.ir import AliasDb


class Facts:
    """The analysis of a text, asked by names."""

    def __init__(self, body: str, inputs: str = "%x : Tensor, %y : Tensor, %n : int, %c : bool") -> None:
        lines = "\n".join(f"  {line}" for line in ("%one : int = prim::Constant[value=1]()", *body.strip().split("\n")))
        self.graph = ir.parse(f"graph({inputs}):\n{lines}\n  return ()\n")
        assert ir.check(self.graph) == []
        self.db = AliasDb(self.graph)

    def __getitem__(self, name: str) -> ir.Value:
        value = self.graph.find_value(name)
        assert value is not None, name
        return value

    def alias(self, a: str, b: str) -> bool:
        assert self.db.may_alias(self[a], self[b]) == self.db.may_alias(self[b], self[a])
        return self.db.may_alias(self[a], self[b])

    def contain(self, a: str, b: str) -> bool:
        return self.db.may_contain_alias(self[a], self[b])


def test_inputs_may_alias_where_their_types_allow() -> None:
    f = Facts("%r : Tensor = aten::relu(%x)", "%x : Tensor, %y : Tensor, %l : Tensor[], %i : int[], %n : int")
    assert f.alias("x", "y")
    assert not f.alias("x", "l")
    assert f.contain("x", "l")
    assert not f.contain("x", "i")
    assert not f.contain("x", "n")
    assert not f.alias("x", "r")


def test_views_and_writes() -> None:
    f = Facts(
        "%a : Tensor = aten::relu(%x)\n%v : Tensor = aten::t(%a)\n%b : Tensor = aten::relu(%y)\n"
        "%w : Tensor = aten::add_(%v, %y, %one)"
    )
    assert f.alias("a", "v")
    assert f.alias("a", "w")
    assert not f.alias("a", "b")
    assert f.db.has_writers(f["a"])
    assert not f.db.has_writers(f["b"])
    assert not f.db.has_writers(f["x"])
    assert f.db.has_input_writers(f["w"].node)
    assert f.db.writes_to_alias(f["w"].node, f["a"])
    assert not f.db.writes_to_alias(f["w"].node, f["y"])
    assert not f.db.writes_to_unseen(f["w"].node)


def test_branches_join_but_do_not_merge() -> None:
    f = Facts(
        "%a : Tensor = aten::relu(%x)\n%b : Tensor = aten::relu(%y)\n%r : Tensor = prim::If(%c)\n  block0():\n"
        "    -> (%a)\n"
        "  block1():\n    -> (%b)"
    )
    assert f.alias("r", "a")
    assert f.alias("r", "b")
    assert not f.alias("a", "b")


def test_loops_carry() -> None:
    f = Facts(
        "%a : Tensor = aten::relu(%x)\n%b : Tensor = aten::relu(%x)\n"
        "%p : Tensor, %q : Tensor = prim::Loop(%n, %c, %a, %b)\n  block0(%i : int, %s : Tensor, %t : Tensor):\n"
        "    %u : Tensor = aten::relu(%s)\n    -> (%c, %t, %u)"
    )
    assert f.alias("s", "b")  # after one trip
    assert f.alias("q", "u")
    assert f.alias("p", "u")  # after two
    assert f.alias("p", "a")
    assert not f.alias("a", "b")


def test_lists() -> None:
    f = Facts(
        "%zero : int = prim::Constant[value=0]()\n%a : Tensor = aten::relu(%x)\n%b : Tensor = aten::relu(%x)\n"
        "%d : Tensor = aten::relu(%x)\n%l : Tensor[] = prim::ListConstruct(%a)\n"
        "%m : Tensor[] = prim::ListConstruct(%d)\n"
        "%k : Tensor[] = aten::append(%l, %b)\n%e : Tensor = aten::__getitem__(%l, %zero)\n"
        "%s : Tensor[] = aten::list(%l)\n%g : Tensor = aten::__getitem__(%s, %zero)"
    )
    assert f.alias("l", "k")
    assert not f.alias("l", "s")
    assert not f.alias("l", "m")
    assert f.contain("l", "s")
    for element in ("a", "b"):
        assert f.alias("e", element)
        assert f.alias("g", element)
        assert f.contain("l", element)
        assert not f.contain("m", element)
    assert not f.alias("e", "d")
    assert f.db.is_written(f["l"])
    assert not f.db.is_written(f["s"])


def test_elements_stored_after_they_were_read_in_a_loop() -> None:
    f = Facts(
        "%zero : int = prim::Constant[value=0]()\n%a : Tensor = aten::relu(%x)\n"
        "%l : Tensor[] = prim::ListConstruct(%a)\n"
        " = prim::Loop(%n, %c)\n  block0(%i : int):\n    %e : Tensor = aten::__getitem__(%l, %zero)\n"
        "    %b : Tensor = aten::relu(%y)\n    %k : Tensor[] = aten::append(%l, %b)\n    -> (%c)"
    )
    assert f.alias("e", "b")


def test_writing_to_an_element_is_seen_through_the_list() -> None:
    f = Facts(
        "%zero : int = prim::Constant[value=0]()\n%a : Tensor = aten::relu(%x)\n"
        "%l : Tensor[] = prim::ListConstruct(%a)\n"
        "%e : Tensor = aten::__getitem__(%l, %zero)\n%w : Tensor = aten::add_(%e, %y, %one)\n"
        "%cat : Tensor = aten::cat(%l, %zero)"
    )
    assert f.db.has_writers(f["a"])
    assert f.db.has_writers(f["l"])
    assert not f.db.is_written(f["l"])
    assert f.db.has_input_writers(f["cat"].node)
    assert not f.db.has_writers(f["cat"])


def test_tuples_know_their_fields() -> None:
    f = Facts(
        "%zero : int = prim::Constant[value=0]()\n%a : Tensor = aten::relu(%x)\n%b : Tensor = aten::relu(%x)\n"
        "%t : (Tensor, Tensor) = prim::TupleConstruct(%a, %b)\n%p : Tensor, %q : Tensor = prim::TupleUnpack(%t)\n"
        "%i : Tensor = prim::TupleIndex(%t, %one)\n%j : Tensor = prim::TupleIndex(%t, %n)"
    )
    assert f.alias("p", "a")
    assert not f.alias("p", "b")
    assert f.alias("i", "b")
    assert not f.alias("i", "a")
    assert f.alias("j", "a")
    assert f.alias("j", "b")


def test_dicts() -> None:
    f = Facts(
        '%k : str = prim::Constant[value="k"]()\n%a : Tensor = aten::relu(%x)\n%b : Tensor = aten::relu(%x)\n'
        "%d : Dict(str, Tensor) = prim::DictConstruct(%k, %a)\n = aten::_set_item(%d, %k, %b)\n"
        "%e : Tensor = aten::__getitem__(%d, %k)\n%v : Tensor[] = aten::values(%d)"
    )
    assert f.alias("e", "a")
    assert f.alias("e", "b")
    assert f.contain("v", "a")
    assert f.db.is_written(f["d"])


def test_pieces_of_a_tensor() -> None:
    f = Facts(
        "%a : Tensor = aten::relu(%x)\n%l : Tensor[] = aten::chunk(%a, %one, %one)\n"
        "%p : Tensor = prim::ListUnpack(%l)\n"
        "%w : Tensor = aten::add_(%p, %y, %one)"
    )
    assert f.alias("p", "a")
    assert f.db.has_writers(f["a"])
    assert not f.db.writes_to_unseen(f["w"].node)


def test_attributes_of_unseen_objects_are_unseen() -> None:
    f = Facts(
        '%w : Tensor = prim::GetAttr[name="w"](%self)\n%v : Tensor = prim::GetAttr[name="v"](%self)\n'
        "%a : Tensor = aten::relu(%x)",
        "%self : __torch__.M, %x : Tensor",
    )
    assert f.alias("w", "v")
    assert f.alias("w", "x")
    assert not f.alias("w", "a")
    assert f.db.may_alias_unseen(f["w"])
    assert f.contain("self", "x")


def point_type() -> ir.ClassType:
    point = ir.ClassType("__torch__.Point")
    point.add_attribute("x", ir.TENSOR)
    point.add_attribute("y", ir.TENSOR)
    return point


def test_attributes_of_new_objects_are_known() -> None:
    point = point_type()
    graph = ir.parse(
        "graph(%s : Tensor):\n  %p : __torch__.Point = prim::CreateObject()\n  %a : Tensor = aten::relu(%s)\n"
        '  %b : Tensor = aten::relu(%s)\n   = prim::SetAttr[name="x"](%p, %a)\n   = prim::SetAttr[name="y"](%p, %b)\n'
        '  %c : Tensor = prim::GetAttr[name="x"](%p)\n  return (%c)\n',
        lambda name: point,
    )
    db = AliasDb(graph)
    a, b, c = (graph.find_value(name) for name in "abc")
    assert a is not None
    assert b is not None
    assert c is not None
    assert db.may_alias(a, c)
    assert not db.may_alias(b, c)


def test_closed_modules_keep_attributes_apart() -> None:
    module = ir.ClassType("__torch__.M", is_module=True)
    module.add_attribute("w", ir.TENSOR)
    module.add_attribute("v", ir.TENSOR)
    graph = ir.parse(
        "graph(%self : __torch__.M, %x : Tensor):\n  %one : int = prim::Constant[value=1]()\n"
        '  %w : Tensor = prim::GetAttr[name="w"](%self)\n  %v : Tensor = prim::GetAttr[name="v"](%self)\n'
        '  %w2 : Tensor = prim::GetAttr[name="w"](%self)\n  %u : Tensor = aten::add_(%w2, %x, %one)\n  return ()\n',
        lambda name: module,
    )
    names = {name: graph.find_value(name) for name in ("x", "w", "v", "w2")}
    found = {name: v for name, v in names.items() if v is not None}
    open_world, closed = AliasDb(graph), AliasDb(graph, closed_modules=True)
    assert open_world.may_alias(found["w"], found["v"])
    assert closed.may_alias(found["w"], found["w2"])
    assert not closed.may_alias(found["w"], found["v"])
    assert not closed.may_alias(found["w"], found["x"])
    assert closed.has_writers(found["w"])
    assert not closed.has_writers(found["v"])


def test_calls_may_do_anything_to_what_they_know() -> None:
    f = Facts(
        "%a : Tensor = aten::relu(%x)\n%b : Tensor = aten::relu(%x)\n"
        '%r : Tensor = prim::CallMethod[name="f"](%self, %a)\n'
        '%r2 : Tensor = prim::CallMethod[name="g"](%self)',
        "%self : __torch__.M, %x : Tensor",
    )
    assert f.db.has_writers(f["a"])
    assert f.alias("r", "a")
    assert f.alias("r2", "a")  # the first call may have kept it
    assert not f.db.has_writers(f["b"])
    assert f.db.has_writers(f["x"])


def test_kinds_that_nobody_knows_may_do_anything() -> None:
    f = Facts("%a : Tensor = aten::relu(%x)\n%r : Tensor = strange::thing(%a)")
    assert f.db.has_writers(f["a"])
    assert f.alias("r", "a")


def test_any_may_be_anything_unseen() -> None:
    f = Facts("%a : Tensor = aten::relu(%x)", "%x : Tensor, %o : Any, %l : int[]")
    assert f.alias("o", "x")
    assert f.alias("o", "l")
    assert not f.alias("o", "a")


def test_optionals_and_unions_belong_to_several_families() -> None:
    f = Facts(
        "%u : Tensor = prim::unchecked_cast(%o)", "%o : Tensor?, %t : Union(Tensor, int[]), %l : int[], %x : Tensor"
    )
    assert f.alias("u", "o")
    assert f.alias("o", "x")
    assert f.alias("t", "l")
    assert f.alias("t", "x")
    assert not f.alias("o", "l")


def test_batch_norm_writes_its_statistics_in_training() -> None:
    body = (
        "%none : NoneType = prim::Constant()\n%train : bool = prim::Constant[value={}]()\n"
        "%f : float = prim::Constant[value=0.5]()\n%m : Tensor = aten::relu(%x)\n"
        "%r : Tensor = aten::batch_norm(%x, %none, %none, %m, %m, %train, %f, %f, %c)"
    )
    assert (training := Facts(body.format(1))).db.has_writers(training["m"])
    assert not (evaluating := Facts(body.format(0))).db.has_writers(evaluating["m"])


def test_subgraphs_are_looked_into() -> None:
    graph = ir.parse(
        "graph(%x : Tensor):\n  %one : int = prim::Constant[value=1]()\n  %a : Tensor = aten::relu(%x)\n"
        "  %r : Tensor = prim::DifferentiableGraph_0(%a, %one)\n  return (%r)\n"
        "with prim::DifferentiableGraph_0 = graph(%p : Tensor, %q : int):\n  %w : Tensor = aten::add_(%p, %p, %q)\n"
        "  return (%w)\n"
    )
    db = AliasDb(graph)
    a, group = graph.find_value("a"), graph.find_nodes("prim::DifferentiableGraph")[0]
    assert a is not None
    assert db.has_writers(a)
    assert db.may_alias(a, group.output)
    assert db.writes_to_alias(group, a)


def test_constants_that_are_one_tensor_are_one_memory() -> None:
    tensor = ir.TensorData.from_numpy(__import__("numpy").zeros(3))
    other = ir.TensorData.from_numpy(__import__("numpy").zeros(3))
    graph = ir.Graph()
    a, b, c = (ir.insert_constant(graph, value) for value in (tensor, tensor, other))
    db = AliasDb(graph)
    assert db.may_alias(a, b)
    assert not db.may_alias(a, c)


def test_what_a_caller_may_know() -> None:
    graph = ir.parse(
        "graph(%x : Tensor):\n  %a : Tensor = aten::relu(%x)\n  %b : Tensor = aten::relu(%x)\n"
        "  %l : Tensor[] = prim::ListConstruct(%a)\n  return (%l)\n"
    )
    db = AliasDb(graph)
    x, a, b = graph.inputs[0], graph.find_value("a"), graph.find_value("b")
    assert a is not None
    assert b is not None
    assert db.escapes_scope(x)
    assert db.escapes_scope(a)
    assert not db.escapes_scope(b)
    assert db.safe_to_change_aliasing(a, b)
    assert not db.safe_to_change_aliasing(a, x)


def test_values_made_later_may_be_anything() -> None:
    f = Facts("%a : Tensor = aten::relu(%x)")
    late = f.graph.insert("aten::relu", [f["a"]]).output
    assert f.db.may_alias(late, f["a"])
    assert f.db.may_alias(late, f["x"])
    assert not f.db.may_alias(late, f["n"])


def test_large_sets_give_up_precision_not_safety() -> None:
    count = 200
    lines = ["%v0 : Tensor = aten::relu(%x)"]
    for i in range(count):
        lines += [
            f"%w{i} : Tensor = aten::relu(%x)",
            f"%v{i + 1} : Tensor = prim::If(%c)",
            f"  block0():\n    -> (%v{i})\n  block1():\n    -> (%w{i})",
        ]
    f = Facts("\n".join([*lines, "%z : Tensor = aten::relu(%x)"]))
    assert all(f.alias(f"v{count}", f"w{i}") for i in range(count))
    assert not f.alias(f"v{count}", "z")


# --- moving


def order(f: Facts) -> list[str]:
    return [n.outputs[0].debug_name for n in f.graph.nodes() if n.kind != "prim::Constant"]


MOVES = (
    "%a : Tensor = aten::relu(%x)\n%b : Tensor = aten::neg(%a)\n%d : Tensor = aten::relu(%y)\n"
    "%e : Tensor = aten::mul(%b, %d)"
)


def test_moving_past_independent_nodes() -> None:
    f = Facts(MOVES)
    assert f.db.move_after(f["a"].node, f["d"].node)
    assert order(f) == ["d", "a", "b", "e"]  # what reads it goes along
    assert ir.check(f.graph) == []


def test_moving_past_a_reader_is_refused() -> None:
    f = Facts(MOVES)
    assert not f.db.could_move_after(f["a"].node, f["e"].node)
    assert not f.db.move_after(f["a"].node, f["e"].node)
    assert not f.db.could_move_before(f["e"].node, f["d"].node)
    assert order(f) == ["a", "b", "d", "e"]


def test_moving_up_to_stand_before() -> None:
    f = Facts(MOVES)
    assert f.db.move_before(f["d"].node, f["a"].node)
    assert order(f) == ["d", "a", "b", "e"]


def test_moving_down_to_stand_before_pushes_readers_past() -> None:
    f = Facts("%a : Tensor = aten::relu(%x)\n%b : Tensor = aten::neg(%a)\n%d : Tensor = aten::relu(%y)")
    assert f.db.move_before(f["a"].node, f["d"].node)
    assert order(f) == ["a", "d", "b"]


def test_moving_to_where_it_stands() -> None:
    f = Facts(MOVES)
    assert f.db.move_after(f["a"].node, f["a"].node)
    assert f.db.move_before(f["b"].node, f["d"].node)
    assert order(f)[:2] == ["a", "b"]


@pytest.mark.parametrize(
    "between",
    [
        "%w : Tensor = aten::add_(%x, %y, %one)",  # writes what is read
        " = prim::If(%c)\n  block0():\n    %w : Tensor = aten::add_(%x, %y, %one)\n    -> ()\n  block1():\n    -> ()",
        "%w : Tensor = strange::thing(%y)",
    ],
)
def test_moving_past_writes_is_refused(between: str) -> None:
    f = Facts(f"%a : Tensor = aten::relu(%x)\n{between}\n%z : Tensor = aten::relu(%y)")
    assert not f.db.could_move_before(f["z"].node, f["a"].node) or "strange" not in between
    assert not f.db.could_move_after(f["a"].node, f["z"].node) or order(f)[0] != "a"
    writer = list(f.graph.nodes())[2]
    assert f.db.must_keep_order(f["a"].node, writer)


def test_nodes_with_effects_keep_their_order() -> None:
    f = Facts(" = prim::Print(%x)\n%a : Tensor = aten::relu(%x)\n = prim::Print(%y)")
    first, relu, second = list(f.graph.nodes())[1:]
    assert f.db.must_keep_order(first, second)
    assert not f.db.must_keep_order(first, relu)
    assert not f.db.could_move_after(first, second)
    assert f.db.could_move_after(first, relu)


def test_dump_and_graphviz() -> None:
    f = Facts("%a : Tensor = aten::relu(%x)\n%w : Tensor = aten::add_(%a, %y, %one)")
    assert "%a : Tensor -> {2}" in f.db.dump()
    assert "%w : Tensor = aten::add_(%a, %y, %one) -> {2}" in str(f.db)
    assert '"%a" -> "2"' in f.db.to_graphviz()
