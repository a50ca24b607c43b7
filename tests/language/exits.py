"""`return`, `assert`, `raise` and `with`."""

from typing import List, Tuple

import torch
from torch import Tensor, nn

from tests.language.harness import Suite

suite = Suite("exits")


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


@suite.extends(1)
def missing_return(x: int) -> int:
    if x > 0:
        return 1


@suite.rejects("does not return along all paths", marked="def no_return")
def no_return(x: int) -> int:
    x += 1


@suite.rejects("Previous return statement returned a value of type")
def return_types_differ(x: int):
    if x > 0:
        return 1
    return "a"


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


class CodedError(Exception):
    def __init__(self, text: str, code: int = 0):
        super().__init__(text)
        self.code = code


@suite.accepts(1, -1)
def raise_with_keywords(x: int) -> int:
    if x < 0:
        raise CodedError("coded", code=x)
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


@torch.no_grad()
def _without_gradient(x):
    return x * 2


@torch.inference_mode(False)
def _with_gradient_again(x):
    return x * 3


@suite.corrects(torch.ones(2, requires_grad=True), because="decorators are dropped")
def decorated_functions(x: Tensor):
    a, b = _without_gradient(x), _with_gradient_again(x)
    return a, b, a.requires_grad, b.requires_grad


@suite.corrects(torch.ones(2, requires_grad=True), because="decorators are dropped")
class DecoratedMethods(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(2))

    @torch.no_grad()
    def update(self, x):
        self.mean.lerp_(x, 0.5)
        if x.sum() > 0:
            return self.mean * x
        return x

    @torch.enable_grad()
    @torch.no_grad()
    def forward(self, x):
        return self.update(x).requires_grad, self.mean.requires_grad


@suite.extends((torch.ones(2, requires_grad=True), True), (torch.ones(2, requires_grad=True), False))
def set_grad_enabled_as_context(x: Tensor, flag: bool):
    with torch.set_grad_enabled(flag):
        y = x * 2
        with torch.set_grad_enabled(not flag):
            z = x * 5
        if flag:
            return y.requires_grad, z.requires_grad, torch.is_grad_enabled()
    return y.requires_grad, z.requires_grad, torch.is_grad_enabled()


@suite.extends(torch.ones(2, requires_grad=True))
def inference_mode(x: Tensor):
    with torch.inference_mode():
        y = x * 2
        with torch.inference_mode(mode=False):
            z = x * 5
    return y.requires_grad, z.requires_grad, torch.is_grad_enabled()


@suite.accepts(torch.rand(2, 2))
def autocast(x: Tensor):
    before = torch.mm(x, x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = torch.mm(x, x)
        with torch.autocast("cpu", enabled=False):
            nested = torch.mm(x, x)
    return before, inside, nested, torch.mm(x, x)


def _product(x: Tensor) -> Tensor:
    return torch.mm(x, x)


@suite.accepts(torch.rand(2, 2))
class AutocastAroundCalls(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(2, 2)

    def forward(self, x: Tensor):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = self.fc(x)
            z = _product(x)
        return y, z, _product(x)


@suite.accepts((torch.rand(2, 2), 1), (torch.rand(2, 2), 0))
def autocast_left_by_an_exception(x: Tensor, n: int):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = torch.mm(x, x)
        if n > 0:
            raise ValueError("n")
    return y
