"""Assignment, branches, loops, exits, `assert`, `raise`, `del`, `with`."""

from typing import Dict, List, Optional, Tuple

# ruff: noqa: F821, F841
import torch
from torch import Tensor

from tests.language.harness import Suite

suite = Suite("statements")


# Assignment.


@suite.accepts(3)
def chained_assignment(x: int) -> Tuple[int, int]:
    a = b = x + 1
    b += 1
    return a, b


@suite.accepts(3)
def tuple_assignment(x: int) -> Tuple[int, int]:
    a, b = x, x + 1
    a, b = b, a
    return a, b


@suite.accepts(3)
def nested_tuple_assignment(x: int) -> Tuple[int, int, int]:
    a, (b, c) = x, (x + 1, x + 2)
    d, e = b, c
    return a, d, e


@suite.extends(3)
def assignment_to_list_of_targets(x: int) -> int:
    [d, e] = x, x + 1
    return d * e


@suite.accepts((1, 2, 3))
def starred_assignment(x: int, y: int, z: int) -> Tuple[int, int, int]:
    a, *b = x, y, z
    *c, d = x, y, z
    return a + d, b[0], c[1]


@suite.accepts((1, 2, 3), differs="what a star takes of a tuple is a tuple")
def starred_part_is_a_tuple(x: int, y: int, z: int):
    a, *b = x, y, z
    return a, b


@suite.accepts(([1, 2],), ([1],), ([1, 2, 3],))
def list_unpacking(x: List[int]) -> int:
    a, b = x
    return a * 10 + b


@suite.rejects("Tensor cannot be used as a tuple")
def tensor_unpacking(x: Tensor):
    a, b = x
    return a - b


@suite.accepts(torch.arange(6).view(2, 3))
def unpacked_call(x: Tensor) -> int:
    a, b = x.size()
    return a * 10 + b


@suite.accepts(2)
def annotated_assignment(x: int) -> float:
    y: float = float(x)
    return y


@suite.accepts(2)
def unused_annotation_type(x: int) -> Optional[int]:
    y: Optional[int] = x
    y = None
    return y


@suite.accepts(2)
def underscore_target(x: int) -> int:
    _, y = x, x + 1
    _ = 2.5
    return y


@suite.rejects("too many values to unpack")
def too_few_targets() -> int:
    a, b = 1, 2, 3
    return a + b


@suite.rejects("values to unpack")
def too_many_targets() -> int:
    a, b, c = 1, 2
    return a + b + c


@suite.rejects("annotated assignments without assigned value")
def annotation_without_value(x: int) -> int:
    y: int
    y = x
    return y


@suite.rejects("previously had type")
def retyped_in_branch(x: int) -> int:
    y = x
    if x > 1:
        y = 1.5
    return y


@suite.rejects("Cannot re-assign")
def function_rebound(x: int) -> int:
    f = torch.sin
    if x > 1:
        f = torch.cos
    return x


# Augmented assignment.


@suite.accepts((7, 3), (-7, 3))
def augmented_int(x: int, y: int) -> Tuple[int, int, int]:
    a = x
    a += y
    b = x
    b -= y
    c = x
    c *= y
    return a, b, c


@suite.corrects((7, 3), (-7, 3), (7, -3), because="`%=` of ints is the remainder of C, as a float")
def augmented_remainder(x: int, y: int):
    x %= y
    return x


@suite.accepts((7, 2), (12, 1))
def augmented_bits(x: int, y: int) -> Tuple[int, int, int, int, int]:
    a = x
    a |= y
    b = x
    b &= y
    c = x
    c ^= y
    d = x
    d <<= y
    e = x
    e >>= y
    return a, b, c, d, e


@suite.accepts((7.0, 2.0))
def augmented_float(x: float, y: float) -> Tuple[float, float]:
    a = x
    a /= y
    b = x
    b **= y
    return a, b


@suite.accepts((torch.ones(2), 3.0))
def augmented_tensor_is_in_place(x: Tensor, y: float) -> Tensor:
    z = x
    z += y
    z *= 2
    z -= 1
    z /= 4
    return x


@suite.accepts(torch.arange(4))
def augmented_tensor_element(x: Tensor) -> Tensor:
    x[0] += 10
    x[1:3] *= 5
    return x


@suite.accepts()
def augmented_list() -> Tuple[List[int], List[int]]:
    a = [1]
    b = a
    a += [2, 3]
    return a, b


