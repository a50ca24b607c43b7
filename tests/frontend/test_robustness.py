"""Whatever the source text, compiling it ends in a function or in an error of flambeau's own."""

from __future__ import annotations

import ast
import copy
import textwrap
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flambeau import frontend, ir
from flambeau.errors import FlambeauError, InvalidGraphError, ScriptError
from tests.frontend.scripts import Names, compile_text, error_of, marked
from tests.frontend.test_golden import FILES, cases_in

SOURCES = [(source, path.stem == "serialized") for path in FILES for _, source, _ in cases_in(path)]
TREES = [ast.parse(source) for source, _ in SOURCES]
EXPRESSIONS = [
    node
    for tree in TREES
    for node in ast.walk(tree)
    if isinstance(node, ast.expr) and not isinstance(getattr(node, "ctx", None), (ast.Store, ast.Del))
]
STATEMENTS = [node for tree in TREES for node in ast.walk(tree) if isinstance(node, ast.stmt)]


def compiles_or_says_why(text: str, names: Names | None = None) -> None:
    """Anything else than a function or an error of flambeau's own is raised; so is a graph that is not sound."""
    try:
        compile_text(text, names)
    except InvalidGraphError:
        raise
    except FlambeauError as error:
        shown = str(error)
    else:
        shown = "compiled"
    assert shown


def places(tree: ast.AST, kind: type[ast.AST]) -> list[tuple[list[ast.AST], int]]:
    """The lists in a tree that hold nodes of a kind, with each index."""
    found = []
    for node in ast.walk(tree):
        for _, value in ast.iter_fields(node):
            if isinstance(value, list):
                found += [(value, i) for i, part in enumerate(value) if isinstance(part, kind)]
    return found


@given(data=st.data())
def test_no_text_crashes_the_compiler(data: st.DataObject) -> None:
    number = data.draw(st.integers(0, len(TREES) - 1))
    tree = copy.deepcopy(TREES[number])
    for _ in range(data.draw(st.integers(1, 3))):
        kind, pool = data.draw(st.sampled_from([(ast.stmt, STATEMENTS), (ast.expr, EXPRESSIONS)]))
        lists = places(tree, kind)
        if lists:
            container, index = data.draw(st.sampled_from(lists))
            container[index] = copy.deepcopy(data.draw(st.sampled_from(pool)))
    try:
        text = ast.unparse(ast.fix_missing_locations(tree))
        ast.parse(text)
    except (SyntaxError, ValueError):
        return
    if not text.rstrip() or not isinstance(ast.parse(text).body[-1], ast.FunctionDef):
        return
    compiles_or_says_why(text, Names(serialized=SOURCES[number][1]))


@given(text=st.text(alphabet="def f(x): retun\n\t\"'[]{}#\\0éX=+-*,.", max_size=60))
def test_no_characters_crash_the_parser(text: str) -> None:
    try:
        frontend.parse_source(ir.Source(text))
    except ScriptError as error:
        caught = error
    else:
        return
    assert isinstance(caught.range, ir.SourceRange)
    assert 0 <= caught.range.start <= len(text)


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("def f(:\n    pass", "invalid syntax", ":"),
        ("def f(x):\n    return x +\n", "invalid syntax", "\n"),
        ("def f(x):\nreturn x\n", "expected an indented block", "return"),
        ("def f(x):\n    return 'abc\n", "unterminated string literal", "'"),
        ("x = 1", "expected 'def' or 'class' here", "x = 1"),
    ],
)
def test_syntax_errors_are_marked(text: str, message: str, place: str) -> None:
    with pytest.raises(ScriptError, match=message) as caught:
        frontend.definitions_in(ir.Source(text))
    assert marked(caught.value) == place


def test_a_null_character() -> None:
    with pytest.raises(ScriptError, match="null"):
        frontend.parse_source(ir.Source("def f():\0 pass"))


