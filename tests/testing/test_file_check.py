"""FileCheck: each directive, against PyTorch's own where that is installed."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flambeau import ir
from flambeau.errors import OperatorError
from flambeau.testing import FileCheck, FileCheckError, GraphBuilder, graph_of, same_graphs

TEXT = "line one a\nline two b\nline three c a\n"
MARKED = "  foo(bar)\n  ~~~\n baz\n ~~~~\n foo\n"

PASSES: list[list[tuple[Any, ...]]] = [
    [("check", "one"), ("check", "three")],
    [("check", "one"), ("check_next", "b")],
    [("check_next", "b")],
    [("check", "two"), ("check_same", "b")],
    [("check", "one"), ("check_not", "zzz"), ("check", "two")],
    [("check", "two"), ("check_not", "one")],
    [("check_count", "line", 3)],
    [("check_count", "line", 2), ("check", "three")],
    [("check_count", "line", 3, True)],
    [("check_count", "zz", 0, True)],
    [("check_dag", "c"), ("check_dag", "one"), ("check", "a")],
    [("check", "line"), ("check_dag", "three"), ("check_dag", "two")],
    [("check", "")],
]
FAILS: list[tuple[list[tuple[Any, ...]], str]] = [
    ([("check", "zzz")], 'Expected to find "zzz" but did not find it\nSearched string:\nline one a\n'),
    ([("check", 't"w')], r'Expected to find "t\"w" but did not find it'),
    ([("check", "three"), ("check", "one")], 'Expected to find "one" but did not find it'),
    ([("check", "one"), ("check_next", "c")], r'Expected to not find "\n" but found it'),
    ([("check", "one"), ("check_same", "b")], r'Expected to not find "\n" but found it'),
    ([("check_not", "two")], 'Expected to not find "two" but found it'),
    ([("check", "one"), ("check_not", "two"), ("check", "three")], "From CHECK-NOT: two"),
    ([("check", "one"), ("check_not", "b"), ("check_not", "two"), ("check", "c")], "From CHECK-NOT: b"),
    ([("check_count", "line", 4)], "From CHECK-COUNT-4: line"),
    ([("check_count", "line", 2, True)], "From CHECK-NOT: line"),
    ([("check_dag", "c"), ("check_dag", "zzz")], "From CHECK-DAG: zzz"),
    ([("check_source_highlighted", "zzz")], "From CHECK-SOURCE-HIGHLIGHTED: zzz"),
]


def built(check: Any, steps: list[tuple[Any, ...]]) -> Any:
    for method, *arguments in steps:
        check = getattr(check, method)(*arguments)
    return check


@pytest.mark.parametrize("steps", PASSES)
def test_what_passes(steps: list[tuple[Any, ...]]) -> None:
    built(FileCheck(), steps).run(TEXT)


@pytest.mark.parametrize(("steps", "message"), FAILS)
def test_what_fails(steps: list[tuple[Any, ...]], message: str) -> None:
    with pytest.raises(FileCheckError, match=re.escape(message)) as caught:
        built(FileCheck(), steps).run(TEXT)
    assert isinstance(caught.value, (RuntimeError, AssertionError))


def test_highlights() -> None:
    FileCheck().check_source_highlighted("foo").run(MARKED)
    for wrong in ("baz", "fo", "bar"):
        with pytest.raises(FileCheckError):
            FileCheck().check_source_highlighted(wrong).run(MARKED)


def test_highlights_do_not_move_on() -> None:
    FileCheck().check_source_highlighted("foo").check("  foo(bar)").run(MARKED)


CHECKS = """
    # CHECK: one
    # CHECK-NEXT: b
    #CHECK-COUNT-1: three
    # CHECK-COUNT-EXACTLY-1: c
    # CHECK-SAME: a
    #       CHECK: this is too far from the hash
    # another comment
"""


def test_checks_as_comments() -> None:
    FileCheck().run(CHECKS, TEXT)
    FileCheck().run(checks_or_text=CHECKS, test_file=TEXT)
    FileCheck().check("line").run("# CHECK-NOT: zzz\n# CHECK-DAG: c\n# CHECK-DAG: two", TEXT)


@pytest.mark.parametrize("line", ["#CHECK-FOO: x", "# CHECK x", "# CHECK-COUNT-x: a", "# CHECK:x"])
def test_comments_that_are_malformed(line: str) -> None:
    with pytest.raises(FileCheckError, match=r"Could not parse check at:\n(.*\n)*.*<--- HERE\nCheck for bad input\."):
        FileCheck().run(f"# CHECK: one\n{line}\n", TEXT)


def test_no_checks() -> None:
    with pytest.raises(FileCheckError, match="No checks have been added"):
        FileCheck().run(TEXT)
    with pytest.raises(FileCheckError, match="Count == 0"):
        FileCheck().check_count("a", 0)
    with pytest.raises(TypeError, match="unexpected keyword argument 'oops'"):
        FileCheck().check("a").run(TEXT, oops="")


def test_graphs_are_checked_by_their_text() -> None:
    graph = graph_of("graph(%x : int):\n  %y : int = aten::neg(%x) # m.py:1:2\n  return (%y)")
    FileCheck().check("aten::neg").check_same("m.py:1:2").check_next("return").run(graph)
    FileCheck().run("# CHECK: aten::neg", graph)


def test_checks_that_never_ran_say_so(capsys: pytest.CaptureFixture[str]) -> None:
    FileCheck().check("a").check_not("b")
    said = "You have not run this instance of FileCheck!\nFileCheck checks:\n\tCHECK: a\n\tCHECK-NOT: b\n"
    assert capsys.readouterr().out == said


STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(["check", "check_next", "check_same", "check_not", "check_dag"]),
            st.text("ab \n", min_size=1, max_size=2),
        ),
        st.tuples(st.just("check_count"), st.sampled_from(["a", "b", "ab"]), st.integers(1, 3), st.booleans()),
    ),
    min_size=1,
    max_size=4,
)


@given(STEPS, st.text("ab \n", max_size=20))
def test_agrees_with_pytorch(steps: list[tuple[Any, ...]], text: str) -> None:
    theirs = pytest.importorskip("torch").testing.FileCheck

    def passes(check: Any, error: type[Exception]) -> bool:
        try:
            built(check, steps).run(text)
        except error:
            return False
        return True

    assert passes(FileCheck(), FileCheckError) == passes(theirs(), RuntimeError)


def test_graphs_that_differ_in_names_and_places_only() -> None:
    a = graph_of("graph(%x : int):\n  %y : int = aten::neg(%x) # a.py:1:2\n  return (%y)")
    b = graph_of("graph(%p : int):\n  %3 : int = aten::neg(%p)\n  return (%3)")
    c = graph_of("graph(%p : int):\n  %3 : int = aten::neg(%p)\n  return (%p)")
    assert same_graphs(a, b)
    assert not same_graphs(a, c)


def test_builder() -> None:
    b = GraphBuilder()
    x = b.input("x", ir.INT)
    b.output(b.op("aten::add", x, b.constant(2)))
    assert same_graphs(
        b.graph,
        graph_of(
            "graph(%x : int):\n  %c : int = prim::Constant[value=2]()\n  %y : int = aten::add(%x, %c)\n  return (%y)"
        ),
    )
    with pytest.raises(OperatorError, match="aten::add has no overload with one result for \\(int, str\\)"):
        b.op("aten::add", x, b.constant("s"))
