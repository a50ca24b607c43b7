"""Functions whose printed code is compared with PyTorch's, each for one rule of printing."""

from collections.abc import Callable
from typing import Any, Dict, List, NamedTuple, Optional, Tuple, Union

import torch
from torch import Tensor

PROGRAMS: dict[str, Callable[..., object]] = {}


def program(function: Callable[..., object]) -> Callable[..., object]:
    PROGRAMS[function.__name__] = function
    return function


# --- expressions in place and temporaries


@program
def one_use_is_written_in_place(x: Tensor, y: Tensor):
    return (x + y) * (x - y)


@program
def two_uses_need_a_variable(x: Tensor):
    y = x + 1
    return y * y


@program
def unnamed_value_with_two_uses(x: List[int]):
    return [len(x), len(x)]


@program
def long_expressions_are_split(x: Tensor):
    return torch.cat([x.sigmoid().tanh().relu(), x.exp().log().sqrt(), (x * 3 + 2).softmax(0), x], 0)


@program
def what_was_evaluated_before_is_split_too(x: Tensor, y: Tensor):
    return x.sum(), y.sum(), torch.where(x > 0, x.sigmoid(), y.sigmoid() + y.exp() + x.log()), x.mean()


@program
def order_of_evaluation(x: Tensor):
    a = x.add_(1)
    b = x.mul_(2)
    return x.sum() + b.sum() + a.sum()


@program
def names_are_kept(first: Tensor, second: Tensor):
    total = first + second
    mean = total / 2
    return mean.exp(), total


@program
def names_that_clash(x: Tensor):
    y = x + 1
    y = y * 2
    y = y.relu()
    z = y
    y = y - z.sum()
    return y


@program
def reserved_names(fork: Tensor, ops: int, inf: float):
    uninitialized = fork + ops
    return uninitialized * inf


@program
def returned_value_with_a_name(x: Tensor):
    result = x + 1
    return result


# --- constants


@program
def numbers(x: Tensor):
    return x * 0.1 + 3 - 1e-10 + 1e300, 2**20, -7, 1.5 + 2j, True


@program
def special_floats():
    return [float("inf"), float("-inf"), float("nan"), -0.0, 5e-324]


@program
def long_texts_are_bound_first(x: Tensor):
    if x.dim() > 3:
        raise ValueError("a message that is longer than half a line of printed code")
    assert x.size(0) > 0, "another message that is longer than half a line of printed code"
    return x


@program
def texts():
    return 'quote " here', "apostrophe ' here", "line\nnext\ttab\\", "\0\x01\x7f"


@program
def containers_of_constants():
    return [1, 2], ["a", "b"], (1, "a", 2.5), {"k": 1}, [(1, 2)], ([1],)


@program
def empty_containers():
    a: List[int] = []
    b: Dict[str, float] = {}
    c: Tuple[()] = ()
    return a, b, c


@program
def none_where_an_optional_is_expected(x: Tensor):
    return torch.sum(x, dim=None), torch.clamp(x, None, 2.0), torch.clamp(x, min=0.5)


@program
def equal_tensors_are_one_constant():
    return torch.tensor([1, 2]) + torch.tensor([1, 2]) + torch.tensor([3])


@program
def devices():
    return torch.device("cpu"), torch.device("cuda", 1)


@program
def dtypes_are_numbers(x: Tensor):
    return x.to(torch.float64), torch.zeros([2], dtype=torch.int64, device="cpu")


# --- operators


@program
def defaults_are_left_out(x: Tensor):
    return x.sum(), x.sum(0), x.sum([0], keepdim=True), torch.add(x, x, alpha=1), torch.add(x, x, alpha=2)


@program
def keyword_only_arguments(x: Tensor):
    return torch.full([2], 1.5, dtype=torch.float32), torch.arange(3, dtype=torch.float32), x.argmax()


@program
def out_arguments(x: Tensor, y: Tensor):
    return torch.add(x, x, out=y), torch.mul(x, x, out=y)


@program
def several_results(x: Tensor):
    values, indices = x.max(0)
    a, b = x.topk(1)
    return values + a.sum(), indices, b


@program
def results_unused(x: Tensor):
    values, _ = x.sort()
    return values


@program
def other_namespaces(x: Tensor):
    return x.device, x.dtype, x.is_cuda, x.shape, x.requires_grad


@program
def in_place_statements(x: Tensor):
    x.add_(1)
    x[0] = 5
    x[:, 1] += 2
    return x


@program
def casts(x: Tensor, n: int, f: float):
    return int(x), float(x), bool(x), str(n), int(f), float(n), bool(n), complex(f)


@program
def printing(x: Tensor, n: int):
    print("value", n, x.sum())
    print()


@program
def implicit_conversions(x: Tensor):
    n: int = x.size(0)
    return torch.zeros([n]).add(n) + x[n - 1]


@program
def autograd(x: Tensor):
    y = (x * x).sum()
    y.backward()
    return torch.autograd.grad([y], [x])


@program
def item_and_tolist(x: Tensor):
    numbers: List[float] = x.tolist()
    return x.item(), numbers


@program
def sorting(xs: List[int]):
    xs.sort()
    return sorted(xs)


# --- containers


@program
def indexing_lists(xs: List[int], name: Dict[str, Tensor]):
    return xs[0], xs[-1], xs[1:2], xs[:], name["k"], [1, 2, 3][xs[0]]


