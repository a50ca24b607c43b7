"""Modules built without a compiler: types, slots and graphs put together by hand."""

from __future__ import annotations

from flambeau import ir
from flambeau.ir import AttributeKind, ClassType, Function, ScriptObject, Type


def module_type(name: str, *attributes: tuple[str, Type] | tuple[str, Type, AttributeKind]) -> ClassType:
    """A module type with these attributes."""
    made = ClassType(f"__torch__.{name}", is_module=True)
    for attribute in attributes:
        made.add_attribute(*attribute)
    return made


def method(owner: ClassType, text: str, name: str = "forward") -> Function:
    """A method with a graph given as text, in which `__torch__.X` stands for the owner or a type that it contains."""
    known = {t.qualified_name: t for t in (owner, *(a.type for a in owner.attributes)) if isinstance(t, ClassType)}
    function = Function(f"{owner.qualified_name}.{name}", ir.parse(text, known.get))
    owner.add_method(name, function)
    return function


def scale_type() -> ClassType:
    """x * weight + shift, with a flag, a list, and an optional parameter that is absent."""
    made = module_type(
        "Scale",
        ("weight", ir.TENSOR, "parameter"),
        ("bias", ir.NONE, "parameter"),
        ("shift", ir.TENSOR, "buffer"),
        ("training", ir.BOOL),
        ("steps", ir.INT),
        ("sizes", ir.ListType(ir.INT)),
        ("limit", ir.OptionalType(ir.FLOAT)),
    )
    made.constants["kind"] = "scale"
    method(
        made,
        """graph(%self : __torch__.Scale, %x.1 : Tensor):
  %one : int = prim::Constant[value=1]()
  %weight : Tensor = prim::GetAttr[name="weight"](%self)
  %shift : Tensor = prim::GetAttr[name="shift"](%self)
  %p : Tensor = aten::mul(%x.1, %weight)
  %s : Tensor = aten::add(%p, %shift, %one)
  return (%s)
""",
    )
    method(
        made,
        """graph(%self : __torch__.Scale, %n.1 : int):
  %steps : int = prim::GetAttr[name="steps"](%self)
  %sum : int = aten::add(%steps, %n.1)
   = prim::SetAttr[name="steps"](%self, %sum)
  return (%sum)
""",
        "advance",
    )
    return made


def scale(weight: object, shift: object, made: ClassType | None = None) -> ScriptObject:
    return ScriptObject(made or scale_type(), [weight, None, shift, True, 4, [1, 2], None])


def pair_type(child: ClassType) -> ClassType:
    """Two submodules, one after the other."""
    made = module_type("Pair", ("training", ir.BOOL), ("first", child), ("second", child))
    method(
        made,
        """graph(%self : __torch__.Pair, %x.1 : Tensor):
  %first : __torch__.Scale = prim::GetAttr[name="first"](%self)
  %second : __torch__.Scale = prim::GetAttr[name="second"](%self)
  %y : Tensor = prim::CallMethod[name="forward"](%first, %x.1)
  %z : Tensor = prim::CallMethod[name="forward"](%second, %y)
  return (%z)
""",
    )
    return made


def pair(first: ScriptObject, second: ScriptObject) -> ScriptObject:
    return ScriptObject(pair_type(first.type), [True, first, second])
