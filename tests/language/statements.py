"""Statements by themselves, and those that TorchScript has not."""

import torch
from torch import Tensor

from tests.language.harness import Suite

suite = Suite("statements")


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


@suite.extends(1)
def import_statement(x: int) -> int:
    import math

    import torch.nn.functional
    import torch.nn.functional as F

    y = torch.nn.functional.relu(F.gelu(torch.ones(1)))
    return int(math.pi) + x + len(y)


@suite.extends(1)
def import_from_statement(x: int) -> int:
    from math import e as euler
    from math import pi

    return int(pi) + int(euler) + x


@suite.extends(1, 7)
def import_of_what_is_not_there(x: int) -> int:
    if x > 5:
        import there_is_no_such_module

        x = there_is_no_such_module.f(x)
    return x


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
