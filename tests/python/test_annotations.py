"""Annotations as types: both spellings of everything, and what has no TorchScript type."""

# ruff: noqa: F401 # the names below are used by the texts that the tests evaluate

from __future__ import annotations

import ast
import enum
import typing
from typing import (
    Annotated,
    Any,
    Callable,
    Dict,
    Final,
    List,
    Literal,
    NamedTuple,
    Optional,
    Set,
    Tuple,
    TypeVar,
    Union,
)

import pytest
import torch
from torch._jit_internal import BroadcastingList2

from flambeau import ir
from flambeau.errors import ScriptError
from flambeau.python import scripting  # ties together what the types of classes need
from flambeau.python.namespaces import Namespace
from flambeau.python.types.annotations import AnnotationReader

T = TypeVar("T")


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Point(NamedTuple):
    x: torch.Tensor
    n: int = 3


Alias = Optional[List[int]]

READER = AnnotationReader(Namespace(globals(), vars(typing), vars(__import__("builtins"))))

SPELLINGS = {
    "Literal['a', 'b']": "str",
    "Literal[1, None]": "int?",
    "int": "int",
    "float": "float",
    "complex": "complex",
    "bool": "bool",
    "str": "str",
    "None": "NoneType",
    "torch.Tensor": "Tensor",
    "torch.nn.Parameter": "Tensor",
    "torch.device": "Device",
    "torch.dtype": "int",
    "torch.layout": "int",
    "torch.memory_format": "int",
    "torch.Size": "int[]",
    "Any": "Any",
    "List[int]": "int[]",
    "list[int]": "int[]",
    "Dict[str, List[torch.Tensor]]": "Dict(str, Tensor[])",
    "dict[int, float]": "Dict(int, float)",
    "Optional[int]": "int?",
    "int | None": "int?",
    "Union[int, str]": "Union(int, str)",
    "Union[int, float, complex]": "Scalar",
    "Optional[Union[int, str]]": "Union(int, NoneType, str)",
    "Tuple[()]": "()",
    "Tuple[int, float]": "(int, float)",
    "tuple[int, tuple[str, bool]]": "(int, (str, bool))",
    "Final[int]": "int",
    "Annotated[int, 'metres']": "int",
    "torch.jit.Future[int]": "Future(int)",
    "Alias": "int[]?",
    "'List[int]'": "int[]",
    "List['int']": "int[]",
    "'torch.classes.quantized.Packed'": "__torch__.torch.classes.quantized.Packed",
    "Point": "NamedTuple(x : Tensor, n : int)",
    "Colour": "Enum<__torch__.test_annotations.Colour>",
    "list": "list",
}


@pytest.mark.parametrize("text", SPELLINGS)
def test_syntax_and_object_mean_the_same(text: str) -> None:
    expected = SPELLINGS[text]
    from_syntax = READER.of_expression(ast.parse(text, mode="eval").body)
    from_object = READER.of_object(eval(text))
    assert _shown(from_syntax) == expected
    assert _shown(from_object) == expected


def _shown(type: ir.Type) -> str:
    return str(type).replace(f"__torch__.{__name__}.", "__torch__.test_annotations.")


UNKNOWN = {
    "Set[int]": ("Unknown type constructor Set", r"Unknown type annotation: 'typing.Set\[int\]'"),
    "Callable[[int], int]": ("Unknown type constructor Callable", "Unknown type annotation"),
    "T": ("Unknown type name 'T'", "Unknown type annotation"),
    "'Missing'": ("Unknown type name 'Missing'", "Unknown type name 'Missing'"),
    "Tuple[int, ...]": ("Expression of type dots cannot be used", "Expression of type dots cannot be used"),
    "List": ("Attempted to use List without a contained type", "Attempted to use List without a contained type"),
    "Dict": ("Attempted to use Dict without contained types", "Attempted to use Dict without contained types"),
    "Optional": ("Attempted to use Optional without a", "Attempted to use Optional without a"),
    "Dict[List[int], int]": ("Cannot create dict for key type 'int\\[\\]'", "Cannot create dict for key type"),
    "3": ("Expression of type const cannot be used in a type expression", "Unknown type annotation: '3'"),
    "torch.nn.Linear": ("Unknown type name 'torch.nn.Linear'", "Unknown type annotation"),
    "dict": ("Attempted to use dict without contained types", "Attempted to use dict without contained types"),
}


@pytest.mark.parametrize("text", UNKNOWN)
def test_what_has_no_type_is_named(text: str) -> None:
    of_syntax, of_object = UNKNOWN[text]
    with pytest.raises(ScriptError, match=of_syntax):
        READER.of_expression(ast.parse(text, mode="eval").body)
    with pytest.raises(ScriptError, match=of_object):
        READER.of_object(eval(text))


def test_broadcasting_lists_are_lists() -> None:
    assert READER.of_expression(ast.parse("BroadcastingList2[int]", mode="eval").body) == ir.ListType(ir.INT)


def test_tensor_is_known_without_import() -> None:
    empty = AnnotationReader(Namespace({}))
    assert empty.of_text("Optional[List[Tensor]]") == ir.optional(ir.ListType(ir.TENSOR))


def test_named_tuple_without_annotations_holds_tensors() -> None:
    import collections

    Pair = collections.namedtuple("Pair", ["left", "right"])
    assert str(READER.of_object(Pair)) == "NamedTuple(left : Tensor, right : Tensor)"


def test_a_tensor_is_no_default_of_a_named_tuple() -> None:
    class Bad(NamedTuple):
        x: torch.Tensor = torch.ones(2)

    with pytest.raises(ScriptError, match="Tensors are not supported as default NamedTuple fields"):
        READER.of_object(Bad)
