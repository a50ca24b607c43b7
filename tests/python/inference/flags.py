"""Modules whose results depend on flags that nobody gives, or whose parameters are annotated with what is no type."""

from __future__ import annotations

from functools import partial
from typing import Callable, Optional, Union

import torch
import torch.nn.functional as F
from torch import nn

from tests.python.inference.harness import case, rand


@case(rand(2, 4, 8))
class AttentionWithWeights(nn.Module):
    def __init__(self, dim=8):
        super().__init__()
        self.q, self.k, self.v = nn.Linear(dim, dim), nn.Linear(dim, dim), nn.Linear(dim, dim)

    def forward(self, x, mask=None, return_weights: bool = False):
        weights = (self.q(x) @ self.k(x).transpose(-2, -1)).softmax(dim=-1)
        if mask is not None:
            weights = weights * mask
        out = weights @ self.v(x)
        if return_weights:
            return out, weights
        return out


@case(rand(2, 4, 8))
class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = AttentionWithWeights()
        self.norm = nn.LayerNorm(8)

    def forward(self, hidden, output_attentions=False, return_dict=None):
        attended, weights = self.attention(hidden, return_weights=True)
        hidden = self.norm(hidden + attended)
        if not return_dict:
            return (hidden, weights) if output_attentions else (hidden,)
        return {"hidden": hidden, "weights": weights}


@case(rand(2, 6))
class Quantizer(nn.Module):
    def __init__(self, codes=5, dim=6):
        super().__init__()
        self.codebook = nn.Parameter(rand(codes, dim))

    def forward(self, x, sample: Optional[Callable] = None, temperature=1.0, mode: str = "nearest"):
        distances = torch.cdist(x, self.codebook)
        if sample is not None:
            indices = sample(distances, temperature)
        elif mode == "soft":
            return (-distances / temperature).softmax(-1) @ self.codebook
        else:
            indices = distances.argmin(dim=-1)
        quantized = F.embedding(indices, self.codebook)
        return quantized, indices


@case(rand(1, 3, 8, 8))
class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.head = nn.Linear(4, 2)
        self.pool = partial(F.adaptive_avg_pool2d, output_size=1)

    def forward(self, x, features_only: bool = False, kind: Union[str, "type"] = "mean"):
        *_, height, width, channels = *x.shape, 4
        activation = partial(F.leaky_relu, negative_slope=0.2)
        maps = activation(self.stem(x))
        if features_only:
            return [maps]
        if kind == "mean":
            return self.head(self.pool(maps).flatten(1)) / (height * width * channels)
        return self.head(maps.amax((2, 3)))
