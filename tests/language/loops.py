"""`while` and `for`, with `break`, `continue` and `else`."""

from typing import Dict, List, Tuple

import torch
from torch import Tensor, nn

from tests.language.harness import Suite

suite = Suite("loops")


@suite.accepts(0, 1, 5)
def while_loop(n: int) -> int:
    total = 0
    while n > 0:
        total += n
        n -= 1
    return total


@suite.accepts(torch.tensor(5))
def while_tensor_condition(n: Tensor) -> int:
    steps = 0
    while n > 0:
        n = n - 1
        steps += 1
    return steps


@suite.accepts(10)
def while_true_with_break(n: int) -> int:
    i = 0
    while True:
        i += 3
        if i > n:
            break
    return i


@suite.accepts(10)
def while_with_continue(n: int) -> int:
    total = 0
    i = 0
    while i < n:
        i += 1
        if i % 2 == 0:
            continue
        total += i
    return total


@suite.accepts(0, 4)
def for_range(n: int) -> int:
    total = 0
    for i in range(n):
        total += i
    return total


@suite.accepts((1, 10, 3), (10, 1, -3), (0, 0, 1))
def for_range_with_step(a: int, b: int, c: int) -> List[int]:
    found: List[int] = []
    for i in range(a, b, c):
        found.append(i)
    return found


@suite.accepts((1, 10, 0))
def for_range_step_zero(a: int, b: int, c: int) -> int:
    for i in range(a, b, c):
        a += i
    return a


@suite.accepts(([3, 1, 2],), ([],))
def for_list(xs: List[int]) -> int:
    total = 0
    for x in xs:
        total = total * 10 + x
    return total


@suite.accepts({"b": 1, "a": 2})
def for_dict(d: Dict[str, int]) -> str:
    text = ""
    for k in d:
        text += k
    return text


@suite.accepts({"b": 1, "a": 2})
def for_dict_items(d: Dict[str, int]) -> str:
    text = ""
    for k, v in d.items():
        text += k + str(v)
    return text


@suite.accepts("abc", "")
def for_string(s: str) -> List[str]:
    found: List[str] = []
    for c in s:
        found.append(c + "!")
    return found


@suite.accepts(torch.arange(6).view(3, 2))
def for_tensor(x: Tensor) -> Tensor:
    total = torch.zeros(2, dtype=torch.long)
    for row in x:
        total = total * 10 + row
    return total


@suite.accepts()
def for_tuple() -> str:
    text = ""
    for x in (1, "a", 2.5):
        text += str(x)
    return text


@suite.accepts(([5, 6],))
def for_enumerate(xs: List[int]) -> int:
    total = 0
    for i, x in enumerate(xs):
        total += i * x
    return total


@suite.accepts(([5, 6], 10))
def for_enumerate_start(xs: List[int], start: int) -> int:
    total = 0
    for i, x in enumerate(xs, start):
        total += i * x
    return total


@suite.accepts(([5, 6, 7], ["a", "b"]))
def for_zip(xs: List[int], ys: List[str]) -> str:
    text = ""
    for x, y in zip(xs, ys):
        text += y + str(x)
    return text


@suite.accepts(([(1, "a"), (2, "b")],))
def for_tuples_in_list(xs: List[Tuple[int, str]]) -> str:
    text = ""
    for i, s in xs:
        text += s + str(i)
    return text


@suite.accepts(([5, 6], [7, 8]))
def for_enumerate_zip(xs: List[int], ys: List[int]) -> int:
    total = 0
    for i, (x, y) in enumerate(zip(xs, ys)):
        total += i * x - y
    return total


@suite.accepts(([5, 6], 4))
def for_zip_range(xs: List[int], n: int) -> int:
    total = 0
    for x, i in zip(xs, range(n)):
        total += i * x
    return total


@suite.accepts(5)
def for_with_break(n: int) -> int:
    total = 0
    for i in range(100):
        if i == n:
            break
        total += i
    return total


@suite.accepts(6)
def for_with_continue(n: int) -> int:
    total = 0
    for i in range(n):
        if i == 2 or i == 4:
            continue
        total += i
    return total


@suite.accepts((3, 3), (4, 2))
def nested_loops_with_break(n: int, m: int) -> int:
    total = 0
    for i in range(n):
        for j in range(m):
            if j > i:
                break
            if (i + j) % 2 == 1:
                continue
            total += i * j + 1
    return total


@suite.accepts(3, 30)
def return_from_loop(n: int) -> int:
    for i in range(10):
        if i * i > n:
            return i
    return -1


@suite.accepts(3, 30)
def return_from_nested_loop(n: int) -> Tuple[int, int]:
    for i in range(5):
        j = 0
        while j < 5:
            if i * j > n:
                return i, j
            j += 1
    return -1, -1


@suite.accepts(3)
def loop_variable_rebound_inside(n: int) -> int:
    total = 0
    for i in range(n):
        i = i * 10
        total += i
    return total


