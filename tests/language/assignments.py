"""Assignment, unpacking, augmented assignment, `del`."""

from typing import Dict, List, Optional, Tuple

import torch
from torch import Tensor

from tests.language.harness import Suite

suite = Suite("assignments")


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


@suite.extends(torch.arange(6.0).view(2, 3))
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


@suite.extends(3)
def annotation_without_value(x: int) -> int:
    y: int
    y = x
    return y


@suite.rejects("previously had type", ours="annotated as having type int", marked="return y")
def retyped_in_branch(x: int) -> int:
    y = x
    if x > 1:
        y = 1.5
    return y


@suite.rejects("Cannot re-assign")
def function_rebound(x: int) -> int:
    f = torch.sin
    if x > 1:
        f = torch.cos  # noqa: F841
    return x


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
    return y  # noqa: F821


@suite.rejects("del statements only support deletion at a single index, slicing is not supported")
def delete_slice_of_a_dict(x: Dict[int, int]) -> Dict[int, int]:
    del x[0:2]
    return x


@suite.extends(([1, 2, 3, 4], 1, 3), ([1, 2, 3, 4], -3, -1), ([1, 2, 3], 2, 1), ([1, 2, 3], -9, 9), ([], 0, 0))
def list_slices(xs: List[int], start: int, stop: int):
    same = xs
    xs[start:stop] = [7, 8, 9]
    a = xs[:]
    xs[:start] = (5, 6)
    b = xs[:]
    xs[stop:] = xs
    c = xs[:]
    xs[start:stop] += [1]
    d = xs[:]
    del xs[start:stop]
    e = xs[:]
    xs[1:1] = []
    del xs[2:]
    f = xs[:]
    xs[:] = xs
    xs[:] = [3]
    g = xs[:]
    del xs[:]
    return a, b, c, d, e, f, g, len(same)


@suite.extends(([torch.ones(2), torch.zeros(2)],))
def list_slice_of_tensors(xs: List[Tensor]):
    ys = xs
    xs[1:] = [x + 1 for x in xs]
    xs[0:1] = []
    return ys


@suite.extends(3)
def empty_literal_with_slices(n: int):
    queue = []
    for i in range(n):
        queue.append(i)
        queue[:] = queue[-2:]
    return queue


def _extended_twice(xs: List[int]) -> int:
    xs += [1]
    xs += [2]
    return 3


@suite.corrects([7], because="the second of two extensions is lost where only the caller reads the list")
def list_extended_twice_for_the_caller(xs: List[int]) -> Tuple[int, List[int]]:
    n = _extended_twice(xs)
    return n, [x for x in xs]
