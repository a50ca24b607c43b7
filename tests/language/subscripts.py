"""Reading and writing by index, slice and key."""

from typing import Dict, List, Tuple

import torch
from torch import Tensor

from tests.language.harness import Suite

suite = Suite("subscripts")

_GRID = torch.arange(24).view(2, 3, 4)


@suite.accepts(([1, 2, 3], 0), ([1, 2, 3], -1), ([1, 2, 3], 3), ([1, 2, 3], -4))
def list_index(x: List[int], i: int) -> int:
    return x[i]


@suite.accepts(([1, 2, 3, 4, 5], 1, 3), ([1, 2, 3], -2, 10), ([1, 2], 5, 1))
def list_slice(x: List[int], a: int, b: int):
    return x[a:b], x[a:], x[:b], x[:]


@suite.accepts(([1, 2, 3, 4, 5], 2), ([1, 2, 3, 4, 5], -1), ([1, 2, 3, 4], -2))
def list_slice_with_step(x: List[int], step: int):
    return x[::step], x[1::step], x[:3:step]


@suite.accepts(("hello", 1), ("hello", -1), ("hello", 9))
def string_index(x: str, i: int) -> str:
    return x[i]


@suite.accepts(("hello", 1, 3), ("hello", -3, 99))
def string_slice(x: str, a: int, b: int):
    return x[a:b], x[a:], x[:b], x[::2]


@suite.accepts("hello", differs="")
def string_slice_backwards(x: str):
    return x[::-1]


@suite.accepts(((1, "a", 2.5),))
def tuple_index(x: Tuple[int, str, float]):
    return x[0], x[1], x[-1]


@suite.accepts(((1, "a", 2.5),))
def tuple_slice(x: Tuple[int, str, float]):
    return x[1:], x[:2], x[:-1], x[::2]


@suite.accepts(({"a": 1}, "a"), ({"a": 1}, "b"))
def dict_index(x: Dict[str, int], k: str) -> int:
    return x[k]


@suite.accepts(_GRID)
def tensor_int_index(x: Tensor):
    return x[0], x[1, 2], x[1][2], x[-1, -1, -1]


@suite.accepts((_GRID, 1))
def tensor_variable_index(x: Tensor, i: int):
    return x[i], x[:, i], x[i, :, i]


@suite.accepts(_GRID)
def tensor_slices(x: Tensor):
    return x[:], x[1:], x[:, :2], x[:, ::2, 1:3], x[0, 1:, :-1]


@suite.accepts(_GRID)
def tensor_none_and_ellipsis(x: Tensor):
    return x[None], x[:, None], x[..., 0], x[0, ...], x[..., None], x[..., :]


@suite.accepts((_GRID, torch.tensor([0, 1, 1])))
def tensor_index_by_tensor(x: Tensor, i: Tensor):
    return x[i], x[:, i], x[i, i], x[i, :, 1], x[0, i]


@suite.accepts((_GRID, _GRID > 10))
def tensor_index_by_mask(x: Tensor, m: Tensor):
    return x[m], x[x > 20]


@suite.accepts(_GRID)
def tensor_index_by_list(x: Tensor):
    return x[[0, 1]], x[:, [0, 2]]


@suite.accepts((_GRID, 2))
def tensor_slice_with_variables(x: Tensor, n: int):
    return x[:n], x[:, n:], x[:, :, -n:], x[:, :, : n + 1]


@suite.accepts((torch.arange(5), 1), (torch.arange(5), 9))
def tensor_index_error(x: Tensor, i: int) -> Tensor:
    return x[i]


@suite.accepts(torch.tensor(1.0))
def tensor_index_of_scalar(x: Tensor) -> Tensor:
    return x[0]


@suite.accepts((torch.tensor(1), [1, 2, 3]))
def list_index_by_tensor(i: Tensor, x: List[int]) -> int:
    return x[int(i)]


@suite.accepts(([1, 2, 3], 1, 9), ([1, 2, 3], -1, 9), ([1, 2, 3], 7, 9))
def list_assignment(x: List[int], i: int, v: int) -> List[int]:
    x[i] = v
    return x


@suite.accepts(({"a": 1}, "a", 5), ({"a": 1}, "b", 5))
def dict_assignment(x: Dict[str, int], k: str, v: int) -> Dict[str, int]:
    x[k] = v
    return x


@suite.accepts(torch.zeros(3, 3))
def tensor_assignment(x: Tensor) -> Tensor:
    x[0] = 1
    x[1, 1] = 2.5
    x[2, :2] = torch.tensor([7.0, 8.0])
    x[:, 2] = x[0]
    return x


