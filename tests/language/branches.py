"""`if` and `match`."""

from typing import Dict, List, NamedTuple, Optional, Tuple, Union

import torch
from torch import Tensor

from tests.language.harness import Suite

suite = Suite("branches")


@suite.accepts(-1, 0, 5)
def if_elif_else(x: int) -> str:
    if x < 0:
        return "negative"
    elif x == 0:
        return "zero"
    else:
        return "positive"


@suite.accepts((1,), (-1,))
def variable_of_both_branches(x: int) -> int:
    if x > 0:
        y = 1
    else:
        y = 2
    return y


@suite.accepts((1,), (-1,))
def optional_of_branches(x: int) -> Optional[int]:
    if x > 0:
        y: Optional[int] = 1
    else:
        y = None
    return y


@suite.accepts((1,), (-1,))
def unused_variable_of_one_branch(x: int) -> int:
    if x > 0:
        y = 1
        x = y + x
    return x


@suite.accepts((1,), (-1,))
def variable_defined_where_branch_returns(x: int) -> int:
    if x > 0:
        y = 1
    else:
        return 0
    return y


@suite.accepts(torch.tensor(1), torch.tensor(0), torch.tensor(0.5))
def tensor_condition(x: Tensor) -> bool:
    if x:
        return True
    return False


@suite.accepts(0, 3)
def int_condition(x: int) -> bool:
    if x:
        return True
    return False


@suite.accepts(0.0, 0.1)
def float_condition(x: float) -> bool:
    return True if x else False


@suite.accepts(([1, 2],), ([],))
def list_is_no_condition_but_its_length_is(x: List[int]) -> bool:
    if len(x):
        return True
    return False


@suite.accepts(1, 2, 3, 4)
def nested_ifs(x: int) -> int:
    y = 0
    if x > 1:
        if x > 2:
            if x > 3:
                y = 3
            else:
                y = 2
        else:
            y = 1
    return y


@suite.extends(1, 0)
def defined_in_one_branch(x: int) -> int:
    if x > 0:
        y = 1
    return y


@suite.rejects("is set to type", marked="if x > 0:")
def different_types_in_branches(x: int):
    if x > 0:
        y = 1
    else:
        y = "a"
    return y


@suite.accepts(([],), ([1],))
def list_condition(x: List[int]) -> int:
    if x:
        return 1
    return 0


@suite.accepts("", "a")
def string_condition(x: str) -> int:
    if x:
        return 1
    return 0


@suite.extends(0, 1, (None,))
def optional_condition(x: Optional[int]) -> int:
    if x:
        return 1
    return 0


@suite.extends(1, 2, 3, 5, -4)
def match_statement(x: int) -> int:
    match x:
        case 1:
            return 2
        case 2 | 3:
            y = 10
        case n if n > 4:
            y = n * 2
        case _:
            return 3
    return y + x


@suite.extends("relu", "none", "other")
def match_on_strings(mode: str) -> str:
    out = "?"
    match mode:
        case "relu" | "tanh" as name:
            out = name + "!"
        case "none":
            pass
        case text:
            out = text + "?"
    return out


@suite.extends(None, 2)
def match_on_none(x: Optional[int]) -> int:
    match x:
        case None:
            return 0
        case _:
            return 1


@suite.extends([1, 2], [1, 7, 2])
def match_within_loop_with_else(xs: List[int]) -> int:
    for x in xs:
        match x:
            case 7:
                break
            case _:
                continue
    else:
        return 0
    return 1


@suite.extends({"a": 1}, {"a": 7, "b": 2}, {"b": 5, "c": 3}, {"q": 1}, {})
def match_dict(d: Dict[str, int]):
    match d:
        case {"a": 1}:
            return 1, d
        case {"a": x, "b": y} if x > y:
            return x * y, d
        case {"b": y, **rest}:
            return y, rest
        case {"q": _}:
            return 2, d
        case {}:
            return len(d), d


@suite.extends({"a": [1, 2], "b": [3]}, {"a": [1]})
def match_lists_in_a_dict(d: Dict[str, List[int]]):
    match d:
        case {"a": [x, y], "b": [1 | 3 as z]}:
            return x + y + z
        case {"a": [x]}:
            return x
    return 0


@suite.extends([1, 2])
def match_dict_of_a_list(xs: List[int]):
    match xs:
        case {"a": x}:
            return -1
        case [1, x]:
            return x
    return 0


@suite.rejects("Match aren't supported", ours="dict patterns need a value that is known", marked='case {"a": x}')
def match_dict_that_may_be_none(d: Optional[Dict[str, int]]) -> int:
    match d:
        case {"a": x}:
            return x
    return 0


@suite.rejects("Match aren't supported", ours="need a value that is known", marked="case [a, b]")
def match_sequence_that_may_be_none(xs: Optional[List[int]]) -> int:
    match xs:
        case [a, b]:
            return a + b
    return 0


class Point(NamedTuple):
    x: int
    y: Tuple[int, int]


@suite.extends((Point(0, (3, 1)),), (Point(0, (1, 3)),), (Point(1, (0, 5)),), (Point(5, (1, 2)),))
def match_named_tuple(p: Point) -> int:
    match p:
        case Point(0, (a, b)) if a > b:
            return a - b
        case Point(x=1, y=(0, b)):
            return b
        case Point(x, y=y):
            return x + y[0] + 100
    return -1


@suite.extends([], [4], [1, 2], [7, 3, 9], [7, 3, 1], [7, 2])
def match_list(xs: List[int]):
    match xs:
        case []:
            return "empty", [0]
        case [x]:
            return "one", [x]
        case [1, *rest]:
            return "first", rest
        case [_, 2 | 3, *_, last] if last > 5:
            return "last", [last]
        case [*a, b]:
            return "end", [*a, b]
    return "none", [0]


@suite.extends(((1, "x"), "ab", 3), ((2, "yy"), "q", "word"))
def match_types(t: Tuple[int, str], s: str, u: Union[int, str]) -> int:
    out = 0
    match t:
        case (_, _, _):
            out = 1
        case (1, "x"):
            out = 2
        case (n, name):
            out = n + len(name)
    match s:
        case [_, _]:
            out += 1000
        case str():
            out += 10
    match u:
        case int(v):
            out += v
        case str() as w:
            out += len(w)
    return out


@suite.extends((2, 3), (0, 3), (2, 0))
def match_several_values(a: int, b: int) -> int:
    match a, b:
        case 0, y:
            return y
        case x, 0 as y if x > y:
            return x
    return a * b
