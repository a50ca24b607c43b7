"""Finding patterns in graphs and replacing them."""

from __future__ import annotations

import pytest

from flambeau import ir
from flambeau.testing import FileCheck, graph_of

LINEAR_RELU = """
graph(%x, %w, %b):
  %y = aten::linear(%x, %w, %b)
  %z = aten::relu(%y)
  return (%z)"""
FUSED = """
graph(%x, %w, %b):
  %r = mine::linear_relu(%x, %w, %b)
  return (%r)"""


def rewritten(text: str, pattern: str = LINEAR_RELU, replacement: str = FUSED, **options: object) -> ir.Graph:
    graph = graph_of(text)
    rewriter = ir.SubgraphRewriter()
    rewriter.register(pattern, replacement, options.pop("value_name_pairs", ()))  # type: ignore[arg-type]
    before = str(graph)
    changed = rewriter.run(graph, **options)  # type: ignore[arg-type]
    ir.verify(graph)
    assert changed == (str(graph) != before)
    return graph


def test_a_match_is_replaced_and_keeps_names_and_places() -> None:
    graph = rewritten("""
        graph(%x : Tensor, %w : Tensor):
          %y : Tensor = aten::linear(%x, %w, %w) # m.py:1:0
          %out : Float(2, 3) = aten::relu(%y) # m.py:2:0
          return (%out)
    """)
    assert str(graph) == (
        "graph(%x : Tensor,\n      %w : Tensor):\n"
        "  %out : Float(2, 3) = mine::linear_relu(%x, %w, %w) # m.py:2:0\n  return (%out)\n"
    )


def test_places_can_be_taken_from_any_value() -> None:
    graph = rewritten(
        """
        graph(%x : Tensor, %w : Tensor):
          %y : Tensor = aten::linear(%x, %w, %w) # m.py:1:0
          %out : Tensor = aten::relu(%y) # m.py:2:0
          return (%out)
        """,
        value_name_pairs=[("r", "y")],
    )
    assert str(next(graph.nodes()).range) == "m.py:1:0"


def test_matches_in_blocks_chains_and_not_across_blocks() -> None:
    graph = rewritten("""
        graph(%x : Tensor, %w : Tensor, %c : bool):
          %y : Tensor = aten::linear(%x, %w, %w)
          %z : Tensor = aten::relu(%y)
          %l : Tensor = aten::linear(%z, %w, %w)
          %r : Tensor = prim::If(%c)
            block0():
              %p : Tensor = aten::linear(%z, %w, %w)
              %q : Tensor = aten::relu(%p)
              -> (%q)
            block1():
              %s : Tensor = aten::relu(%l)
              -> (%s)
          return (%r)
    """)
    FileCheck().check_count("mine::linear_relu", 2, exactly=True).run(graph)
    FileCheck().check("mine").check("%l : Tensor = aten::linear(%z").check("block0").check("mine").check(
        "block1"
    ).check_next("aten::relu(%l)").run(graph)


@pytest.mark.parametrize(
    "line",
    [
        "%other : Tensor = aten::neg(%y)",  # read outside the pattern
        "= prim::Print(%y)",
    ],
)
def test_what_is_read_outside_does_not_match(line: str) -> None:
    graph = rewritten(f"""
        graph(%x : Tensor, %w : Tensor):
          %y : Tensor = aten::linear(%x, %w, %w)
          %z : Tensor = aten::relu(%y)
          {line}
          return (%z)
    """)
    FileCheck().check_not("mine").run(graph)


def test_a_write_in_between_prevents_it() -> None:
    graph = rewritten("""
        graph(%x : Tensor, %w : Tensor):
          %one : int = prim::Constant[value=1]()
          %y : Tensor = aten::linear(%x, %w, %w)
          %u : Tensor = aten::add_(%x, %w, %one)
          %z : Tensor = aten::relu(%y)
          return (%z)
    """)
    FileCheck().check_not("mine").run(graph)


def test_attributes_and_constants_must_be_equal() -> None:
    pattern = """
        graph(%x):
          %one : int = prim::Constant[value=1]()
          %y = aten::mul(%x, %one)
          return (%y)"""
    text = """
        graph(%x : Tensor):
          %c : int = prim::Constant[value={}]()
          %a : Tensor = aten::mul(%x, %c)
          %b : Tensor = aten::sub(%a, %x, %c)
          return (%b)
    """
    replacement = "graph(%x):\n  %y = mine::same(%x)\n  return (%y)"
    FileCheck().check("mine::same").check("aten::sub").run(rewritten(text.format(1), pattern, replacement))
    FileCheck().check_not("mine::same").run(rewritten(text.format(2), pattern, replacement))