@suite.accepts((torch.zeros(4), torch.tensor([0, 2]), torch.tensor([True, False, False, True])))
def tensor_assignment_by_tensors(x: Tensor, i: Tensor, m: Tensor) -> Tensor:
    x[i] = 5
    x[m] = torch.tensor(9.0)
    return x


@suite.accepts(torch.zeros(2, 3))
def tensor_assignment_with_ellipsis(x: Tensor) -> Tensor:
    x[..., 0] = 4
    x[..., 1:] = torch.ones(2, 2)
    return x


@suite.accepts(torch.zeros(2, 3))
def assignment_through_view(x: Tensor) -> Tensor:
    y = x[0]
    y[1] = 3
    x.t()[2] = 7
    return x


@suite.accepts(([[1, 2], [3]],))
def nested_list_assignment(x: List[List[int]]) -> List[List[int]]:
    x[0][1] = 10
    x[1] = [4, 5]
    return x


@suite.accepts()
def dict_of_lists() -> Dict[str, List[int]]:
    d: Dict[str, List[int]] = {}
    for i in range(4):
        key = "even" if i % 2 == 0 else "odd"
        if key not in d:
            d[key] = torch.jit.annotate(List[int], [])
        d[key].append(i)
    return d


@suite.accepts(torch.arange(6))
def slice_objects(x: Tensor):
    return x[slice(1, 4)], x[slice(None, None, 2)], x[slice(3)]


@suite.accepts(_GRID)
def ellipsis_by_name(x: Tensor):
    return x[(Ellipsis, slice(None, 1, None))], x[Ellipsis, 0], x[0, Ellipsis]


@suite.accepts((torch.arange(12).view(3, 4), 1))
def index_of_size(x: Tensor, i: int):
    return x.shape[i], x.size()[0], x.size(1), x.shape[-1], len(x.shape[1:])


@suite.extends(torch.ones(2))
def lone_ellipsis(x: Tensor):
    return x[...]


@suite.rejects("Tuple index out of range")
def tuple_index_out_of_range(x: Tuple[int, int]) -> int:
    return x[5]


@suite.rejects("with a non-integer literal")
def tuple_variable_index(x: Tuple[int, str], i: int):
    return x[i]


@suite.rejects("An index can only have a single ellipsis")
def two_ellipses(x: Tensor) -> Tensor:
    return x[..., 0, ...]


@suite.rejects("Ellipses followed by tensor indexing is currently not supported")
def ellipsis_then_tensor(x: Tensor, i: Tensor) -> Tensor:
    return x[..., i]


@suite.rejects("multidimensional indexing on a non-tensor type")
def list_multi_index(x: List[int]) -> int:
    return x[0, 1]


@suite.rejects("Sliced expression not yet supported for subscripted assignment")
def slice_assignment_of_a_dict(x: Dict[int, int]) -> Dict[int, int]:
    x[0:1] = 5
    return x


@suite.extends(
    ([1, 2, 3, 4, 5], [7, 8, 9], 2), ([1, 2, 3], [4, 5], -2), ([1, 2], [9], 5), ([1, 2, 3], [1], 2), ([], [], 3)
)
def list_slice_assignment_with_a_step(x: List[int], ys: List[int], step: int):
    same = x
    x[::step] = ys
    return x, same, ys


@suite.extends(([1, 2, 3, 4, 5], 1, 4), ([1, 2, 3, 4, 5], -4, -1), ([], 0, 1))
def list_slices_with_steps_of_itself(x: List[int], a: int, b: int):
    x[::-1] = x
    x[a:b:2] = [0] * len(x[a:b:2])
    x[::1] = [*x, 5]
    return x


@suite.extends([1, 2, 3, 4, 5], [1], [])
def deletion_of_slices_with_steps(x: List[int]):
    y, z = x.copy(), x.copy()
    del x[::2]
    del y[::-2]
    del z[3:0:-1]
    return x, y, z


@suite.rejects("", ours="`+=` of slices of lists with a step is not supported", marked="x[::2]")
def list_slice_extension_with_a_step(x: List[int]) -> List[int]:
    x[::2] += [5]
    return x


@suite.rejects("object is not subscriptable")
def int_subscript(x: int) -> int:
    return x[0]


@suite.rejects("Expected a value of type")
def dict_key_of_wrong_type(x: Dict[str, int]) -> int:
    return x[1]
