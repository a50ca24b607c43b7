"""Types narrowed by conditions, and branches decided while compiling."""
# ruff: noqa: F841

from typing import Any, Dict, Final, List, Optional, Tuple, Union

import torch
from torch import Tensor, nn

from tests.language.harness import Suite

suite = Suite("refinement")


@suite.accepts(1, (None,))
def is_none_else(x: Optional[int]) -> int:
    if x is None:
        return 0
    else:
        return x + 1


@suite.accepts(1, (None,))
def is_not_none(x: Optional[int]) -> int:
    y = 0
    if x is not None:
        y = x + 1
    return y


@suite.accepts(1, (None,))
def early_return_refines(x: Optional[int]) -> int:
    if x is None:
        return 0
    return x + 1


@suite.accepts(1, (None,))
def early_raise_refines(x: Optional[int]) -> int:
    if x is None:
        raise ValueError("missing")
    return x + 1


@suite.accepts(1, (None,))
def assertion_refines(x: Optional[int]) -> int:
    assert x is not None
    return x + 1


@suite.accepts(1, (None,))
def assertion_with_message_refines(x: Optional[int]) -> int:
    assert x is not None, "x is needed"
    return x + 1


@suite.accepts((1, 2), (None, 2), (1, None), (None, None))
def and_refines(x: Optional[int], y: Optional[int]) -> int:
    if x is not None and y is not None:
        return x + y
    return -1


@suite.accepts((1, 2), (None, 2), (1, None), (None, None))
def or_refines_else(x: Optional[int], y: Optional[int]) -> int:
    if x is None or y is None:
        return -1
    return x + y


@suite.accepts(1, 5, (None,))
def and_refines_right_side(x: Optional[int]) -> bool:
    return x is not None and x > 3


@suite.accepts(1, 5, (None,))
def or_refines_right_side(x: Optional[int]) -> bool:
    return x is None or x > 3


@suite.accepts(1, (None,))
def not_swaps(x: Optional[int]) -> int:
    if not x is None:  # noqa: E714
        return x + 1
    return 0


@suite.accepts(1, (None,))
def ternary_refines(x: Optional[int]) -> int:
    return x + 1 if x is not None else 0


@suite.accepts(1, (None,))
def assignment_of_default(x: Optional[int]) -> int:
    if x is None:
        x = 10
    return x + 1


@suite.accepts((torch.ones(2), None), (torch.ones(2), torch.ones(2)))
def optional_tensor(x: Tensor, mask: Optional[Tensor]) -> Tensor:
    if mask is not None:
        x = x * mask
    return x + 1


@suite.accepts((None, 3), (torch.ones(2), 3))
def optional_tensor_default(x: Optional[Tensor] = None, n: int = 1) -> Tensor:
    if x is None:
        x = torch.zeros(n)
    return x + n


@suite.accepts(3, (None,))
def refinement_in_loop(x: Optional[int]) -> int:
    total = 0
    for i in range(3):
        if x is not None:
            total += x
        else:
            total -= 1
    return total


@suite.extends(3, (None,))
def while_refines(x: Optional[int]) -> int:
    steps = 0
    while x is not None and x > 0:
        x = x - 1
        steps += 1
    return steps


@suite.accepts(({"a": 1},), ({},))
def optional_of_dict_get(d: Dict[str, int]) -> int:
    x = d.get("a")
    if x is None:
        return -1
    return x


@suite.extends(([1, None, 3],))
def optional_elements(xs: List[Optional[int]]) -> int:
    total = 0
    for x in xs:
        if x is None:
            continue
        total += x
    return total


@suite.accepts(1, "a", 2.5, ([1, 2],))
def isinstance_chain(x: Any) -> str:
    if isinstance(x, int):
        return "int " + str(x + 1)
    elif isinstance(x, str):
        return "str " + x
    elif isinstance(x, float):
        return "float " + str(x > 1.0)
    elif x is None:
        return "none"
    return "other"


@suite.corrects((None,), because="a value of type Any is taken never to be None")
def none_in_any(x: Any) -> str:
    if x is None:
        return "none"
    return "other"


@suite.accepts(1, "a", 2.5)
def isinstance_of_union(x: Union[int, str, float]) -> int:
    if isinstance(x, (int, float)):
        if isinstance(x, int):
            return x
        return int(x)
    return len(x)


@suite.accepts(1, "a")
def isinstance_else_of_union(x: Union[int, str]) -> int:
    if not isinstance(x, str):
        return x + 1
    else:
        return len(x)


