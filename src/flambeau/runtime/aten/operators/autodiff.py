"""Derivatives: what scripts ask for, and what differentiated graphs contain.

A gradient that is zero because nothing flows back is undefined: None at run time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from flambeau.errors import InvalidGraphError
from flambeau.ir import Node, TensorType
from flambeau.runtime.registry import Kernel, implements, specialises

T = TypeVar("T")


@implements("aten::grad")
def grad(
    outputs: list[Tensor],
    inputs: list[Tensor],
    grad_outputs: list[Tensor | None] | None,
    retain_graph: bool | None,
    create_graph: bool,
    allow_unused: bool,
) -> list[Tensor | None]:
    return list(
        torch.autograd.grad(
            outputs,
            inputs,
            grad_outputs,
            retain_graph=retain_graph,
            create_graph=create_graph,
            allow_unused=allow_unused,
        )
    )


@implements("aten::backward")
def backward(self: Tensor, gradient: Tensor | None, retain_graph: bool | None, create_graph: bool) -> None:
    self.backward(gradient, retain_graph, create_graph)  # type: ignore[no-untyped-call]


@implements("aten::backward.TensorList")
def backward_all(
    tensors: list[Tensor], grad_tensors: list[Tensor | None] | None, retain_graph: bool | None, create_graph: bool
) -> None:
    torch.autograd.backward(tensors, grad_tensors, retain_graph, create_graph)


@implements("aten::_grad_sum_to_size")
def grad_sum_to_size(self: Tensor, size: list[int] | None) -> Tensor:
    """Sum over the dimensions that broadcasting from `size` had added or stretched."""
    return self if size is None else self.sum_to_size(size)


# --- undefined gradients


@implements("prim::AutogradZero")
def autograd_zero() -> None:
    return


@implements("prim::AutogradAdd")
def autograd_add(a: Tensor | None, b: Tensor | None) -> Tensor | None:
    if a is None or b is None:
        return b if a is None else a
    return a + b


def _flat(values: Sequence[object]) -> Iterator[object]:
    for value in values:
        if isinstance(value, list):
            yield from value
        else:
            yield value


@implements("prim::AutogradAllNonZero")
def all_non_zero(*gradients: object) -> bool:
    return all(g is not None for g in _flat(gradients))


@implements("prim::AutogradAllZero")
def all_zero(*gradients: object) -> bool:
    return all(g is None for g in _flat(gradients))


@implements("prim::AutogradAnyNonZero")
def any_non_zero(*gradients: object) -> bool:
    return any(g is not None for g in _flat(gradients))


@specialises("prim::RequiresGradCheck")
def requires_grad_check(node: Node) -> Kernel:
    """The inputs, and whether each requires a gradient exactly where its type in the node says so."""
    types = node.attribute("types")
    if not isinstance(types, tuple) or not all(isinstance(t, TensorType) for t in types):
        raise InvalidGraphError("prim::RequiresGradCheck needs tensor types")
    wanted = [bool(t.requires_grad) for t in types]

    def kernel(*tensors: Tensor) -> tuple[object, ...]:
        return (*tensors, all(t.requires_grad == w for t, w in zip(tensors, wanted, strict=True)))

    return kernel


# --- chunks and sums of products, as rewriting of graphs leaves them


def _int(node: Node, name: str) -> int:
    value = node.attribute(name)
    if not isinstance(value, int):
        raise InvalidGraphError(f"attribute '{name}' of {node.kind} must be an int, not {value!r}")
    return value


@specialises("prim::ConstantChunk")
def constant_chunk(node: Node) -> Kernel:
    chunks, dim = _int(node, "chunks"), _int(node, "dim")

    def kernel(tensor: Tensor) -> object:
        found = tensor.chunk(chunks, dim)
        if len(found) != chunks:
            raise RuntimeError(
                f"Expected chunk to return exactly {chunks} outputs, but got {len(found)} "
                f"for a tensor of size {list(tensor.shape)} along dimension {dim}"
            )
        return found[0] if chunks == 1 else found

    return kernel


@specialises("prim::ChunkSizes")
def chunk_sizes(node: Node) -> Kernel:
    """The sizes of all chunks but the last, and of the last."""
    chunks, dim = _int(node, "chunks"), _int(node, "dim")

    def kernel(size: list[int]) -> tuple[list[int], list[int]]:
        length = -(-size[dim] // chunks)
        regular, last = size.copy(), size.copy()
        regular[dim] = length
        last[dim] = size[dim] % length or length
        return regular, last

    return kernel


@specialises("prim::MMTreeReduce")
def sum_of_products(node: Node) -> Kernel:
    """The sum of the matrix products of the first half of the inputs with the second half."""
    half = len(node.inputs) // 2

    def kernel(*matrices: Tensor) -> Tensor:
        return torch.cat(matrices[:half], 1) @ torch.cat(matrices[half:], 0)

    return kernel


@specialises("prim::MMBatchSide")
def products_with_one(node: Node) -> Kernel:
    """The products of one matrix, on the left (side 1) or the right (side 0), with each of several."""
    on_left = _int(node, "side") == 1

    def kernel(one: Tensor, *several: Tensor) -> object:
        products = tuple(one @ m if on_left else m @ one for m in several)
        return products[0] if len(products) == 1 else products

    return kernel
