"""Methods of lists, dicts and tuples; aliasing among containers."""

from typing import Dict, List, Optional, Tuple

import torch
from torch import Tensor

from tests.language.harness import Suite

suite = Suite("containers")


@suite.accepts(([1, 2],), ([],))
def append_and_extend(x: List[int]):
    x.append(3)
    x.extend([4, 5])
    return x


@suite.accepts(([1, 2], 0), ([1, 2], 1), ([1, 2], -1), ([1, 2], 50), ([1, 2], -50))
def insert(x: List[int], i: int):
    x.insert(i, 9)
    return x


@suite.accepts(([1, 2, 3],), ([5],), ([],))
def pop(x: List[int]):
    y = x.pop()
    return y, x


@suite.accepts(([1, 2, 3], 0), ([1, 2, 3], -2), ([1], 4))
def pop_at(x: List[int], i: int):
    y = x.pop(i)
    return y, x


@suite.accepts(([1, 2, 1], 1), ([1, 2], 7))
def remove(x: List[int], v: int):
    x.remove(v)
    return x


@suite.accepts(([1, 2, 1], 1), ([1, 2], 7))
def index_and_count(x: List[int], v: int):
    return x.count(v), x.index(v)


@suite.accepts(([3, 1, 2],))
def reverse_and_sort(x: List[int]):
    y = x.copy()
    x.reverse()
    y.sort()
    return x, y


@suite.accepts((["b", "a"], [2.5, -1.0], [True, False]))
def sort_of_other_types(x: List[str], y: List[float], z: List[bool]):
    x.sort()
    y.sort(reverse=True)
    z.sort()
    return x, y, z


@suite.accepts(([torch.tensor(2.0), torch.tensor(1.0)],))
def sort_of_tensors(x: List[Tensor]):
    x.sort()
    return x


@suite.accepts(([1, 2],))
def clear(x: List[int]):
    x.clear()
    return x, len(x)


@suite.accepts(([1, 2],))
def copies_do_not_alias(x: List[int]):
    y = x.copy()
    z = x
    x.append(3)
    return x, y, z


@suite.corrects(because="the outer list is taken for a constant")
def list_aliases_in_containers():
    inner: List[int] = []
    outer = [inner, inner]
    inner.append(1)
    outer[0].append(2)
    return outer


@suite.accepts(([[1, 2], [3]],))
def list_of_lists_methods(x: List[List[int]]):
    x.append([4])
    x[0].extend(x[1])
    y = x.pop(1)
    return x, y


@suite.accepts(([torch.ones(2), torch.zeros(2)],))
def list_of_tensors(x: List[Tensor]):
    x.append(x[0] + 1)
    x[0] += 5
    return x, torch.stack(x), torch.cat(x)


@suite.accepts(([None, 1],))
def list_of_optionals(x: List[Optional[int]]):
    x.append(None)
    x.append(3)
    total = 0
    for y in x:
        if y is not None:
            total += y
    return x, total


@suite.rejects("Arguments for call are not valid")
def tensor_in_list(x: List[Tensor], y: Tensor):
    return y in x


@suite.accepts(([1, 2, 3],))
def list_equality_after_changes(x: List[int]):
    y = x + [4]
    y.pop()
    return x == y, x != y, x is y


@suite.accepts(3)
def list_multiplication(n: int):
    return [0] * n, n * [1, 2]


# Dicts.


@suite.accepts({"a": 1, "b": 2}, {})
def dict_views(d: Dict[str, int]):
    return d.keys(), d.values(), d.items(), len(d)


views = suite.programs[-1]
views.differs = "views are lists in TorchScript"


@suite.accepts(({"a": 1}, "a"), ({"a": 1}, "b"))
def dict_get(d: Dict[str, int], k: str):
    return d.get(k), d.get(k, 7)


@suite.accepts(({"a": 1}, "a"), ({"a": 1}, "b"))
def dict_pop(d: Dict[str, int], k: str):
    return d.pop(k), d


