"""Expressions of numbers, bools, strings and tensors.

They have no side effects. Nothing is written whose value plain Python and TorchScript define differently: no power of
ints, no division by zero, no text of floats. There is no literal 0.0 either: PyTorch merges it with a constant -0.0.
"""

from __future__ import annotations

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
    MAYBE,
    MAYBE_STR,
    NAMES,
    PAIR,
    POINT,
    PRESENT,
    STR,
    STRS,
    TENSOR,
    Writer,
)  # fmt: skip


class Expressions(Writer):
    """Writes expressions of any type; those of containers and objects are left to a subclass."""

    def _stored(self, type: str, depth: int) -> str:
        """An expression whose value may be kept: numbers are brought back to a small range."""
        value = self._expression(type, depth)
        if value.isidentifier() or depth == 0:
            return value
        if type == INT and not self._wide:
            return f"({value}) % 1009"
        if type == FLOAT:
            return f"math.fmod({value}, 1024.0)"
        if type == STR:
            return f"({value})[:12]"
        if type == TENSOR:
            return f"torch.clamp({value}, -8.0, 8.0)"
        return value

    def _expression(self, type: str, depth: int) -> str:
        if depth <= 0 or self._chance(20):
            return self._leaf(type)
        if self._chance(6):
            called = self._pure_call(type)
            if called is not None:
                return called
        if type != EITHER and self._chance(6):
            return f"({self._expression(type, depth - 1)} if {self._bool(depth - 1)} else {self._leaf(type)})"
        return getattr(self, _MAKERS[type])(depth - 1)  # type: ignore[no-any-return]

    def _leaf(self, type: str) -> str:
        known = self._variables(type)
        return self._pick(known) if known and self._chance(75) else self._literal(type)

    def _literal(self, type: str) -> str:
        raise NotImplementedError

    def _pure_call(self, type: str) -> str | None:
        """A call of a helper that changes nothing; its arguments are simple."""
        found = [function for function in self._functions if function.result == type and function.is_pure]
        if not found:
            return None
        callee = self._pick(found)
        return f"{callee.name}({', '.join(self._leaf(parameter) for parameter in callee.parameters)})"

    # --- ints

    def _int_literal(self) -> str:
        if self._wide and self._chance(50):
            return self._pick(
                ("9223372036854775807", "4611686018427387904", "-9223372036854775807", "3037000500", "-3")
            )
        return str(self._number(-4, 9)) if self._chance(90) else "100"

    def _factor(self, depth: int) -> str:
        """An int to be multiplied: small, unless overflow is wanted."""
        value = self._expression(INT, depth)
        return value if self._wide else f"(({value}) % 97)"

    def _int(self, depth: int) -> str:
        left = self._expression(INT, depth)
        kind = self._number(0, 13)
        if kind <= 2:
            return f"({left} {self._pick(('+', '-'))} {self._expression(INT, depth)})"
        if kind == 3:
            return f"({self._factor(depth)} * {self._factor(depth)})"
        if kind == 4:
            return f"({left} {self._pick(('//', '%'))} {self._pick(('3', '7', '-4', '10'))})"
        if kind == 5:
            return f"({left} {self._pick(('&', '|', '^'))} {self._expression(INT, depth)})"
        if kind == 6:
            return f"(({left}) % 64 {self._pick(('<<', '>>'))} {self._number(0, 4)})"
        if kind == 7:
            return self._pick((f"(-{left})", f"abs({left})", f"int({self._expression(BOOL, depth)})"))
        if kind == 8:
            return f"{self._pick(('min', 'max'))}({left}, {self._expression(INT, depth)})"
        if kind <= 10:
            return self._int_of_another(depth)
        if kind == 11:
            return self._pick((self._element(INTS, left), self._present(MAYBE), self._looked_up(depth)))
        if kind == 12:
            return f"divmod({left}, {self._pick(('3', '-7', '5'))})[{self._number(0, 1)}]"
        return f"({left} if {self._expression(BOOL, depth)} else {self._expression(INT, depth)})"

    def _int_of_another(self, depth: int) -> str:
        item, text = self._fresh(), self._expression(STR, depth)
        made = [
            f"len({self._expression(self._pick((INTS, STR, COUNTS, STRS, GRID, NAMES)), depth)})",
            # PyTorch adds up the ints of a list in 32 bits.
            f"sum([{item} % 1009 for {item} in {self._expression(INTS, depth)}])",
            f"{self._expression(PAIR, depth)}[0]",
            f"{self._expression(POINT, depth)}.x",
            f"{self._expression(COLOR, depth)}.value",
            f"{text}.{self._pick(('find', 'rfind', 'count'))}({self._pick(('a', 'bc', 'x1'))!r})",
            f'ord(({text} + "q")[0])',
            f"int({self._expression(TENSOR, depth)}.sum())",
            f"{self._expression(TENSOR, depth)}.shape[0]",
            f"[{item} for {item} in {self._expression(INTS, depth)} ].count({self._leaf(INT)})",
        ]
        boxes = self._variables(BOX)
        if boxes:
            box = self._pick(boxes)
            made += [f"{box}.n", f"len({box})", f"{box}[{self._leaf(INT)}]", f"({box} + {self._leaf(INT)})"]
        if self._extended:
            made += [
                f"sum({item} % 11 for {item} in {self._expression(INTS, depth)} if {item} != {self._number(0, 5)})",
                f"(+{self._expression(INT, depth)})",
            ]
        return self._pick(made)

    def _element(self, type: str, index: str) -> str:
        """An element of a list that may be empty."""
        names = self._variables(type)
        if not names:
            return f"{self._literal(type)}[0]"
        name = self._pick(names)
        return f"({name}[({index}) % len({name})] if len({name}) > 0 else {self._literal(ELEMENTS[type])})"

    def _present(self, type: str) -> str:
        """The value of an Optional variable where there is one."""
        names = self._variables(type)
        if not names:
            return self._literal(PRESENT[type])
        name = self._pick(names)
        other = self._leaf(PRESENT[type])
        return self._pick((f"({name} if {name} is not None else {other})", f"({other} if {name} is None else {name})"))

    def _looked_up(self, depth: int) -> str:
        key = self._leaf(STR)
        names = self._variables(COUNTS)
        if not names:
            return f"{self._expression(COUNTS, depth)}.get({key}, {self._leaf(INT)})"
        name = self._pick(names)
        return self._pick(
            (f"({name}[{key}] if {key} in {name} else {self._leaf(INT)})", f"{name}.get({key}, {self._leaf(INT)})")
        )

    # --- floats

    def _float(self, depth: int) -> str:
        left = self._expression(FLOAT, depth)
        kind = self._number(0, 9)
        if kind <= 2:
            return f"({left} {self._pick(('+', '-'))} {self._expression(FLOAT, depth)})"
        if kind == 3:
            return f"({left} {self._pick(('*', '/'))} {self._pick(('2.0', '-0.5', '4', '3.0'))})"
        if kind == 4:
            return self._pick(
                (
                    f"(-{left})",
                    f"abs({left})",
                    f"math.floor({left}) * 0.5",
                    f"math.sqrt(abs({left}))",
                    f"({left} // 2.0)",
                    f"({left} % 3.0)",
                    f"({self._expression(INT, depth)} * 0.5)",
                    f"({self._expression(INT, depth)} / 4)",
                )
            )
        if kind == 5:
            return f"float({self._expression(self._pick((INT, BOOL)), depth)})"
        if kind == 6:
            return self._pick(
                (
                    f"float({self._expression(TENSOR, depth)}[1])",
                    self._element(FLOATS, self._leaf(INT)),
                    f"{self._expression(POINT, depth)}.y",
                    f"{self._expression(POINT, depth)}[1]",
                )
            )
        if kind == 7:
            return f"{self._pick(('min', 'max'))}({left}, {self._expression(FLOAT, depth)})"
        if kind == 8:
            return f"math.{self._pick(('ceil', 'floor'))}({left}) * 0.25"
        return f"({left} if {self._expression(BOOL, depth)} else {self._expression(FLOAT, depth)})"

    # --- bools

    def _bool(self, depth: int) -> str:
        kind = self._number(0, 10)
        if kind <= 2:
            type = self._pick((INT, FLOAT, STR, INT))
            operator = self._pick(("==", "!=", "<", "<=", ">", ">="))
            return f"({self._expression(type, depth)} {operator} {self._expression(type, depth)})"
        if kind == 3:
            return f"({self._expression(BOOL, depth)} {self._pick(('and', 'or'))} {self._expression(BOOL, depth)})"
        if kind == 4:
            return f"(not {self._expression(BOOL, depth)})"
        if kind <= 6:
            return self._pick(self._tests(depth))
        if kind == 7:
            low, middle, high = (self._expression(INT, depth - 1) for _ in range(3))
            return f"({low} < {middle} <= {high})"
        if kind == 8:
            return f"bool(({self._expression(TENSOR, depth)} > {self._leaf(FLOAT)}).{self._pick(('any', 'all'))}())"
        if kind == 9:
            return self._refining()
        return f"bool({self._expression(INT, depth)})"

    def _tests(self, depth: int) -> list[str]:
        text, item = self._expression(STR, depth), self._fresh()
        made = [
            f"({text} in {self._expression(COUNTS, depth)})",
            f"({self._expression(INT, depth)} not in {self._expression(NAMES, depth)})",
            f"({self._expression(INT, depth)} {self._pick(('in', 'not in'))} {self._expression(INTS, depth)})",
            f"({text} in {self._expression(STR, depth)})",
            # Not by itself: as a condition it would refine the variable.
            f"(int({self._expression(MAYBE, depth)} is None) == 1)",
            f"({self._expression(INTS, depth)} == {self._expression(INTS, depth)})",
            f"({self._expression(STRS, depth)} != {self._expression(STRS, depth)})",
            f"({self._expression(COLOR, depth)} {self._pick(('==', '!='))} {self._expression(COLOR, depth)})",
            f"{text}.{self._pick(('startswith', 'endswith'))}({self._pick(('a', 'b', 'x1', ''))!r})",
            f"{text}.{self._pick(('isdigit', 'isalpha', 'isupper', 'islower', 'isalnum'))}()",
            f"{self._pick(('any', 'all'))}([{item} > 1 for {item} in {self._expression(INTS, depth)}])",
        ]
        boxes = self._variables(BOX)
        if boxes:
            made.append(f"({self._leaf(INT)} in {self._pick(boxes)})")
        if self._extended:
            made.append(f"({self._leaf(INT)} in {{1, 2, {self._literal(INT)}}})")
            made.append(f"any({item} > 2 for {item} in {self._expression(INTS, depth)})")
        return made

    def _refining(self) -> str:
        """Conditions joined by `and` and `or`, of which the second relies on the first.

        In a `bool(...)`, for as the condition of a statement it would refine the variable there too.
        """
        target = self._target(MAYBE, MAYBE_STR, EITHER)
        if target is None:
            return self._leaf(BOOL)
        name, type = target
        if type == EITHER:
            return f"bool(isinstance({name}, int) and {name} > {self._literal(INT)})"
        test = f"{name} {self._pick(('<', '==', '>='))} {self._leaf(PRESENT[type])}"
        return self._pick((f"bool({name} is not None and {test})", f"bool({name} is None or {test})"))

    # --- strings

    def _str(self, depth: int) -> str:
        value, item = self._expression(STR, depth), self._fresh()
        made = [
            f"({value} + {self._expression(STR, depth)})",
            f"str({self._expression(self._pick((INT, BOOL)), depth)})",
            f'f"{{{self._leaf(INT)}}}-{{{self._variable_or_one(STR)}}}"',
            f'"{{}}:{{}}".format({self._leaf(INT)}, {self._leaf(STR)})',
            f'("%s=%d" % ({self._leaf(STR)}, {self._leaf(INT)}))',
            f"{value}.{self._pick(('upper', 'lower', 'capitalize', 'swapcase', 'title'))}()",
            f"{value}.{self._pick(('strip', 'lstrip', 'rstrip'))}()",
            f'{value}.replace("a", "bb")',
            f"{value}.{self._pick(('ljust', 'rjust', 'center'))}({self._number(0, 6)})",
            f"{value}[{self._number(-3, 2)}:]",
            f"{value}[{self._pick(('::-1', ':-1', '1:4:2', '-2:'))}]",
            f'{value}.partition("a")[{self._number(0, 2)}]',
            f"{self._expression(PAIR, depth)}[1]",
            f"{self._expression(POINT, depth)}.name",
            f"{self._expression(COLOR, depth)}.name",
            f'", ".join({self._expression(STRS, depth)})',
            f'"".join([str({item}) for {item} in {self._expression(INTS, depth)}])',
            f"chr(97 + ({self._expression(INT, depth)}) % 26)",
            f"hex(abs({self._expression(INT, depth)}) % 4096)",
            self._element(STRS, self._leaf(INT)),
            self._present(MAYBE_STR),
        ]
        if self._extended:
            made.append(f'f"{{{self._leaf(INT)}:03d}}|{{{self._variable_or_one(STR)}!s}}"')
            number, text = self._variable_or_one(self._pick((INT, FLOAT))), self._variable_or_one(STR)
            spec = self._pick((".2f", "+.3e", "g", ",.1f", ">12.4G", "08.2f", ".1%"))
            made.append(f'f"{{{number}:{spec}}}|{{{text}!r:>9}}"')
            made.append(f'("%.3f|%-6s|%+d" % ({number}, {text}, {self._leaf(INT)}))')
        return self._pick(made)

    def _variable_or_one(self, type: str) -> str:
        known = self._variables(type)
        return self._pick(known) if known else "1"

    # --- tensors

    def _tensor(self, depth: int) -> str:
        left = self._expression(TENSOR, depth)
        kind = self._number(0, 8)
        if kind <= 1:
            return f"({left} {self._pick(('+', '-', '*'))} {self._expression(TENSOR, depth)})"
        if kind == 2:
            return f"({left} {self._pick(('+', '*', '-'))} {self._pick((self._leaf(FLOAT), '2', self._leaf(INT)))})"
        if kind == 3:
            return f"torch.{self._pick(('relu', 'tanh', 'neg', 'abs', 'sigmoid', 'floor', 'sign'))}({left})"
        if kind == 4:
            return self._pick(
                (f"({left} - {left}.mean())", f"{left}.flip([0])", f"{left}.clone()", f"{left}.cumsum(0)")
            )
        if kind == 5:
            return self._pick(
                (
                    f"{left}[None].expand(2, 3).sum(0)",
                    f"torch.stack([{left}, {self._leaf(TENSOR)}], dim=1).sum(dim=1)",
                    f"torch.cat([{left}, {self._leaf(TENSOR)}])[{self._number(0, 3)}:][:3]",
                    f"{left}.view(3, 1).t()[0]",
                    f"{left}.unsqueeze(0).repeat(2, 1)[-1]",
                    f"({left}.long() % 3).to(torch.float32)",
                    f"{left}.sort()[0]",
                    f"{left}.masked_fill({left} > {self._leaf(FLOAT)}, {self._leaf(FLOAT)})",
                    f"{left}[torch.tensor([2, 0, 1])]",
                    f"(({left} > 0) & ({self._leaf(TENSOR)} < 1)).float()",
                )
            )
        if kind == 6:
            return f"torch.full([3], {self._leaf(FLOAT)})"
        if kind == 7:
            return f"({self._leaf(FLOAT)} {self._pick(('-', '*', '+'))} {left})"
        return f"torch.where({left} > 0, {left}, {self._expression(TENSOR, depth)})"


_MAKERS = {
    INT: "_int", FLOAT: "_float", BOOL: "_bool", STR: "_str", TENSOR: "_tensor", INTS: "_ints", FLOATS: "_floats",
    STRS: "_strs", GRID: "_grid", COUNTS: "_counts", NAMES: "_names_by_number", PAIR: "_pair", POINT: "_point",
    COLOR: "_color", MAYBE: "_maybe", MAYBE_STR: "_maybe_str", EITHER: "_either", BOX: "_box",
}  # fmt: skip
