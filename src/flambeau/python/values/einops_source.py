"""The operations of einops as TorchScript: a pattern that is known becomes the text of a function.

    rearrange(x, "b (h w) c -> b c h w", h=4)

    def rearrange(tensor: Tensor, h: int) -> Tensor:
        _sizes = tensor.size()
        ...
        tensor = tensor.reshape([b_, h_, w_, c_])
        tensor = tensor.permute([0, 3, 1, 2])
        return tensor

The notation is that of https://einops.rocks: names of axes, composed axes in parentheses, `1` or `()` for an axis of
length 1, other numbers for axes without a name, `...` for any axes. Names of axes do not start or end with an
underscore, as the variables of the text do: `h_` is the length of axis `h`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from flambeau.errors import ScriptError

Group: TypeAlias = "tuple[str, ...]"
"""The axes that make one dimension, outermost first."""

_TOKEN = re.compile(r"\s*(\.\.\.|…|[()]|[A-Za-z]\w*|\d+)\s*")
_REST = "_rest"
_REDUCTIONS = {"max": "amax", "min": "amin", "sum": "sum", "mean": "mean", "any": "any", "all": "all", "prod": "prod"}
_ONE_BY_ONE = ("prod", "any", "all")
"""Reductions whose operator takes one dimension at a time."""


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a pattern: what each dimension is made of. `...` is an axis too, and numbers are, as `n0_2`."""

    groups: tuple[Group, ...]
    lengths: dict[str, int]
    """The axes that numbers stand for."""
    spread: int | None = None
    """Which of the groups is `...` outside parentheses: as many dimensions as there are."""

    @property
    def axes(self) -> list[str]:
        return [axis for group in self.groups for axis in group]

    @property
    def is_flat(self) -> bool:
        """Whether each dimension is one axis."""
        return self.spread is None and all(len(group) == 1 for group in self.groups)

    @property
    def parts(self) -> list[tuple[Group, ...]]:
        """The groups, or those before and those after `...`."""
        if self.spread is None:
            return [self.groups]
        return [self.groups[: self.spread], self.groups[self.spread + 1 :]]


def parse_side(text: str, prefix: str = "n") -> Side:
    """One side of a pattern; ScriptError if it is none. `prefix` sets the numbers of two sides apart."""
    text = text.strip()
    groups: list[Group] = []
    lengths: dict[str, int] = {}
    spread: int | None = None
    open_group: list[str] | None = None
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise ScriptError(f"'{text}' is no pattern of einops")
        position = match.end()
        token = match[1]
        if token == "(" and open_group is None:
            open_group = []
        elif token == ")" and open_group is not None:
            groups.append(tuple(open_group))
            open_group = None
        elif token in ("(", ")"):
            raise ScriptError(f"parentheses do not match in '{text}'")
        else:
            axis = [] if token == "1" else [_axis(token, prefix, lengths)]
            if open_group is None:
                spread = len(groups) if axis == [_REST] else spread
                groups.append(tuple(axis))
            else:
                open_group += axis
    side = Side(tuple(groups), lengths, spread)
    if open_group is not None or len(set(side.axes)) < len(side.axes):
        raise ScriptError(f"'{text}' is no pattern of einops: an axis stands twice, or a parenthesis is open")
    return side


def _axis(token: str, prefix: str, lengths: dict[str, int]) -> str:
    if token in ("...", "…"):
        return _REST
    if not token.isdigit():
        if token.endswith("_"):
            raise ScriptError(f"'{token}' is no name for an axis")
        return token
    name = f"{prefix}{len(lengths)}_{token}"
    lengths[name] = int(token)
    return name


def sides_of(pattern: str) -> tuple[Side, Side]:
    """Both sides of `left -> right`."""
    left, arrow, right = pattern.partition("->")
    if not arrow:
        raise ScriptError(f"'{pattern}' is no pattern of einops: there is no '->'")
    return parse_side(left, "n"), parse_side(right, "m")


