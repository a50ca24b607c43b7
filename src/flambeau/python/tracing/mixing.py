"""Scripts in traced programs: their calls are recorded as calls.

    y = scripted(x)         %y : Tensor = prim::CallFunction(%scripted, %x)

What a script does inside is not recorded, it is there already. Scripted submodules of the traced module are called by
`prim::CallMethod`; other scripted modules cannot be, as the recording would have to hold them.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar, cast

from torch import Tensor

from flambeau import ir
from flambeau.api import Call, intercept_calls
from flambeau.errors import TracingError
from flambeau.ir import Argument, ClassType, DictType, FunctionType, ListType, OptionalType, TupleType, Type, Value
from flambeau.python.scripting import script
from flambeau.python.tracing import messages
from flambeau.python.tracing.emission import emit, emit_number, tensor_type
from flambeau.python.tracing.interception import Paused
from flambeau.python.tracing.recorder import Recorder
from flambeau.python.tracing.scopes import attribute_for
from flambeau.python.tracing.state import is_tracing
from flambeau.python.wrappers import script_value_of

F = TypeVar("F", bound=Callable[..., Any])

_lock = threading.Lock()
_users = 0


@contextmanager
def mixed() -> Iterator[None]:
    """Calls of scripts reach the recorders within a `with` statement."""
    global _users
    with _lock:
        _users += 1
        intercept_calls(_call)
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                intercept_calls(None)


def _call(call: Call, args: Sequence[object], kwargs: Mapping[str, object]) -> object:
    with Paused() as recorder:
        if recorder is None:
            return call.run(args, kwargs)
        recorder.locate()
        kind, callee = _callee(recorder, call)
        inputs, plain_args, plain_kwargs = _arguments(recorder, call, args, kwargs)
        result = call.run(plain_args, plain_kwargs)
        node = recorder.graph.insert(kind, [callee, *inputs], [call.function.schema.return_type])
        if kind == "prim::CallMethod":
            node.set_attribute("name", "s", call.function.name)
        take_apart(recorder, node.output, result)
        return result


def _callee(recorder: Recorder, call: Call) -> tuple[str, Value]:
    if call.receiver is None:
        function = call.function
        return "prim::CallFunction", ir.insert_constant(recorder.graph, function, FunctionType(function))
    return "prim::CallMethod", _module(recorder, call.receiver)


def _module(recorder: Recorder, receiver: ir.ScriptObject) -> Value:
    path = None if recorder.modules is None else recorder.modules.path_of_object(receiver)
    found = None if path is None else attribute_for(recorder.scope, [path])
    if found is None:
        raise TracingError(
            f"a method of '{receiver.type.qualified_name}' is called, which is no submodule of the module that is "
            "traced"
        )
    return found


# --- arguments


def _arguments(
    recorder: Recorder, call: Call, args: Sequence[object], kwargs: Mapping[str, object]
) -> tuple[list[Value], list[object], dict[str, object]]:
    """The arguments as values of the graph, and as they are to be passed to the script."""
    arguments = call.function.schema.arguments[0 if call.receiver is None else 1 :]
    plain = [_plain(argument, given) for argument, given in zip(arguments, args, strict=False)]
    plain_kwargs = {a.name: _plain(a, kwargs[a.name]) for a in arguments if a.name in kwargs}
    plain += args[len(arguments) :]
    plain_kwargs |= {name: value for name, value in kwargs.items() if name not in plain_kwargs}
    inputs: list[Value] = []
    for index, argument in enumerate(arguments):
        if index < len(args):
            value = args[index]
        elif argument.name in kwargs:
            value = kwargs[argument.name]
        elif argument.has_default:
            value = argument.default
        else:
            break  # the call will complain
        inputs.append(_as_value(recorder, argument, value))
    return inputs, plain, plain_kwargs


def _is_number(type: Type) -> bool:
    element = type.element if isinstance(type, OptionalType) else type
    return element in (ir.INT, ir.FLOAT, ir.NUMBER)


def _plain(argument: Argument, value: object) -> object:
    """A traced tensor that is passed for a number is passed as one."""
    return value.item() if isinstance(value, Tensor) and _is_number(argument.type) else value


def _as_value(recorder: Recorder, argument: Argument, value: object) -> Value:
    found = _value_of(recorder, argument.type, value)
    if found is None:
        raise TracingError(
            f"argument '{argument.name}' of a script that is called in a trace cannot be recorded: a "
            f"{type(value).__name__} for {argument.type.annotation()}"
        )
    return found


def _value_of(recorder: Recorder, type: Type, value: Any) -> Value | None:
    if isinstance(type, OptionalType) and value is not None:
        return _value_of(recorder, type.element, value)
    scripted = script_value_of(value)
    if isinstance(scripted, ir.ScriptObject) and scripted.type.is_module:
        return _module(recorder, scripted)
    if isinstance(value, Tensor) and _is_number(type):
        return emit_number(recorder, type, value)
    match type, value:
        case ListType(element), list() | tuple():
            return _construct(recorder, "prim::ListConstruct", type, [(element, v) for v in value])
        case TupleType(elements), tuple() if len(elements) == len(value):
            return _construct(recorder, "prim::TupleConstruct", type, list(zip(elements, value, strict=True)))
        case DictType(key, element), dict():
            items = [pair for k, v in value.items() for pair in ((key, k), (element, v))]
            return _construct(recorder, "prim::DictConstruct", type, items)
        case ClassType(), _:
            return None
        case _:
            return emit(recorder, type, value, (), None)


def _construct(recorder: Recorder, kind: str, type: Type, items: Sequence[tuple[Type, object]]) -> Value | None:
    values = [_value_of(recorder, element, value) for element, value in items]
    known = [v for v in values if v is not None]
    return recorder.insert(kind, known, type) if len(known) == len(values) else None


# --- results


def take_apart(recorder: Recorder, value: Value, result: Any) -> None:
    """Make the tensors in the result of a script known."""
    if isinstance(result, Tensor):
        value.type = tensor_type(result)
        recorder.set_value(result, value)
    elif isinstance(result, tuple) and isinstance(value.type, TupleType):
        unpack = recorder.graph.insert("prim::TupleUnpack", [value], value.type.elements)
        for part, item in zip(list(unpack.outputs), result, strict=True):
            take_apart(recorder, part, item)
    elif isinstance(result, list) and isinstance(value.type, ListType) and _holds_tensors(result):
        unpack = recorder.graph.insert("prim::ListUnpack", [value], [value.type.element] * len(result))
        for part, item in zip(list(unpack.outputs), result, strict=True):
            take_apart(recorder, part, item)
    elif isinstance(result, dict) and isinstance(value.type, DictType) and _holds_tensors(list(result.values())):
        for key, item in result.items():
            inputs = [value, ir.insert_constant(recorder.graph, key)]
            take_apart(recorder, recorder.insert("aten::__getitem__", inputs, value.type.value), item)
    elif isinstance(result, (bool, int, float)):
        messages.warn(
            "A script returned a Python number to the function that is traced. The data flow of Python values is not "
            "recorded, so it will be treated as a constant: the trace might not generalize to other inputs!"
        )


def _holds_tensors(items: Sequence[object]) -> bool:
    return any(isinstance(item, (Tensor, tuple, list, dict)) for item in items)


def script_if_tracing(fn: F) -> F:
    """A function that is compiled and called as a script where it is called in a trace, and is itself elsewhere.

    For functions whose control flow depends on data, which a trace would not record.
    """

    @functools.wraps(fn)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if not is_tracing():
            return fn(*args, **kwargs)
        with Paused():
            compiled = script(fn)
        return compiled(*args, **kwargs)

    marks = vars(wrapper)
    marks["__original_fn"] = fn
    marks["__script_if_tracing_wrapper"] = True
    return cast("F", wrapper)


__all__ = ["mixed", "script_if_tracing"]
