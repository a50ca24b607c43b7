"""An LSTM written out by hand, the way one does when the built-in one lacks something: here, layer norm on the gates.

Eager PyTorch pays for each small operation in each time step; a compiler sees the loop. The state is a tuple of tensors
for each layer, kept in a list, so compiling this means typed containers inside a loop.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class NormalizedCell(nn.Module):
    """One step in time: gates from input and hidden state, each normalised, then the usual update."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.from_input = nn.Linear(inputs, 4 * width, bias=False)
        self.from_hidden = nn.Linear(width, 4 * width, bias=False)
        self.norm_input = nn.LayerNorm(4 * width)
        self.norm_hidden = nn.LayerNorm(4 * width)
        self.norm_cell = nn.LayerNorm(width)

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        hidden, cell = state
        gates = self.norm_input(self.from_input(x)) + self.norm_hidden(self.from_hidden(hidden))
        enter, forget, candidate, leave = gates.chunk(4, 1)
        cell = self.norm_cell(torch.sigmoid(forget) * cell + torch.sigmoid(enter) * torch.tanh(candidate))
        return torch.sigmoid(leave) * torch.tanh(cell), cell


class Recurrence(nn.Module):
    """A cell run over time."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.cell = NormalizedCell(inputs, width)

    def forward(self, xs: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        outputs: list[Tensor] = []
        for x in xs.unbind(0):
            state = self.cell(x, state)
            outputs.append(state[0])
        return torch.stack(outputs), state


class LSTM(nn.Module):
    """Layers of recurrences; returns the last layer's outputs and each layer's final state, to go on from there."""

    def __init__(self, inputs: int = 64, width: int = 128, layers: int = 2) -> None:
        super().__init__()
        self.width = width
        self.layers = nn.ModuleList([Recurrence(inputs if index == 0 else width, width) for index in range(layers)])

    def forward(
        self, xs: Tensor, states: list[tuple[Tensor, Tensor]] | None = None
    ) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        if states is None:
            zeros = torch.zeros(xs.size(1), self.width, dtype=xs.dtype, device=xs.device)
            states = [(zeros, zeros) for _ in range(len(self.layers))]
        finals: list[tuple[Tensor, Tensor]] = []
        for index, layer in enumerate(self.layers):
            xs, final = layer(xs, states[index])
            finals.append(final)
        return xs, finals
