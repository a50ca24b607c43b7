"""Golden files: cases of graph text in and graph text out, compared exactly.

    # case: an unused pure node goes
    graph(%x : int):
      %d : int = aten::neg(%x)
      return (%x)
    # expect
    graph(%x : int):
      return (%x)

Before the first case a file may define functions, which graphs then call by name (`prim::Constant[name="twice"]()`):

    # function: twice
    graph(%x : int): ...

`pytest --bless` rewrites what follows `# expect`; read the diff line by line. A case that must not change anything says
`# expect: unchanged` instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from flambeau.ir import Function, Graph, parse, verify

FOLDER = Path(__file__).parent / "golden"
_HEAD = re.compile(r"^# (case|function): (.+)$", re.MULTILINE)
_EXPECT = re.compile(r"^# expect(: unchanged)?[ \t]*\n?", re.MULTILINE)


@dataclass(frozen=True)
class Case:
    """One case of a golden file."""

    path: Path
    title: str
    text: str
    expected: str
    unchanged: bool
    functions: tuple[tuple[str, str], ...] = ()

    @property
    def id(self) -> str:
        return f"{self.path.stem}: {self.title}"

    def graph(self, checked: bool = True) -> Graph:
        """The graph of the case."""
        known: dict[str, Function] = {}

        def find(name: str) -> Function | None:
            texts = dict(self.functions)
            if name not in known and name in texts:
                known[name] = Function(name, parse(texts[name], find_function=find))
            return known.get(name)

        return parse(self.text, find_function=find, checked=checked)


def read_cases(path: Path) -> list[Case]:
    """All cases of a file, in order."""
    text = path.read_text(encoding="utf-8")
    heads = list(_HEAD.finditer(text))
    ends = [head.start() for head in heads[1:]] + [len(text)]
    functions: list[tuple[str, str]] = []
    cases: list[Case] = []
    for head, end in zip(heads, ends, strict=True):
        body = text[head.end() + 1 : end]
        if head[1] == "function":
            functions.append((head[2].strip(), body.rstrip() + "\n"))
            continue
        expect = _EXPECT.search(body)
        given = body[: expect.start()] if expect else body
        expected = body[expect.end() :].strip("\n") if expect else ""
        unchanged = expect is not None and expect[1] is not None
        cases.append(Case(path, head[2].strip(), given, expected and expected + "\n", unchanged, tuple(functions)))
    return cases


def titles(area: str, name: str) -> list[str]:
    """The titles of a golden file's cases; none if there is no such file."""
    path = FOLDER / area / f"{name}.ir"
    return [case.title for case in read_cases(path)] if path.exists() else []


def all_cases(area: str) -> list[Case]:
    return [case for path in sorted((FOLDER / area).glob("*.ir")) for case in read_cases(path)]


def by_case(area: str) -> pytest.MarkDecorator:
    """Parametrize a test over all cases of an area."""
    return pytest.mark.parametrize("case", all_cases(area), ids=lambda case: case.id)


def check(case: Case, apply: Callable[[Graph], bool], bless: bool) -> None:
    """Apply a pass to a case's graph and compare; what the pass returns must say whether the text changed."""
    graph = case.graph()
    before = str(graph)
    verify(graph)
    changed = apply(graph)
    verify(graph, after=case.path.stem)
    after = str(graph)
    assert changed == (before != after), "the pass must return whether it changed the graph"
    if case.unchanged:
        assert after == before
    elif bless:
        rewrite(case, after)
    else:
        assert after == case.expected, "run `pytest --bless` if the new text is right"


def rewrite(case: Case, after: str) -> None:
    """Put a new expectation into the file."""
    text = case.path.read_text(encoding="utf-8")
    start = text.index(f"# case: {case.title}\n")
    following = _HEAD.search(text, start + 1)
    end = following.start() if following else len(text)
    body = text[start:end]
    expect = _EXPECT.search(body)
    head = body[: expect.start()] if expect else body.rstrip() + "\n"
    gap = "\n" if following else ""
    case.path.write_text(f"{text[:start]}{head}# expect\n{after}{gap}{text[end:]}", encoding="utf-8")
