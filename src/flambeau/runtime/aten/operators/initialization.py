"""Initialisation of parameters, with the recording of gradients off."""

from __future__ import annotations

import torch
from torch import Tensor

from flambeau.runtime.registry import implements


@implements("aten::_no_grad_fill_")
def fill_(tensor: Tensor, val: float) -> Tensor:
    with torch.no_grad():
        return tensor.fill_(val)


@implements("aten::_no_grad_zero_")
def zero_(tensor: Tensor) -> Tensor:
    with torch.no_grad():
        return tensor.zero_()


@implements("aten::_no_grad_normal_")
def normal_(tensor: Tensor, mean: float, std: float, generator: torch.Generator | None) -> Tensor:
    with torch.no_grad():
        return tensor.normal_(mean, std, generator=generator)


@implements("aten::_no_grad_uniform_")
def uniform_(tensor: Tensor, a: float, b: float, generator: torch.Generator | None) -> Tensor:
    with torch.no_grad():
        return tensor.uniform_(a, b, generator=generator)


@implements("aten::_no_grad_embedding_renorm_")
def embedding_renorm_(weight: Tensor, input: Tensor, max_norm: float, norm_type: float) -> Tensor:
    with torch.no_grad():
        return torch.embedding_renorm_(weight, input, max_norm, norm_type)
