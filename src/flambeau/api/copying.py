"""Copies of objects and modules: shallow (slots shared) and deep (everything mutable copied, sharing kept).

Deep copies use the `memo` of Python's `copy` module, so that a module copied as part of something larger keeps sharing
tensors with it. Objects, lists and dicts are filled in from a queue rather than by recursion: a chain of a million
objects is copied as well as a short one. Types, functions and enum members are never copied.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar, cast, final

from flambeau.ir import EnumValue, Function, Quantizer, ScriptObject, Storage, TensorData, is_tensor

__all__ = ["Memo", "deep_copy", "shallow_copy"]

Memo: TypeAlias = "dict[int, object]"
_Made = TypeVar("_Made")

_IMMUTABLE = (type(None), bool, int, float, complex, str, EnumValue, Function)


def shallow_copy(source: ScriptObject) -> ScriptObject:
    """An object of the same type with the same slot values; submodules are shared."""
    return ScriptObject(source.type, list(source.slots))


def deep_copy(source: ScriptObject, memo: Memo | None = None) -> ScriptObject:
    """A copy that shares nothing mutable with `source`; what is shared inside of it stays shared."""
    copier = _Copier({} if memo is None else memo)
    result = copier.script_object(source)
    copier.fill()
    return result


@final
class _Copier:
    """Copies of objects, lists and dicts are made empty, and filled in turn."""

    def __init__(self, memo: Memo) -> None:
        self._memo = memo
        self._empty: list[tuple[object, object]] = []
        """Originals with their copies that have no contents yet."""

    def fill(self) -> None:
        while self._empty:
            match self._empty.pop():
                case ScriptObject() as old, ScriptObject() as new:
                    new.slots = [self.value(value) for value in old.slots]
                case list() as old, list() as new:
                    new.extend([self.value(item) for item in old])
                case dict() as old, dict() as new:
                    new.update([(self.value(k), self.value(v)) for k, v in old.items()])

    def script_object(self, source: ScriptObject) -> ScriptObject:
        known = self._memo.get(id(source))
        return known if isinstance(known, ScriptObject) else self._new(source, ScriptObject(source.type))

    def value(self, value: object) -> object:
        """The copy of any value, with what is in it to follow."""
        if isinstance(value, _IMMUTABLE):
            return value
        if isinstance(value, ScriptObject):
            return self.script_object(value)
        if id(value) in self._memo:
            return self._memo[id(value)]
        match value:
            case list():
                return self._new(value, cast("list[object]", []))
            case dict():
                return self._new(value, cast("dict[object, object]", {}))
            case tuple():
                return self._tuple(value)
            case TensorData():
                created = _copied_tensor_data(value, self._memo)
                _remember(self._memo, value, created)
                return created
            case _:
                return _copied_foreign(value, self._memo)

    def _new(self, old: object, new: _Made) -> _Made:
        _remember(self._memo, old, new)
        self._empty.append((old, new))
        return new

    def _tuple(self, outermost: tuple[object, ...]) -> object:
        """A tuple needs the copies of its members first; tuples in it wait on a stack for theirs."""
        stack: list[tuple[tuple[object, ...], list[object]]] = [(outermost, [])]
        while True:
            source, members = stack[-1]
            if len(members) < len(source):
                member = source[len(members)]
                if isinstance(member, tuple) and id(member) not in self._memo:
                    stack.append((member, []))
                else:
                    members.append(self.value(member))
                continue
            stack.pop()
            make: Callable[[list[object]], object] = getattr(type(source), "_make", tuple)
            made = make(members)
            if not stack:
                return made
            stack[-1][1].append(made)


def _remember(memo: Memo, old: object, new: object) -> None:
    """Enter a copy, and keep the original alive while the memo is: its id must not be used again."""
    memo[id(old)] = new
    cast("list[object]", memo.setdefault(id(memo), [])).append(old)


def _copied_foreign(value: object, memo: Memo) -> object:
    """A copy of what only PyTorch can copy. Its tensors refuse while they have a history; the copy has none."""
    if not is_tensor(value):
        return copy.deepcopy(value, memo)
    tensor: Any = value
    if not getattr(tensor, "is_leaf", True):
        tensor = tensor.detach()
    try:
        return copy.deepcopy(tensor, memo)
    except NotImplementedError:  # PyTorch's own copying wants memory that some layouts do not show
        made = tensor.detach().clone().requires_grad_(tensor.requires_grad)
        _remember(memo, value, made)
        return made


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
