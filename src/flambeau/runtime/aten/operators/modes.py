"""Modes and generators of PyTorch: gradients, autocast, seeds; and writing a value to a file."""

from __future__ import annotations

import torch

from flambeau.runtime.aten.enumerations import dtype_number
from flambeau.runtime.integers import wrapped
from flambeau.runtime.registry import implements


@implements("aten::is_grad_enabled")
def is_grad_enabled() -> bool:
    return torch.is_grad_enabled()


@implements("aten::set_grad_enabled")
def set_grad_enabled(val: bool) -> None:
    torch._C._set_grad_enabled(val)


@implements("aten::is_autocast_enabled")
def is_autocast_enabled() -> bool:
    return torch.is_autocast_enabled()


@implements("aten::is_autocast_cpu_enabled")
def is_autocast_cpu_enabled() -> bool:
    return torch.is_autocast_enabled("cpu")


@implements("aten::get_autocast_dtype")
def get_autocast_dtype(device_type: str) -> int:
    return dtype_number(torch.get_autocast_dtype(device_type))


@implements("aten::_get_cpu_capability")
def cpu_capability() -> str:
    return torch.backends.cpu.get_cpu_capability()


@implements("aten::Generator")
def make_generator(device: torch.device | None, seed: int | None) -> torch.Generator:
    generator = torch.Generator(device or torch.device("cpu"))
    return generator if seed is None else generator.manual_seed(seed)


@implements("aten::initial_seed")
def initial_seed(self: torch.Generator) -> int:
    return wrapped(self.initial_seed())


@implements("aten::seed")
def seed(self: torch.Generator) -> int:
    return wrapped(self.seed())


@implements("aten::manual_seed.generator")
def manual_seed_of(self: torch.Generator, seed: int) -> torch.Generator:
    return self.manual_seed(seed)


@implements("aten::manual_seed")
def manual_seed(seed: int) -> None:
    torch.manual_seed(seed)


@implements("aten::save")
def save(item: object, filename: str) -> None:
    torch.save(item, filename)