@suite.accepts(({"a": 1}, "b"))
def dict_pop_with_default(d: Dict[str, int], k: str):
    return d.pop(k, 5), d


@suite.accepts({"a": 1})
def dict_popitem(d: Dict[str, int]):
    return d.popitem(), len(d)


@suite.accepts(({"a": 1}, "a"), ({"a": 1}, "b"))
def dict_setdefault(d: Dict[str, int], k: str):
    return d.setdefault(k, 9), d


@suite.accepts(({"a": 1, "b": 2}, {"b": 3, "c": 4}))
def dict_update(d: Dict[str, int], e: Dict[str, int]):
    d.update(e)
    return d


@suite.accepts({"a": 1})
def dict_clear_and_copy(d: Dict[str, int]):
    e = d.copy()
    d.clear()
    return d, e


@suite.accepts({"b": 1, "a": 2})
def dict_keeps_order(d: Dict[str, int]):
    d["0"] = 3
    d["b"] = 4
    del d["a"]
    d["a"] = 5
    return d


@suite.accepts({2: "x", 1: "y"})
def dict_of_int_keys(d: Dict[int, str]):
    d[3] = "z"
    return d, 1 in d, 7 in d, list(d.keys())


@suite.accepts({"a": torch.ones(2)})
def dict_of_tensors(d: Dict[str, Tensor]):
    d["b"] = d["a"] * 2
    total = torch.zeros(2)
    for v in d.values():
        total = total + v
    return d, total


@suite.corrects({"a": torch.ones(2)}, because="the item is replaced instead of changed in place")
def augmented_tensor_in_dict(d: Dict[str, Tensor]):
    x = d["a"]
    d["a"] += 1
    return x


@suite.accepts({"a": {"x": 1}})
def dict_of_dicts(d: Dict[str, Dict[str, int]]):
    d["b"] = {"y": 2}
    d["a"]["z"] = 3
    return d


@suite.accepts()
def dict_of_tuples():
    d: Dict[int, Tuple[int, str]] = {}
    d[1] = (2, "x")
    a, b = d[1]
    return d, a, b


@suite.accepts({"a": 1, "b": 2})
def dict_comprehension_over_items(d: Dict[str, int]):
    return {v: k for k, v in d.items()}


@suite.accepts({"a": 1, "b": 2})
def dict_iteration_with_zip(d: Dict[str, int]):
    text = ""
    for k, v in zip(d.keys(), d.values()):
        text += k + str(v)
    return text


@suite.accepts({1.0: 2})
def missing_float_key(d: Dict[float, int]):
    return d[2.0]


# Tuples.


@suite.accepts(((1, 2), (3, "x")))
def tuple_operations(a: Tuple[int, int], b: Tuple[int, str]):
    c = a + b
    return c, len(c), c[-1], c[1:3]


@suite.accepts(((1, 2),))
def tuple_membership(a: Tuple[int, int]):
    return 1 in a, 7 in a


@suite.accepts(((1, (2, (3, 4))),))
def tuple_nesting(a: Tuple[int, Tuple[int, Tuple[int, int]]]):
    x, (y, (z, w)) = a
    return x + y + z + w, a[1][1][0]


@suite.accepts(([(1, "a"), (2, "b")],))
def list_of_tuples(x: List[Tuple[int, str]]):
    x.append((3, "c"))
    return x, x[0][1]


@suite.accepts(((torch.ones(1), [1, 2]),))
def tuple_of_mutable(a: Tuple[Tensor, List[int]]):
    a[1].append(3)
    a[0].add_(1)
    return a


@suite.rejects("has no attribute or method 'add'")
def unknown_list_method(x: List[int]):
    x.add(1)


@suite.rejects("Could not match type str to t")
def append_of_wrong_type(x: List[int]):
    x.append("a")
    return x


@suite.rejects("Arguments for call are not valid")
def index_by_string(x: List[int]):
    return x["a"]


@suite.rejects("")
def mixed_list_arithmetic(x: List[int], y: List[str]):
    return x + y
