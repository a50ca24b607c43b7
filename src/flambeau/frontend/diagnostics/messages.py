"""How messages spell things."""

from __future__ import annotations

from flambeau import ir

EMPTY_LIST_HINT = (
    "Empty lists default to List[Tensor]. Add a variable annotation to the assignment to create an empty list of "
    "another "
    "type (torch.jit.annotate(List[T, []]) where T is the type of elements in the list for Python 2)"
)


def type_name(given: ir.Type) -> str:
    """A type as messages print it: as Python spells it, and whether a tensor type was only assumed."""
    if isinstance(given, ir.TensorType) and given.inferred:
        return "Tensor (inferred)"
    return given.annotation()


def is_tensor_list(given: ir.Type) -> bool:
    """Whether a type is the one that `[]` has where nothing else is known."""
    return isinstance(given, ir.ListType) and isinstance(given.element, ir.TensorType)


def indented(text: str, prefix: str = "  ") -> str:
    """Text with a prefix before each line."""
    return "\n".join(prefix + line for line in text.split("\n"))
