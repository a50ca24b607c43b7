"""Scripted modules as `torch.nn.Module`s. The modules are built by hand, so that nothing but the wrapper is at work."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import flambeau
from flambeau import ir
from flambeau.errors import ObjectError, ScriptError, UnsupportedError
from flambeau.ir import ScriptObject
from flambeau.python import ScriptModule
from flambeau.python.modules.script_module import wrap_module
from tests.api.hand_made import method, module_type, pair, scale, scale_type


class Scale(nn.Module):
    """The eager twin of the hand-made type."""

    shift: Tensor

    def __init__(self, weight: Tensor, shift: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)
        self.register_parameter("bias", None)
        self.register_buffer("shift", shift)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight + self.shift


class Pair(nn.Module):
    def __init__(self, first: Scale, second: Scale) -> None:
        super().__init__()
        self.first = first
        self.second = second

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.second(self.first(x))
        return result


def tensors() -> list[Tensor]:
    return [torch.randn(3) for _ in range(4)]


def scripted_scale() -> ScriptModule:
    return wrap_module(scale(nn.Parameter(torch.randn(3)), torch.randn(3)))


def twins() -> tuple[ScriptModule, Pair]:
    """A hand-made module, and an eager one of the same structure and values."""
    a, b, c, d = tensors()
    kind = scale_type()
    root = pair(scale(nn.Parameter(a), b, kind), scale(nn.Parameter(c), d, kind))
    return wrap_module(root), Pair(Scale(a.clone(), b.clone()), Scale(c.clone(), d.clone()))


X = torch.tensor([1.0, -2.0, 3.0])


def assert_same_state(scripted: ScriptModule, eager: nn.Module) -> None:
    mine, theirs = scripted.state_dict(), eager.state_dict()
    assert list(mine) == list(theirs)
    for name in mine:
        torch.testing.assert_close(mine[name], theirs[name], rtol=0, atol=0)


# --- parity with an eager module of the same structure


def test_it_looks_like_the_eager_module() -> None:
    scripted, eager = twins()
    assert isinstance(scripted, nn.Module)
    for walk in ("named_parameters", "named_buffers", "named_modules", "named_children"):
        mine, theirs = getattr(scripted, walk)(), getattr(eager, walk)()
        assert [name for name, _ in mine] == [name for name, _ in theirs], walk
    assert_same_state(scripted, eager)
    assert torch.equal(scripted(X), eager(X))
    assert all(isinstance(p, nn.Parameter) for p in scripted.parameters())


MOVES: dict[str, Callable[[nn.Module], object]] = {
    "double": lambda m: m.double(),
    "half": lambda m: m.half(),
    "bfloat16": lambda m: m.bfloat16(),
    "to dtype": lambda m: m.to(torch.float64),
    "to tensor": lambda m: m.to(torch.zeros(1, dtype=torch.float64)),
    "type": lambda m: m.type(torch.float64),
    "to meta and empty": lambda m: nn.init.zeros_(m.to("meta").to_empty(device="cpu").first.shift),
    "requires_grad_": lambda m: m.requires_grad_(False),
    "eval": lambda m: m.eval(),
    "load_state_dict": lambda m: m.load_state_dict({k: v + 1 for k, v in m.state_dict().items()}),
    "load_state_dict, assign": lambda m: m.load_state_dict({k: v + 1 for k, v in m.state_dict().items()}, assign=True),
    "initialisation": lambda m: nn.init.ones_(m.second.weight),
    "share_memory": lambda m: m.share_memory(),
}


@pytest.mark.parametrize("move", MOVES)
def test_it_changes_as_the_eager_module_does(move: str) -> None:
    scripted, eager = twins()
    MOVES[move](scripted)
    MOVES[move](eager)
    if move != "to meta and empty":
        assert_same_state(scripted, eager)
    for (name, mine), (_, theirs) in zip(scripted.named_parameters(), eager.named_parameters(), strict=True):
        assert (mine.dtype, mine.device, mine.requires_grad) == (theirs.dtype, theirs.device, theirs.requires_grad)
        assert mine.is_leaf, name
    assert [m.training for m in scripted.modules()] == [m.training for m in eager.modules()]
    # The slots, which running code reads, are what changed.
    first = scripted._c.script_object.get("first")
    assert isinstance(first, ScriptObject)
    assert first.get("weight") is scripted.first.weight
    assert first.get("training") == scripted.first.training


def test_gradients_and_optimizers() -> None:
    scripted, eager = twins()
    for module in (scripted, eager):
        optimizer = torch.optim.Adam(module.parameters(), lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            module(X).square().sum().backward()
            torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
            optimizer.step()
    assert_same_state(scripted, eager)
    scripted.zero_grad()
    assert all(p.grad is None for p in scripted.parameters())


def test_functional_call() -> None:
    scripted, eager = twins()
    before = scripted(X)
    replaced = {"first.weight": torch.full((3,), 2.0), "second.shift": torch.zeros(3)}
    expected = torch.func.functional_call(eager, replaced, (X,))
    assert torch.equal(torch.func.functional_call(scripted, replaced, (X,)), expected)
    assert torch.equal(scripted(X), before)

    def loss(parameters: dict[str, Tensor]) -> Tensor:
        result: Tensor = torch.func.functional_call(scripted, parameters, (X,)).sum()
        return result

    gradients = torch.func.grad(loss)(dict(scripted.named_parameters()))
    eager(X).sum().backward()
    for name, parameter in eager.named_parameters():
        torch.testing.assert_close(gradients[name], parameter.grad)


def test_parameters_to_vector_and_back() -> None:
    scripted, eager = twins()
    vector = torch.nn.utils.parameters_to_vector(eager.parameters()) * 2
    torch.nn.utils.vector_to_parameters(vector, scripted.parameters())
    torch.nn.utils.vector_to_parameters(vector, eager.parameters())
    assert_same_state(scripted, eager)


def test_strict_loading_reports_keys() -> None:
    scripted, _ = twins()
    with pytest.raises(RuntimeError, match=r"(?s)Missing key.*first\.shift.*Unexpected key.*other"):
        scripted.load_state_dict({"first.weight": X, "other": X})
    with pytest.raises(RuntimeError, match=r"size mismatch for first\.weight"):
        scripted.load_state_dict({"first.weight": torch.zeros(4)}, strict=False)


def test_paths_to_members() -> None:
    scripted, _ = twins()
    assert scripted.get_submodule("first") is scripted.first
    assert scripted.get_parameter("second.weight") is scripted.second.weight
    assert scripted.get_buffer("first.shift") is scripted.first.shift


def test_apply_and_training_mode() -> None:
    scripted, _ = twins()
    visited: list[nn.Module] = []
    assert scripted.apply(visited.append) is scripted
    assert visited == [scripted.first, scripted.second, scripted]
    assert scripted.eval() is scripted
    assert [m.training for m in scripted.modules()] == [False] * 3
    scripted.first.train()
    assert [m.training for m in scripted.modules()] == [False, True, False]
    scripted.training = True
    assert scripted._c.is_training()


def test_a_module_without_a_training_flag_is_not_in_training() -> None:
    frozen = wrap_module(ScriptObject(module_type("Frozen")))
    assert frozen.training is False
    frozen.train()
    assert frozen.training is True


# --- one place for the state


def test_state_is_seen_from_both_sides() -> None:
    kind = scale_type()
    obj = scale(nn.Parameter(torch.ones(3)), torch.zeros(3), kind)
    module = wrap_module(obj)
    module.advance(2)
    assert module.steps == 6
    module.steps = 10
    assert module.advance(1) == 11
    fresh = nn.Parameter(torch.full((3,), 2.0))
    obj.set("weight", fresh)
    assert module.weight is fresh
    assert list(module.parameters()) == [fresh]
    assert module(X).tolist() == (2 * X).tolist()
    replacement = nn.Parameter(torch.zeros(3))
    module.weight = replacement
    assert obj.get("weight") is replacement


def test_shared_submodules_are_one_object() -> None:
    child = scale(nn.Parameter(torch.ones(3)), torch.zeros(3))
    scripted = wrap_module(pair(child, child))
    assert scripted.first is scripted.second
    assert [name for name, _ in scripted.named_modules()] == ["", "first"]
    assert len(list(scripted.parameters())) == 1
    assert wrap_module(child) is scripted.first


def test_what_python_puts_on_a_submodule_stays_there() -> None:
    scripted, _ = twins()
    scripted.first.note = "mine"
    gc.collect()
    assert scripted.first.note == "mine"
    del scripted.first.note
    assert not hasattr(scripted.first, "note")


def test_wrappers_do_not_outlive_their_users() -> None:
    scripted, _ = twins()
    scripted(X)
    watched = [weakref.ref(scripted), weakref.ref(scripted.first)]
    del scripted
    gc.collect()
    assert [reference() for reference in watched] == [None, None]


def test_lists_are_copies() -> None:
    module = scripted_scale()
    assert module.sizes == [1, 2]
    module.sizes.append(3)
    assert module.sizes == [1, 2]
    module.sizes = [4]
    assert module.sizes == [4]


# --- attributes


def test_a_submodule_is_replaced_by_one_of_its_type_only() -> None:
    scripted, _ = twins()
    other = wrap_module(scale(nn.Parameter(torch.ones(3)), torch.zeros(3), scripted.first._c.type))
    scripted.first = other
    assert scripted.first is other
    with pytest.raises(ObjectError, match="with non-scripted module, tried to replace existing module 'first': Linear"):
        scripted.first = nn.Linear(1, 1)
    with pytest.raises(ObjectError, match=r"Expected a value of type '__torch__\.Scale' for field 'first', but found"):
        scripted.first = wrap_module(ScriptObject(module_type("Other")))
    assert scripted.first is other


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: setattr(m, "added", nn.Parameter(X)), "Can't add a new parameter after ScriptModule construction"),
        (lambda m: m.register_buffer("added", X), "Can't add a new parameter after ScriptModule construction"),
        (lambda m: m.register_parameter("added", nn.Parameter(X)), "Can't add a new parameter"),
        (lambda m: setattr(m, "added", nn.ReLU()), "non-scripted module"),
        (lambda m: delattr(m, "weight"), "cannot delete methods or parameters of a script module"),
        (lambda m: delattr(m, "advance"), "cannot delete methods or parameters of a script module"),
        (lambda m: m._parameters.pop("weight"), "cannot delete methods or parameters of a script module"),
        (lambda m: setattr(m, "steps", "x"), "Could not cast attribute 'steps' to type int: "),
        (lambda m: setattr(m, "weight", None), "Could not cast attribute 'weight' to type Tensor: "),
        (lambda m: setattr(m, "shift", None), "Could not cast attribute 'shift' to type Tensor: "),
        (lambda m: setattr(m, "weight", 3), "Could not cast attribute 'weight' to type Tensor: "),
        (lambda m: setattr(m, "kind", 3), "Can't set constant 'kind' which has value:scale"),
    ],
)
def test_changes_that_are_refused(change: Callable[[ScriptModule], object], message: str) -> None:
    module = scripted_scale()
    state = copy.copy(module.state_dict())
    with pytest.raises(ObjectError, match=message) as raised:
        change(module)
    assert isinstance(raised.value, RuntimeError)
    assert list(module.state_dict()) == list(state)


def test_reading_attributes() -> None:
    module = scripted_scale()
    assert (module.kind, module.limit, module.bias, module.steps) == ("scale", None, None, 4)
    assert module.advance is module.advance
    assert module.original_name == "Scale"
    with pytest.raises(AttributeError, match="'ScriptModule' object has no attribute 'nothing'"):
        _ = module.nothing
    assert {"weight", "shift", "steps", "advance", "kind", "parameters"} <= set(dir(module))


def test_without_init() -> None:
    blank = ScriptModule.__new__(ScriptModule)
    with pytest.raises(RuntimeError, match="has not been initialized"):
        _ = blank.weight


def test_repr() -> None:
    scripted, _ = twins()
    assert repr(scripted) == (
        "ScriptModule(\n"
        "  original_name=Pair\n"
        "  (first): ScriptModule(original_name=Scale)\n"
        "  (second): ScriptModule(original_name=Scale)\n"
        ")"
    )


# --- copies


def test_copies() -> None:
    scripted, eager = twins()
    shallow = copy.copy(scripted)
    assert shallow is not scripted
    assert shallow.first is scripted.first

    deep = copy.deepcopy(scripted)
    assert deep.first is not scripted.first
    assert isinstance(deep.first.weight, nn.Parameter)
    assert deep.first.weight.requires_grad
    nn.init.zeros_(deep.first.weight)
    assert_same_state(scripted, eager)
    assert type(deep) is ScriptModule
    assert deep._c.type is scripted._c.type


def test_deep_copies_keep_tied_tensors_tied() -> None:
    weight, whole = nn.Parameter(torch.ones(3)), torch.zeros(6)
    kind = scale_type()
    scripted = wrap_module(pair(scale(weight, whole[:3], kind), scale(weight, whole[2:5], kind)))
    twin, parameter, buffer = copy.deepcopy((scripted, weight, whole))
    assert twin.first.weight is twin.second.weight is parameter
    buffer[2] = 5
    assert (twin.first.shift[2], twin.second.shift[0]) == (5, 5)
    assert whole[2] == 0


@pytest.mark.parametrize("convert", [Tensor.to_sparse, Tensor.to_sparse_csr, Tensor.to_mkldnn])
def test_deep_copies_of_tensors_without_plain_memory(convert: Callable[[Tensor], Tensor]) -> None:
    class Holder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one = convert(torch.eye(3))
            self.other = self.one

        def forward(self, x: Tensor) -> Tensor:
            return x

    original = flambeau.script(Holder())
    twin = copy.deepcopy(original)
    assert torch.equal(twin.one.to_dense(), torch.eye(3))
    assert twin.one is twin.other
    assert twin.one is not original.one


def test_deep_copy_of_a_tensor_with_history() -> None:
    module = scripted_scale()
    module.shift = module(X)
    twin = copy.deepcopy(module)
    assert torch.equal(twin.shift, module.shift)
    assert twin.shift.is_leaf


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickling_is_refused(protocol: int) -> None:
    with pytest.raises(RuntimeError, match=r"Tried to serialize object __torch__\.Scale which does not have") as raised:
        pickle.dumps(scripted_scale(), protocol)
    assert isinstance(raised.value, pickle.PickleError)


# --- calls


def test_hooks_of_python() -> None:
    scripted, eager = twins()
    seen: list[str] = []
    for module in (scripted, eager):
        module.register_forward_pre_hook(lambda m, args: (args[0] + 1,))
        handle = module.register_forward_hook(lambda m, args, result: result * 2)
        module.first.register_forward_hook(lambda m, args, result: seen.append("first"))
        module.register_full_backward_hook(lambda m, grads, outs: seen.append("backward"))
    assert torch.equal(scripted(X), eager(X))
    # A script calls its submodules itself: hooks that Python put on those do not run.
    assert seen == ["first"]
    handle.remove()
    scripted(X.clone().requires_grad_()).sum().backward()
    assert "backward" in seen


def test_hooks_of_the_type_run_where_python_calls_the_module() -> None:
    kind = scale_type()
    hook = method(kind, "graph(%self : __torch__.Scale, %x.1 : (Tensor), %r.1 : Tensor):\n  return (%r.1)\n", "hook")
    kind.forward_hooks.append(hook)
    module = wrap_module(scale(nn.Parameter(torch.ones(3)), torch.zeros(3), kind))
    assert len(module._forward_hooks) == 1
    assert torch.equal(module(X), X)
    assert torch.equal(module.forward(X), X)


def test_global_hooks_run() -> None:
    module = scripted_scale()
    handle = torch.nn.modules.module.register_module_forward_hook(lambda m, args, result: result * 0)
    try:
        assert module(X).tolist() == [0, 0, 0]
    finally:
        handle.remove()
    assert module(X).tolist() != [0, 0, 0]


def test_forward_may_be_replaced_on_an_instance() -> None:
    module = scripted_scale()
    module.forward = lambda x: "mine"
    assert module(X) == "mine"
    del module.forward
    assert isinstance(module(X), Tensor)


def test_missing_forward() -> None:
    module = wrap_module(ScriptObject(module_type("Silent")))
    assert not hasattr(module, "forward")
    with pytest.raises(AttributeError, match="'ScriptModule' object has no attribute 'forward'"):
        module(X)
    with pytest.raises(ObjectError, match=r"Method 'forward' is not defined\."):
        _ = module.graph


def test_keyword_arguments() -> None:
    module = scripted_scale()
    assert torch.equal(module(x=X), module(X))
    assert module.advance(n=1) == 5


# --- more methods


def test_methods_from_source_text() -> None:
    module = scripted_scale()
    factor = 3
    module.define("def tripled(self, x):\n    return torch.relu(self.forward(x)) * factor\n")
    assert torch.equal(module.tripled(X), torch.relu(module(X)) * factor)
    with pytest.raises(ScriptError, match="undefined value unknown"):
        module.define("def f(self, x):\n    return unknown(x)\n")
    with pytest.raises(ObjectError, match=r"Can't redefine method: tripled on class: __torch__\.Scale"):
        module.define("def tripled(self, x):\n    return x\n")
    silent = wrap_module(ScriptObject(module_type("Silent")))
    silent.define("def forward(self, x: Tensor) -> Tensor:\n    return x + 1\n")
    assert torch.equal(silent(X), X + 1)


# --- containers


def container(name: str, *children: tuple[str, ScriptObject]) -> ScriptModule:
    kind = module_type(f"torch.nn.modules.container.{name}", *((n, c.type) for n, c in children))
    return wrap_module(ScriptObject(kind, [c for _, c in children]))


def test_lists_of_modules() -> None:
    children = [ScriptObject(module_type(f"C{i}")) for i in range(3)]
    modules = container("ModuleList", *((str(i), c) for i, c in enumerate(children)))
    assert len(modules) == 3
    assert [m.original_name for m in modules] == ["C0", "C1", "C2"]
    assert modules[-1] is wrap_module(children[2])
    assert [m.original_name for m in modules[1:]] == ["C1", "C2"]
    assert modules[0] in modules
    assert nn.ReLU() not in modules
    with pytest.raises(IndexError):
        _ = modules[3]
    assert len(container("Sequential")) == 0
    assert container("Sequential")  # an empty module is no false one


def test_classes_derived_from_containers() -> None:
    class Block(nn.Sequential):
        pass

    block = flambeau.script(Block(nn.Linear(3, 3), nn.ReLU()))
    assert len(block) == 2
    assert block[1].original_name == "ReLU"
    assert [type(m) for m in block] == [ScriptModule] * 2


def test_dicts_of_modules() -> None:
    child = ScriptObject(module_type("C"))
    modules = container("___torch_mangle_3.ModuleDict", ("a", child), ("b", child))
    assert list(modules) == ["a", "b"]
    assert modules["a"] is modules["b"]
    assert "a" in modules
    assert "c" not in modules
    assert list(modules.keys()) == ["a", "b"]
    assert [name for name, _ in modules.items()] == ["a", "b"]
    with pytest.raises(KeyError):
        _ = modules["c"]


def test_lists_of_parameters() -> None:
    kind = module_type("torch.nn.modules.container.ParameterList", ("0", ir.TENSOR, "parameter"))
    parameter = nn.Parameter(X)
    parameters = wrap_module(ScriptObject(kind, [parameter]))
    assert len(parameters) == 1
    assert parameters[0] is parameter
    assert list(parameters) == [parameter]


def test_protocols_that_the_script_defines() -> None:
    kind = module_type("Own", ("n", ir.INT))
    text = 'graph(%self : __torch__.Own{more}):\n  %n : int = prim::GetAttr[name="n"](%self)\n  return (%n)\n'
    method(kind, text.format(more=""), "__len__")
    method(kind, text.format(more=", %i.1 : int"), "__getitem__")
    module = wrap_module(ScriptObject(kind, [7]))
    assert len(module) == 7
    assert module[3] == 7
    with pytest.raises(NotImplementedError, match="__contains__"):
        _ = 3 in module


def test_protocols_that_nobody_defines() -> None:
    module = scripted_scale()
    assert module
    for use in (len, iter, list, lambda m: m[0], lambda m: 0 in m):
        with pytest.raises(UnsupportedError, match="'Scale' has no method '__"):
            use(module)  # type: ignore[operator]
