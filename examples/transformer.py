"""A small decoder-only transformer whose greedy decoding loop, key/value cache included, is part of the model.

Because the loop is inside `forward`, the archive that flambeau writes holds the whole decoder: whoever loads it gives a
prompt and a limit and receives tokens, and needs no decoding code of their own. The loop's length depends on the data
(it ends at the end-of-sequence token), which a traced model could not express.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class CachedAttention(nn.Module):
    """Causal self-attention over everything seen so far: `keys` and `values` hold the past, and are returned grown."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.project_in = nn.Linear(width, 3 * width)
        self.project_out = nn.Linear(width, width)

    def split_heads(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        return x.view(batch, length, self.heads, width // self.heads).transpose(1, 2)

    def forward(self, x: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        query, key, value = self.project_in(x).chunk(3, dim=-1)
        query = self.split_heads(query)
        keys = torch.cat([keys, self.split_heads(key)], dim=2)
        values = torch.cat([values, self.split_heads(value)], dim=2)

        scores = torch.matmul(query, keys.transpose(-2, -1)) / math.sqrt(query.size(-1))
        new, total = query.size(2), keys.size(2)
        if new > 1:
            # The prompt arrives at once, so its tokens must not see the ones after them; a single new token sees all.
            later = torch.ones(new, total, dtype=torch.bool, device=x.device).triu(total - new + 1)
            scores = scores.masked_fill(later, float("-inf"))
        mixed = torch.matmul(F.softmax(scores, dim=-1), values)
        return self.project_out(mixed.transpose(1, 2).flatten(2)), keys, values


class Layer(nn.Module):
    """Attention and a two-layer perceptron, each behind a layer norm and around a shortcut."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = CachedAttention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mixed, keys, values = self.attention(self.norm1(x), keys, values)
        x = x + mixed
        return x + self.mlp(self.norm2(x)), keys, values


class Transformer(nn.Module):
    """`forward` continues one prompt greedily and returns the new tokens with the log-probability of each."""

    def __init__(
        self, vocabulary: int = 512, width: int = 128, heads: int = 4, layers: int = 4, limit: int = 256
    ) -> None:
        super().__init__()
        self.limit = limit
        self.heads = heads
        self.head_width = width // heads
        self.embed = nn.Embedding(vocabulary, width)
        self.position = nn.Embedding(limit, width)
        self.layers = nn.ModuleList([Layer(width, heads) for _ in range(layers)])
        self.norm = nn.LayerNorm(width)
        self.unembed = nn.Linear(width, vocabulary, bias=False)

    def empty_cache(self) -> list[Tensor]:
        cache: list[Tensor] = []
        for _ in range(len(self.layers)):
            cache.append(torch.empty(1, self.heads, 0, self.head_width, device=self.unembed.weight.device))
        return cache

    def advance(self, tokens: Tensor, seen: int, keys: list[Tensor], values: list[Tensor]) -> Tensor:
        """Logits of the token after `tokens`, which stand at position `seen`; both caches grow in place."""
        positions = torch.arange(seen, seen + tokens.size(0), device=tokens.device)
        x = (self.embed(tokens) + self.position(positions)).unsqueeze(0)
        for index, layer in enumerate(self.layers):
            x, keys[index], values[index] = layer(x, keys[index], values[index])
        return self.unembed(self.norm(x[0, -1]))

    def generate(self, prompt: Tensor, max_new_tokens: int, end: int) -> tuple[Tensor, Tensor]:
        if prompt.size(0) + max_new_tokens > self.limit:
            raise ValueError(f"the model holds {self.limit} tokens, not {prompt.size(0)} and {max_new_tokens} more")
        keys, values = self.empty_cache(), self.empty_cache()
        tokens: list[Tensor] = []
        scores: list[Tensor] = []
        window, seen = prompt, 0
        while len(tokens) < max_new_tokens:
            logits = self.advance(window, seen, keys, values)
            seen += window.size(0)
            score, token = F.log_softmax(logits, dim=-1).max(dim=-1)
            tokens.append(token)
            scores.append(score)
            if int(token) == end:
                break
            window = token.unsqueeze(0)
        return torch.stack(tokens), torch.stack(scores)

    def forward(self, prompt: Tensor, max_new_tokens: int, end: int = -1) -> tuple[Tensor, Tensor]:
        return self.generate(prompt, max_new_tokens, end)
