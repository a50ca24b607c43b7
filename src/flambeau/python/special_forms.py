"""Functions that the compiler treats as part of the language, recognised by the module and name they carry.

They are PyTorch's (`torch.jit.annotate`, `fork`, ...) or flambeau's own, and user code may reach them under any name.
Nothing of their modules is imported here.
"""

from __future__ import annotations

import builtins

SPECIAL_FORMS: dict[tuple[str, str], str] = {
    ("flambeau.python.forms", "annotate"): "annotate",
    ("flambeau.python.forms", "awaitable"): "awaitable",
    ("flambeau.python.forms", "fork"): "fork",
    ("flambeau.python.values.type_tests", "isinstance"): "isinstance",
    ("torch.jit", "annotate"): "annotate",
    ("torch.jit", "isinstance"): "isinstance",
    ("torch.jit._async", "fork"): "fork",
    ("torch.jit._await", "_awaitable"): "awaitable",
}
"""Forms that the compiler knows by name."""

OPERATORS: dict[tuple[str, str], str] = {
    ("flambeau.python.forms", "awaitable_nowait"): "prim::awaitable_nowait",
    ("flambeau.python.forms", "awaitable_wait"): "prim::awaitable_wait",
    ("flambeau.python.forms", "wait"): "aten::wait",
    ("torch.jit", "_unwrap_optional"): "aten::_unwrap_optional",
    ("torch.jit._script", "_unwrap_optional"): "aten::_unwrap_optional",
    ("torch._jit_internal", "_unwrap_optional"): "aten::_unwrap_optional",
    ("torch.jit._async", "wait"): "aten::wait",
    ("torch.jit._await", "_awaitable_nowait"): "prim::awaitable_nowait",
    ("torch.jit._await", "_awaitable_wait"): "prim::awaitable_wait",
    ("torch._C", "_cuda_exchangeDevice"): "cuda::_exchange_device",
    ("torch._C", "_cuda_maybeExchangeDevice"): "cuda::_maybe_exchange_device",
    ("torch.cuda", "_exchange_device"): "cuda::_exchange_device",
    ("torch.cuda", "_maybe_exchange_device"): "cuda::_maybe_exchange_device",
    ("torch.cuda", "current_device"): "cuda::_current_device",
    ("torch.cuda", "current_stream"): "cuda::current_stream",
    ("torch.cuda", "default_stream"): "cuda::default_stream",
    ("torch.cuda", "device_count"): "cuda::device_count",
    ("torch.cuda", "set_device"): "cuda::_set_device",
    ("torch.cuda", "set_stream"): "cuda::set_stream",
    ("torch.cuda", "synchronize"): "cuda::synchronize",
}

BOUND_AS: dict[tuple[str, str], str] = {
    ("torch.cuda.streams", "Event"): "__torch__.torch.classes.cuda.Event",
    ("torch.cuda.streams", "Stream"): "__torch__.torch.classes.cuda.Stream",
}
"""Classes for which scripts have one that C++ code binds."""

CONSTANT_CALLS: dict[tuple[str, str], object] = {
    ("flambeau.python.forms", "is_scripting"): True,
    ("flambeau.python.tracing.state", "is_tracing"): False,
    ("torch._jit_internal", "is_scripting"): True,
    ("torch.jit._trace", "is_tracing"): False,
    ("torch.overrides", "has_torch_function"): False,
    ("torch.overrides", "is_tensor_method_or_property"): False,
    ("torch._C", "_has_torch_function"): False,
    ("torch._C", "_has_torch_function_unary"): False,
    ("torch._C", "_has_torch_function_variadic"): False,
    ("", "_is_tracing"): False,
    ("", "_get_tracing_state"): False,
    ("torch.compiler", "is_compiling"): False,
    ("torch.compiler", "is_dynamo_compiling"): False,
    ("torch.compiler", "is_exporting"): False,
    ("torch._dynamo.external_utils", "is_compiling"): False,
    ("torch.onnx", "is_in_onnx_export"): False,
    ("torch.onnx.utils", "is_in_onnx_export"): False,
}
"""Functions that ask what kind of run this is: their value in a script, whatever the arguments."""


def origin(obj: object) -> tuple[str, str]:
    """The module and name that a function carries; empty strings where it has none."""
    module = getattr(obj, "__module__", None)
    name = getattr(obj, "__name__", None)
    if module is None and type(obj) is type(len):
        owner = getattr(obj, "__self__", None)
        module = getattr(owner, "__name__", None)
    return (module if isinstance(module, str) else "", name if isinstance(name, str) else "")


def is_python_builtin(obj: object) -> bool:
    """Whether an object is one of Python's own built-in functions or classes."""
    name = getattr(obj, "__name__", None)
    return isinstance(name, str) and getattr(builtins, name, None) is obj
