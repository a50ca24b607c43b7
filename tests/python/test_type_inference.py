"""Types of Python values, and values as scripts hold them."""

import enum
from typing import List, NamedTuple

import pytest
import torch

from flambeau import ir
from flambeau.errors import ScriptError
from flambeau.ir import EnumValue
from flambeau.python import scripting  # noqa: F401 # ties together what the types of classes need
from flambeau.python.types.conversion import to_script
from flambeau.python.types.type_inference import NotInferred, infer_type


class Size(enum.Enum):
    SMALL = "s"
    LARGE = "l"


class Level(enum.IntEnum):
    LOW = 1


class Point(NamedTuple):
    x: int
    y: List[int]


INFERRED = {
    "tensor": (torch.ones(2), "Tensor"),
    "parameter": (torch.nn.Parameter(torch.ones(2)), "Tensor"),
    "none": (None, "NoneType"),
    "bool": (True, "bool"),
    "int": (3, "int"),
    "float": (2.5, "float"),
    "complex": (1j, "complex"),
    "str": ("a", "str"),
    "device": (torch.device("cpu"), "Device"),
    "dtype": (torch.float32, "int"),
    "layout": (torch.strided, "int"),
    "memory format": (torch.channels_last, "int"),
    "int enum": (Level.LOW, "int"),
    "list": ([1, 2], "int[]"),
    "nested list": ([[1.0], [2.0]], "float[][]"),
    "tuple": ((1, "a", (2.0,)), "(int, str, (float))"),
    "dict": ({"a": torch.ones(1)}, "Dict(str, Tensor)"),
    "list with none": ([1, None], "int?[]"),
    "named tuple": (Point(1, [2]), "NamedTuple(x : int, y : int[])"),
    "size": (torch.Size([1, 2]), "(int, int)"),
}


@pytest.mark.parametrize("what", INFERRED)
def test_inferred(what: str) -> None:
    value, expected = INFERRED[what]
    assert str(infer_type(value)) == expected


FAILING = {
    "empty list": ([], "List trace inputs must have elements"),
    "empty dict": ({}, "Dictionary inputs must have entries"),
    "mixed list": ([1, "a"], "List inputs to traced functions must have consistent element type. Found int and str"),
    "object": (object(), "but instead got value of type object"),
    "set": ({1}, "but instead got value of type set"),
    "list of objects": ([object()], "but instead got value of type object"),
}


@pytest.mark.parametrize("what", FAILING)
def test_not_inferred(what: str) -> None:
    value, reason = FAILING[what]
    inferred = infer_type(value)
    assert isinstance(inferred, NotInferred)
    assert reason in inferred.reason


def test_enum_members_become_values_of_their_type() -> None:
    inferred = infer_type(Size.LARGE)
    assert isinstance(inferred, ir.EnumType)
    assert inferred.value_type is ir.STRING
    assert to_script(Size.LARGE, inferred) == EnumValue(inferred, "LARGE", "l")


CONVERTED = {
    "int as float": (3, ir.FLOAT, 3.0),
    "bool": (True, ir.BOOL, True),
    "dtype": (torch.float64, ir.INT, 7),
    "layout": (torch.sparse_coo, ir.INT, 1),
    "tuple as list": ((1, 2), ir.ListType(ir.INT), [1, 2]),
    "none as optional": (None, ir.optional(ir.INT), None),
    "optional": (3, ir.optional(ir.INT), 3),
    "union": ("a", ir.union((ir.INT, ir.STRING)), "a"),
    "any": ([1], ir.ANY, [1]),
    "nested": (
        {"a": (1, [2])},
        ir.DictType(ir.STRING, ir.TupleType((ir.FLOAT, ir.ListType(ir.INT)))),
        {"a": (1.0, [2])},
    ),
    "int enum": (Level.LOW, ir.INT, 1),
    "device by name": ("cpu", ir.DEVICE, torch.device("cpu")),
}


@pytest.mark.parametrize("what", CONVERTED)
def test_converted(what: str) -> None:
    value, wanted, expected = CONVERTED[what]
    found = to_script(value, wanted)
    assert found == expected
    assert type(found) is type(expected)


REFUSED = {
    "str as int": ("a", ir.INT, "Unable to cast Python instance of type <class 'str'> to int"),
    "float as int": (1.5, ir.INT, "Unable to cast Python instance of type <class 'float'> to int"),
    "none as int": (None, ir.INT, "to int"),
    "element": ([1, "a"], ir.ListType(ir.INT), "to int"),
    "union": (1.5, ir.union((ir.INT, ir.STRING)), "Union[int, str]"),
    "enum as other enum": (Size.SMALL, ir.EnumType("__torch__.Other", ir.INT, (("A", 1),)), "to __torch__.Other"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused(what: str) -> None:
    value, wanted, message = REFUSED[what]
    with pytest.raises(ScriptError) as caught:
        to_script(value, wanted)
    assert message in str(caught.value)


def test_containers_are_copied_and_tensors_are_not() -> None:
    x = torch.ones(1)
    given = [x]
    made = to_script(given, ir.ListType(ir.TENSOR))
    assert made is not given
    assert made[0] is x
