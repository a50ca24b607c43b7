"""Expressions of lists, dicts, tuples, optional values and objects."""

from __future__ import annotations

from tests.programs.expressions import Expressions
from tests.programs.writer import (
    BOOL,
    BOX,
    COLOR,
    COUNTS,
    EITHER,
    ELEMENTS,
    FLOAT,
    FLOATS,
    GRID,
    INT,
    INTS,
    NAMES,
    PAIR,
    POINT,
    PRESENT,
    STR,
    STRS,
    TENSOR,
)  # fmt: skip


class Values(Expressions):
    """Writes expressions of every type."""

    def _literal(self, type: str) -> str:
        if type == INT:
            return self._int_literal()
        if type in ELEMENTS:
            return f"[{', '.join(self._literal(ELEMENTS[type]) for _ in range(self._number(1, 3)))}]"
        if type == PAIR:
            return f"({self._literal(INT)}, {self._literal(STR)})"
        if type == POINT:
            return f"Point({self._literal(INT)}, {self._literal(FLOAT)}, {self._literal(STR)})"
        if type == BOX:
            return f"Box({self._literal(INT)}, {self._literal(STR)})"
        if type in PRESENT:
            value = self._pick(("None", self._literal(PRESENT[type])))
            return f"torch.jit.annotate({type}, {value})"
        if type == EITHER:
            return f"torch.jit.annotate({type}, {self._literal(self._pick((INT, STR)))})"
        return self._pick(_LITERALS[type])

    def _list(self, type: str, depth: int) -> str:
        value = self._expression(type, depth)
        element = self._stored(ELEMENTS[type], depth)
        item = self._fresh()
        made = [
            f"[{element}, {self._stored(ELEMENTS[type], 0)}]",
            f"({value} + {self._expression(type, depth)})[:6]",
            f"{value}[{self._number(-2, 1)}:{self._number(1, 4)}]",
            f"{value}[{self._pick(('::-1', '1:', ':-1', '::2', '-2:', ':', '5:0:-2'))}]",
            f"[{item} for {item} in {value}]",
            f"({value} * 2)[:6]",
            f"{value}.copy()",
            f"list({value})",
        ]
        if self._extended:
            made.append(f"[{item} for {item} in {value} if {self._bool(0)}]")
        return self._pick(made)

    def _ints(self, depth: int) -> str:
        item, other = self._fresh(), self._fresh()
        if self._chance(40):
            made = [
                f"[({item} + {self._leaf(INT)}) % 1009 for {item} in {self._expression(INTS, depth)}]",
                f"[{item} for {item} in range({self._number(0, 4)})]",
                f"[len({item}) for {item} in {self._expression(STRS, depth)}]",
                f"list({self._expression(COUNTS, depth)}.values())",
                f"list({self._expression(NAMES, depth)}.keys())",
                f"sorted({self._expression(INTS, depth)})",
                f"[{other} % 7 + {item} for {item}, {other} in enumerate({self._expression(INTS, depth)})]",
                f"[{item} * {other} % 1009 for {item}, {other} in zip({self._leaf(INTS)}, {self._leaf(INTS)})]",
                self._element(GRID, self._leaf(INT)),
                f"[int({item}) for {item} in {self._expression(TENSOR, depth)}]",
            ]
            if self._extended:
                made.append(f"[{item} % 5 + {other} % 3 for {item} in {self._leaf(INTS)}[:3] for {other} in range(2)]")
            return self._pick(made)
        return self._list(INTS, depth)

    def _floats(self, depth: int) -> str:
        if self._chance(25):
            item = self._fresh()
            return self._pick(
                (
                    f"[float({item}) for {item} in {self._expression(INTS, depth)}]",
                    f"sorted({self._expression(FLOATS, depth)})",
                    f"[{item} * 0.5 for {item} in {self._expression(FLOATS, depth)}]",
                )
            )
        return self._list(FLOATS, depth)

    def _strs(self, depth: int) -> str:
        if self._chance(30):
            item, value = self._fresh(), self._expression(STR, depth)
            return self._pick(
                (
                    f"list({value})[:4]",
                    f'{value}.split("a")',
                    f"{value}.split()",
                    f"sorted({self._expression(STRS, depth)})",
                    f"[{item}.upper() for {item} in {self._expression(STRS, depth)}]",
                    f"list({self._expression(COUNTS, depth)}.keys())",
                    f"[str({item}) for {item} in {self._expression(INTS, depth)}]",
                )
            )
        return self._list(STRS, depth)

    def _grid(self, depth: int) -> str:
        item = self._fresh()
        return self._pick(
            (
                f"[{self._expression(INTS, depth)}, {self._leaf(INTS)}.copy()]",
                f"[[{item}, {self._leaf(INT)}] for {item} in {self._expression(INTS, depth)}][:3]",
                f"[{item}[::-1] for {item} in {self._expression(GRID, depth)}]",
                f"{self._expression(GRID, depth)}[{self._pick(('1:', ':2', '::-1'))}]",
            )
        )

    def _counts(self, depth: int) -> str:
        item, other = self._fresh(), self._fresh()
        return self._pick(
            (
                f"{{{self._literal(STR)}: {self._stored(INT, depth)}}}",
                f"{{{item}: len({item}) for {item} in {self._expression(STRS, depth)}}}",
                f"{self._expression(COUNTS, depth)}.copy()",
                f"{{{item}: {other} % 31 for {item}, {other} in {self._expression(COUNTS, depth)}.items()}}",
            )
        )

    def _names_by_number(self, depth: int) -> str:
        item = self._fresh()
        return self._pick(
            (
                f"{{{self._stored(INT, depth)}: {self._stored(STR, depth)}}}",
                f"{{{item}: str({item}) for {item} in {self._expression(INTS, depth)}}}",
                f"{self._expression(NAMES, depth)}.copy()",
            )
        )

    def _pair(self, depth: int) -> str:
        return f"({self._stored(INT, depth)}, {self._stored(STR, depth)})"

    def _point(self, depth: int) -> str:
        x, y, name = self._stored(INT, depth), self._stored(FLOAT, depth), self._stored(STR, depth)
        return self._pick((f"Point({x}, {y}, {name})", f"Point({x}, {y})", f"Point(name={name}, y={y}, x={x})"))

    def _color(self, depth: int) -> str:
        return f"({self._leaf(COLOR)} if {self._expression(BOOL, depth)} else {self._literal(COLOR)})"

    def _maybe(self, depth: int) -> str:
        value = self._stored(INT, depth)
        return self._pick(
            (
                f"torch.jit.annotate(Optional[int], {value})",
                f"({value} if {self._expression(BOOL, depth)} else None)",
                f"{self._expression(COUNTS, depth)}.get({self._expression(STR, depth)})",
            )
        )

    def _maybe_str(self, depth: int) -> str:
        value = self._stored(STR, depth)
        return self._pick(
            (
                f"torch.jit.annotate(Optional[str], {value})",
                f"({value} if {self._expression(BOOL, depth)} else None)",
                f"{self._expression(NAMES, depth)}.get({self._expression(INT, depth)})",
            )
        )

    def _either(self, depth: int) -> str:
        return f"torch.jit.annotate({EITHER}, {self._stored(self._pick((INT, STR)), depth)})"

    def _box(self, depth: int) -> str:
        return f"Box({self._stored(INT, depth)}, {self._stored(STR, depth)})"


_LITERALS = {
    FLOAT: ("0.5", "-1.5", "2.0", "0.125", "-0.25", "3.75"),
    BOOL: ("True", "False"),
    STR: ('"a"', '"bc"', '"Dd e"', '""', '"x1"', '"  b"', '"07"'),
    TENSOR: ("torch.ones(3)", "torch.zeros(3)", "torch.arange(3.0)", "torch.tensor([0.5, -1.0, 2.0])"),
    COUNTS: ('{"a": 1}', '{"bc": 2, "a": 3}', '{"x1": 0}'),
    NAMES: ('{1: "a"}', '{7: "bc", -2: ""}'),
    COLOR: ("Color.RED", "Color.GREEN", "Color.BLUE"),
}
