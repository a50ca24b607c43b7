"""Moving a node past others, together with whatever depends on it, if that changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from flambeau.ir.node import Node

if TYPE_CHECKING:
    from flambeau.ir.alias.alias_db import AliasDb


@final
@dataclass(slots=True)
class Move:
    """A move that is known to be safe: `near`, in order, goes to the wanted side of `place`, `far` to the other."""

    place: Node
    near: list[Node]
    far: list[Node]
    after: bool

    def execute(self) -> None:
        below, above = (self.near, self.far) if self.after else (self.far, self.near)
        place = self.place
        for node in below:
            node.move_after(place)
            place = node
        place = self.place
        for node in reversed(above):
            node.move_before(place)
            place = node


def find_move(facts: AliasDb, node: Node, place: Node, *, after: bool) -> Move | None:
    """How to bring `node` right before or after `place` in the same block; None if something would change.

    Whatever lies between and depends on the node goes along. If the node must end up on the near side of `place`
    (moving down to stand before it, say), what depends on it is brought to the far side instead.
    """
    if node.owning_block is None or node.owning_block is not place.owning_block or place.kind == "prim::Return":
        return None
    if node is place:
        return Move(place, [], [], after)
    down = node.is_before(place)
    moving = [node]
    current = node.next if down else node.previous
    while current is not place:
        if any(facts.must_keep_order(*_in_order(m, current, down)) for m in moving):
            moving.append(current)
        current = current.next if down else current.previous
    stays_near = down != after
    passing = moving[1:] if stays_near else moving
    if any(facts.must_keep_order(*_in_order(m, place, down)) for m in passing):
        return None
    ordered = passing if down else passing[::-1]
    return Move(place, [node], ordered, after) if stays_near else Move(place, ordered, [], after)


def _in_order(moving: Node, other: Node, down: bool) -> tuple[Node, Node]:
    return (moving, other) if down else (other, moving)