@suite.accepts(3)
def loop_over_outer_variable(n: int) -> int:
    i = 100
    for i in range(n):
        pass
    return i


@suite.accepts(2)
def list_grows_in_loop(n: int) -> List[List[int]]:
    rows: List[List[int]] = []
    for i in range(n):
        row: List[int] = []
        for j in range(i + 1):
            row.append(j)
        rows.append(row)
    return rows


@suite.extends(3, 0)
def loop_variable_after_loop(n: int) -> int:
    for i in range(n):
        z = i  # noqa: F841
    return i


@suite.extends(3, 0)
def name_of_loop_body_after_loop(n: int) -> int:
    while n > 0:
        z = n
        n -= 1
    return z


@suite.extends([1, 5, 2], [1], [])
def name_of_a_branch_in_a_loop_after_loop(xs: List[int]):
    for x in xs:
        if x > 3:
            found = x
            break
    return found, x


@suite.extends([[1], [2, 3], []], [[]], [])
def name_of_a_nested_loop_after_both(rows: List[List[int]]):
    for row in rows:
        for v in row:
            last = v
    return last + len(row)


@suite.extends(([1, 2], True), ([], False), ([], True))
def name_of_a_loop_read_on_one_path(xs: List[int], is_read: bool):
    for x in xs:
        y = torch.ones(2) * x
    if is_read:
        y += 1
        return y
    return torch.zeros(2)


@suite.rejects("undefined value z")
def name_read_before_a_loop_assigns_it(n: int) -> int:
    total = 0
    for i in range(n):
        total += z  # noqa: F821
        z = i  # noqa: F841
    return total


@suite.extends(3)
def while_else(n: int) -> int:
    while n > 0:
        n -= 1
    else:
        n = 5
    return n


@suite.extends(3)
def for_else(n: int) -> int:
    for i in range(n):
        n += i
    else:
        n = 5
    return n


@suite.extends(1, 2, 3)
def break_in_unrolled_loop(n: int) -> int:
    seen = 0
    for x in (1, 2):
        if x == n:
            break
        seen += x
    return seen


@suite.extends((1, 1.0), (2, 0.5), (9, 9.0))
def continue_in_unrolled_loop_of_several_types(n: int, y: float):
    total = 0.0
    for x in (1, 0.5, 3):
        if x == n:
            continue
        total += x
        if total > y:
            return total, "early"
        for k in range(3):
            if k == n:
                break
            total += k
    return total, "end"


@suite.extends(0, 2, 5)
def else_of_unrolled_loop(n: int) -> str:
    for x in (1, 2, 3):
        if x == n:
            break
    else:
        return "none"
    return "found"


@suite.extends(1, 2, 7)
def index_after_unrolled_loop(n: int):
    i = -1
    for i, x in enumerate((5, 6, 7)):
        if x > n + 4:
            break
    return i


@suite.extends(1, 2)
def nested_unrolled_loops(n: int):
    pairs = []
    for x in (1, 2, 3):
        for y in (1, 2, 3):
            if y == n:
                continue
            if y > x:
                break
            pairs.append((x, y))
        if x > n:
            break
    return pairs


@suite.extends((torch.ones(2), 0.1), (torch.ones(2), 5.0), (torch.ones(2), 100.0))
class BreakBetweenModules(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(2, 2) for _ in range(3)])

    def forward(self, x, limit: float):
        used = 0
        for layer in self.layers:
            used += 1
            if x.abs().sum() > limit:
                break
            x = layer(x) + 2
        for layer in self.layers:
            if x.sum() < limit:
                continue
            x = layer(x)
        return x, used


@suite.extends(([torch.ones(2), -torch.ones(2)],), ([],), ([-torch.ones(2)],))
class BreakInZipWithAList(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(2, 2) for _ in range(3)])

    def forward(self, xs: List[Tensor]):
        out = []
        for layer, x in zip(self.layers, xs):
            if x.sum() < 0:
                break
            out.append(layer(x))
        else:
            return out, True
        return out, False


@suite.extends(())
def known_break_in_unrolled_loop() -> int:
    total = 0
    for x in (1, 2, 3, 4):
        if x == 2:
            continue
        if x == 4:
            break
        total += x
    return total


@suite.rejects("type")
def loop_changes_type(n: int):
    x = 1
    for i in range(n):
        x = "a"
    return x


@suite.rejects("is not iterable", marked="in n:")
def loop_over_int(n: int) -> int:
    for i in n:
        n += i
    return n


@suite.accepts(1, 4)
def while_condition_with_a_comprehension(n: int) -> int:
    while n < 20 and any([i * n > 0 for i in range(3)]):
        n += 5
    return n


@suite.corrects(("ab", -3), ("", -1), ("abc", 2), because="counting from a negative number overflows")
def enumerate_from_a_negative_number(s: str, start: int) -> List[Tuple[int, str]]:
    result: List[Tuple[int, str]] = []
    for i, c in enumerate(s, start):
        result.append((i, c))
    return result