@suite.accepts()
def augmented_items() -> Tuple[List[int], Dict[str, int]]:
    a = [1, 2]
    a[1] += 5
    d = {"x": 1}
    d["x"] -= 3
    d["x"] *= 4
    return a, d


@suite.accepts("a")
def augmented_string(x: str) -> str:
    x += "b"
    return x


@suite.extends(7, -7)
def augmented_floor_division(x: int) -> int:
    x //= 2
    return x


@suite.extends(torch.ones(2, 2))
def augmented_matmul(x: Tensor) -> Tensor:
    x @= x
    return x


# Branches.


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


@suite.rejects("y is not defined in the false branch", marked="if x > 0:")
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


# Loops.


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


@suite.rejects("undefined value")
def loop_variable_after_loop(n: int) -> int:
    for i in range(n):
        z = i
    return i


@suite.rejects("undefined value")
def name_of_loop_body_after_loop(n: int) -> int:
    while n > 0:
        z = n
        n -= 1
    return z


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


@suite.rejects("we do not support break or continue")
def break_in_unrolled_loop() -> int:
    for x in (1, 2):
        if x == 1:
            break
    return 1


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


# Return.


@suite.accepts(1, -1)
def return_int_or_none(x: int):
    if x > 0:
        return x
    return None


@suite.accepts(1, 2, 3)
def early_returns(x: int) -> int:
    if x == 1:
        return 10
    if x == 2:
        return 20
    x += 1
    return x


@suite.accepts(1, 5)
def return_before_dead_code(x: int) -> int:
    return x
    x += 1
    return x


@suite.accepts(1)
def return_tuple_unannotated(x: int):
    return x, str(x), [x]


@suite.extends(1, 12)
def return_in_endless_while(x: int) -> str:
    while True:
        x += 1
        if x > 10:
            return str(x)


@suite.rejects("does not return along all paths", marked="def missing_return")
def missing_return(x: int) -> int:
    if x > 0:
        return 1


@suite.rejects("Previous return statement returned a value of type")
def return_types_differ(x: int):
    if x > 0:
        return 1
    return "a"


# assert, raise.


@suite.accepts(1, -1)
def assertion(x: int) -> int:
    assert x > 0
    return x


@suite.accepts(1, -1)
def assertion_with_message(x: int) -> int:
    assert x > 0, "x must be positive"
    return x


@suite.accepts(1, -1)
def assertion_with_formatted_message(x: int) -> int:
    assert x > 0, f"x is {x}"
    return x


@suite.corrects(1, -1, because="without a call the class is not known to the handler")
def raise_class(x: int) -> int:
    if x < 0:
        raise ValueError
    return x


@suite.accepts(1, -1, 0)
def raise_with_message(x: int) -> int:
    if x < 0:
        raise ValueError("negative: " + str(x))
    elif x == 0:
        raise TypeError("zero")
    return x


class CustomError(Exception):
    pass


@suite.accepts(1, -1)
def raise_custom(x: int) -> int:
    if x < 0:
        raise CustomError("custom")
    return x


@suite.accepts(1, 2, 3, 4)
def raise_many_classes(x: int) -> int:
    if x == 1:
        raise KeyError("k")
    if x == 2:
        raise IndexError("i")
    if x == 3:
        raise NotImplementedError("n")
    raise Exception("e")


@suite.accepts(1, -1)
def raise_without_value_on_that_path(x: int) -> int:
    if x > 0:
        y = x * 2
    else:
        raise ValueError("no")
    return y


@suite.accepts(torch.ones(2), torch.zeros(2))
def tensor_assertion(x: Tensor) -> Tensor:
    assert bool(x.sum() > 0), "empty"
    return x


@suite.rejects("exceptions must derive from BaseException")
def raise_a_value(x: int) -> int:
    raise x


# del.


@suite.accepts(([1, 2, 3], 1), ([1, 2, 3], -1), ([1], 5))
def delete_list_item(x: List[int], i: int) -> List[int]:
    del x[i]
    return x


@suite.accepts(({"a": 1, "b": 2}, "a"), ({"a": 1}, "z"))
def delete_dict_item(x: Dict[str, int], k: str) -> Dict[str, int]:
    del x[k]
    return x


@suite.accepts(1)
def delete_name(x: int) -> int:
    y = x
    del y
    return x


@suite.rejects("undefined value y", marked="del y")
def use_of_deleted_name(x: int) -> int:
    y = x
    del y
    return y


