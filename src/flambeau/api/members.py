"""What a module consists of, read off its type and slots: submodules, parameters, buffers, attributes.

Walks are depth first in the order of declaration, as those of `torch.nn.Module` are, name each thing by the first path
to it, and visit each module once however many others share it. A module's type alone does not say which attributes hold
modules (an attribute of an interface type does, and an Optional one may), so it is the values that are asked.
"""

from __future__ import annotations

from collections.abc import Iterator

from flambeau.ir import UNSET, AttributeKind, ClassAttribute, ScriptObject, is_tensor

__all__ = ["modules_bottom_up", "named_members", "named_slots", "named_submodules", "walk_modules"]


def named_slots(owner: ScriptObject) -> Iterator[tuple[ClassAttribute, object]]:
    """The attributes of one object that are set, with their values."""
    for attribute, value in zip(owner.type.attributes, owner.slots, strict=False):
        if value is not UNSET:
            yield attribute, value


def named_submodules(owner: ScriptObject) -> Iterator[tuple[str, ScriptObject]]:
    """The direct submodules; one that has two names comes twice."""
    for attribute, value in named_slots(owner):
        if isinstance(value, ScriptObject) and value.type.is_module:
            yield attribute.name, value


def walk_modules(root: ScriptObject, prefix: str = "") -> Iterator[tuple[str, ScriptObject]]:
    """A module and all below it, with their dotted paths; the root's is `prefix`."""
    seen = {root}
    yield prefix, root
    stack = [(prefix, named_submodules(root))]
    while stack:
        path, children = stack[-1]
        found = next(children, None)
        if found is None:
            stack.pop()
            continue
        name, child = found
        if child in seen:
            continue
        seen.add(child)
        child_path = f"{path}.{name}" if path else name
        yield child_path, child
        stack.append((child_path, named_submodules(child)))


def modules_bottom_up(root: ScriptObject) -> Iterator[ScriptObject]:
    """A module and all below it, each after its own submodules."""
    seen = {root}
    stack = [(root, named_submodules(root))]
    while stack:
        module, children = stack[-1]
        found = next(children, None)
        if found is None:
            stack.pop()
            yield module
        elif found[1] not in seen:
            seen.add(found[1])
            stack.append((found[1], named_submodules(found[1])))


def named_members(root: ScriptObject, kind: AttributeKind, recurse: bool = True) -> Iterator[tuple[str, object]]:
    """The parameters or buffers of a module (and of all below it), each tensor once, without those that are None."""
    seen: set[int] = set()
    for path, module in walk_modules(root) if recurse else [("", root)]:
        for attribute, value in named_slots(module):
            if attribute.kind == kind and is_tensor(value) and id(value) not in seen:
                seen.add(id(value))
                yield f"{path}.{attribute.name}" if path else attribute.name, value
