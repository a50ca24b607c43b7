"""Checks that a text, or the text of a graph, holds certain strings in a certain order.

    FileCheck().check("aten::mul").check_not("aten::add").check_next("return").run(graph)

The same as comments of a text, one a line, which `run(checks, text)` reads:

    # CHECK: s                 somewhere after the last match
    # CHECK-NEXT: s            on the line after the last match
    # CHECK-SAME: s            later on the line of the last match
    # CHECK-NOT: s             nowhere between the last match and the next one (or the end)
    # CHECK-DAG: s             after the last match; neighbouring DAGs in any order
    # CHECK-COUNT-2: s         two times, one after the other
    # CHECK-COUNT-EXACTLY-2: s ... and not again before the next match
    # CHECK-SOURCE-HIGHLIGHTED: s    somewhere with exactly it underlined by `~` in the next line

Strings are searched as they are: no patterns, case matters. The strings begin after one blank and end with the line.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn, final

from flambeau.errors import FlambeauError
from flambeau.ir import Graph, quoted

_CONTEXT = 3
_DIRECTIVE = re.compile(r"#[ \t]{0,6}CHECK")
_SUFFIXES = {
    ": ": "CHECK",
    "-NEXT: ": "CHECK-NEXT",
    "-SAME: ": "CHECK-SAME",
    "-NOT: ": "CHECK-NOT",
    "-DAG: ": "CHECK-DAG",
    "-SOURCE-HIGHLIGHTED: ": "CHECK-SOURCE-HIGHLIGHTED",
}
_COUNT = re.compile(r"-COUNT-(EXACTLY-)?(\d+):.")


class FileCheckError(FlambeauError, AssertionError, RuntimeError):
    """A text does not hold what it should, or the checks themselves are malformed."""


@final
@dataclass(frozen=True, slots=True)
class _Check:
    kind: str
    text: str
    count: int = 0

    def __str__(self) -> str:
        return f"{self.kind}{f'-{self.count}' if self.count else ''}: {self.text}"


@final
@dataclass(frozen=True, slots=True)
class _Range:
    start: int
    end: int


class FileCheck:
    """A list of checks; every method that adds one returns the object itself."""

    def __init__(self) -> None:
        self._groups: list[list[_Check]] = []
        self._has_run = False

    # --- adding checks

    def check(self, text: str) -> FileCheck:
        """`text` occurs after the last match."""
        return self._add(_Check("CHECK", text))

    def check_next(self, text: str) -> FileCheck:
        """`text` occurs on the line after the last match."""
        return self._add(_Check("CHECK-NEXT", text))

    def check_same(self, text: str) -> FileCheck:
        """`text` occurs after the last match, on the same line."""
        return self._add(_Check("CHECK-SAME", text))

    def check_not(self, text: str) -> FileCheck:
        """`text` does not occur between the last match and the next one."""
        return self._add(_Check("CHECK-NOT", text))

    def check_dag(self, text: str) -> FileCheck:
        """`text` occurs after the last match, in any order with the neighbouring DAG checks."""
        return self._add(_Check("CHECK-DAG", text))

    def check_count(self, text: str, count: int, exactly: bool = False) -> FileCheck:
        """`text` occurs `count` times; with `exactly`, not again before the next match."""
        if count < 0 or (count == 0 and not exactly):
            raise FileCheckError("Count == 0 && !exactly doesn't do anything")
        if count:
            self._add(_Check("CHECK-COUNT", text, count))
        return self._add(_Check("CHECK-NOT", text)) if exactly else self

    def check_source_highlighted(self, text: str) -> FileCheck:
        """`text` occurs somewhere with exactly it underlined by `~` in the next line."""
        return self._add(_Check("CHECK-SOURCE-HIGHLIGHTED", text))

    def _add(self, check: _Check) -> FileCheck:
        self._has_run = False
        together = check.kind in ("CHECK-NOT", "CHECK-DAG")
        if together and self._groups and self._groups[-1][0].kind == check.kind:
            self._groups[-1].append(check)
        else:
            self._groups.append([check])
        return self

    # --- running

    def run(self, checks_or_text: str | Graph, text: str | Graph | None = None, **named: str | Graph) -> None:
        """Check a text or a graph; with two arguments, the first holds more checks as comments.

        FileCheckError if a check fails, is malformed, or there is none.
        """
        checks, subject = _arguments(checks_or_text, text, named)
        try:
            if checks is not None:
                self._read(checks)
        finally:
            self._has_run = True
        if not self._groups:
            raise FileCheckError("No checks have been added to this instance of Filecheck! Check for bad input.")
        _Run(str(subject)).check(self._groups)

    def _read(self, checks: str) -> None:
        for found in _DIRECTIVE.finditer(checks):
            end = checks.find("\n", found.end())
            line = checks[found.end() : end if end >= 0 else len(checks)]
            for suffix, kind in _SUFFIXES.items():
                if line.startswith(suffix):
                    self._add(_Check(kind, line[len(suffix) :]))
                    break
            else:
                counted = _COUNT.match(line)
                if counted is None:
                    shown = _context(checks, _Range(found.end(), found.end() + 1))
                    raise FileCheckError(f"Could not parse check at:\n{shown}Check for bad input.")
                self.check_count(line[counted.end() :], int(counted[2]), exactly=counted[1] is not None)

    def __del__(self) -> None:
        if not getattr(self, "_has_run", True) and sys.stdout is not None:
            lines = [f"\t{check}" for group in self._groups for check in group]
            sys.stdout.write(
                "\n".join(["You have not run this instance of FileCheck!", "FileCheck checks:", *lines, ""])
            )

    def __str__(self) -> str:
        return "\n".join(["FileCheck checks:", *(f"\t{check}" for group in self._groups for check in group)])


def _arguments(
    first: str | Graph, second: str | Graph | None, named: dict[str, str | Graph]
) -> tuple[str | None, str | Graph]:
    unknown = named.keys() - {"test_file", "graph"}
    if unknown:
        raise TypeError(f"run() got an unexpected keyword argument '{min(unknown)}'")
    subject = second if second is not None else named.get("test_file", named.get("graph"))
    return (None, first) if subject is None else (str(first), subject)


@final
class _Run:
    """One run over one text."""

    def __init__(self, text: str) -> None:
        self._text = text

    def check(self, groups: Sequence[list[_Check]]) -> None:
        previous = _Range(0, 0)
        forbidden: list[_Check] = []
        for group in groups:
            if group[0].kind == "CHECK-NOT":
                forbidden = group
                continue
            matched = self._match(group, previous)
            self._check_absent(forbidden, _Range(previous.end, matched.start))
            previous, forbidden = matched, []
        self._check_absent(forbidden, _Range(previous.end, len(self._text)))

    def _check_absent(self, checks: list[_Check], gap: _Range) -> None:
        for check in checks:
            self._forbid(check.text, gap, check)

    def _match(self, group: list[_Check], previous: _Range) -> _Range:
        check = group[0]
        match check.kind:
            case "CHECK-SAME":
                found = self._find(check.text, previous.end, check)
                self._forbid("\n", _Range(previous.end, found.start), check)
                return found
            case "CHECK-NEXT":
                line_end = self._find("\n", previous.end, check)
                found = self._find(check.text, line_end.end, check)
                self._forbid("\n", _Range(line_end.end, found.start), check)
                return found
            case "CHECK-COUNT":
                first = found = self._find(check.text, previous.end, check)
                for _ in range(check.count - 1):
                    found = self._find(check.text, found.end, check)
                return _Range(first.start, found.end)
            case "CHECK-DAG":
                places = [self._find(c.text, previous.end, c) for c in group]
                return _Range(min(p.start for p in places), max(p.end for p in places))
            case "CHECK-SOURCE-HIGHLIGHTED":
                self._find_highlighted(check, previous.end)
                return _Range(previous.end, previous.end)
            case _:
                return self._find(check.text, previous.end, check)

    def _find(self, text: str, start: int, check: _Check) -> _Range:
        position = self._text.find(text, start)
        if position < 0:
            where = _context(self._text, _Range(start, min(start + len(text), len(self._text))))
            self._fail(f"Expected to find {quoted(text)} but did not find it\nSearched string:\n{where}", check)
        return _Range(position, position + len(text))

    def _forbid(self, text: str, place: _Range, check: _Check) -> None:
        position = self._text.find(text, place.start, place.end)
        if position >= 0:
            where = _context(self._text, _Range(position, position + len(text)))
            self._fail(f"Expected to not find {quoted(text)} but found it\n{where}", check)

    def _find_highlighted(self, check: _Check, start: int) -> None:
        first = self._find(check.text, start, check)
        found = first
        while True:
            marks = self._below(found)
            if marks is not None and self._text[marks.start : marks.end] == "~" * len(check.text):
                for beside in (_Range(max(marks.start - 1, 0), marks.start), _Range(marks.end, marks.end + 1)):
                    self._forbid("~", beside, check)
                return
            position = self._text.find(check.text, found.end)
            if position < 0:
                where = _context(self._text, first)
                self._fail(f"Expected to find {quoted(check.text)}highlighted but it is not.\n{where}", check)
            found = _Range(position, position + len(check.text))

    def _below(self, place: _Range) -> _Range | None:
        """The same columns of the next line."""
        line_start = self._text.rfind("\n", 0, place.start) + 1
        line_end = self._text.find("\n", place.start)
        if line_end < 0:
            return None
        start = line_end + 1 + place.start - line_start
        return _Range(start, start + place.end - place.start)

    def _fail(self, problem: str, check: _Check) -> NoReturn:
        raise FileCheckError(f"{problem}From {check}\n")


def _context(text: str, place: _Range) -> str:
    """The lines around a place, with the place marked."""
    lines = text.splitlines()
    if not lines:
        return "\n"
    number = min(text.count("\n", 0, place.start), len(lines) - 1)
    column = place.start - (text.rfind("\n", 0, place.start) + 1)
    shown = lines[max(0, number - _CONTEXT) : number + 1]
    length = max(
        1, min(place.end, text.find("\n", place.start) if "\n" in text[place.start :] else len(text)) - place.start
    )
    if place.start < len(text) and text[place.start] != "\n":
        shown.append(f"{' ' * column}{'~' * length} <--- HERE")
    shown += lines[number + 1 : number + 1 + _CONTEXT]
    return "\n".join(shown) + "\n"
