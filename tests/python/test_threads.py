"""Several threads scripting at once: one result each, no deadlock."""

from concurrent.futures import ThreadPoolExecutor

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import flambeau


class Net(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(width, width) for _ in range(3)])

    @torch.jit.export
    def again(self, x: Tensor) -> Tensor:
        return self.forward(self.forward(x))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = F.gelu(layer(x))
        return x


def test_modules_of_one_class_in_many_threads() -> None:
    modules = [Net(1 + i % 4) for i in range(24)]
    with ThreadPoolExecutor(8) as pool:
        scripted = list(pool.map(flambeau.script, modules, timeout=60))
    for module, made in zip(modules, scripted, strict=True):
        x = torch.randn(2, module.layers[0].in_features)
        torch.testing.assert_close(made.again(x), module.again(x))
    assert len({id(made._c.type) for made in scripted}) == 4


def test_methods_compiled_on_first_use_in_many_threads() -> None:
    scripted = flambeau.script(Net(5))
    x = torch.randn(2, 5)
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: scripted.again(x), range(16), timeout=60))
    for result in results:
        torch.testing.assert_close(result, results[0])
