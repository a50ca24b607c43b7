"""Copies of objects and modules: shallow (slots shared) and deep (everything mutable copied, sharing kept).

Deep copies use the `memo` of Python's `copy` module, so that a module copied as part of something larger keeps sharing
tensors with it. Objects are filled in from a queue rather than by recursion: a chain of a million objects is copied as
well as a short one. Types, functions and enum members are never copied.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TypeAlias, cast

from flambeau.ir import EnumValue, Function, Quantizer, ScriptObject, Storage, TensorData, is_tensor

__all__ = ["Memo", "deep_copy", "shallow_copy"]

Memo: TypeAlias = "dict[int, object]"

_IMMUTABLE = (type(None), bool, int, float, complex, str, EnumValue, Function)


def shallow_copy(source: ScriptObject) -> ScriptObject:
    """An object of the same type with the same slot values; submodules are shared."""
    return ScriptObject(source.type, list(source.slots))


def deep_copy(source: ScriptObject, memo: Memo | None = None) -> ScriptObject:
    """A copy that shares nothing mutable with `source`; what is shared inside of it stays shared."""
    memo = {} if memo is None else memo
    pending: list[tuple[ScriptObject, ScriptObject]] = []
    result = _copied_object(source, memo, pending)
    while pending:
        old, new = pending.pop()
        new.slots = [_copied(value, memo, pending) for value in old.slots]
    return result


def _copied_object(source: ScriptObject, memo: Memo, pending: list[tuple[ScriptObject, ScriptObject]]) -> ScriptObject:
    known = memo.get(id(source))
    if isinstance(known, ScriptObject):
        return known
    created = ScriptObject(source.type)
    _remember(memo, source, created)
    pending.append((source, created))
    return created


def _remember(memo: Memo, old: object, new: object) -> None:
    """Enter a copy, and keep the original alive while the memo is: its id must not be used again."""
    memo[id(old)] = new
    cast("list[object]", memo.setdefault(id(memo), [])).append(old)


def _copied(value: object, memo: Memo, pending: list[tuple[ScriptObject, ScriptObject]]) -> object:
    if isinstance(value, _IMMUTABLE):
        return value
    if isinstance(value, ScriptObject):
        return _copied_object(value, memo, pending)
    if id(value) in memo:
        return memo[id(value)]
    match value:
        case list():
            items: list[object] = []
            _remember(memo, value, items)
            items.extend(_copied(item, memo, pending) for item in value)
            return items
        case dict():
            table: dict[object, object] = {}
            _remember(memo, value, table)
            table.update((_copied(k, memo, pending), _copied(v, memo, pending)) for k, v in value.items())
            return table
        case tuple():
            members = [_copied(item, memo, pending) for item in value]
            make: Callable[[list[object]], object] = getattr(type(value), "_make", tuple)
            return make(members)
        case TensorData():
            created = _copied_tensor_data(value, memo)
            _remember(memo, value, created)
            return created
        case _:
            return _copied_foreign(value, memo)


def _copied_foreign(value: object, memo: Memo) -> object:
    """A copy of what only PyTorch can copy. Its tensors refuse while they have a history; the copy has none."""
    if is_tensor(value) and not getattr(value, "is_leaf", True):
        value = value.detach()  # type: ignore[attr-defined]  # a torch.Tensor, which this package does not import
    return copy.deepcopy(value, memo)


def _copied_tensor_data(tensor: TensorData, memo: Memo) -> TensorData:
    return TensorData(
        tensor.dtype,
        tensor.sizes,
        tensor.strides,
        None if tensor.storage is None else _copied_storage(tensor.storage, memo),
        tensor.storage_offset,
        tensor.requires_grad,
        None if tensor.quantizer is None else _copied_quantizer(tensor.quantizer, memo),
        tensor.is_conj,
        tensor.is_neg,
        tensor.layout,
        tuple(_copied_tensor_data(part, memo) for part in tensor.parts),
    )


def _copied_quantizer(source: Quantizer, memo: Memo) -> Quantizer:
    scales, zero_points = (
        None if part is None else _copied_tensor_data(part, memo) for part in (source.scales, source.zero_points)
    )
    return Quantizer(source.scheme, source.scale, source.zero_point, scales, zero_points, source.axis)


def _copied_storage(storage: Storage, memo: Memo) -> Storage:
    known = memo.get(id(storage))
    if isinstance(known, Storage):
        return known
    data = storage.data
    created = Storage(storage.nbytes, None if data is None else bytearray(data), device=storage.device)
    _remember(memo, storage, created)
    return created
