"""Tensors that are kept as lists of numbers."""

from __future__ import annotations

import pytest

from flambeau import ir
from flambeau.ir import ScalarType, TensorType
from flambeau.passes import specialize

LONG_1D = TensorType(ScalarType.Long, (4,), (1,), "cpu")
FLOAT_2D = TensorType(ScalarType.Float, (4, 4), (4, 1), "cpu")

HISTORY = """graph(%x : Tensor, %n : int, %k : int):
  %true : bool = prim::Constant[value=1]()
  %false : bool = prim::Constant[value=0]()
  %zero : int = prim::Constant[value=0]()
  %one : int = prim::Constant[value=1]()
  %rows : Tensor[] = prim::ListConstruct(FIRST)
  %others : Tensor[] = prim::ListConstruct()
  %r : Tensor = prim::Loop(%n, %true, %x)
    block0(%i : int, %c : Tensor):
      %best : Tensor, %where : Tensor = aten::max(%c, %zero, %false)
      %l : Tensor[] = aten::append(%rows, %where)
      %s : Tensor = aten::add(%c, %best, %one)
      %d : Tensor = aten::mm(%s, %x)
      WRITE
      -> (%true, %d)
  %count : int = aten::len(%rows)
  %last : int = prim::Loop(%count, %true, %k)
    block0(%j : int, %m : int):
      %row : Tensor = aten::__getitem__(%rows, %j)
      %v : Tensor = aten::select(%row, %zero, %m)
      %p : int = aten::Int(%v)
      READ
      -> (%true, %p)
  return (%r, %last, %others RETURN)
"""


def specialized(first: str = "", write: str = "", read: str = "", returned: str = "") -> str:
    text = HISTORY.replace("FIRST", first).replace("WRITE", write).replace("READ", read).replace("RETURN", returned)
    graph = ir.parse(text)
    specialize(graph, (FLOAT_2D, ir.INT, ir.INT))
    ir.verify(graph)
    return str(graph)


def test_history_is_kept_as_numbers() -> None:
    text = specialized()
    assert "aten::append[as_numbers=1](%rows, %where)" in text
    assert "prim::NumberAt[as_numbers=1](%row, %m)" in text
    assert 'into="aten::max.dim"' in text  # its memory is free at once


@pytest.mark.parametrize(
    "change",
    [
        {"first": "%x"},  # something else is in the list
        {"returned": ", %rows"},  # somebody else has the list
        {"read": "%o : Tensor[] = aten::append(%others, %row)"},  # a tensor is read
        {"write": "%o : Tensor[] = aten::append(%others, %where)"},  # a tensor is in two lists
        {"write": "%o : Tensor = aten::add_(%where, %one, %one)"},  # what is in the list changes
        {"write": "%o : Tensor[] = aten::append(%rows, %best)"},  # numbers of another dtype, to be rounded
        {"read": "%o : Tensor = aten::add_(%row, %one, %one)"},
    ],
)
def test_lists_of_which_tensors_are_needed(change: dict[str, str]) -> None:
    text = specialized(**change)
    assert "as_numbers" not in text
    assert 'into="aten::max.dim"' not in text
