"""The part of the runtime that needs PyTorch: tensors, and every operator on them.

Nothing outside imports it but `flambeau.runtime.registry`, when an operator is first asked for that needs it, and the
packages that need PyTorch themselves.
"""

from __future__ import annotations

from flambeau.runtime.aten import operators  # noqa: F401  # importing registers them
from flambeau.runtime.aten.below_autograd import below_autograd
from flambeau.runtime.aten.call_forms import CallForm, call_form
from flambeau.runtime.aten.dispatcher import (
    bound_class,
    dispatcher_kernel,
    find_custom_operator,
    register_custom_operators,
    torch_operator,
)
from flambeau.runtime.aten.enumerations import (
    dtype_number,
    enumeration_number,
    layout_number,
    to_dtype,
    to_layout,
    to_memory_format,
    to_qscheme,
)
from flambeau.runtime.aten.loop_recorder import loop_recorder
from flambeau.runtime.aten.modes import autocast, current_modes, is_intercepted, neutral_modes
from flambeau.runtime.aten.tensor_guards import (
    add_product,
    as_tensor,
    fact_of_tensor,
    float_tensor,
    is_float_tensor,
    linear,
    out_form,
    plain_modes,
    plain_recording,
    tensor_guard,
)
from flambeau.runtime.aten.tensor_values import from_data, tensor_data

__all__ = [
    "CallForm",
    "add_product",
    "as_tensor",
    "autocast",
    "below_autograd",
    "bound_class",
    "call_form",
    "current_modes",
    "dispatcher_kernel",
    "dtype_number",
    "enumeration_number",
    "fact_of_tensor",
    "find_custom_operator",
    "float_tensor",
    "from_data",
    "is_float_tensor",
    "is_intercepted",
    "layout_number",
    "linear",
    "loop_recorder",
    "neutral_modes",
    "out_form",
    "plain_modes",
    "plain_recording",
    "register_custom_operators",
    "tensor_data",
    "tensor_guard",
    "to_dtype",
    "to_layout",
    "to_memory_format",
    "to_qscheme",
    "torch_operator",
]
