"""Modules that PyTorch traced or froze."""

from typing import Dict, List, Tuple

import torch
from torch import Tensor, nn

from tests.serialization.zoo.specimen import Specimen


class Shapes(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.view(x.size(0), -1).sum(1) * x.shape[1]


class Structured(nn.Module):
    def forward(self, x: Tensor, pair: Tuple[Tensor, Tensor]) -> Dict[str, Tensor]:
        return {"sum": x + pair[0], "product": x * pair[1]}


class Lists(nn.Module):
    def forward(self, x: Tensor) -> List[Tensor]:
        return [x, x + torch.arange(x.size(1)), x[:, 1:].exp()]


class Mixed(nn.Module):
    """Traced with a scripted part in it."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)
        self.scripted = torch.jit.script(Conditional())

    def forward(self, x: Tensor) -> Tensor:
        return self.scripted(self.linear(x))


class Conditional(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        if x.sum() > 0:
            return x + 1
        return x - 1


class Calls(nn.Module):
    """A scripted module with a traced part in it."""

    def __init__(self) -> None:
        super().__init__()
        self.traced = torch.jit.trace(nn.Linear(3, 3), torch.ones(2, 3))
        self.traced_function = torch.jit.trace(torch.relu, torch.ones(2, 3))

    def forward(self, x: Tensor) -> Tensor:
        if x.size(0) == 2:
            x = self.traced(x)
        return x


class Mutating(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros(3))

    def forward(self, x: Tensor) -> Tensor:
        self.seen.add_(x.sum(0))
        y = x.clone()
        y[0] = 7
        return y + self.seen


def _conv_net() -> nn.Module:
    return nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 2)).eval()


def _traced(make, *inputs):
    def made() -> nn.Module:
        return torch.jit.trace(make(), inputs, strict=False, check_trace=False)

    return Specimen(made, lambda: [("forward", inputs)], prepared=True)


def _trace_module() -> nn.Module:
    class Several(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(3, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.linear(x)

        def scaled(self, x: Tensor, y: Tensor) -> Tensor:
            return self.linear(x) * y

    example = torch.ones(2, 3)
    return torch.jit.trace_module(Several(), {"forward": example, "scaled": (example, example)})


def _frozen(make, *inputs, optimized: bool = False):
    def made() -> nn.Module:
        module = torch.jit.freeze(torch.jit.script(make().eval()))
        return torch.jit.optimize_for_inference(module) if optimized else module

    return Specimen(made, lambda: [("forward", inputs)], prepared=True)


X = torch.linspace(-1, 1, 6).reshape(2, 3)
IMAGE = torch.linspace(-1, 1, 72).reshape(1, 2, 6, 6)

SPECIMENS = {
    "traced linear": _traced(lambda: nn.Linear(3, 4), X),
    "traced shapes": _traced(Shapes, X),
    "traced dict": _traced(Structured, X, (X, X)),
    "traced list": _traced(Lists, X),
    "traced mixed": _traced(Mixed, X),
    "traced mutation": _traced(Mutating, X),
    "traced conv net": _traced(_conv_net, IMAGE),
    "traced lstm": _traced(lambda: nn.LSTM(3, 4, 2), torch.ones(5, 2, 3)),
    "traced attention": _traced(lambda: nn.MultiheadAttention(4, 2).eval(), *[torch.ones(3, 1, 4)] * 3),
    "traced transformer": _traced(lambda: nn.TransformerEncoderLayer(4, 2, 8).eval(), torch.ones(3, 1, 4)),
    "trace_module": Specimen(_trace_module, lambda: [("forward", (X,)), ("scaled", (X, X))], prepared=True),
    "scripted with traced part": Specimen(Calls, lambda: [("forward", (X,))]),
    "frozen linear": _frozen(lambda: nn.Linear(3, 4), X),
    "frozen conv net": _frozen(_conv_net, IMAGE),
    "frozen control flow": _frozen(Conditional, X),
    "frozen lstm": _frozen(lambda: _Wrapped(nn.LSTM(3, 4)), torch.ones(5, 2, 3)),
    "frozen transformer": _frozen(lambda: nn.TransformerEncoderLayer(4, 2, 8), torch.ones(3, 1, 4)),
}


class _Wrapped(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor):
        return self.inner(x)
