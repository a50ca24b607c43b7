"""Arithmetic on sizes and ranges: what loops, views and broadcasting are compiled to."""

from __future__ import annotations

from flambeau.runtime.integers import wrapped
from flambeau.runtime.registry import implements


@implements("aten::__range_length")
def range_length(lo: int, hi: int, step: int) -> int:
    """How many numbers `range(lo, hi, step)` has."""
    if step == 0:
        raise ValueError("range() arg 3 must not be zero")
    if step > 0:
        return wrapped(1 + (hi - 1 - lo) // step) if lo < hi else 0
    return wrapped(1 + (lo - 1 - hi) // -step) if lo > hi else 0


@implements("aten::__derive_index")
def derive_index(index: int, start: int, step: int) -> int:
    return wrapped(start + index * step)


@implements("prim::rangelist")
def rangelist(n: int) -> list[int]:
    return list(range(n))


@implements("aten::Size")
def size(sizes: list[int]) -> list[int]:
    return sizes


@implements("aten::broadcast_shapes", "aten::_infer_size")
def broadcast_shapes(a: list[int], b: list[int]) -> list[int]:
    """The common size; RuntimeError where two sizes differ and neither is 1."""
    rank = max(len(a), len(b))
    left = [1] * (rank - len(a)) + a
    right = [1] * (rank - len(b)) + b
    result: list[int] = []
    for dimension, (x, y) in enumerate(zip(left, right, strict=True)):
        if x != y and x != 1 and y != 1:
            raise RuntimeError(
                f"The size of tensor a ({x}) must match the size of tensor b ({y}) "
                f"at non-singleton dimension {dimension}"
            )
        result.append(y if x == 1 else x)
    return result


@implements("aten::_size_if_not_equal")
def size_if_not_equal(self_size: list[int], other_size: list[int]) -> list[int] | None:
    return None if self_size == other_size else self_size


@implements("prim::BroadcastSizes")
def broadcast_sizes(*sizes: list[int]) -> list[int]:
    result: list[int] = []
    for given in sizes:
        result = broadcast_shapes(result, given)
    return result


@implements("prim::ReductionSizes")
def reduction_sizes(size: list[int], red_axes: list[int], keepdim: bool) -> list[int]:
    """The sizes that summing over the axes leaves."""
    rank = len(size)
    axes = {axis + rank if axis < 0 else axis for axis in red_axes}
    if keepdim:
        return [1 if d in axes else s for d, s in enumerate(size)]
    return [s for d, s in enumerate(size) if d not in axes]
