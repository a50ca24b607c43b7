"""Simple statements: assignments, changes of containers, tensors and objects, calls."""

from __future__ import annotations

from tests.programs.values import Values
from tests.programs.writer import (
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
    KEYS,
    MAYBE,
    MAYBE_STR,
    NAMES,
    PAIR,
    POINT,
    STR,
    STRS,
    TENSOR,
    TYPES,
)  # fmt: skip


class Statements(Values):
    """Writes statements without blocks of their own, but for the tests that keep them from failing."""

    def _simple(self) -> None:
        self._pick(
            (
                self._new_variable, self._new_variable, self._reassign, self._augment, self._change_list,
                self._change_list, self._change_dict, self._change_tensor, self._change_object, self._unpack,
                self._call, self._call, self._swap,
            )
        )()  # fmt: skip

    def _new_variable(self) -> None:
        type = self._pick(TYPES)
        name = self._fresh()
        value = self._stored(type, 3)
        needs_type = type in (MAYBE, MAYBE_STR, EITHER) or value.startswith("[]")
        self._line(f"{name}: {type} = {value}" if needs_type or self._chance(30) else f"{name} = {value}")
        self._declare(name, type)

    def _reassign(self) -> None:
        target = self._target(*TYPES)
        if target is None:
            return
        name, type = target
        if self._extended and type == INT and name.isidentifier() and self._chance(20):
            new = self._fresh()
            self._line(f"{name} = ({new} := {self._stored(INT, 1)}) + {new}")
            self._declare(new, INT)
            return
        self._line(f"{name} = {self._stored(type, 2)}")

    def _swap(self) -> None:
        type = self._pick((INT, STR, INTS, FLOAT))
        names = [name for name in self._variables(type) if name.isidentifier()]
        if len(names) < 2:
            return
        first, second = self._random.sample(names, 2)
        self._line(f"{first}, {second} = {second}, {self._stored(type, 1)}")

    def _augment(self) -> None:
        target = self._target(INT, FLOAT, STR, TENSOR, INTS)
        if target is None:
            return
        name, type = target
        if type == INT:
            operators = ("+=", "-=", "|=", "&=", "^=", *(("//=", "%=") if self._extended else ()))
            operator = self._pick(operators)
            value = self._pick(("3", "-7")) if operator in ("//=", "%=") else self._stored(INT, 1)
            self._line(f"{name} {operator} {value}")
        elif type == FLOAT:
            self._line(f"{name} {self._pick(('+=', '-='))} {self._stored(FLOAT, 1)}")
        elif type == STR:
            self._line(f"{name} = ({name} + {self._expression(STR, 1)})[:12]")
        elif type == INTS:
            # PyTorch loses the second `+=` of two if nothing reads the variable afterwards.
            self._line(f"{name}.extend([{self._stored(INT, 1)}])")
        else:
            self._line(f"{name} {self._pick(('+=', '-='))} {self._stored(TENSOR, 1)}")

    def _change_list(self) -> None:
        target = self._target(INTS, FLOATS, STRS, GRID)
        if target is None:
            return
        name, type = target
        value = self._stored(ELEMENTS[type], 1)
        change = self._number(0, 8)
        if change == 0:
            self._line(f"{name}.append({value})")
        elif change == 1:
            self._line(f"{name}.extend([{value}, {self._stored(ELEMENTS[type], 0)}])")
        elif change == 2:
            self._line(f"{name}.insert({self._number(-2, 3)}, {value})")
        elif change == 3:
            self._line(f"{name}.reverse()" if type == GRID else self._pick((f"{name}.reverse()", f"{name}.sort()")))
        elif change == 4:
            with self._block(f"if len({name}) > {self._number(0, 2)}:"):
                popped = self._fresh()
                self._line(f"{popped} = {name}.pop({self._pick(('', '0', '-1'))})")
                self._declare(popped, ELEMENTS[type])
                self._reassign()
        elif change == 5:
            with self._block(f"if len({name}) > {self._number(1, 3)}:"):
                self._line(f"{name}[{self._number(-1, 1)}] = {value}")
        elif change == 6:
            with self._block(f"if len({name}) > 1:"):
                self._line(self._pick((f"del {name}[{self._number(-1, 1)}]", self._change_of_item(name, type))))
        elif change == 7:
            self._line(f"{name}.clear()")
        else:
            other = self._fresh()
            self._line(f"{other} = {name}")
            self._declare(other, type)

    def _change_of_item(self, name: str, type: str) -> str:
        if type == GRID:
            return f"{name}[0].append({self._stored(INT, 0)})"
        if type == STRS:
            return f"{name}[-1] = {self._stored(STR, 1)}"
        return f"{name}[{self._number(-1, 1)}] {self._pick(('+=', '-='))} {self._leaf(ELEMENTS[type])}"

    def _change_dict(self) -> None:
        target = self._target(COUNTS, NAMES)
        if target is None:
            return
        name, type = target
        key_type, value_type = KEYS[type]
        key, value = self._stored(key_type, 1), self._stored(value_type, 1)
        change = self._number(0, 6)
        if change <= 1:
            self._line(f"{name}[{key}] = {value}")
        elif change == 2:
            with self._block(f"if {key} in {name}:"):
                changed = f"{name}[{key}] += {self._stored(INT, 0)}" if type == COUNTS else f"{name}[{key}] = {value}"
                self._line(self._pick((changed, f"del {name}[{key}]")))
        elif change == 3:
            popped = self._fresh()
            self._line(f"{popped} = {name}.pop({key}, {value})")
            self._declare(popped, value_type)
        elif change == 4:
            # Its result is that of another key in PyTorch.
            self._line(f"{name}.setdefault({key}, {value})")
        elif change == 5:
            self._line(f"{name}.update({self._stored(type, 1)})")
        else:
            self._line(f"{name}.clear()")

    def _change_tensor(self) -> None:
        target = self._target(TENSOR)
        if target is None:
            return
        name = target[0]
        self._line(
            self._pick(
                (
                    f"{name}.add_({self._stored(TENSOR, 0)}, alpha={self._number(-2, 2)})",
                    f"{name}.mul_({self._literal(FLOAT)}).clamp_(-8.0, 8.0)",
                    f"{name}[{self._number(0, 2)}] = {self._stored(FLOAT, 0)}",
                    f"{name}[1:] += {self._stored(FLOAT, 0)}",
                    f"{name}[:2].neg_()",
                    f"{name}[{name} > 1.0] = {self._literal(FLOAT)}",
                    f"{name}.copy_({self._stored(TENSOR, 1)})",
                )
            )
        )

    def _change_object(self) -> None:
        target = self._target(BOX)
        if target is None:
            return
        name = target[0]
        changes = [
            f"{name}.n = {self._stored(INT, 1)}",
            f"{name}.s = {self._stored(STR, 1)}",
            f"{name}.xs.append({self._stored(INT, 1)})",
            f"{name}[{self._leaf(INT)}] = {self._stored(INT, 1)}",
            f"{name}.n += {self._leaf(INT)}",
            f"{name}.size = {self._stored(INT, 0)}",
        ]
        self._line(self._pick(changes))

    def _unpack(self) -> None:
        names = [self._fresh(), self._fresh(), self._fresh()]
        kind = self._number(0, 3)
        if kind == 0:
            self._line(f"{names[0]}, {names[1]} = {self._stored(PAIR, 1)}")
            types = [INT, STR]
        elif kind == 1:
            self._line(f"{', '.join(names)} = {self._stored(POINT, 1)}")
            types = [INT, FLOAT, STR]
        elif kind == 2:
            first, second = self._stored(INT, 1), self._stored(STRS, 1)
            self._line(f"{names[0]}, ({names[1]}, {names[2]}) = {first}, ({second}, {self._stored(COLOR, 0)})")
            types = [INT, STRS, COLOR]
        else:
            self._line(f"{names[0]} = {names[1]} = {self._stored(INT, 1)}")
            types = [INT, INT]
        for name, type in zip(names, types):
            self._declare(name, type)

    def _call(self) -> None:
        methods = [(f"{box}.", method) for box in self._variables(BOX) for method in self._methods]
        callees = [*(("", function) for function in self._functions), *methods]
        if not callees:
            return
        owner, callee = self._pick(callees)
        arguments = [self._stored(type, 1) for type in callee.parameters]
        name = self._fresh()
        annotation = f": {callee.result}" if self._chance(20) else ""
        self._line(f"{name}{annotation} = {owner}{callee.name}({', '.join(arguments)})")
        self._declare(name, callee.result)