def transformation(
    pattern: str, given: Collection[str], reduction: str | None, *, of_list: bool, adds_axes: bool
) -> str:
    """The text of a function `transform(tensor, *given)`, for `rearrange`, `repeat` and `reduce`.

    `given` are the axes whose lengths the call says; `reduction` what happens to axes that are missing on the right;
    `of_list` says that the argument is a list of tensors, whose first axis is the list; `adds_axes` that the right may
    have axes that the left has not. ScriptError for patterns that are none, and lengths that nothing tells.
    """
    left, right = sides_of(pattern)
    known = {**{name: name for name in given}, **{name: str(n) for s in (left, right) for name, n in s.lengths.items()}}
    missing = [axis for axis in left.axes if axis not in right.axes]
    added = [axis for axis in right.axes if axis not in left.axes]
    if added and not adds_axes:
        raise ScriptError(f"axes {added} are only on the right of '{pattern}'")
    if missing and reduction is None:
        raise ScriptError(f"axes {missing} are only on the left of '{pattern}'")
    if any(axis not in known for axis in added):
        raise ScriptError(f"the lengths of {[a for a in added if a not in known]} are not given for '{pattern}'")
    if any(name not in left.axes + right.axes for name in given):
        raise ScriptError(f"'{pattern}' has no axis {[a for a in given if a not in left.axes + right.axes]}")
    parameters = "".join(f", {name}: int" for name in given)
    operand = "tensors: List[Tensor]" if of_list else "tensor: Tensor"
    body = [f"def transform({operand}{parameters}) -> Tensor:"]
    if of_list:
        body.append("tensor = torch.stack(tensors)")
    body += _lengths(pattern, left, known)
    body += [f"{axis}_ = {known[axis]}" for axis in added]
    if not left.is_flat:
        body.append(f"tensor = tensor.reshape([{_names(left.axes)}])")
    kept = [axis for axis in right.axes if axis in left.axes]
    order = [left.axes.index(axis) for axis in kept + missing]
    if order != sorted(order):
        body.append(f"tensor = tensor.permute({order})")
    if missing and reduction is not None:
        body += _reduced(reduction, len(kept), len(order))
    for place, axis in enumerate(right.axes):
        if axis in added:
            body.append(f"tensor = tensor.unsqueeze({place})")
    if added:
        expanded = ", ".join(f"{axis}_" if axis in added else "-1" for axis in right.axes)
        body.append(f"tensor = tensor.expand([{expanded}])")
    if not right.is_flat:
        body.append(f"tensor = tensor.reshape({_shape(right)})")
    return "\n    ".join([*body, "return tensor"]) + "\n"


def _names(axes: Sequence[str]) -> str:
    return ", ".join(f"{axis}_" for axis in axes)


def _product(axes: Sequence[str]) -> str:
    return " * ".join(f"{axis}_" for axis in axes) or "1"


def _shape(side: Side) -> str:
    """The sizes of a tensor with these dimensions."""
    parts = [f"[{', '.join(map(_product, groups))}]" if groups else "" for groups in side.parts]
    if len(parts) > 1:
        parts.insert(1, "_rest_sizes")
    return " + ".join(filter(None, parts))


def _lengths(pattern: str, left: Side, known: dict[str, str]) -> list[str]:
    """Statements that assign the length of each axis on the left, and check what is given."""
    parts = left.parts
    if left.spread is None and _REST in left.axes:
        raise ScriptError(f"'...' stands in parentheses on the left of '{pattern}'")
    fewest = sum(map(len, parts))
    wrong, wanted = ("!=", "") if len(parts) == 1 else ("<", "at least ")
    dims = f"expects {wanted}{fewest} dimensions"
    body = ["_sizes = tensor.size()", *_refused(f"len(_sizes) {wrong} {fewest}", f"'{pattern}' {dims}")]
    for place, group in enumerate(parts[0]):
        body += _lengths_of(pattern, group, f"_sizes[{place}]", known)
    if len(parts) > 1:
        body += [
            f"_rest_sizes = list(_sizes[{len(parts[0])}:len(_sizes) - {len(parts[1])}])",
            "_rest_ = 1",
            "for _size in _rest_sizes:",
            "    _rest_ *= _size",
        ]
        for place, group in enumerate(parts[1]):
            body += _lengths_of(pattern, group, f"_sizes[{place - len(parts[1])}]", known)
    return body


def _lengths_of(pattern: str, group: Group, size: str, known: dict[str, str]) -> list[str]:
    unknown = [axis for axis in group if axis not in known]
    given = [axis for axis in group if axis in known]
    body = [f"{axis}_ = {known[axis]}" for axis in given]
    if len(unknown) > 1:
        raise ScriptError(f"the lengths of {unknown} are not given for '{pattern}'")
    if not unknown:
        return [*body, *_refused(f"{size} != {_product(given)}", f"an axis of '{pattern}' has another length")]
    if not given:
        return [f"{unknown[0]}_ = {size}"]
    divided = f"{unknown[0]}_ = {size} // ({_product(given)})"
    uneven = f"{unknown[0]}_ * {_product(given)} != {size}"
    return [*body, divided, *_refused(uneven, f"an axis cannot be divided as '{pattern}' says")]


