"""Lists and dicts scripted by themselves."""

from __future__ import annotations

from functools import partial
from typing import Any

from flambeau import ir
from flambeau.errors import ObjectError, ScriptError
from flambeau.ir import Type
from flambeau.python.types.type_inference import NotInferred, infer_type
from flambeau.runtime import ScriptDict, ScriptList, from_python, to_python

__all__ = ["script_container"]


class ItemTypeError(ObjectError, TypeError):
    """An item does not fit the type of a scripted list or dict."""


def script_container(value: list[Any] | dict[Any, Any]) -> ScriptList | ScriptDict:
    """A container that scripts change in place, with the contents of a Python one; its type is that of the contents.

    ScriptError if they have none in common. What is empty is for tensors, by strings in a dict.
    """
    inferred = infer_type(value) if value else _EMPTY[isinstance(value, dict)]
    if isinstance(inferred, NotInferred):
        raise ScriptError(f"Unable to infer type of {type(value).__name__}: {inferred.reason}")
    if isinstance(value, dict) and isinstance(inferred, ir.DictType):
        types = (inferred.key, inferred.value)
        inward, outward = ((_inward(types[0]), _inward(types[1])), (_outward(types[0]), _outward(types[1])))
        return ScriptDict(inferred, value, inward, outward)
    if isinstance(value, list) and isinstance(inferred, ir.ListType):
        return ScriptList(inferred, value, _inward(inferred.element), _outward(inferred.element))
    raise ScriptError(f"a {type(value).__name__} cannot be scripted by itself")


_EMPTY: tuple[Type, Type] = (ir.ListType(ir.TENSOR), ir.DictType(ir.STRING, ir.TENSOR))


def _item(value: object, type: Type) -> object:
    try:
        return from_python(value, type)
    except TypeError as error:
        raise ItemTypeError(str(error)) from None


def _inward(type: Type) -> Any:
    return partial(_item, type=type)


def _outward(type: Type) -> Any:
    return partial(to_python, type=type)
