"""Scripts and loaded archives go when nobody holds them: graphs, classes and the weights in them."""

from __future__ import annotations

import gc
import io
from collections.abc import Callable
from typing import Dict, List

import pytest
import torch
from torch import Tensor, nn

import flambeau
from flambeau.ir import ClassType, Function, Graph
from tests.runtime.test_hardening import forget, fresh


class Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)

    def forward(self, x: Tensor, others: List[Tensor]) -> Dict[str, Tensor]:
        return {"ours": self.linear(x), "theirs": others[0]}


def script() -> None:
    module = fresh()
    flambeau.script(module.work)(torch.ones(2), 2)
    forget(module)


def reload(saved: bytes) -> None:
    module = flambeau.load(io.BytesIO(saved))
    module(torch.ones(2, 3), [torch.ones(2)])
    assert module.code
    assert module.graph.inputs
    flambeau.save(module, io.BytesIO())
    with pytest.raises(RuntimeError):
        module(torch.ones(2, 4), [torch.ones(2)])


def saved(module: object) -> bytes:
    target = io.BytesIO()
    flambeau.save(module, target)
    return target.getvalue()


CYCLES: dict[str, Callable[[], Callable[[], None]]] = {
    "script": lambda: script,
    "load": lambda: lambda archive=saved(flambeau.script(Layer().eval())): reload(archive),  # type: ignore[misc]
    "load frozen": lambda: lambda archive=saved(flambeau.freeze(flambeau.script(Layer().eval()))): reload(archive),  # type: ignore[misc]
}


def living() -> dict[str, int]:
    for _ in range(4):  # what one collection frees lets go of what the next one frees
        gc.collect()
    kinds = (ClassType, Function, Graph, Tensor)
    return {kind.__name__: sum(type(o) is kind for o in gc.get_objects()) for kind in kinds}


@pytest.mark.usefixtures("only_worker")  # another one could be making graphs for what other tests left
@pytest.mark.parametrize("tier", ["interpreter", "python"])
@pytest.mark.parametrize("name", CYCLES)
def test_nothing_stays(name: str, tier: str) -> None:
    cycle = CYCLES[name]()
    with flambeau.settings.override(tier=tier):
        cycle()
        before = living()
        for _ in range(3):
            cycle()
        after = living()
    # What other tests left may go in the meantime.
    assert {kind: number for kind, number in after.items() if number > before[kind]} == {}
