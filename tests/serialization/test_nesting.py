"""Values in values, and modules in modules: as deep as PyTorch takes them, and no deeper than the limits allow."""

from __future__ import annotations

import copy
import io
import struct
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import flambeau
from flambeau import ir
from flambeau.errors import ArchiveError, ExecutionError
from flambeau.serialization import Limits
from tests.serialization.old_archives import Identity, archive_of, records_of

pytestmark = pytest.mark.filterwarnings("ignore")

X = torch.ones(2)
MODULES = 1000
LISTS = 3000
HEAD = "class {name}(Module):\n  __parameters__ = []\n  __buffers__ = []\n{attributes}"
FORWARD = "  def forward(self: __torch__.deep.{name},\n    x: Tensor) -> Tensor:\n    return {result}\n"
LIST = b"ctorch.jit._pickle\nrestore_type_tag\n]("


def load(data: bytes, limits: Limits | None = None) -> flambeau.ScriptModule:
    return flambeau.load(io.BytesIO(data), limits=limits or Limits())


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def archive(code: str, pickled: bytes) -> bytes:
    records = records_of(flambeau.script(Identity()).save_to_buffer())
    records["code/__torch__/deep.py"] = code.encode()
    records["data.pkl"] = b"\x80\x02" + pickled + b"."
    return archive_of(records)


def with_value(type: str, value: bytes, more: str = "") -> bytes:
    """An archive of a module whose attribute `a` has this type and this value."""
    root = HEAD.format(name="R", attributes=f"  a : {type}\n") + FORWARD.format(name="R", result="x")
    return archive(more + root, b"c__torch__.deep\nR\n)\x81}(" + text("a") + value + b"ub")


def nested_modules(depth: int, inner_call: str = "x") -> bytes:
    """Each of a class of its own, which must be known to define the one before."""
    code, objects = [], []
    for i in range(depth):
        last = i == depth - 1
        code.append(HEAD.format(name=f"C{i}", attributes="" if last else f"  inner : __torch__.deep.C{i + 1}\n"))
        code.append(FORWARD.format(name=f"C{i}", result="x" if last else inner_call))
        objects.append(f"c__torch__.deep\nC{i}\n)\x81}}(".encode("latin-1") + (b"" if last else text("inner")))
    return archive("".join(code), b"".join(objects) + b"ub" * depth)


def nested_lists(depth: int) -> bytes:
    return with_value("Any", LIST * depth + (b"e" + text("List[Any]") + b"\x86R") * depth)


def nested_tuples(depth: int) -> bytes:
    return with_value("Any", b"K\1" + b"\x85" * depth)


def nested_dicts(depth: int) -> bytes:
    before = b"ctorch.jit._pickle\nrestore_type_tag\n}(" + text("k")
    return with_value("Any", before * depth + b"K\1" + (b"u" + text("Dict[str, Any]") + b"\x86R") * depth)


def linked_objects(depth: int) -> bytes:
    node = b"c__torch__.deep\nN\n)\x81}(" + text("next")
    return with_value("Any", node * depth + b"N" + b"ub" * depth, "class N:\n  next : Any\n")


VALUES: dict[str, Callable[[int], bytes]] = {
    "lists": nested_lists,
    "tuples": nested_tuples,
    "dicts": nested_dicts,
    "objects": linked_objects,
}


def depth_of(value: Any) -> int:
    depth = 0
    while isinstance(value, (list, tuple, dict, ir.ScriptObject)) and value:
        if isinstance(value, ir.ScriptObject):
            value = value.slots
        (value,) = value.values() if isinstance(value, dict) else value
        depth += 1
    return depth


def held(module: flambeau.ScriptModule) -> object:
    """The attribute as the program has it."""
    script_object = module._c.script_object
    return script_object.slots[script_object.type.find_slot("a") or 0]


def loaded_by_pytorch(data: bytes) -> Any:
    """The module as C++ has it; PyTorch's Python wrappers of modules recurse."""
    return torch._C.import_ir_module_from_buffer(torch._C.CompilationUnit(), data, None, {}, False)  # type: ignore[attr-defined]


# --- modules


def test_a_thousand_nested_modules() -> None:
    module = load(nested_modules(MODULES))
    assert torch.equal(module(X), X)
    data = module.save_to_buffer()
    again = load(data)
    assert again.save_to_buffer() == data
    inner, count = again._c.script_object, 1
    while inner.type.attributes:
        (inner,) = inner.slots  # type: ignore[assignment]  # a module
        count += 1
    assert count == MODULES
    assert torch.equal(copy.deepcopy(again)(X), X)


@pytest.mark.parametrize("depth", [200, pytest.param(MODULES, marks=pytest.mark.slow)])
def test_nested_modules_that_pytorch_reads_and_writes(depth: int) -> None:
    """The time that this takes is PyTorch's, and grows with the square of the depth."""
    theirs = loaded_by_pytorch(load(nested_modules(depth)).save_to_buffer())
    assert torch.equal(theirs._get_method("forward")(X), X)
    assert torch.equal(load(theirs.save_to_buffer({}))(X), X)


