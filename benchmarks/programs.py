"""Programs of the kinds that people script: loops over scalars, strings, lists and small tensors, and nets."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def levenshtein(a: list[int], b: list[int]) -> int:
    previous = [j for j in range(len(b) + 1)]  # noqa: C416  # scripts have no list(range(...))
    for i in range(1, len(a) + 1):
        current = [i]
        for j in range(1, len(b) + 1):
            cost = 0 if a[i - 1] == b[j - 1] else 1
            best = min(current[j - 1] + 1, previous[j] + 1)
            current.append(min(best, previous[j - 1] + cost))
        previous = current
    return previous[len(b)]


def collatz(limit: int) -> int:
    longest = 0
    for start in range(1, limit):
        n = start
        steps = 0
        while n != 1:
            if n % 2 == 0:
                n = n // 2
            else:
                n = 3 * n + 1
            steps += 1
        if steps > longest:
            longest = steps
    return longest


def word_count(text: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    for word in text.split(" "):
        clean = word.strip(".,").lower()
        if len(clean) > 0:
            if clean in counts:
                counts[clean] += 1
            else:
                counts[clean] = 1
    return counts


def non_maximum_suppression(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    order = scores.argsort(descending=True)
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    keep: list[int] = []
    while order.numel() > 0:
        best = int(order[0])
        keep.append(best)
        rest = order[1:]
        top_left = torch.max(boxes[rest, :2], boxes[best, :2])
        bottom_right = torch.min(boxes[rest, 2:], boxes[best, 2:])
        sides = (bottom_right - top_left).clamp(min=0)
        overlap = sides[:, 0] * sides[:, 1]
        union = areas[rest] + areas[best] - overlap
        order = rest[overlap / union <= threshold]
    return torch.tensor(keep, dtype=torch.long)


def viterbi(emissions: Tensor, transitions: Tensor) -> tuple[float, list[int]]:
    score = emissions[0]
    history: list[Tensor] = []
    for t in range(1, emissions.size(0)):
        candidates = score.unsqueeze(1) + transitions
        best, index = candidates.max(dim=0)
        score = best + emissions[t]
        history.append(index)
    last = int(score.argmax())
    path = [last]
    for i in range(len(history)):
        last = int(history[len(history) - 1 - i][last])
        path.append(last)
    return float(score.max()), path[::-1]


class CustomLSTM(nn.Module):
    """An LSTM written out, one step at a time."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.weight_input = nn.Parameter(torch.randn(4 * hidden, inputs) * 0.1)
        self.weight_hidden = nn.Parameter(torch.randn(4 * hidden, hidden) * 0.1)
        self.bias = nn.Parameter(torch.zeros(4 * hidden))

    def forward(self, xs: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        outputs: list[Tensor] = []
        for t in range(xs.size(0)):
            gates = torch.mm(xs[t], self.weight_input.t()) + torch.mm(h, self.weight_hidden.t()) + self.bias
            i, f, g, o = gates.chunk(4, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            outputs.append(h)
        return torch.stack(outputs), c


class GRU(nn.Module):
    """Gated recurrent units written out, one step at a time."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.input = nn.Linear(inputs, 3 * hidden)
        self.hidden = nn.Linear(hidden, 3 * hidden)

    def forward(self, xs: Tensor, h: Tensor) -> Tensor:
        outputs: list[Tensor] = []
        for t in range(xs.size(0)):
            input_reset, input_update, input_new = self.input(xs[t]).chunk(3, 1)
            reset, update, new = self.hidden(h).chunk(3, 1)
            update = torch.sigmoid(input_update + update)
            new = torch.tanh(input_new + torch.sigmoid(input_reset + reset) * new)
            h = new + update * (h - new)
            outputs.append(h)
        return torch.stack(outputs)


class WrittenOut(nn.Module):
    """GELU and layer norm element by element, as research code has them."""

    def __init__(self, width: int = 64, layers: int = 8) -> None:
        super().__init__()
        self.layers = layers
        self.linear = nn.Linear(width, width)
        self.gain = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))

    def gelu(self, x: Tensor) -> Tensor:
        return 0.5 * x * (1.0 + torch.tanh(0.7978845608 * (x + 0.044715 * x * x * x)))

    def norm(self, x: Tensor) -> Tensor:
        centred = x - x.mean(-1, keepdim=True)
        variance = (centred * centred).mean(-1, keepdim=True)
        return centred / torch.sqrt(variance + 1e-5) * self.gain + self.bias

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(self.layers):
            x = self.norm(x + self.gelu(self.linear(x)))
        return x


def mlp(width: int = 64) -> nn.Module:
    layers: list[nn.Module] = []
    for _ in range(4):
        layers += [nn.Linear(width, width), nn.ReLU()]
    return nn.Sequential(*layers)


class Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.project = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        q, k, v = self.project(x).view(batch, length, 3, self.heads, width // self.heads).unbind(2)
        attended = nn.functional.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2))
        return self.output(attended.transpose(1, 2).reshape(batch, length, width))


class EncoderLayer(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention = Attention(width, heads)
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)
        self.feed_forward = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm1(x + self.attention(x))
        return self.norm2(x + self.feed_forward(x))


class Bert(nn.Module):
    """A four-layer encoder of BERT's shape."""

    def __init__(self, width: int = 256, heads: int = 4, layers: int = 4, words: int = 1000) -> None:
        super().__init__()
        self.embed = nn.Embedding(words, width)
        self.position = nn.Embedding(512, width)
        self.layers = nn.ModuleList(EncoderLayer(width, heads) for _ in range(layers))

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed(tokens) + self.position(torch.arange(tokens.size(1), device=tokens.device))
        for layer in self.layers:
            x = layer(x)
        return x