@pytest.mark.parametrize(
    "expression",
    [
        "(" * 150 + "x" + ")" * 150,
        "-" * 3000 + "1",
        "not " * 3000 + "True",
        "[" * 95 + "]" * 95,
        "f(" * 90 + "x" + ")" * 90,
        "x" + ".T" * 3000,
        " if x else ".join(["x"] * 1000),
    ],
    ids=["parentheses", "minus", "not", "lists", "calls", "attributes", "ternaries"],
)
def test_deep_nesting_is_an_error_at_most(expression: str) -> None:
    compiles_or_says_why(f"def f(x: int) -> int:\n    return x\ndef g(x: int):\n    return {expression}\n")


def test_deep_blocks_are_an_error_at_most() -> None:
    lines = ["def f(x: int):"] + ["    " * (i + 1) + "if x > 0:" for i in range(95)] + ["    " * 96 + "x = 1"]
    compiles_or_says_why("\n".join([*lines, "    return x"]))


def test_a_long_elif_chain() -> None:
    arms = "".join(f"    elif x == {i}:\n        y = {i}\n" for i in range(1, 60))
    function = compile_text(
        f"def f(x: int):\n    if x == 0:\n        y = 0\n{arms}    else:\n        y = -1\n    return y"
    )
    assert len(function.graph.find_nodes("prim::If")) == 60


def test_a_long_sum_is_no_deep_nesting() -> None:
    function = compile_text("def f(x: int):\n    return " + " + ".join(["x"] * 900))
    assert len(function.graph.find_nodes("aten::add")) == 899


def test_many_conditions_in_one_chain() -> None:
    function = compile_text("def f(x: int):\n    return " + " and ".join(["x > 1"] * 300))
    assert len(function.graph.find_nodes("prim::If")) == 299


def test_many_early_returns() -> None:
    body = "".join(f"    if x == {i}:\n        return {i}\n" for i in range(60))
    function = compile_text(f"def f(x: int):\n{body}    return -1")
    assert not function.graph.find_nodes("prim::ReturnStmt")


def test_recursion_is_refused() -> None:
    names = Names()
    source = ir.Source("def f(x: int) -> int:\n    return f(x - 1)\n", "script.py")
    (definition,) = frontend.definitions_in(source)
    function = ir.Function("__torch__.f", define=lambda f: frontend.compile_definition(f, definition, names))
    names.values["f"] = frontend.FunctionValue.of(function)
    with pytest.raises(ScriptError, match=r"function 'f' is called recursively\. Recursive calls are not supported"):
        function.ensure_defined()


def test_an_error_leaves_the_function_undefined_and_can_be_repeated() -> None:
    names = Names()
    (definition,) = frontend.definitions_in(ir.Source("def f(x: int):\n    return y\n"))
    function = ir.Function("__torch__.f", define=lambda f: frontend.compile_definition(f, definition, names))
    for _ in range(2):
        with pytest.raises(ScriptError, match="undefined value y"):
            function.ensure_defined()
    assert not function.is_defined


def test_ranges_in_text_that_is_not_ascii() -> None:
    error = error_of('def f(x):\n    s = "é€"; return größe\n')
    assert marked(error) == "größe"


def test_form_feeds_do_not_shift_lines() -> None:
    error = error_of("def f(x):\n    a = 1\n\x0c\n    return y\n")
    assert (marked(error), error.range.line) == ("y", 4)


def test_the_place_in_a_file() -> None:
    text = textwrap.dedent("""
        def f(x):
            return y
    """).strip()
    (definition,) = frontend.definitions_in(ir.Source(text, "model.py", first_line=40, indent=4))
    with pytest.raises(ScriptError) as caught:
        frontend.compile_definition(ir.Function("f"), definition, Names())
    assert str(caught.value.range) == "model.py:41:15"


@pytest.mark.parametrize("comment", ["", "# type: int"])
@pytest.mark.parametrize(
    "text", ["y = " + "-" * 100_000 + "1", "y = " + "(" * 500, "y = '\0'", "y = " + "x." * 50_000 + "x", "\ufeff\ufeff"]
)
def test_texts_that_the_parser_cannot_take(text: str, comment: str) -> None:
    """Comments that state types are parsed by another mode of Python's parser, which fails in the same ways."""
    source = ir.Source(f"x = 1  {comment}\n{text}\n")
    with suppress(ScriptError):
        frontend.parse_source(source)