@program
def assigning_items(xs: List[int], table: Dict[str, int]):
    xs[0] = 3
    table["a"] = len(xs)
    del table["b"]
    return xs


@program
def indexing_tensors(x: Tensor, i: int):
    return x[i], x[:, 1:], x[..., None], x[[0, 1]], x[x > 0], x[i, i + 1]


@program
def tuples(p: Tuple[int, str, Tensor]):
    a, b, c = p
    return p[1], (a,), (b, c), p[0:2]


@program
def lists_of_optionals(n: Optional[int]):
    a = torch.jit.annotate(List[Optional[int]], [1, None])
    b: Dict[str, Optional[int]] = {"a": n}
    return a, b


@program
def lists_of_unions():
    a: List[Union[int, str]] = [1, "a"]
    return a


@program
def unpacked_lists(x: Tensor, xs: List[int]):
    a, b = x.chunk(2)
    c, d = xs
    return a + b * c + d


@program
def comprehensions(xs: List[int]):
    return [x * 2 for x in xs], {x: str(x) for x in xs}


# --- control flow


@program
def branches(x: Tensor, n: int):
    if n > 0:
        y = x + n
    else:
        y = x
    return y


@program
def branches_without_else(x: Tensor, n: int):
    if n > 0:
        x = x + n
    return x


@program
def branches_without_results(x: Tensor, n: int):
    if n > 0:
        x.add_(1)
    return x


@program
def several_results_of_branches(x: Tensor, n: int):
    if bool(x.sum() > 0):
        a, b = x, n
    elif n == 2:
        a, b = x * 2, n + 1
    else:
        a, b = x * 3, 0
    return a, b


@program
def optional_result_of_branches(n: int):
    if n > 2:
        result: Optional[int] = None
    else:
        result = n
    return result


@program
def refinement(x: Optional[int], y: Union[int, str]):
    total = 0
    if x is not None:
        total += x
    if isinstance(y, int):
        total += y
    else:
        total += len(y)
    return total


@program
def boolean_operators(a: bool, b: bool, n: int):
    return (a and b) or not a, (n > 1 and n < 5), n if a else -n


@program
def assertions(x: Tensor):
    assert x.dim() == 2
    assert x.size(0) == 3, f"got {x.size(0)}"
    return x


@program
def early_returns(x: Tensor, n: int):
    if n == 0:
        return x
    for i in range(n):
        if i == 5:
            return x * i
    return -x


@program
def counted_loops(x: Tensor, n: int):
    for i in range(n):
        x = x + i
    for j in range(2, n, 3):
        x = x * j
    return x


@program
def loops_over_lists(xs: List[Tensor]):
    total = torch.zeros(1)
    for i, x in enumerate(xs):
        total = total + x * i
    for a, b in zip(xs, xs):
        total = total + a * b
    return total


@program
def conditional_loops(x: Tensor, n: int):
    while n > 0 and bool(x.sum() > 0):
        x = x - n
        n -= 1
    return x, n


@program
def loops_with_exits(n: int):
    total = 0
    for i in range(n):
        if i % 2 == 0:
            continue
        if total > 100:
            break
        total += i
    while True:
        total -= 3
        if total < 0:
            break
    return total


@program
def nested_loops(x: Tensor, n: int):
    for i in range(n):
        for j in range(i):
            if i != j:
                x = x + i * j
            while n > 3:
                n -= 1
    return x


@program
def optional_carried_through_a_loop(xs: List[int]):
    best: Optional[int] = None
    for x in xs:
        if best is None or x > best:
            best = x
    return best


@program
def contexts(x: Tensor):
    with torch.no_grad():
        y = x * 2
        with torch.no_grad():
            z = y + x
    return y + z


# --- calls


class Pair(NamedTuple):
    first: Tensor
    second: int


@program
def named_tuples(x: Tensor):
    pair = Pair(x, 3)
    return pair.first + pair.second


@program
def defaults_of_parameters(
    x: Tensor,
    a: int = 1,
    b: float = 0.1,
    c: Optional[str] = None,
    d: List[int] = (1, 2),  # type: ignore[assignment]
    e: str = "text",
    f: bool = False,
):
    return x


@program
def any_values(x: Any):
    return isinstance(x, Tensor), isinstance(x, (int, float))


@program
def unused_parameters(x: Tensor, y: int):
    return


@program
def nothing_returned(x: Tensor):
    x.add_(1)


@program
def strings(text: str, n: int):
    return text.split(","), "{} {}".format(text, n), f"<{text}>", text[1:], text * 1 if False else text, "a" in text


@program
def shadowed_values(x: Tensor, n: int):
    y = x
    if n > 0:
        y = x + 1
        z = y * 2
        if n > 1:
            z = y + z
            y = z
    return y


@program
def chained_methods(x: Tensor):
    return x.view(-1).contiguous().transpose(0, 0).unsqueeze(0).expand([2, -1]).reshape([-1]).sum()


@program
def deep_expression(x: int):
    return ((((((((((x + 1) * 2 + 3) * 4 + 5) * 6 + 7) * 8 + 9) * 10 + 11) * 12 + 13) * 14 + 15) * 16 + 17) * 18) + 19


@program
def many_arguments(x: Tensor, w: Tensor, b: Optional[Tensor]):
    return torch.conv2d(x, w, b, [1, 1], [0, 0], [1, 1], 1), torch.max_pool2d(x, [2, 2]), torch.layer_norm(x, [3])
