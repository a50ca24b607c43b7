"""Attributes of modules that methods create or give a value, and what tests say of attributes."""

from typing import NamedTuple, Optional

import torch
from torch import Tensor, nn

from tests.language.harness import Call, Suite

suite = Suite("attributes")


@suite.extends(torch.ones(2), torch.ones(2) * 3)
class NoneAtFirst(nn.Module):
    def __init__(self):
        super().__init__()
        self.cache = None

    def forward(self, x):
        y = x if self.cache is None else x + self.cache
        self.cache = y
        return y, self.cache.sum()


@suite.extends(Call("__call__", (torch.ones(2), True)), Call("__call__", (torch.ones(2), False)))
class ReadBeforeItIsThere(nn.Module):
    def forward(self, x, reads: bool):
        if reads:
            return self.late + 1
        self.late = x
        return self.late


@suite.extends(torch.ones(2), torch.ones(2) * 3)
class CreatedOnce(nn.Module):
    def forward(self, x):
        if not hasattr(self, "table"):
            self.table = x * 2
        return x + self.table, getattr(self, "table", None)


@suite.extends((torch.ones(2), 2), (torch.ones(2), 1))
class CreatedWithOtherTypes(nn.Module):
    def forward(self, x, n: int):
        self.sizes = [n, n + 1]
        self.names = {"a": n}
        self.pair = (x, n)
        return self.sizes[1] + self.names["a"] + self.pair[1], self.pair[0]


@suite.extends(torch.ones(2), torch.ones(2))
class ChangedBetweenTestAndUse(nn.Module):
    def __init__(self):
        super().__init__()
        self.state = None

    def reset(self):
        self.state = None

    def step(self, x):
        if self.state is None:
            self.state = torch.zeros_like(x)
        self.state = self.state + x
        return self.state

    def forward(self, x):
        y = self.step(x)
        if self.state is not None:
            self.reset()
            if self.state is None:
                y = y + 1
        return y, self.step(x)


@suite.extends(torch.ones(2), torch.ones(2))
class KnownThroughCallsThatDoNotChangeIt(nn.Module):
    def __init__(self):
        super().__init__()
        self.bias = None
        self.other = None

    def touch(self, x):
        self.other = x
        return x * 2

    def forward(self, x):
        if self.bias is None:
            self.bias = x
        y = self.touch(x)
        assert self.other is not None
        return y + self.bias + self.other


@suite.extends(torch.ones(2), torch.ones(2))
class TestedInsideALoopThatChangesIt(nn.Module):
    def __init__(self):
        super().__init__()
        self.h = None

    def forward(self, x):
        for _ in range(3):
            if self.h is None:
                self.h = x
            else:
                y = self.h + 1
                self.h = None
                if y.sum() > 100:
                    self.h = y
        return self.h


@suite.extends(torch.ones(2), torch.ones(2))
class KnownBeforeALoopThatChangesIt(nn.Module):
    def __init__(self):
        super().__init__()
        self.h = None

    def forward(self, x):
        self.h = x
        count = 0
        while count < 4:
            h = self.h
            count = count + (1 if h is None else 2)
            self.h = None
        return count


@suite.extends(torch.ones(2), torch.ones(2))
class EarlyExit(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = None

    def forward(self, x):
        if self.scale is None:
            self.scale = x.sum()
            return x
        return x * self.scale


@suite.extends(torch.ones(2), torch.ones(2))
class NumberThenTensor(nn.Module):
    def __init__(self):
        super().__init__()
        self.loss = 0
        self.count = 0

    def forward(self, x):
        self.loss = x.sum() * 0.5
        self.loss += 1
        self.count += 1
        return self.loss, self.count


@suite.extends(torch.ones(2), torch.ones(3))
class EmptyContainers(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = []
        self.sizes = []
        self.by_name = {}

    def forward(self, x):
        self.features.append(x)
        self.sizes.append(x.shape[0])
        self.by_name["last"] = x.shape[0]
        return len(self.features), self.sizes[-1], self.by_name["last"]


class Inner(nn.Module):
    def __init__(self):
        super().__init__()
        self.cache = None

    def forward(self, x):
        self.cache = x
        return x


@suite.extends(torch.ones(2), torch.ones(2) * 2)
class AttributeOfASubmodule(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = Inner()

    def forward(self, x):
        if self.inner.cache is not None:
            x = x + self.inner.cache
        return self.inner(x)


@suite.extends(torch.ones(2), torch.ones(2))
class BufferThatIsNone(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("mean", None)

    def forward(self, x):
        if self.mean is None:
            self.mean = x * 2
        return x - self.mean


class Batch(NamedTuple):
    x: Tensor
    mask: Optional[Tensor]


@suite.extends((torch.ones(2), None), (torch.ones(2), torch.zeros(2)))
def field_of_a_named_tuple(x: Tensor, mask: Optional[Tensor]):
    batch = Batch(x, mask)
    if batch.mask is not None:
        return batch.x * batch.mask
    return batch.x


@suite.accepts((torch.ones(2), None), (torch.ones(2), torch.zeros(2)))
def variable_assigned_anew(x: Tensor, mask: Optional[Tensor]):
    batch = Batch(x, x)
    if batch.mask is not None:
        batch = Batch(x, mask)
        if batch.mask is None:
            return x + 5
    return x


@suite.rejects("nonexistent attribute")
class CreatedWithNone(nn.Module):
    def forward(self, x: Tensor):
        self.k = None
        return x


@suite.rejects("nonexistent attribute", marked="self.k = None", ours="may be given None")
class CreatedAndThenNone(nn.Module):
    def forward(self, x: Tensor):
        self.k = x
        self.k = None
        return x
