"""Modules that lean on Python: objects that are called, switches, `__call__`, closures, dictionaries, probes."""

from __future__ import annotations

import functools
import importlib.util
import inspect
import logging
import math
from collections.abc import Callable
from functools import wraps
from typing import Any, Literal, Optional

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from tests.python.inference.harness import case, rand

logger = logging.getLogger(__name__)


def exists(value):
    return value is not None


def default(*values):
    for value in values:
        if exists(value):
            return value() if callable(value) else value
    return None


def identity(x, *args, **kwargs):
    return x


def maybe(fn=None):
    fn = fn or identity

    @wraps(fn)
    def inner(x, *args, **kwargs):
        return x if not exists(x) else fn(x, *args, **kwargs)

    return inner


def packed(x):
    sizes = x.shape
    flat = x.flatten()

    def unpack(y, scale=None):
        y = y.view(sizes)
        return y if scale is None else y * scale

    return flat, unpack


# --- objects


class Processor:
    def __init__(self, gain):
        self.gain = gain

    def __call__(self, attention, x, mask=None, *, scale=1.0):
        weights = self.weights(attention.query(x), attention.key(x), mask)
        return weights @ x * scale

    def weights(self, q, k, mask):
        scores = q @ k.transpose(-1, -2) * self.gain
        if mask is not None:
            scores = scores.masked_fill(mask, -1e4)
        return scores.softmax(-1)


@case(rand(2, 3, 4), (rand(2, 3, 4), torch.eye(3).bool()))
class AttentionWithProcessor(nn.Module):
    def __init__(self):
        super().__init__()
        self.query, self.key = nn.Linear(4, 4), nn.Linear(4, 4)
        self.processor = Processor(0.5)

    def forward(self, x, mask: Optional[Tensor] = None, **options):
        known = set(inspect.signature(self.processor.__call__).parameters.keys())
        ignored = [name for name, _ in options.items() if name not in known and name not in {"quiet"}]
        if len(ignored) > 0:
            logger.warning("ignored: %s", ignored)
        options = {name: value for name, value in options.items() if name in known}
        return self.processor(self, x, mask=mask, **options)


@case(rand(2, 3, 4), (rand(2, 3, 4), None))
class BlockOfProcessors(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = AttentionWithProcessor()

    def forward(self, x, options: Optional[dict[str, Any]] = None) -> Tensor:
        options = options or {}
        once = self.attention(x, **options)
        return once + self.attention(x, **{**options, "scale": 2.0})


class Cache:
    def __init__(self):
        self.weight = None


@case(rand(2, 4))
class Cached(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.cache, self.using_cache = Cache(), False

    def use_cache(self, mode=True):
        self.using_cache = mode

    def fill(self):
        if self.cache.weight is None:
            self.cache.weight = self.linear.weight

    def forward(self, x):
        if not self.training and self.using_cache:
            self.fill()
            return x @ self.cache.weight
        return self.linear(x)


@case(rand(2, 3))
class Triangular(nn.Module):
    def __init__(self):
        super().__init__()
        self.lower, self.diagonal = np.tril_indices(3, k=-1), np.diag_indices(3)
        self.entries = nn.Parameter(torch.arange(3.0))

    def forward(self, x):
        weight = self.entries.new_zeros(3, 3)
        weight[self.lower[0], self.lower[1]] = self.entries
        weight[self.diagonal[0], self.diagonal[1]] = 1.0
        return x @ weight * np.log(np.pi)


# --- calls


class Aggregation(nn.Module):
    def __call__(self, x: Tensor, index: Optional[Tensor] = None, dim: int = -2, **kwargs) -> Tensor:
        if index is None:
            index = x.new_zeros(x.size(dim), dtype=torch.long)
        try:
            return super().__call__(x, index=index, dim=dim, **kwargs)
        except (IndexError, RuntimeError) as error:
            raise ValueError(f"bad index of {index.numel()}") from error


class SumAggregation(Aggregation):
    def forward(self, x: Tensor, index: Optional[Tensor] = None, dim: int = -2, scale: float = 1.0) -> Tensor:
        if index is None:
            raise NotImplementedError("an index is needed")
        return torch.zeros_like(x).index_add(dim, index, x) * scale


@case(rand(3, 4))
class Pooling(nn.Module):
    def __init__(self):
        super().__init__()
        self.sum, self.linear = SumAggregation(), nn.Linear(4, 4)

    def forward(self, x):
        direct = self.sum.forward(x, torch.zeros(3, dtype=torch.long))
        return self.sum(self.linear(x), scale=2.0) + direct + self.linear.__call__(x)


@case(rand(2, 4), (rand(2, 4), None, 3, False))
class TypesOneByOne(nn.Module):
    def __init__(self):
        super().__init__()
        self.causal, self.norm, self.no_norm = True, nn.LayerNorm(4), None

    def forward(self, x, mask=None, size=None, causal=None, name=None, extra=None):
        size = default(size, x.shape[0])
        causal = default(causal, self.causal)
        name = default(name, "sum")
        if exists(mask):
            x = x.masked_fill(mask, 0.0)
        if causal:
            x = x * (size - 1)
        x = maybe(self.norm)(x) + maybe(self.no_norm)(x)
        return x.sum() if name == "sum" else x


@case(rand(2, 4))
class Closures(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        flat, unpack = packed(x)
        out = checkpoint(self.linear, unpack(flat * 2), use_reentrant=False)
        parts = functools.reduce(torch.add, [out, x, unpack(flat, 3)])
        return parts.view(math.prod(x.shape)), x.shape.numel()


def library_is_there(name):
    try:
        return importlib.util.find_spec(name) is not None
    except ValueError:
        return False


_fast_path = False


def fast_path_is_there():
    return _fast_path


@case(rand(2, 4))
class Probes(nn.Module):
    def forward(self, x):
        if library_is_there("there_is_no_such_library"):
            return there_is_no_such_library.f(x)  # noqa: F821
        if fast_path_is_there():
            return fast.f(x)  # noqa: F821
        try:
            import there_is_no_such_library as library
        except ImportError:
            library = None
        return x + 1 if library is None else library.f(x)


# --- annotations


@case(rand(2, 3), (rand(2, 3), "mean"))
class Annotations(nn.Module):
    def forward(
        self,
        x: Tensor,
        how: Literal["sum", "mean"] = "sum",
        hook: Optional[Callable[[Tensor], Tensor]] = None,
        kind=Optional[Tensor],
    ) -> Tensor:
        size: Callable = x.shape[0]
        if hook is not None:
            x = hook(x)
        y = x.sum() if how == "sum" else x.mean()
        return y, size


@case(rand(2, 3), rand(2, 3, 4))
class Correlated(nn.Module):
    def forward(self, x, mask=None):
        is_batched = x.dim() == 3
        if is_batched:
            batch, rows, columns = x.shape
            x = x.reshape(batch * rows, columns)
        for i in range(2):
            if i == 0:
                first = x * 2
            x = x + first
        if is_batched:
            x = x.view(batch, rows, columns)
        return x


@case(rand(2, 3), (rand(2, 3), 0), (rand(2, 3), 2, [1, 2]))
class Operands(nn.Module):
    def forward(self, x, n: Optional[int] = None, sizes: Optional[list[int]] = None):
        sizes = sizes or [3, 2]
        scale = n and n * 2
        return x * (n or 5), sizes, scale if scale is not None else -1