def _refused(condition: str, message: str) -> list[str]:
    return [f"if {condition}:", f"    raise RuntimeError({message!r})"]


def _reduced(reduction: str, first: int, stop: int) -> list[str]:
    """Statements that reduce the last dimensions."""
    operator = _REDUCTIONS.get(reduction)
    if operator is None:
        raise ScriptError(f"there is no reduction '{reduction}': expected one of {', '.join(sorted(_REDUCTIONS))}")
    if reduction in _ONE_BY_ONE:
        return [f"tensor = tensor.{operator}({dim})" for dim in reversed(range(first, stop))]
    return [f"tensor = tensor.{operator}({list(range(first, stop))})"]


def einsum(pattern: str, count: int) -> str:
    """The text of a function `transform` of so many tensors, for `einsum` with names of axes."""
    inputs, arrow, output = pattern.partition("->")
    sides = [parse_side(part) for part in inputs.split(",")]
    if not arrow or len(sides) != count:
        raise ScriptError(f"'{pattern}' is no pattern for {count} tensors")
    letters: dict[str, str] = {_REST: "..."}
    for axis in (axis for side in sides for axis in side.axes if axis != _REST):
        letters.setdefault(axis, chr(ord("a") + len(letters) - 1) if len(letters) <= 26 else "")
    result = parse_side(output)
    if "" in letters.values() or any(len(group) != 1 for side in (*sides, result) for group in side.groups):
        raise ScriptError(f"'{pattern}' is no pattern for einsum: it has composed axes, or too many")
    if not set(result.axes) <= letters.keys():
        raise ScriptError(f"'{pattern}' has axes on the right that no tensor has")
    equation = ",".join("".join(letters[axis] for axis in side.axes) for side in sides)
    equation += "->" + "".join(letters[axis] for axis in result.axes)
    names = [f"tensor{index}" for index in range(count)]
    parameters = ", ".join(f"{name}: Tensor" for name in names)
    return f"def transform({parameters}) -> Tensor:\n    return torch.einsum({equation!r}, [{', '.join(names)}])\n"


def _around_star(pattern: str) -> tuple[int, int]:
    """How many axes stand before and after the `*` of a pattern of `pack`."""
    axes = pattern.split()
    if axes.count("*") != 1 or not all(axis == "*" or axis.isidentifier() for axis in axes):
        raise ScriptError(f"'{pattern}' is no pattern for pack: it names axes, and has one '*'")
    before = axes.index("*")
    return before, len(axes) - before - 1


def pack(pattern: str) -> str:
    """The text of a function `transform(tensors)`, for `pack`: the packed tensor, and the shapes that `*` stood for."""
    before, after = _around_star(pattern)
    return f"""def transform(tensors: List[Tensor]) -> Tuple[Tensor, List[List[int]]]:
    _shapes: List[List[int]] = []
    _parts: List[Tensor] = []
    for tensor in tensors:
        _sizes = list(tensor.size())
        if len(_sizes) < {before + after}:
            raise RuntimeError({f"'{pattern}' expects at least {before + after} dimensions"!r})
        _shape = _sizes[{before}:len(_sizes) - {after}]
        _length = 1
        for _size in _shape:
            _length *= _size
        _shapes.append(_shape)
        _parts.append(tensor.reshape(_sizes[:{before}] + [_length] + _sizes[len(_sizes) - {after}:]))
    return torch.cat(_parts, {before}), _shapes
"""


def unpack(pattern: str) -> str:
    """The text of a function `transform(tensor, shapes)`, for `unpack`; one length in all shapes may be -1."""
    before, after = _around_star(pattern)
    return f"""def transform(tensor: Tensor, shapes: List[List[int]]) -> List[Tensor]:
    _sizes = list(tensor.size())
    if len(_sizes) != {before + after + 1}:
        raise RuntimeError({f"'{pattern}' expects {before + after + 1} dimensions"!r})
    _lengths: List[int] = []
    _unknown = -1
    _left = _sizes[{before}]
    for _shape in shapes:
        _length = 1
        for _size in _shape:
            _length *= _size
        if _length < 0:
            if _unknown >= 0:
                raise RuntimeError("at most one length of the shapes to unpack may be -1")
            _unknown = len(_lengths)
        else:
            _left -= _length
        _lengths.append(_length)
    if _unknown >= 0:
        _lengths[_unknown] = _left
    _parts = torch.split(tensor, _lengths, {before})
    _unpacked: List[Tensor] = []
    for _index in range(len(shapes)):
        _unpacked.append(_parts[_index].reshape(_sizes[:{before}] + shapes[_index] + _sizes[{before + 1}:]))
    return _unpacked
"""
