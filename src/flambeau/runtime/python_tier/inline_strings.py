"""String operators that Python itself carries out, on text that is all ASCII: there, bytes are characters.

White space and the classes of characters are left to the kernels: Python's `str` has more of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from flambeau.ir import Node, Value, constant_value
from flambeau.runtime.python_tier.expressions import Expression
from flambeau.runtime.python_tier.inline import EXPRESSIONS, Inline

__all__: list[str] = []


def _on_ascii(text: str, kernel: str, *, raises: bool = False) -> Inline:
    return Inline(f"{text} if {{0}}.isascii() else {{k}}({kernel})", simple=(0, 1, 2, 3), raises=raises)


def _is_ascii(value: Value) -> bool:
    known = constant_value(value)
    return isinstance(known, str) and known != "" and known.isascii()


def _stripping(node: Node, operands: Sequence[Expression]) -> Inline | None:
    name = node.kind.removeprefix("aten::")
    return _on_ascii(f"{{0}}.{name}({{1}})", "{0}, {1}") if _is_ascii(node.inputs[1]) else None


def _split(node: Node, operands: Sequence[Expression]) -> Inline | None:
    if not _is_ascii(node.inputs[1]):
        return None
    given = "{1}" if constant_value(node.inputs[2]) == -1 else "{1}, {2}"
    return _on_ascii(f"{{0}}.split({given})", "{0}, {1}, {2}")


def _searching(node: Node, operands: Sequence[Expression]) -> Inline | None:
    """All of the text is searched."""
    if constant_value(node.inputs[2]) != 0 or constant_value(node.inputs[3]) != -1:
        return None
    name = node.kind.removeprefix("aten::")
    return _on_ascii(f"{{0}}.{name}({{1}})", "{0}, {1}, {2}, {3}")


EXPRESSIONS.update(
    {
        **{f"aten::{name}": _on_ascii(f"{{0}}.{name}()", "{0}") for name in ("lower", "upper", "swapcase", "title")},
        **{f"aten::{name}": _stripping for name in ("strip", "lstrip", "rstrip")},
        **{f"aten::{name}": _searching for name in ("startswith", "endswith", "find", "rfind")},
        "aten::split.str": _split,
    }
)
