"""Modules as projects write them, each of which torch.jit.script refuses.

    @case(rand(2, 3))                  one call; a tuple holds several arguments
    class Net(nn.Module): ...

`examples=True` hands the calls to `flambeau.script` as example inputs too. `settings` are arguments of the constructor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

CASES: list[Case] = []


@dataclass
class Case:
    """A module class with the arguments of its constructor, and the calls to compare."""

    name: str
    cls: type[nn.Module]
    calls: tuple[tuple[object, ...], ...]
    settings: dict[str, object] = field(default_factory=dict)
    examples: bool = False
    training: bool = False

    def __str__(self) -> str:
        return self.name

    def make(self) -> nn.Module:
        """A new module, equal to every other one made here."""
        torch.manual_seed(0)
        return self.cls(**self.settings).train(self.training)


def case(
    *calls: object, examples: bool = False, training: bool = False, **settings: object
) -> Callable[[type[nn.Module]], type[nn.Module]]:
    """Enter a module class; it may be entered several times, with other settings."""
    packed = tuple(call if isinstance(call, tuple) else (call,) for call in calls)

    def enter(cls: type[nn.Module]) -> type[nn.Module]:
        theme = cls.__module__.rpartition(".")[2]
        number = sum(c.cls is cls for c in CASES)
        name = f"{theme}/{cls.__name__}{f'-{number + 1}' if number else ''}"
        CASES.append(Case(name, cls, packed, settings, examples, training))
        return cls

    return enter


def rand(*size: int) -> Tensor:
    """A tensor that is the same in every run."""
    return torch.randn(size, generator=torch.Generator().manual_seed(sum(size) + 7 * len(size)))
