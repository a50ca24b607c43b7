"""From a script to an `ExportedProgram`: its operators are recorded by `torch.export` as it runs.

Loops and branches are run as the example inputs say, which is no different from any other program that is exported:
where they depend on the values of tensors, there is no exported program.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from flambeau.errors import ObjectError, UnsupportedError
from flambeau.python.functions.script_function import ScriptFunction
from flambeau.python.modules.script_module import ScriptModule

__all__ = ["to_exported_program"]


class _Caller(nn.Module):
    """What `torch.export` looks at: a function with the signature of the script."""

    def __init__(self, script: Any) -> None:
        super().__init__()
        object.__setattr__(self, "_script", script)
        if isinstance(script, ScriptModule):
            _copy_state(self, script)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        script: Any = vars(self)["_script"]
        if not isinstance(script, ScriptModule):
            return script(*args, **kwargs)
        held = dict(_state(self))
        return torch.func.functional_call(script, held, args, kwargs, tie_weights=False)


def _copy_state(target: nn.Module, source: nn.Module) -> None:
    for name, parameter in source._parameters.items():
        target.register_parameter(
            name, nn.Parameter(parameter, parameter.requires_grad) if parameter is not None else None
        )
    for name, buffer in source._buffers.items():
        target.register_buffer(name, buffer)
    for name, child in source._modules.items():
        if child is not None:
            below = nn.Module()
            _copy_state(below, child)
            target.add_module(name, below)


def _state(module: nn.Module) -> list[tuple[str, torch.Tensor]]:
    return [*module.named_parameters(), *module.named_buffers()]


def to_exported_program(
    script: ScriptModule | ScriptFunction,
    args: Sequence[Any],
    kwargs: Mapping[str, Any] | None = None,
    *,
    dynamic_shapes: Any = None,
) -> torch.export.ExportedProgram:
    """An exported program that computes what a script does on inputs like these.

    `dynamic_shapes` is that of `torch.export.export`. UnsupportedError if what the script does depends on the values of
    tensors, or it does something else that `torch.export` cannot record.
    """
    if not isinstance(script, (ScriptModule, ScriptFunction)):
        raise ObjectError(f"expected a scripted module or function, not a {type(script).__name__}")
    try:
        return torch.export.export(
            _Caller(script), tuple(args), dict(kwargs or {}), dynamic_shapes=dynamic_shapes, strict=False
        )
    except torch.fx.experimental.symbolic_shapes.GuardOnDataDependentSymNode as error:
        raise UnsupportedError(
            f"'{script.original_name if isinstance(script, ScriptModule) else script.name}' decides by the values of "
            f"tensors, which an exported program cannot:\n{error}"
        ) from error
