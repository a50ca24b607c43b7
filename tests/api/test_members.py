"""What a module consists of, and copies of it."""

from __future__ import annotations

import copy
import time

import pytest

from flambeau import ir
from flambeau.api import Instance, Module, Object, deep_copy, modules_bottom_up, placeholder_module
from flambeau.errors import ObjectError
from flambeau.ir import UNSET, ClassType, Function, ScalarType, ScriptObject, Storage, TensorData
from tests.api.hand_made import method, module_type, pair, scale, scale_type


def tensor() -> TensorData:
    return TensorData(ScalarType.Float, (2,), (1,), Storage(8, bytearray(8)))


def test_members_of_one_module() -> None:
    weight, shift = tensor(), tensor()
    module = Module(scale(weight, shift))
    assert list(module.named_parameters()) == [("weight", weight)]
    assert list(module.named_buffers()) == [("shift", shift)]
    assert dict(module.named_attributes()) == {
        "weight": weight,
        "bias": None,
        "shift": shift,
        "training": True,
        "steps": 4,
        "sizes": [1, 2],
        "limit": None,
    }
    assert module.original_name == "Scale"
    assert [module.kind_of(n) for n in ("weight", "shift", "steps", "nothing")] == [
        "parameter",
        "buffer",
        "attribute",
        None,
    ]
    assert not list(module.children())


def test_members_of_submodules_are_named_by_path_and_shared_ones_come_once() -> None:
    shared = tensor()
    kind = scale_type()
    root = Module(pair(scale(shared, tensor(), kind), scale(shared, tensor(), kind)))
    assert [name for name, _ in root.named_parameters()] == ["first.weight"]
    assert [name for name, _ in root.named_buffers()] == ["first.shift", "second.shift"]
    assert [name for name, _ in root.named_modules()] == ["", "first", "second"]
    assert [name for name, _ in root.named_modules("net")] == ["net", "net.first", "net.second"]
    assert list(root.parameters(recurse=False)) == []

    child = scale(tensor(), tensor())
    twice = Module(pair(child, child))
    assert [name for name, _ in twice.named_modules()] == ["", "first"]
    assert [name for name, _ in twice.named_children()] == ["first"]
    assert list(twice.children()) == [Module(child)]


def test_the_training_flag_of_all_modules() -> None:
    root = Module(pair(scale(tensor(), tensor()), scale(tensor(), tensor())))
    assert root.is_training()
    assert root.eval() is root
    assert [m.is_training() for m in root.modules()] == [False] * 3
    root.train()
    assert all(m.is_training() for m in root.modules())
    assert not Module(ScriptObject(module_type("Frozen"))).is_training()


def test_apply_goes_from_the_bottom_up() -> None:
    leaf = ScriptObject(module_type("Leaf"))
    middle = ScriptObject(module_type("Middle", ("leaf", leaf.type)), [leaf])
    # The leaf comes after the module that shares it: it is still visited first.
    root = ScriptObject(module_type("Root", ("middle", middle.type), ("leaf", leaf.type)), [middle, leaf])
    visited: list[str] = []
    Module(root).apply(lambda m: visited.append(m.original_name))
    assert visited == ["Leaf", "Middle", "Root"]
    assert list(modules_bottom_up(root)) == [leaf, middle, root]


def test_a_chain_of_modules_deeper_than_the_stack() -> None:
    chain = ScriptObject(module_type("Link", ("weight", ir.TENSOR, "parameter")), [tensor()])
    for _ in range(5000):
        chain = ScriptObject(module_type("Link", ("inner", chain.type)), [chain])
    module = Module(chain)
    assert len(list(module.modules())) == 5001
    assert len(list(module.parameters())) == 1
    module.apply(lambda m: None)
    assert len(list(module.deepcopy().modules())) == 5001


def test_text_of_modules_that_share_stays_small() -> None:
    inner = ScriptObject(module_type("Inner"))
    for _ in range(40):  # two paths at each level: 2**40 if every path were followed
        inner = ScriptObject(module_type("Level", ("a", inner.type), ("b", inner.type)), [inner, inner])
    started = time.monotonic()
    assert Module(inner).dump_to_str().count("(shown above)") == 40
    assert time.monotonic() - started < 30  # a guard against not ending, not a measurement