@suite.rejects("del statements only support deletion at a single index, slicing is not supported")
def delete_slice(x: List[int]) -> List[int]:
    del x[0:2]
    return x


# with.


@suite.corrects(torch.ones(2, requires_grad=True), because="equal products in and out of the block become one")
def with_no_grad(x: Tensor) -> Tuple[bool, bool]:
    with torch.no_grad():
        y = x * 2
    z = x * 2
    return y.requires_grad, z.requires_grad


@suite.extends(torch.ones(2, requires_grad=True))
def with_enable_grad(x: Tensor) -> bool:
    with torch.no_grad():
        with torch.enable_grad():
            y = x * 2
    return y.requires_grad


@suite.extends((torch.ones(2, requires_grad=True), 1), (torch.ones(2, requires_grad=True), -1))
def return_from_with(x: Tensor, n: int) -> Tensor:
    with torch.no_grad():
        if n > 0:
            return x * 2
        y = x * 3
    return y + x


@suite.extends((torch.ones(2, requires_grad=True), 1), (torch.ones(2, requires_grad=True), -1))
def values_of_a_with_left_early(x: Tensor, n: int) -> Tensor:
    with torch.no_grad():
        a = x * 2
        if n > 0:
            return a
        with torch.autograd.profiler.record_function("inner"):
            if n < -5:
                return a + 1
            b = a * 3
        c = b + 1
    return a + b + c


@suite.accepts(torch.ones(2))
def code_after_a_with_that_returns(x: Tensor) -> Tensor:
    with torch.no_grad():
        return x * 2
        y = x * 3
    return y + x


@suite.accepts(torch.ones(2))
def with_record_function(x: Tensor) -> Tensor:
    with torch.autograd.profiler.record_function("label"):
        y = x + 1
    return y


@suite.accepts(torch.ones(2, requires_grad=True))
def several_with_items(x: Tensor) -> bool:
    with torch.no_grad(), torch.autograd.profiler.record_function("a"):
        y = x + 1
    return y.requires_grad


@suite.accepts(torch.ones(2, requires_grad=True))
def grad_mode_in_loop(x: Tensor) -> List[bool]:
    found: List[bool] = []
    for i in range(3):
        with torch.no_grad():
            if i == 1:
                continue
            found.append((x * 2).requires_grad)
    found.append((x * 2).requires_grad)
    return found


# Others.


@suite.accepts(1)
def pass_and_expressions(x: int) -> int:
    """Documentation strings are dropped."""
    pass
    x + 1
    "a string by itself"
    return x


@suite.accepts((1, "a"), (2, "b"))
def printing(x: int, s: str) -> None:
    print(x, s)
    print()
    print("x =", x + 1, 2.5, True, [1, 2], (1, 2))


@suite.accepts((), differs="strings in containers print without quotes in TorchScript")
def printing_strings_in_containers() -> None:
    print(["a"], {"b": 1}, (1, "t"))


@suite.accepts(torch.arange(4).float(), differs="tensors print in another form in TorchScript")
def printing_tensor(x: Tensor) -> None:
    print(x)
    print("sum", x.sum())


@suite.rejects("global variables aren't supported")
def global_statement(x: int) -> int:
    global suite
    return x


@suite.rejects("try blocks aren't supported")
def try_block(x: int) -> int:
    try:
        x += 1
    except ValueError:
        pass
    return x


@suite.rejects("import statements aren't supported")
def import_statement(x: int) -> int:
    import math

    return int(math.pi) + x


@suite.rejects("import", ours="import")
def import_from_statement(x: int) -> int:
    from math import pi

    return int(pi) + x


@suite.extends(3)
def nested_function(x: int) -> int:
    def inner(y: int) -> int:
        return y

    return inner(x)


@suite.extends(3)
def lambda_expression(x: int) -> int:
    f = lambda y: y
    return f(x)


@suite.rejects("Yield aren't supported")
def yield_expression(x: int):
    yield x


@suite.rejects("class definitions aren't supported")
def nested_class(x: int) -> int:
    class C:
        pass

    return x


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


@suite.rejects("Match aren't supported", ours="MatchSequence patterns aren't supported", marked="case [a, b]")
def match_of_lists(x: List[int]) -> int:
    match x:
        case [a, b]:
            return a + b
        case _:
            return 3


@suite.rejects("Expected a single top-level function", marked=None)
async def async_function(x: int) -> int:
    return x