def test_several_results() -> None:
    graph = rewritten(
        """
        graph(%x : Tensor, %w : Tensor):
          %a : Tensor = aten::neg(%x)
          %b : Tensor = aten::relu(%a)
          %c : Tensor = aten::mul(%b, %a)
          return (%c)
        """,
        "graph(%x):\n  %a = aten::neg(%x)\n  %b = aten::relu(%a)\n  return (%b, %a)",
        "graph(%x):\n  %p, %q = mine::both(%x)\n  return (%p, %q)",
    )
    FileCheck().check("%b : Tensor, %a : Tensor = mine::both(%x)").check("aten::mul(%b, %a)").run(graph)


def test_filters_decide() -> None:
    text = """
        graph(%x : Tensor, %w : Tensor):
          %y : Tensor = aten::linear(%x, %w, %w)
          %z : Tensor = aten::relu(%y)
          return (%z)
    """
    seen = []

    def reject(match: ir.PatternMatch, named: dict[str, ir.Value]) -> bool:
        seen.append(match.values[named["w"]].debug_name)
        return False

    FileCheck().check_not("mine").run(rewritten(text, filters=[reject]))
    assert seen == ["w"]


def test_modules_by_the_name_of_their_class() -> None:
    graph = graph_of("""
        graph(%self : __torch__.Net, %x : Tensor):
          %a : __torch__.torch.nn.modules.conv.Conv2d = prim::GetAttr[name="a"](%self)
          %b : __torch__.torch.nn.modules.linear.Linear = prim::GetAttr[name="b"](%self)
          %y : Tensor = prim::CallMethod[name="forward"](%a, %x)
          %z : Tensor = prim::CallMethod[name="forward"](%b, %y)
          return (%z)
    """)
    pattern = ir.parse("""
        graph(%self, %x):
          %m = match::module[name="Linear"](%self)
          %y = prim::CallMethod[name="forward"](%m, %x)
          return (%y)""")
    (match,) = ir.find_pattern_matches(pattern, graph)
    assert match.anchor.output.debug_name == "z"


def test_overlapping_matches_are_all_found() -> None:
    pattern = ir.parse("graph(%x):\n  %a = aten::neg(%x)\n  %b = aten::neg(%a)\n  return (%b)")
    graph = graph_of(
        "graph(%x : int):\n  %a : int = aten::neg(%x)\n  %b : int = aten::neg(%a)\n  %c : int = aten::neg(%b)\n"
        "  return (%c)"
    )
    assert [m.anchor.output.debug_name for m in ir.find_pattern_matches(pattern, graph)] == ["b", "c"]


@pytest.mark.parametrize(
    ("pattern", "replacement", "message"),
    [
        ("graph(%x):\n  return (%x)", "graph(%x):\n  return (%x)", "must compute its first output"),
        (
            "graph(%x):\n  %y = aten::neg(%x)\n  return (%y)",
            "graph(%x, %z):\n  return (%x)",
            "same numbers of inputs and outputs",
        ),
        (
            "graph(%c):\n  %y = prim::If(%c)\n    block0():\n      -> ()\n    block1():\n      -> ()\n  return (%y)",
            "graph(%c):\n  return (%c)",
            "no sub-blocks",
        ),
    ],
)
def test_what_is_no_pattern(pattern: str, replacement: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ir.SubgraphRewriter().register(pattern, replacement)


def test_node_keys() -> None:
    graph = graph_of("""
        graph(%x : int, %y : int, %c : bool):
          %a : int = aten::sub(%x, %y)
          %b : int = aten::sub(%x, %y)
          %d : int = aten::sub(%y, %x)
          %z0 : float = prim::Constant[value=0.]()
          %z1 : float = prim::Constant[value=-0.]()
          %z2 : float = prim::Constant[value=0.]()
          %t : bool = prim::Constant[value=1]()
          %i : int = prim::Constant[value=1]()
           = prim::If(%c)
            block0():
              -> ()
            block1():
              -> ()
          return ()
    """)
    a, b, d, z0, z1, z2, t, i, branch = graph.nodes()
    assert ir.equal_nodes(a, b)
    assert not ir.equal_nodes(a, d)
    assert ir.equal_nodes(z0, z2)
    assert not ir.equal_nodes(z0, z1)
    assert not ir.equal_nodes(t, i)
    assert ir.node_key(branch) is None
    assert ir.equal_nodes(branch, branch)


def test_tensors_are_equal_by_value() -> None:
    torch = pytest.importorskip("torch")
    assert ir.value_key(torch.ones(3)) == ir.value_key(torch.ones(3))
    assert ir.value_key(torch.ones(3)) != ir.value_key(torch.ones(3, dtype=torch.int64))
    assert ir.value_key(torch.ones(3)) != ir.value_key(torch.zeros(3))
    assert ir.value_key(torch.ones(4, 6)) != ir.value_key(torch.ones(6, 4).t())
    large = torch.ones(5000)
    assert ir.value_key(large) == ir.value_key(large)
    assert ir.value_key(large) != ir.value_key(large.clone())
    numpy = pytest.importorskip("numpy")
    mine, same = (ir.TensorData.from_numpy(numpy.ones(3)) for _ in range(2))
    assert ir.value_key(mine) == ir.value_key(same)
