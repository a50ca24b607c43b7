"""Objects and enum members of scripted Python classes in calls from Python and in attributes."""

from __future__ import annotations

import enum
import io
from typing import Dict, List, NamedTuple

import pytest
from torch import nn

import flambeau
from flambeau.api import Instance
from flambeau.errors import FlambeauError


@flambeau.script
class Point:
    def __init__(self, x: int, y: int):
        self.x = x
        self.y = y

    def norm(self) -> int:
        return self.x * self.x + self.y * self.y

    def __add__(self, other: int) -> int:
        return self.x + other


class Color(enum.Enum):
    RED = 1
    BLUE = 2


class Named(NamedTuple):
    number: int
    point: Point


def make(x: int) -> Point:
    return Point(x, 2)


def makes(n: int) -> Dict[str, List[Point]]:
    return {"all": [Point(i, i) for i in range(n)]}


def norm(p: Point) -> int:
    return p.norm()


def other(c: Color) -> Color:
    if c == Color.RED:
        return Color.BLUE
    return Color.RED


def named(p: Point) -> Named:
    return Named(3, p)


def test_objects_come_back_as_objects_of_their_python_class() -> None:
    made = flambeau.script(make)(3)
    assert type(made) is Point
    assert (made.x, made.y, made.norm(), made + 1) == (3, 2, 13, 4)
    nested = flambeau.script(makes)(2)
    assert [(type(p), p.x) for p in nested["all"]] == [(Point, 0), (Point, 1)]
    result = flambeau.script(named)(Point(1, 2))
    assert (result.number, type(result.point), result.point.y) == (3, Point, 2)


def test_objects_are_recognised_on_the_way_in() -> None:
    assert flambeau.script(norm)(Point(1, 2)) == 5
    assert flambeau.script(norm)(flambeau.script(make)(1)) == 5
    with pytest.raises(FlambeauError, match="argument 'p'"):
        flambeau.script(norm)(3)


def test_enum_members_both_ways() -> None:
    assert flambeau.script(other)(Color.RED) is Color.BLUE
    assert flambeau.script(other)(Color.BLUE) is Color.RED
    with pytest.raises(FlambeauError, match="argument 'c'"):
        flambeau.script(other)(1)


class Holder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.point = Point(3, 4)
        self.color = Color.RED

    def forward(self, by: int) -> int:
        self.point.x += by
        return self.point.norm()


def test_objects_in_attributes() -> None:
    module = flambeau.script(Holder())
    assert module(1) == 32
    assert type(module.point) is Point
    assert (module.point.x, module.color) == (4, Color.RED)
    module.point = Point(0, 1)
    assert module(0) == 1


def test_objects_of_classes_that_only_an_archive_knows() -> None:
    buffer = io.BytesIO(flambeau.script(Holder()).save_to_buffer())
    module = flambeau.load(buffer)
    point = module.point
    assert isinstance(point, Instance)
    assert (point.x, point.norm(), point + 1) == (3, 25, 4)
    point.x = 0
    assert module(0) == 16
    with pytest.raises(AttributeError, match="missing"):
        _ = point.missing
    with pytest.raises(FlambeauError, match="Could not cast attribute 'x' to type int"):
        point.x = "a"