def test_code_that_calls_through_nested_modules() -> None:
    module = load(nested_modules(200, "(self.inner).forward(torch.add(x, 1), )"))
    assert torch.equal(module(X), X + 199)
    assert torch.equal(load(module.save_to_buffer())(X), X + 199)


def test_summaries_of_nested_modules() -> None:
    data = nested_modules(MODULES)
    assert len([c for c in flambeau.inspect(data).classes if c.name.startswith("__torch__.deep.")]) == MODULES
    assert flambeau.validate(data) == ()


# --- values


@pytest.mark.parametrize("kind", VALUES)
def test_deep_values_both_ways(kind: str) -> None:
    original = VALUES[kind](LISTS)
    module = load(original)
    depth = depth_of(held(module))
    assert depth == (LISTS - 1 if kind == "lists" else LISTS)  # the innermost list is empty
    data = module.save_to_buffer()
    again = load(data)
    assert depth_of(held(again)) == depth
    assert again.save_to_buffer() == data
    assert flambeau.validate(data) == ()
    theirs = io.BytesIO()
    torch.jit.save(torch.jit.load(io.BytesIO(data)), theirs)
    assert depth_of(held(load(theirs.getvalue()))) == depth
    assert depth_of(held(copy.deepcopy(module))) == depth
    if kind != "objects":
        assert depth_of(module.a) == depth


@pytest.mark.parametrize("kind", VALUES)
def test_too_deep(kind: str) -> None:
    with pytest.raises(ArchiveError, match="nests values more than the allowed 10000 deep"):
        load(VALUES[kind](100_000))
    assert load(VALUES[kind](50), Limits(nesting=200)) is not None
    with pytest.raises(ArchiveError, match="nests values more than the allowed 30 deep"):
        load(VALUES[kind](50), Limits(nesting=30))


def test_types_are_nested_less_deep_than_values() -> None:
    def typed(depth: int) -> bytes:
        return with_value("List[" * depth + "int" + "]" * depth, LIST + b"e" + text("List[int]") + b"\x86R")

    assert load(typed(90)).a == []
    for depth in (150, 1000, 100_000):
        with pytest.raises(ArchiveError, match="nested"):
            load(typed(depth))


# --- values that many others refer to


def doubled(times: int, before: bytes, after: bytes, innermost: bytes) -> bytes:
    value = innermost
    for i in range(times):
        value = before + value + b"q%ch%c" % (i, i) + after
    return value


def test_shared_lists_are_checked_once() -> None:
    """Two to the power of sixty lists for who follows every reference."""
    type = "List[" * 61 + "int" + "]" * 61
    module = load(with_value(type, doubled(60, b"](", b"e", b"]")))
    value: Any = held(module)
    for _ in range(60):
        assert value[0] is value[1]
        value = value[0]
    wrong = with_value(type.replace("int", "List[int]", 1), doubled(60, b"](", b"e", b"](K\1e"))
    with pytest.raises(ArchiveError, match=r"a value of type int stands where 'List\[int\]' is declared"):
        load(wrong)


def test_a_shared_list_as_two_types() -> None:
    """The list is one of ints where it is declared so, whatever else it was taken for."""
    node = "class N:\n  a : List[Any]\n  b : List[int]\n"
    pickled = b"c__torch__.deep\nN\n)\x81}(" + text("a") + b"](" + text("s") + b"eq\x60" + text("b") + b"h\x60ub"
    with pytest.raises(ArchiveError, match="a value of type str stands where 'int' is declared"):
        load(with_value("__torch__.deep.N", pickled, node))


def test_objects_do_not_share_attributes() -> None:
    node = "class N:\n  n : int\n"
    pickled = b"](c__torch__.deep\nN\n)\x81}(" + text("n") + b"K\1uq\x60bc__torch__.deep\nN\n)\x81h\x60be"
    with pytest.raises(ArchiveError, match=r"the attributes of a '__torch__\.deep\.N' are those of another object"):
        load(with_value("List[__torch__.deep.N]", pickled, node))


def test_long_lists_are_looked_through_once() -> None:
    numbers = b"](" + b"K\1" * 50_000 + b"eq\x60"
    function = b"ctorch.jit._pickle\nbuild_intlist\nq\x61"
    value = b"](" + function + numbers + b"\x85R" + b"h\x61h\x60\x85R" * 20_000 + b"e"
    lists: Any = held(load(with_value("List[List[int]]", value)))
    assert len(lists) == 20_001
    assert all(item is lists[0] for item in lists)


def test_what_contains_itself_is_not_given_to_python() -> None:
    class Holder(nn.Module):
        def forward(self, x: Tensor) -> Any:
            return self.circle(x)

        @torch.jit.export
        def circle(self, x: Tensor) -> list[Any]:
            found: list[Any] = [x]
            found.append(found)
            return found

    with pytest.raises(ExecutionError, match="contains itself"):
        flambeau.script(Holder()).circle(X)
