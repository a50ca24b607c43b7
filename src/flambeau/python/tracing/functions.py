"""Functions of PyTorch that a traced program finds changed.

Operators are intercepted below Python. What is not an operator, or is one no more when it arrives there, is
intercepted on the way from Python into PyTorch, by a `TorchFunctionMode`: sizes become part of the graph, tensors
that turn into Python values warn, indexing is taken apart.

PyTorch's own Python functions must run as they do outside of a trace. With a mode in force they would all hand
themselves to it instead; so their test for overrides is replaced while anything is traced, and says no in a thread
that records (but to the few functions that are wanted here).
"""

from __future__ import annotations

import functools
import inspect
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType
from typing import Any, final

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from flambeau import ir
from flambeau.python.tracing import indexing, messages
from flambeau.python.tracing.interception import Paused
from flambeau.python.tracing.origins import calling_frame
from flambeau.python.tracing.recorder import Recorder
from flambeau.python.tracing.sizes import TracedSize, traced_numel, traced_shape, traced_size
from flambeau.python.tracing.state import current

_Function = Callable[..., Any]


@final
class TracedFunctions(TorchFunctionMode):
    """Within a `with` statement of this, calls of PyTorch from Python go through `_HANDLERS`."""

    def __torch_function__(
        self, func: _Function, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        recorder = current()
        if recorder is None:
            return func(*args, **(kwargs or {}))
        recorder.pending.clear()
        handler = _HANDLERS.get(func)
        if handler is None:
            return func(*args, **(kwargs or {}))
        return handler(recorder, func, *args, **(kwargs or {}))


# --- sizes


def _shape(recorder: Recorder, func: _Function, tensor: Tensor) -> object:
    if not recorder.is_traced(tensor):
        return func(tensor)
    with Paused():
        return traced_shape(recorder, tensor)


def _size(recorder: Recorder, func: _Function, tensor: Tensor, dim: Any = None) -> object:
    if not recorder.is_traced(tensor):
        return func(tensor, dim)
    with Paused():
        if dim is None:
            return traced_shape(recorder, tensor)
        func(tensor, dim)  # refuses what is no dimension of it
        return func(tensor, dim) if isinstance(dim, str) else traced_size(recorder, tensor, int(dim))


def _numel(recorder: Recorder, func: _Function, input: Tensor) -> object:
    if not recorder.is_traced(input):
        return func(input)
    with Paused():
        return traced_numel(recorder, input)


def _split(recorder: Recorder, func: _Function, tensor: Tensor, split_size: Any, dim: Any = 0) -> object:
    if isinstance(split_size, Tensor) and split_size.dim() == 0:
        return torch._VF.split(tensor, split_size, dim)  # type: ignore[attr-defined]  # reads the number for the operator
    return func(tensor, split_size, dim)


def _integer_part(recorder: Recorder, func: _Function, number: Any) -> object:
    if isinstance(number, Tensor) and recorder.is_traced(number):
        return torch.trunc(number).to(torch.int64)
    return func(number)


# --- operators that Python's binding may leave out


def _contiguous(
    recorder: Recorder, func: _Function, tensor: Tensor, memory_format: Any = torch.contiguous_format
) -> object:
    """Of a tensor that is contiguous, the binding gives the tensor; in other runs it may not be."""
    if recorder.is_traced(tensor):
        return torch.ops.aten.contiguous(tensor, memory_format=memory_format)
    return func(tensor, memory_format=memory_format)


# --- tensors that become Python values


def _converting(target: str) -> _Function:
    text = messages.conversion(target)

    def convert(recorder: Recorder, func: _Function, tensor: Tensor, *args: Any, **kwargs: Any) -> object:
        if recorder.is_traced(tensor):
            messages.warn(text, _place())
        with Paused():
            return func(tensor, *args, **kwargs)

    return convert


def _place() -> messages.Place:
    """Where the program calls PyTorch: above the functions written in Python that come here."""
    frame = calling_frame()
    while frame is not None and (frame.f_code in _WANTED or frame.f_code is _ITERATION):
        frame = frame.f_back
    return messages.Place.of(frame)


def _length(recorder: Recorder, func: _Function, tensor: Tensor) -> object:
    with Paused():
        length = func(tensor)
    if recorder.is_traced(tensor):
        messages.warn(messages.LENGTH, _place())
    return length


def _unbind(recorder: Recorder, func: _Function, tensor: Tensor, *args: Any, **kwargs: Any) -> object:
    frame = calling_frame()
    if frame is not None and frame.f_code is _ITERATION and recorder.is_traced(tensor):
        messages.warn(messages.ITERATION, _place())
    return func(tensor, *args, **kwargs)


def _aside(recorder: Recorder, func: _Function, *args: Any, **kwargs: Any) -> object:
    with Paused():
        return func(*args, **kwargs)


# --- indexing


def _get_item(recorder: Recorder, func: _Function, tensor: Tensor, index: object) -> Tensor:
    return indexing.get(recorder, tensor, index, func)


def _set_item(recorder: Recorder, func: _Function, tensor: Tensor, index: object, value: object) -> None:
    indexing.set(recorder, tensor, index, value, func)


# --- tensors that are made of others without an operator, or of Python values


def _recorded_as(recorder: Recorder, kind: str, tensor: Tensor, result: Tensor) -> Tensor:
    recorder.locate()
    inputs = [recorder.value_of(tensor)]
    if kind == "aten::clone":
        inputs.append(ir.insert_constant(recorder.graph, None))
    recorder.set_value(result, recorder.insert(kind, inputs, ir.tensor_type_of(result)))
    return result


def _data(recorder: Recorder, func: _Function, tensor: Tensor) -> Tensor:
    with Paused():
        result: Tensor = func(tensor)
        return _recorded_as(recorder, "aten::detach", tensor, result) if recorder.is_traced(tensor) else result


def _deep_copy(recorder: Recorder, func: _Function, tensor: Tensor, memo: dict[int, object]) -> Tensor:
    with Paused():
        known = memo.get(id(tensor))
        if isinstance(known, Tensor):
            return known
        result: Tensor = func(tensor, memo)
        return _recorded_as(recorder, "aten::clone", tensor, result) if recorder.is_traced(tensor) else result


def _constructing(name: str) -> _Function:
    def construct(recorder: Recorder, func: _Function, *args: Any, **kwargs: Any) -> Any:
        before, recorder.constructor = recorder.constructor, name
        try:
            return func(*args, **kwargs)
        finally:
            recorder.constructor = before

    return construct


_HANDLERS: dict[_Function, _Function] = {
    Tensor.shape.__get__: _shape,  # type: ignore[attr-defined]  # an attribute implemented in C
    Tensor.size: _size,
    Tensor.numel: _numel,
    Tensor.nelement: _numel,
    torch.numel: _numel,
    Tensor.split: _split,
    Tensor.contiguous: _contiguous,
    torch.sym_int: _integer_part,
    Tensor.__bool__: _converting("a Python boolean"),
    Tensor.__int__: _converting("a Python integer"),
    Tensor.__float__: _converting("a Python float"),
    Tensor.__complex__: _converting("a Python complex"),
    Tensor.__index__: _converting("a Python index"),
    Tensor.item: _converting("a Python number"),
    Tensor.tolist: _converting("a Python list"),
    Tensor.numpy: _converting("a NumPy array"),
    Tensor.__array__: _converting("a NumPy array"),
    Tensor.__len__: _length,
    Tensor.unbind: _unbind,
    Tensor.__repr__: _aside,
    Tensor.__getitem__: _get_item,
    Tensor.__setitem__: _set_item,
    Tensor.data.__get__: _data,  # type: ignore[attr-defined]  # an attribute implemented in C
    Tensor.__deepcopy__: _deep_copy,
    Tensor.new_tensor: _constructing("new_tensor"),
    torch.as_tensor: _constructing("torch.as_tensor"),
    torch.from_numpy: _constructing("torch.from_numpy"),
}

_ITERATION = inspect.unwrap(Tensor.__iter__).__code__

_WANTED: frozenset[CodeType] = frozenset(
    inspect.unwrap(function).__code__ for function in _HANDLERS if inspect.isfunction(inspect.unwrap(function))
)
"""The functions written in Python that are to hand themselves to the mode."""


# --- PyTorch's test for overrides

_MODULES = (
    "torch",
    "torch._lobpcg",
    "torch._lowrank",
    "torch._tensor",
    "torch.autograd",
    "torch.functional",
    "torch.nn.functional",
    "torch.nn.init",
    "torch.nn.modules.activation",
    "torch.nn.modules.transformer",
    "torch.overrides",
)
_TESTS = ("has_torch_function", "has_torch_function_unary", "has_torch_function_variadic")
_ORDINARY = (Tensor, torch.nn.Parameter)


def _test(original: _Function) -> _Function:
    @functools.wraps(original)
    def replacement(*args: Any) -> bool:
        if current() is None or sys._getframe(1).f_code in _WANTED:
            return bool(original(*args))
        return _has_override(args)

    return replacement


def _has_override(args: tuple[Any, ...]) -> bool:
    for arg in args:
        if isinstance(arg, (tuple, list)):
            if _has_override(tuple(arg)):
                return True
        elif type(arg) not in _ORDINARY and hasattr(type(arg), "__torch_function__"):
            implementation = type(arg).__torch_function__
            if implementation is not torch._C._disabled_torch_function_impl:
                return True
    return False


def _new(original: _Function) -> object:
    """PyTorch detaches the tensor it is given on the way, and cannot use what it gets then if that was recorded."""

    @functools.wraps(original)
    def replacement(cls: type, *args: Any, **kwargs: Any) -> Any:
        recorder = current()
        if recorder is None:
            return original(cls, *args, **kwargs)
        data = args[0] if args else kwargs.get("data")
        with Paused():
            result = original(cls, *args, **kwargs)
            if isinstance(data, Tensor) and isinstance(result, Tensor) and recorder.is_traced(data):
                _recorded_as(recorder, "aten::detach", data, result)
            return result

    return staticmethod(replacement)


def _apply(original: Any) -> object:
    """Functions with a backward of their own are recorded by what their forward does."""

    # Since PyTorch 2.14 it is a class method of C code, which is bound as Python's are.
    @functools.wraps(original)
    def replacement(cls: Any, *args: Any, **kwargs: Any) -> Any:
        recorder = current()
        if recorder is not None and torch.is_grad_enabled():
            if any(isinstance(arg, Tensor) and arg.requires_grad and recorder.is_traced(arg) for arg in args):
                messages.warn(messages.custom_backward(cls.__name__))
        return original.__get__(None, cls)(*args, **kwargs)

    return classmethod(replacement)


def _broadcast_shapes(original: _Function) -> _Function:
    """PyTorch compares sizes here in ways that only ints allow."""

    @functools.wraps(original)
    def replacement(*shapes: Any) -> Any:
        if current() is None or not any(isinstance(shape, (TracedSize, Tensor)) for shape in shapes):
            return original(*shapes)
        scalar = torch.zeros(())
        broadcast: _Function = torch.broadcast_tensors
        return broadcast(*[scalar.expand(shape) for shape in shapes])[0].shape

    return replacement


_lock = threading.Lock()
_users = 0
_originals: list[tuple[Any, str, object]] = []
_ABSENT = object()


@contextmanager
def replaced() -> Iterator[None]:
    """The functions are replaced within a `with` statement, for this thread (and tests of others stay as they are)."""
    global _users
    with _lock:
        if _users == 0:
            try:
                _put_in_place()
            except BaseException:
                _put_back()
                raise
        _users += 1
    try:
        with TracedFunctions():
            yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                _put_back()


def _put_in_place() -> None:
    for module in filter(None, map(sys.modules.get, _MODULES)):
        for test in _TESTS:
            if test in vars(module):
                _replace(module, test, _test(getattr(module, test)))
    for parameter in filter(None, (torch.nn.Parameter, getattr(torch.nn, "Buffer", None))):
        _replace(parameter, "__new__", _new(parameter.__new__))
    _replace(torch.autograd.Function, "apply", _apply(vars(torch.autograd.Function)["apply"]))
    broadcast_shapes = _broadcast_shapes(torch.broadcast_shapes)
    for module in (torch, torch.functional):
        _replace(module, "broadcast_shapes", broadcast_shapes)
    functional = torch.nn.functional
    if "_infer_size" in vars(functional):  # before PyTorch 2.13, the same for two shapes
        _replace(functional, "_infer_size", _broadcast_shapes(vars(functional)["_infer_size"]))


def _replace(owner: Any, name: str, replacement: object) -> None:
    _originals.append((owner, name, vars(owner).get(name, _ABSENT)))
    setattr(owner, name, replacement)


def _put_back() -> None:
    for owner, name, original in reversed(_originals):
        if original is _ABSENT:
            delattr(owner, name)
        else:
            setattr(owner, name, original)
    _originals.clear()


__all__ = ["replaced"]
