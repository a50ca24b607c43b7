"""Functions decorated with contexts that set gradient modes (what they do in programs: `tests/language`)."""

from __future__ import annotations

import torch
from torch import Tensor

import flambeau


@torch.no_grad()
def doubled(x: Tensor) -> Tensor:
    return x * 2


def test_the_wrapper_is_known_whatever_its_name() -> None:
    """PyTorch 2.15 calls it by the name of the context."""
    code = doubled.__code__
    doubled.__code__ = code.replace(co_name="a_name_of_a_later_version")
    try:
        scripted = flambeau.script(doubled)
    finally:
        doubled.__code__ = code
    assert not scripted(torch.ones(2, requires_grad=True)).requires_grad