@suite.accepts(1, "a")
def isinstance_assertion(x: Union[int, str]) -> int:
    assert isinstance(x, int)
    return x + 1


@suite.accepts(([1],), ({"a": 1},), 3)
def isinstance_of_containers(x: Any) -> int:
    if torch.jit.isinstance(x, List[int]):
        return x[0]
    if torch.jit.isinstance(x, Dict[str, int]):
        return x["a"]
    return 0


@suite.accepts(1, (None,), "a")
def union_with_none(x: Union[int, str, None]) -> int:
    if x is None:
        return 0
    if isinstance(x, int):
        return x
    return len(x)


@suite.accepts(2)
def static_isinstance(x: int) -> int:
    if isinstance(x, str):
        return x.no_such_method()
    return x


@suite.accepts(torch.ones(1))
def static_none(x: Tensor) -> int:
    if x is None:
        return undefined_name  # noqa: F821
    return 1


@suite.accepts(torch.ones(1), differs="code is scripted in TorchScript")
def static_is_scripting(x: Tensor) -> int:
    if not torch.jit.is_scripting():
        return -1
    return 1


@suite.accepts(torch.ones(1))
def dead_branch_is_not_compiled(x: Tensor) -> Tensor:
    if torch.jit.is_scripting():
        y = x
    else:
        y = x.numpy() if False else x
    return y


@suite.accepts(1)
def literal_conditions(x: int) -> int:
    if False:
        x = nowhere.at_all(x)  # noqa: F821
    if True:
        x += 1
    else:
        x = "a"
    return x


@suite.accepts(torch.ones(2))
class StaticHasattr(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = 1

    def forward(self, x: Tensor):
        if hasattr(self, "a"):
            x = x + self.a
        if hasattr(self, "b"):
            x = x + self.b
        return x


@suite.accepts(torch.ones(2))
class StaticFinal(nn.Module):
    flag: Final[bool]
    count: Final[int]

    def __init__(self):
        super().__init__()
        self.flag = False
        self.count = 3

    def forward(self, x: Tensor):
        if self.flag:
            x = self.nothing(x)
        else:
            x = x + self.count
        return x


@suite.accepts(torch.ones(2))
class StaticConstants(nn.Module):
    __constants__ = ["use", "name", "scale", "sizes"]

    def __init__(self):
        super().__init__()
        self.use = True
        self.name = "n"
        self.scale = 2.5
        self.sizes = [1, 2]

    def forward(self, x: Tensor) -> Tuple[Tensor, str]:
        if not self.use:
            return self.missing.forward(x), ""
        for s in self.sizes:
            x = x * s
        return x * self.scale, self.name


@suite.accepts(torch.ones(2))
class StaticNoneModule(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = None
        self.up = nn.ReLU()

    def forward(self, x: Tensor):
        if self.down is not None:
            x = self.down(x)
        if self.up is not None:
            x = self.up(x)
        return x


@suite.accepts((torch.ones(2), None), (torch.ones(2), torch.ones(2)))
class OptionalAttribute(nn.Module):
    bias: Optional[Tensor]

    def __init__(self):
        super().__init__()
        self.bias = torch.ones(2)

    def forward(self, x: Tensor, y: Optional[Tensor]):
        bias = self.bias
        if bias is not None and y is not None:
            x = x + bias + y
        return x


@suite.rejects("for argument")
def unrefined_optional(x: Optional[int]) -> int:
    return x + 1


@suite.rejects("for argument")
def refinement_ends_with_branch(x: Optional[int]) -> int:
    if x is not None:
        y = x + 1
    return x + 1


@suite.rejects("for argument")
def wrong_side(x: Optional[int]) -> int:
    if x is None:
        return x + 1
    return 0


@suite.rejects("has no attribute")
def attribute_is_not_refined_by_call(x: Any) -> int:
    return x.foo


@suite.rejects("Expected a value of type")
def union_unrefined(x: Union[int, str]) -> int:
    return x + 1


@suite.accepts((1, None, [1, 2]), (2, 3, [2, 2]), (3, 3, []))
def refined_before_a_loop(a: int, m: Optional[int], xs: List[int]) -> int:
    v: Optional[int] = a
    if v is not None:
        if m is None:
            return 3
    for x in xs:
        if v is not None and v != x:
            return 5
    return 6


@suite.extends((torch.ones(2), "a"), (torch.ones(2), "b"))
def result_of_some_branches_only(x, how: str):
    y = _some(x, how)
    return y * 2


def _some(x, how):
    if how == "a":
        return x
    elif how == "b":
        return x + 1