# --- attributes


def test_attributes_by_name() -> None:
    module = Module(scale(tensor(), tensor()))
    assert module.getattr("steps") == 4
    assert module.getattr("kind") == "scale"
    assert module.getattr("limit") is None
    module.setattr("limit", 2)
    assert module.getattr("limit") == 2.0
    assert isinstance(module.getattr("limit"), float)
    assert module.hasattr("steps")
    assert not module.hasattr("kind")


def test_lists_are_copied_on_the_way_in_and_out() -> None:
    module = Module(scale(tensor(), tensor()))
    given = [3, 4]
    module.setattr("sizes", given)
    given.append(5)
    taken = module.getattr("sizes")
    assert taken == [3, 4]
    assert isinstance(taken, list)
    taken.append(6)
    assert module.getattr("sizes") == [3, 4]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("steps", "many", "Could not cast attribute 'steps' to type int: "),
        ("sizes", [1, "two"], r"Could not cast attribute 'sizes' to type List\[int\]: "),
        ("kind", "other", "Can't set constant 'kind' which has value:scale"),
        ("nothing", 1, "__torch__.Scale does not have an attribute with name 'nothing'"),
    ],
)
def test_assignments_that_are_refused(name: str, value: object, message: str) -> None:
    module = Module(scale(tensor(), tensor()))
    with pytest.raises(ObjectError, match=message) as raised:
        module.setattr(name, value)
    assert isinstance(raised.value, RuntimeError)


def test_reading_what_is_not_there() -> None:
    module = Module(scale(tensor(), tensor()))
    with pytest.raises(AttributeError, match="does not have a field with name 'nothing'"):
        module.getattr("nothing")
    module.script_object.slots[0] = UNSET
    with pytest.raises(AttributeError, match=r"'weight'.*never assigned"):
        module.getattr("weight")
    with pytest.raises(ObjectError, match=r"Method 'x' is not defined\."):
        module.get_method("x")
    assert module.find_method("x") is None


def test_only_objects_of_module_types_are_modules() -> None:
    with pytest.raises(ObjectError, match=r"__torch__\.Plain is not a module type"):
        Module(ScriptObject(ClassType("__torch__.Plain")))


# --- methods


def test_methods() -> None:
    module = Module(scale(tensor(), tensor()))
    assert module.method_names() == ["forward", "advance"]
    advance = module.get_method("advance")
    assert (advance.name, advance.qualified_name) == ("advance", "__torch__.Scale.advance")
    assert advance.owner == module
    assert str(advance.schema) == "advance(__torch__.Scale self, int n) -> int"
    assert "prim::SetAttr" in str(advance.graph)
    assert advance == module.get_method("advance")
    assert advance != module.get_method("forward")
    assert advance != Module(scale(tensor(), tensor(), module.type)).get_method("advance")


def test_a_method_changes_the_state_that_python_sees() -> None:
    module = Module(scale(tensor(), tensor()))
    assert module.get_method("advance")(3) == 7
    assert module.getattr("steps") == 7


def test_inlined_graph_is_a_copy_without_calls() -> None:
    root = Module(pair(scale(tensor(), tensor()), scale(tensor(), tensor())))
    assert "prim::CallMethod" not in str(root.inlined_graph)
    assert str(root.inlined_graph).count("aten::mul") == 2
    assert "prim::CallMethod" in str(root.graph)


def test_a_function_as_a_module() -> None:
    graph = ir.parse("graph(%x.1 : int):\n  %y : int = aten::neg(%x.1)\n  return (%y)\n")
    module = Module(placeholder_module(Function("__torch__.f", graph)))
    assert module.qualified_name == "__torch__.PlaceholderModule"
    assert module.is_training()
    assert str(module.forward.schema) == "forward(__torch__.PlaceholderModule self, int x) -> int"
    assert module(3) == -3
    assert "%self" not in str(graph)


