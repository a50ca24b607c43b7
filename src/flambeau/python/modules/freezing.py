"""`flambeau.freeze`: a module whose attributes have become constants of its program."""

from __future__ import annotations

from collections.abc import Sequence

from flambeau.errors import ObjectError
from flambeau.passes import freeze_module, optimize_frozen, optimize_frozen_numerics
from flambeau.python.modules.script_module import ScriptModule, wrap_module

__all__ = ["freeze"]


def freeze(
    mod: ScriptModule, preserved_attrs: Sequence[str] | None = None, optimize_numerics: bool = True
) -> ScriptModule:
    """A frozen copy of a scripted module in evaluation mode.

    It has the method `forward`, and the methods and attributes named in `preserved_attrs`. Everything that these only
    read is a constant in their graphs, which are simplified with that knowledge. The original is not changed.

    `optimize_numerics` allows rewriting that changes results by rounding, such as folding a batch norm into a
    convolution. ObjectError if `mod` is not scripted or in training mode.
    """
    if not isinstance(mod, ScriptModule):
        raise ObjectError(
            "Freezing expects a ScriptModule as input. Please use torch.jit.script or torch.jit.trace to script your "
            "'nn.Module'."
        )
    unit = mod._c.compilation_unit
    optimize = optimize_frozen_numerics if optimize_numerics else optimize_frozen
    frozen = freeze_module(mod._c.script_object, tuple(preserved_attrs or ()), optimize=optimize, unit=unit)
    return wrap_module(frozen, unit)
