"""Signatures from annotations, type comments and defaults; types from annotation expressions."""

from __future__ import annotations

import ast

import pytest

from flambeau import frontend, ir
from flambeau.errors import ScriptError
from tests.frontend.scripts import Names, compile_text


def signature(text: str, **options: object) -> str:
    (definition,) = frontend.definitions_in(ir.Source(text))
    found = frontend.signature_of(definition, Names(), **options)
    result = "?" if found.return_type is None else str(found.return_type)
    return f"({', '.join(map(str, found.arguments))}) -> {result}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("def f(x, y: int = 2) -> int:\n    pass", "(Tensor x, int y=2) -> int"),
        ("def f(x):\n    # type: (int) -> str\n    pass", "(int x) -> str"),
        (
            "def f(x, y=1.5):\n    # type: (Tensor, float) -> Tuple[int, str]\n    pass",
            "(Tensor x, float y=1.5) -> (int, str)",
        ),
        (
            "def f(x,  # type: int\n      y  # type: List[str]\n      ):\n"
            "    # type: (...) -> Dict[str, int]\n    pass",
            "(int x, str[] y) -> Dict(str, int)",
        ),
        ("def f():\n    # type: () -> int\n    pass", "() -> int"),
        ("def f(x):  # type: ignore\n    pass", "(Tensor x) -> ?"),
        ("def f(x: BroadcastingList2[int]) -> int:\n    pass", "(int[2] x) -> int"),
        ("def f(x: Optional[BroadcastingList3[float]] = None) -> int:\n    pass", "(float[3]? x=None) -> int"),
        (
            "def f(x: List[int] = [1, 2], y: Tuple[int, str] = (1, 'a')) -> int:\n    pass",
            '(int[] x=[1, 2], (int, str) y=[1, "a"]) -> int',
        ),
        (
            "def f(x: float = -1.0, y: Optional[int] = None, z: bool = True):\n    pass",
            "(float x=-1., int? y=None, bool z=True) -> ?",
        ),
        ("def f(x: float = math.pi):\n    pass", "(float x=3.1415926535897931) -> ?"),
    ],
)
def test_signatures(text: str, expected: str) -> None:
    assert signature(text) == expected


def test_keyword_only_parameters() -> None:
    (definition,) = frontend.definitions_in(ir.Source("def f(x: int, *, y: int, z: int = 3):\n    pass"))
    found = frontend.signature_of(definition, Names())
    assert [(a.name, a.kwarg_only, a.has_default) for a in found.arguments] == [
        ("x", False, False),
        ("y", True, False),
        ("z", True, True),
    ]


def test_methods_leave_self_out() -> None:
    assert signature("def f(self, x: int):\n    # a comment\n    pass", is_method=True) == "(int x) -> ?"


def test_given_defaults_win() -> None:
    assert signature("def f(x: int = undefined):\n    pass", defaults={"x": 7}) == "(int x=7) -> ?"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def f(x, y):\n    # type: (int) -> int\n    pass", r"Number of type annotations \(1\) did not match"),
        ("def f(x):\n    # type: (int -> int\n    pass", "is no signature"),
        ("def f(x: int = undefined):\n    pass", "undefined value undefined"),
        ("def f(x: List[int] = list(range(3))):\n    pass", "must be a constant"),
    ],
)
def test_wrong_signatures(text: str, message: str) -> None:
    with pytest.raises(ScriptError, match=message):
        signature(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Tensor", "Tensor"),
        ("torch.Tensor", "Tensor"),
        ("None", "NoneType"),
        ("int | None", "int?"),
        ("Optional[Optional[int]]", "int?"),
        ("Union[int, str, None]", "Union(int, NoneType, str)"),
        ("Union[int, None]", "int?"),
        ("List[Dict[str, Tuple[int, float]]]", "Dict(str, (int, float))[]"),
        ("list[int]", "int[]"),
        ("typing.List[int]", "int[]"),
        ("Tuple[()]", "()"),
        ("'List[int]'", "int[]"),
        ("Future[int]", "Future(int)"),
        ("Final[int]", "int"),
        ("torch.dtype", "int"),
        ("number", "Scalar"),
        ("mine.Model", "__torch__.Model"),
    ],
)
def test_annotations(text: str, expected: str) -> None:
    names = Names(types={"mine.Model": ir.ClassType("__torch__.Model")})
    expression = ast.parse(text, mode="eval").body
    parsed = frontend.parse_annotation(expression, ir.Source(text).range(), names.types.get)
    assert str(parsed) == expected


@pytest.mark.parametrize(
    "text", ["List", "Dict[int]", "List[int, int]", "Set[int]", "f(x)", "x[1:2]", "'a b'", "Optional['[']"]
)
def test_wrong_annotations(text: str) -> None:
    with pytest.raises(ScriptError):
        frontend.parse_annotation(ast.parse(text, mode="eval").body, ir.Source(text).range(), lambda _: None)


def test_annotations_nested_without_end() -> None:
    expression = ast.parse("int", mode="eval").body
    for _ in range(400):
        expression = ast.Subscript(ast.Name("List"), expression)
    with pytest.raises(ScriptError, match="nested too deeply"):
        frontend.parse_annotation(expression, ir.Source("x").range(), lambda _: None)


def test_a_signature_from_elsewhere_overrides_annotations() -> None:
    (definition,) = frontend.definitions_in(ir.Source("def f(x, y=2):\n    return x + y\n"))
    function = ir.Function("__torch__.f")
    given = frontend.Signature((ir.Argument("x", ir.INT), ir.Argument("y", ir.FLOAT, default=2.5)))
    frontend.compile_definition(function, definition, Names(), signature=given)
    assert str(function.schema) == "f(int x, float y=2.5) -> float"


def test_the_schema_of_a_function() -> None:
    function = compile_text("def f(x, n: int = 1):\n    return [x], n\n")
    assert str(function.schema) == "f(Tensor x, int n=1) -> ((Tensor[], int))"


def test_type_comments_of_assignments() -> None:
    function = compile_text("def f():\n    x = []  # type: List[int]\n    return x\n")
    assert str(function.schema) == "f() -> int[]"
