"""Types that attributes need because of what methods assign to them.

    self.cache = None           in `__init__`: the slot would hold nothing but None
    self.cache = x              in `forward`: a slot for an Optional Tensor is needed

The slots of a module are laid out before its methods are compiled. A method that assigns something else fails, but
leaves a request here; `ModuleTree` then starts over with slots that have the types asked for.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

from flambeau import ir
from flambeau.frontend import wider_type
from flambeau.ir import Type

if TYPE_CHECKING:
    from flambeau.frontend import Emitter
    from flambeau.python.modules.module_types import ModuleDescription

Requests: TypeAlias = "Mapping[tuple[type, str], Type]"

_requests: dict[tuple[type, str], Type] = {}


def request_attribute(emitter: Emitter, description: ModuleDescription, name: str, given: Type) -> None:
    """Ask for an attribute that can be assigned a value of a type."""
    if emitter.infers and _may_be_changed(description, name):
        wanted = _wanted(description, name, ir.unshaped(given))
        if wanted is not None:
            _requests[description.python_class, name] = wanted


def request_contents(description: ModuleDescription, name: str, wanted: Type) -> None:
    """Ask for an attribute of a type in place of the empty list or dict that it is."""
    _requests[description.python_class, name] = wanted


def forget_requests() -> None:
    """Begin anew: what was asked for before is of no interest."""
    _requests.clear()


def granted(former: Requests) -> Requests | None:
    """What was asked for since this was called last, together with what was before; None if nothing new was."""
    asked = {**former, **_requests}
    _requests.clear()
    return None if asked == former else asked


def _may_be_changed(description: ModuleDescription, name: str) -> bool:
    d = description
    if name in d.submodules or name in d.constants or name in d.ignored:
        return False
    if any(name in inspect.get_annotations(cls) for cls in d.python_class.__mro__):
        return False
    member = inspect.getattr_static(d.python_class, name, None)
    return not (inspect.isfunction(member) or isinstance(member, property))


def _wanted(description: ModuleDescription, name: str, given: Type) -> Type | None:
    """The type that a slot should have; None if there is none that does."""
    if name in description.late:
        return wider_type(description.late[name], given)
    entry = description.attributes.get(name)
    if entry is None:
        return None if given is ir.NONE and not hasattr(description.python_class, name) else given
    return wider_type(entry.type, given)
