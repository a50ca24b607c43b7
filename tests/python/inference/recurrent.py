"""Recurrent networks and sequence models: optional states, cells in lists, loops over time."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd import Variable

from tests.python.inference.harness import case, rand


@case((rand(3, 2, 4),), (rand(3, 2, 4), rand(1, 2, 5)))
class GruWrapper(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(4, 5)
        self.out = nn.Linear(5, 3)

    def forward(self, x, hidden=None):
        if hidden is None:
            hidden = x.new_zeros(1, x.size(1), 5)
        y, hidden = self.rnn(x, hidden)
        outs = {"logits": self.out(y)}
        outs["hidden"], steps = hidden, len(y)
        return outs, [*y.shape, steps]


@case((rand(3, 2, 4),), kind="LSTM")
@case((rand(3, 2, 4),), kind="GRU")
class RnnByName(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.kind = kind
        self.rnn = getattr(nn, kind)(4, 5, num_layers=2)

    def init_hidden(self, batch):
        weight = next(self.parameters()).data
        if self.kind == "LSTM":
            return weight.new_zeros(2, batch, 5), weight.new_zeros(2, batch, 5)
        return weight.new_zeros(2, batch, 5)

    def forward(self, x):
        y, hidden = self.rnn(x, self.init_hidden(x.size(1)))
        if self.kind == "LSTM":
            hidden = hidden[0]
        return y, hidden


@case((rand(2, 3, 4), None), (rand(2, 3, 4), (rand(2, 5), rand(2, 5))), examples=True)
class CellOverTime(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.LSTMCell(4, 5)

    def forward(self, x, state=None):
        if state is None:
            state = (x.new_zeros(x.size(0), 5), x.new_zeros(x.size(0), 5))
        h, c = state
        outs = []
        for step in x.unbind(1):
            h, c = self.cell(step, (h, c))
            outs.append(h)
        return torch.stack(outs, 1), (h, c)


@case((rand(2, 3, 4),))
class StackedCells(nn.Module):
    def __init__(self, layers=2):
        super().__init__()
        self.cells = nn.ModuleList([nn.GRUCell(4, 4) for _ in range(layers)])
        self.num_layers = layers

    def forward(self, x):
        hidden = [None] * self.num_layers
        hidden = [x.new_zeros(x.size(0), 4) for _ in range(self.num_layers)]
        outputs = []
        for t in range(x.size(1)):
            inp = x[:, t]
            for layer in range(self.num_layers):
                hidden[layer] = self.cells[layer](inp, hidden[layer])
                inp = hidden[layer]
            outputs.append(inp)
        return torch.stack(outputs, dim=1), hidden


@case((torch.arange(6).view(2, 3) % 5,), teacher=True)
@case((torch.arange(6).view(2, 3) % 5,), teacher=False)
class GreedyDecoder(nn.Module):
    def __init__(self, teacher, vocab=5):
        super().__init__()
        self.embed = nn.Embedding(vocab, 4)
        self.cell = nn.GRUCell(4, 4)
        self.proj = nn.Linear(4, vocab)
        self.teacher = teacher

    def forward(self, tokens, max_len=None):
        steps = tokens.size(1) if max_len is None else max_len
        h = torch.zeros(tokens.size(0), 4)
        current = tokens[:, 0]
        logits = []
        for t in range(steps):
            h = self.cell(self.embed(current), h)
            step = self.proj(h)
            logits.append(step)
            current = tokens[:, t] if self.teacher else step.argmax(-1)
        return torch.stack(logits, 1)


@case((rand(4, 2, 3),), bidirectional=True)
@case((rand(4, 2, 3),), bidirectional=False)
class Directions(nn.Module):
    def __init__(self, bidirectional):
        super().__init__()
        self.bidirectional = bidirectional
        self.fw = nn.GRU(3, 3)
        if bidirectional:
            self.bw = nn.GRU(3, 3)

    def forward(self, x):
        out, last = self.fw(x)
        if self.bidirectional:
            back, last_back = self.bw(x.flip(0))
            out = torch.cat([out, back.flip(0)], -1)
            last = (last, last_back)
        return out, last


@case(rand(2, 5, 3))
class TemporalConv(nn.Module):
    def __init__(self, levels=3):
        super().__init__()
        self.levels = levels
        for i in range(levels):
            d = 2**i
            setattr(self, f"conv{d}", nn.Conv1d(3, 3, 3, padding=2 * d, dilation=d))

    def forward(self, x):
        x = x.transpose(1, 2)
        skips = 0
        for i in range(self.levels):
            d = 2**i
            y = torch.tanh(getattr(self, f"conv{d}")(x)[..., : x.size(-1)])
            skips = skips + y
            x = x + y
        return skips.transpose(1, 2)


@case(rand(3, 2, 4))
class LegacyVariables(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(4, 4)

    def forward(self, x):
        h0 = Variable(torch.zeros(1, x.size(1), 4))
        out, _ = self.rnn(x, h0)
        return Variable(out.data, requires_grad=False) + torch.FloatTensor([1.0, 2.0, 3.0, 4.0])


@case((rand(2, 6, 4), torch.tensor([6, 3])))
class PoolByLength(nn.Module):
    def __init__(self, how="mean"):
        super().__init__()
        self.pooler = {"mean": self.mean, "last": self.last}[how]

    def mean(self, x, lengths):
        mask = torch.arange(x.size(1))[None] < lengths[:, None]
        return (x * mask[..., None]).sum(1) / lengths[:, None]

    def last(self, x, lengths):
        return x[torch.arange(x.size(0)), lengths - 1]

    def forward(self, x, lengths):
        return self.pooler(x, lengths), self.last(x, lengths)


@case((rand(2, 4), 3), (rand(2, 4), 0), examples=True)
class Unrolled(nn.Module):
    def __init__(self):
        super().__init__()
        self.step = nn.Linear(4, 4)

    def forward(self, x, n):
        previous = None
        for _ in range(n):
            x = torch.tanh(self.step(x))
            if previous is not None:
                x = x + previous
            previous = x
        return x


@case((rand(2, 3, 4),))
class Highway(nn.Module):
    def __init__(self, n=2):
        super().__init__()
        self.gates, self.transforms = (nn.ModuleList([nn.Linear(4, 4) for _ in range(n)]) for _ in "ab")
        self.acts = {"relu": F.relu, "tanh": torch.tanh}

    def forward(self, x):
        for gate, transform in zip(self.gates, self.transforms):
            t = torch.sigmoid(gate(x))
            x = t * self.acts.get("relu")(transform(x)) + (1 - t) * x
        return x


@case((rand(1, 4, 3),), mode="sum")
@case((rand(1, 4, 3),), mode="max")
@case((rand(1, 4, 3),), mode=None)
class SequenceReduce(nn.Module):
    def __init__(self, mode):
        super().__init__()
        self.mode = mode

    def forward(self, x):
        if not self.mode:
            return x, x.shape
        if self.mode == "max":
            values, _ = x.max(dim=1)
            return values
        return getattr(x, self.mode)(1)