# --- copies


def test_equality_is_that_of_the_objects() -> None:
    one, other = scale(tensor(), tensor()), scale(tensor(), tensor())
    assert Module(one) == Module(one)
    assert hash(Module(one)) == hash(Object(one))
    assert Module(one) != Module(other)


def test_shallow_copies_share_tensors_and_submodules() -> None:
    root = Module(pair(scale(tensor(), tensor()), scale(tensor(), tensor())))
    twin = copy.copy(root)
    assert twin != root
    assert twin.getattr("first") == root.getattr("first")
    twin.setattr("training", False)
    assert root.is_training()


def test_deep_copies_share_nothing_but_keep_sharing() -> None:
    storage = Storage(8, bytearray(8))
    views = [TensorData(ScalarType.Float, (1,), (1,), storage, offset) for offset in (0, 1)]
    child = scale(views[0], views[1])
    root = pair(child, child)
    twin = deep_copy(root)
    first, second = twin.get("first"), twin.get("second")
    assert first is second
    assert isinstance(first, ScriptObject)
    assert first is not child
    assert first.type is child.type
    weight, shift = first.get("weight"), first.get("shift")
    assert isinstance(weight, TensorData)
    assert isinstance(shift, TensorData)
    assert weight.storage is shift.storage is not storage
    assert first.get("sizes") == [1, 2]
    assert first.get("sizes") is not child.get("sizes")


def test_deep_copies_share_the_memo_of_what_they_are_part_of() -> None:
    module = Module(scale(tensor(), tensor()))
    twin, again, method = copy.deepcopy((module, Module(module.script_object), module.get_method("advance")))
    assert twin == again != module
    assert method.owner == twin


def test_a_long_chain_of_objects_is_copied() -> None:
    node = ClassType("__torch__.Node")
    node.add_attribute("next", ir.optional(node))
    node.add_attribute("value", ir.INT)
    head: ScriptObject | None = None
    for value in range(20_000):
        head = ScriptObject(node, [head, value])
    assert head is not None
    found, count = deep_copy(head), 0
    while isinstance(found, ScriptObject):
        count += 1
        found = found.get("next")  # type: ignore[assignment]
    assert count == 20_000


# --- objects of classes


def counter_type() -> ClassType:
    made = ClassType("__torch__.Counter")
    made.add_attribute("total", ir.INT)
    method(
        made,
        """graph(%self : __torch__.Counter, %n.1 : int):
  %total : int = prim::GetAttr[name="total"](%self)
  %sum : int = aten::add(%total, %n.1)
  return (%sum)
""",
        "__add__",
    )
    method(
        made,
        """graph(%self : __torch__.Counter):
  %total : int = prim::GetAttr[name="total"](%self)
  return (%total)
""",
        "__len__",
    )
    return made


def test_instances_behave_like_objects_of_their_class() -> None:
    counter = Instance(ScriptObject(counter_type(), [3]))
    assert counter.total == 3
    counter.total = 4
    assert counter + 5 == 9  # type: ignore[operator]
    assert len(counter) == 4  # type: ignore[arg-type]
    assert counter
    counter.total = 0
    assert not counter
    assert repr(counter) == str(counter) == "<__torch__.Counter object>"
    assert "total" in dir(counter)
    with pytest.raises(TypeError):
        counter - 1  # type: ignore[operator]
    with pytest.raises(TypeError, match="__getitem__"):
        counter[0]  # type: ignore[index]
    with pytest.raises(AttributeError, match="nothing"):
        _ = counter.nothing
    with pytest.raises(ObjectError, match="Could not cast attribute 'total' to type int"):
        counter.total = "x"


def test_instances_compare_by_identity_where_the_class_does_not_say() -> None:
    obj = ScriptObject(counter_type(), [3])
    assert Instance(obj) == Instance(obj)
    assert Instance(obj) != Instance(ScriptObject(obj.type, [3]))
    twin = copy.deepcopy(Instance(obj))
    assert twin != Instance(obj)
    assert twin.total == 3
