"""Inputs and outputs of a trace: tensors in tuples, lists and dicts, and what stands for them in the graph.

    f((a, b))           %1 : Tensor, %2 : Tensor = prim::TupleUnpack(%x)
    return a, b         %3 : (Tensor, Tensor) = prim::TupleConstruct(%a, %b)

All functions expect that recording is paused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

from torch import Tensor

from flambeau import ir
from flambeau.errors import TracingError
from flambeau.ir import DictType, ListType, TensorType, TupleType, Type, Value
from flambeau.python.names import type_name
from flambeau.python.tracing import messages
from flambeau.python.tracing.emission import tensor_type
from flambeau.python.tracing.recorder import Recorder
from flambeau.python.types.annotations import is_named_tuple
from flambeau.python.types.type_inference import NotInferred, infer_type

_NOT_AN_OUTPUT = "Only tensors, lists, tuples of tensors, or dictionary of tensors can be output from traced functions"


# --- inputs


def check_inputs(inputs: Sequence[object]) -> None:
    """TracingError unless all inputs are tensors, or containers of them."""
    inferred = infer_type(tuple(inputs))
    if isinstance(inferred, NotInferred):
        raise TracingError(f"Tracer cannot infer type of {_shown(tuple(inputs))}\n:{inferred.reason}")
    if not _is_traceable(inferred):
        raise TracingError(
            f"Type '{inferred.annotation()}' cannot be traced. Only Tensors and (possibly nested) Lists, Dicts, and "
            "Tuples of Tensors can be traced"
        )


def _is_traceable(type: Type) -> bool:
    match type:
        case TensorType():
            return True
        case ListType(element) | DictType(_, element):
            return _is_traceable(element)
        case TupleType(elements):
            return all(map(_is_traceable, elements))
        case _:
            return False


def input_type(value: object) -> Type:
    """The type of an input: of tensors, and of tuples of tensors, all that is known."""
    if isinstance(value, Tensor):
        return tensor_type(value)
    if isinstance(value, tuple) and not is_named_tuple(type(value)):
        return TupleType(tuple(map(input_type, value)))
    inferred = infer_type(value)
    if isinstance(value, tuple) and isinstance(inferred, TupleType) and inferred.field_names is None:
        return TupleType(tuple(map(input_type, value)))
    if isinstance(inferred, NotInferred):
        raise TracingError(inferred.reason)
    return inferred


def add_input(recorder: Recorder, name: str, example: object) -> object:
    """Add an input to the traced graph; returns what to call the traced function with."""
    value = recorder.graph.add_input(name, input_type(example))
    return unpack(recorder, value, example)


def unpack(recorder: Recorder, value: Value, example: Any) -> Any:
    """A value with tensors in it: the same structure, each tensor known to the recorder."""
    if isinstance(example, Tensor):
        if recorder.find(example) is not None:  # given twice: two inputs that may differ
            example = example.view(example.shape)
        recorder.set_value(example, value)
        return example
    if isinstance(example, dict):
        return {key: unpack(recorder, _dict_item(recorder, value, key, item), item) for key, item in example.items()}
    kind = "prim::TupleUnpack" if isinstance(example, tuple) else "prim::ListUnpack"
    parts = recorder.graph.insert(kind, [value], [input_type(item) for item in example]).outputs
    items = [unpack(recorder, part, item) for part, item in zip(list(parts), example, strict=True)]
    if isinstance(example, tuple):
        return example._make(items) if is_named_tuple(type(example)) else tuple(items)  # type: ignore[attr-defined]
    return items


def _dict_item(recorder: Recorder, value: Value, key: object, item: object) -> Value:
    inputs = [value, ir.insert_constant(recorder.graph, key)]
    return recorder.insert("aten::__getitem__", inputs, input_type(item))


# --- outputs


def _shown(value: object) -> str:
    """A value as text; of one that is nested too deeply for that, its type."""
    try:
        return str(value)
    except RecursionError:
        return f"a value of type '{type_name(value)}'"


def pack(recorder: Recorder, output: object, strict: bool) -> Value:
    """What the traced function returns, as one value; TracingError if it holds anything but tensors."""
    inferred = infer_type(output)
    if isinstance(inferred, NotInferred) and isinstance(output, (list, tuple, dict)) and output:
        raise TracingError(f"Tracer cannot infer type of {_shown(output)}\n:{inferred.reason}")
    counter = iter(range(1, 1 << 62))
    return _pack(recorder, output, strict, counter)


def _pack(recorder: Recorder, output: object, strict: bool, counter: Iterator[int]) -> Value:
    if isinstance(output, Tensor):
        return _pack_tensor(recorder, output, next(counter))
    if isinstance(output, tuple) and output:
        elements = [_pack(recorder, item, strict, counter) for item in output]
        return recorder.insert("prim::TupleConstruct", elements, _tuple_type(output, elements))
    if isinstance(output, list) and output:
        if strict:
            messages.warn(messages.CONTAINER_OUTPUT.format(kind="list"))
        elements = [_pack(recorder, item, strict, counter) for item in output]
        type = _common_type(elements, "List")
        return recorder.insert("prim::ListConstruct", elements, ListType(type))
    if isinstance(output, dict) and output:
        if strict:
            raise TracingError(messages.CONTAINER_OUTPUT.format(kind="dict"))
        return _pack_dict(recorder, output, counter)
    raise TracingError(_NOT_AN_OUTPUT)


def _pack_tensor(recorder: Recorder, tensor: Tensor, number: int) -> Value:
    value = recorder.find(tensor)
    if value is None and recorder.is_fresh(tensor):
        value = recorder.value_of(tensor)
        recorder.written_constants.add(value)  # by whoever gets it, for all we know
    if value is None:
        raise TracingError(
            f"output {number} ({tensor}) of traced region did not have observable data dependence with trace inputs; "
            "this probably indicates your program cannot be understood by the tracer."
        )
    return value


def _pack_dict(recorder: Recorder, output: dict[object, object], counter: Iterator[int]) -> Value:
    inputs: list[Value] = []
    for key, item in output.items():
        if not isinstance(key, (str, int, float, bool)):
            raise TracingError(_NOT_AN_OUTPUT)
        packed = _pack(recorder, item, False, counter)
        inputs += [ir.insert_constant(recorder.graph, key), packed]
    key_type = ir.unify_all(tuple(key.type for key in inputs[::2]))
    if key_type is None:
        raise TracingError(_NOT_AN_OUTPUT)
    return recorder.insert("prim::DictConstruct", inputs, DictType(key_type, _common_type(inputs[1::2], "Dictionary")))


def _common_type(values: Sequence[Value], container: str) -> Type:
    types = [ir.unshaped(v.type) for v in values]
    for type in types:
        if type != types[0]:
            raise TracingError(
                f"{container} outputs of traced functions must have consistent type. Found {types[0].annotation()} and "
                f"{type.annotation()}"
            )
    return types[0]


def _tuple_type(output: tuple[object, ...], elements: Sequence[Value]) -> TupleType:
    plain = TupleType(tuple(e.type for e in elements))
    if is_named_tuple(type(output)):
        named = infer_type(output)
        if isinstance(named, TupleType) and named.field_names is not None:
            return named
    return plain


def leaves(value: object) -> Iterator[Tensor]:
    """The tensors of a structure, in order."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from leaves(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from leaves(item)


def mapped(value: Any, function: Callable[[Tensor], Tensor]) -> Any:
    """A structure with a function applied to each tensor."""
    if isinstance(value, Tensor):
        return function(value)
    if isinstance(value, dict):
        return {key: mapped(item, function) for key, item in value.items()}
    if isinstance(value, tuple):
        items = [mapped(item, function) for item in value]
        return cast("Any", value)._make(items) if is_named_tuple(type(value)) else tuple(items)
    if isinstance(value, list):
        return [mapped(item, function) for item in value]
    return value


def cloned(value: Any) -> Any:
    """A structure with copies of its tensors, which require gradients as the originals do."""
    return mapped(value, lambda tensor: tensor.detach().clone().requires_grad_(tensor.requires_grad))
