"""Indexing of tensors while they are traced.

PyTorch leaves out slices that select everything (`x[:5]` of five rows), which a recording for other sizes must not. So
`x[...]` is taken apart here, into the operators that TorchScript's traces have: `select`, `slice`, `unsqueeze`, and at
the end one `index` or `index_put_` for the indices that are tensors. Indices of other kinds are left to PyTorch.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from types import EllipsisType
from typing import Any, TypeAlias, cast

import torch
from torch import Tensor

from flambeau.python.tracing.interception import Paused
from flambeau.python.tracing.recorder import Recorder

Index: TypeAlias = "int | slice | EllipsisType | Tensor | None"
Getter: TypeAlias = "Callable[[Tensor, object], Tensor]"
Setter: TypeAlias = "Callable[[Tensor, object, object], None]"

_END = 2**63 - 1
_aten = torch.ops.aten
_MASKS = (torch.bool, torch.uint8)


def get(recorder: Recorder, tensor: Tensor, index: object, otherwise: Getter) -> Tensor:
    """`tensor[index]`."""
    items = _items(index, tensor)
    if items is None:
        return otherwise(tensor, index)
    view, indices = _sliced(recorder, tensor, items)
    if indices:
        return cast("Tensor", _aten.index.Tensor(view, indices))
    return cast("Tensor", _aten.alias.default(view)) if view is tensor else view


def set(recorder: Recorder, tensor: Tensor, index: object, value: object, otherwise: Setter) -> None:
    """`tensor[index] = value`."""
    items = _items(index, tensor)
    if items is None or not isinstance(value, (Tensor, bool, int, float, complex)):
        otherwise(tensor, index, value)
        return
    view, indices = _sliced(recorder, tensor, items)
    if indices:
        _put(view, indices, value)
    elif not isinstance(value, Tensor):
        _aten.fill_.Scalar(view, value)
    elif value.dim() == 0 and value.device.type == "cpu":
        _aten.fill_.Tensor(view, value)
    else:
        _aten.copy_.default(view, _without_leading_ones(value, view.dim()))


def _put(view: Tensor, indices: list[Tensor | None], value: Tensor | complex) -> None:
    if isinstance(value, Tensor):
        with Paused():
            rank = view[tuple(slice(None) if i is None else i for i in indices)].dim()
        value = _without_leading_ones(value, rank)
    else:
        with Paused():
            value = torch.tensor(value, dtype=view.dtype, device=view.device)
    _aten.index_put_.default(view, indices, value)


def _without_leading_ones(value: Tensor, rank: int) -> Tensor:
    while value.dim() > rank:
        with Paused():
            is_one = value.shape[0] == 1
        if not is_one:
            break
        value = value.squeeze(0)
    return value


def _items(index: object, tensor: Tensor) -> list[Index] | None:
    """The parts of an index; None if PyTorch must see to it (it may refuse it)."""
    items: list[Index] = []
    room = tensor.dim()
    for part in index if isinstance(index, tuple) else (index,):
        item = _item(part)
        if item is False:
            return None
        if item is not None and not isinstance(item, EllipsisType):
            room -= item.dim() if isinstance(item, Tensor) and item.dtype in _MASKS else 1
        items.append(cast("Index", item))
    return None if room < 0 or sum(isinstance(i, EllipsisType) for i in items) > 1 else items


def _item(part: object) -> object:
    """One part in the form that `_sliced` takes; False if it has none."""
    if part is None or part is Ellipsis:
        return part
    if isinstance(part, slice):
        steps_forward = part.step is None or isinstance(part.step, Tensor) or part.step > 0
        return part if steps_forward else False
    if isinstance(part, Tensor):
        return False if part.dim() == 0 and part.dtype in _MASKS else part
    if isinstance(part, bool):
        return False
    if isinstance(part, (list, range)) or type(part).__name__ == "ndarray":
        return _constant_index(part)
    try:
        return operator.index(part)  # type: ignore[arg-type]  # what has no `__index__` raises
    except TypeError:
        return False


def _constant_index(part: Any) -> object:
    elements = part if isinstance(part, (list, range)) else part.reshape(-1).tolist()
    if not all(isinstance(e, int) for e in elements):
        return False
    with Paused():
        made = torch.as_tensor(part)
    return made if len(elements) else made.long()


def _sliced(recorder: Recorder, tensor: Tensor, items: list[Index]) -> tuple[Tensor, list[Tensor | None]]:
    """What is left to index, and the indices, after all but tensors of indices have been applied."""
    taken = sum(_dims_of(item) for item in items)
    view, dim, indices, covered = tensor, 0, cast("list[Tensor | None]", []), 0
    for item in items:
        if item is None:
            view, dim = _aten.unsqueeze.default(view, dim), dim + 1
        elif isinstance(item, EllipsisType):
            dim += tensor.dim() - taken
        elif isinstance(item, slice):
            view, dim = _slice(recorder, view, dim, item), dim + 1
        elif isinstance(item, Tensor) and item.dim() > 0:
            indices += [None] * (dim - covered)  # dimensions that no index is for
            indices.append(item)
            dim = covered = dim + _dims_of(item)
        else:
            position = _bound(recorder, item)
            _check_position(view, dim, position)
            view = _aten.select.int(view, dim, position)
    return view, indices


def _check_position(view: Tensor, dim: int, position: object) -> None:
    """Refuse a position outside of a dimension in the words that PyTorch has for indexing."""
    if isinstance(position, int):
        with Paused():
            size = view.shape[dim]
        if not -size <= position < size:
            raise IndexError(f"index {position} is out of bounds for dimension {dim} with size {size}")


def _slice(recorder: Recorder, view: Tensor, dim: int, item: slice) -> Tensor:
    start, stop, step = (_bound(recorder, bound) for bound in (item.start, item.stop, item.step))
    start, stop = 0 if start is None else start, _END if stop is None else stop
    return cast("Tensor", _aten.slice.Tensor(view, dim, start, stop, 1 if step is None else step))


def _dims_of(item: Index) -> int:
    if item is None or isinstance(item, EllipsisType):
        return 0
    return item.dim() if isinstance(item, Tensor) and item.dtype in _MASKS else 1


def _bound(recorder: Recorder, value: Any) -> Any:
    if not isinstance(value, Tensor):
        return None if value is None else operator.index(value)
    with Paused():
        return recorder.symbol(value)
