"""Lookup, registration and facts of operators, without torch."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flambeau.errors import OperatorError, ParseError
from flambeau.ir.node_kinds import NODE_KINDS
from flambeau.ir.operators import (
    AliasKind,
    Operator,
    _edit_distance,
    all_operator_names,
    find_operator,
    may_have_side_effects,
    operator,
    operators_named,
    register_operator,
    similar_operators,
    unregister_operator,
)


@pytest.fixture
def registered() -> Iterator[list[Operator]]:
    """Operators put in here are taken back after the test."""
    added: list[Operator] = []
    yield added
    for op in added:
        unregister_operator(op.qualified_name)


# --- lookup


def test_dispatcher_overloads_come_first() -> None:
    names = [op.overload_name for op in operators_named("aten::add")]
    assert names[:5] == ["Tensor", "Scalar", "out", "Scalar_out", "t"]
    assert names[-1] == ""
    assert [op.is_jit_only for op in operators_named("aten::add")] == [False] * 4 + [True] * 12


def test_unknown_names_are_empty() -> None:
    for name in ("aten::no_such_thing", "prim::If", "add", "", "aten::add.Tensor", "# PyTorch", "aten"):
        assert operators_named(name) == ()
        assert find_operator(name) is None or name == "aten::add.Tensor"


def test_an_operator_is_one_object() -> None:
    assert operators_named("aten::relu") is operators_named("aten::relu")
    assert operator("aten::add.Tensor") is operators_named("aten::add")[0]


def test_an_operator_knows_its_names() -> None:
    op = operator("aten::add.Tensor")
    assert (op.name, op.overload_name, op.qualified_name) == ("aten::add", "Tensor", "aten::add.Tensor")
    assert str(op) == "aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor"
    assert operator("aten::relu").overload_name == ""


def test_find_is_exact() -> None:
    assert find_operator("aten::add.tensor") is None
    assert find_operator("aten::add.") is None
    assert find_operator("aten::add") is not find_operator("aten::add.Tensor")
    found = find_operator("prim::Print")
    assert found is not None
    assert found.is_vararg


def test_unknown_operator_lists_similar_ones() -> None:
    with pytest.raises(
        OperatorError, match=r"Unknown builtin op: aten::reluu\.\nHere are some suggestions: \n\taten::relu\n"
    ):
        operator("aten::reluu")
    with pytest.raises(OperatorError, match="Could not find any similar ops to aten::zzzzzzzz"):
        operator("aten::zzzzzzzz")


def test_unknown_overload_lists_the_others() -> None:
    with pytest.raises(
        OperatorError, match=r"aten::relu has no overload 'out2'\.(.|\n)*\taten::relu\(Tensor self\) -> Tensor"
    ):
        operator("aten::relu.out2")
    with pytest.raises(OperatorError, match="prim::EnumValue has no overload without a name"):
        operator("prim::EnumValue")


def test_similar_operators() -> None:
    assert similar_operators("aten::ad")[:2] == ("aten::add", "aten::pad")
    assert "aten::relu" in similar_operators("aten::relu")
    assert similar_operators("mine::nothing_like_it") == ()


@given(st.text("ab", max_size=6), st.text("ab", max_size=6))
def test_edit_distance_agrees_with_its_definition(a: str, b: str) -> None:
    def distance(x: str, y: str) -> int:
        if not x or not y:
            return len(x) + len(y)
        return min(
            distance(x[1:], y) + 1,
            distance(x, y[1:]) + 1,
            distance(x[1:], y[1:]) + (x[0] != y[0]),
        )

    exact, bounded = distance(a, b), _edit_distance(a, b, 2)
    assert bounded == exact if exact <= 2 else bounded > 2


def test_all_names() -> None:
    names = all_operator_names()
    assert list(names) == sorted(set(names))
    assert {
        "aten::add",
        "prim::Print",
        "quantized::linear",
        "cuda::synchronize",
        "profiler::_record_function_enter",
    } <= {*names}


def test_lookup_from_many_threads_gives_one_object() -> None:
    names = ["aten::max", "aten::min", "aten::index", "aten::slice", "aten::pow"]
    results: list[list[Operator]] = [[] for _ in range(8)]
    barrier = threading.Barrier(8)

    def look(into: list[Operator]) -> None:
        barrier.wait()
        into.extend(op for name in names for op in operators_named(name))

    threads = [threading.Thread(target=look, args=(into,)) for into in results]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all([id(op) for op in into] == [id(op) for op in results[0]] for into in results)


# --- facts


def test_purity() -> None:
    assert operator("aten::add.Tensor").is_pure
    assert operator("aten::add.int").is_pure
    assert operator("aten::view").is_pure
    assert not operator("aten::add_.Tensor").is_pure
    assert not operator("aten::append.t").is_pure
    assert not operator("aten::rand").is_pure
    assert not operator("prim::Print").is_pure
    assert not operator("aten::is_grad_enabled").is_pure


def test_nondeterminism() -> None:
    for name in ("aten::rand", "aten::dropout", "aten::bernoulli", "aten::normal_", "aten::_no_grad_normal_"):
        assert operator(name).is_nondeterministic, name
    assert not operator("aten::relu").is_nondeterministic
    assert operator("aten::dropout").deterministic_unless == "train"
    assert operator("aten::rand").deterministic_unless == ""


def test_bindings() -> None:
    assert operator("aten::gelu").python_module == "nn"
    assert operator("aten::linalg_det").python_module == "linalg"
    assert operator("aten::relu").variants == {"function", "method"}
    assert operator("aten::add.Tensor").has_python_binding
    assert not operator("aten::add.Scalar").has_python_binding
    assert operator("aten::add.Tensor").is_structured
    assert operator("aten::linear").is_composite
    assert not operator("aten::add.Tensor").is_composite


def test_alias_kinds() -> None:
    assert operator("aten::add.Tensor").alias_kind is AliasKind.FROM_SCHEMA
    assert operator("profiler::_record_function_enter").alias_kind is AliasKind.CONSERVATIVE
    assert operator("prim::unchecked_cast").alias_kind is AliasKind.SPECIAL


@pytest.mark.parametrize(
    "kind",
    [
        *("prim::PythonOp", "prim::IgnoredPythonOp", "prim::Print", "prim::RaiseException", "prim::AddStatValue"),
        *("prim::TimePoint", "prim::BailOut", "prim::BailoutTemplate", "prim::Enter", "prim::Exit", "prim::SetAttr"),
        *("prim::CallFunction", "prim::CallMethod", "prim::rpc_async", "prim::rpc_sync", "prim::rpc_remote"),
        *("prim::fork", "aten::warn", "aten::save", "aten::manual_seed", "aten::wait", "aten::set_grad_enabled"),
        *("aten::backward", "aten::_assert_async", "cuda::set_stream", "cuda::synchronize", "nobody::knows"),
    ],
)
def test_kinds_with_side_effects(kind: str) -> None:
    assert may_have_side_effects(kind)


@pytest.mark.parametrize(
    "kind",
    ["prim::If", "prim::Loop", "prim::Constant", "prim::GetAttr", "prim::ListConstruct", "aten::add", "aten::add_"],
)
def test_kinds_without_side_effects(kind: str) -> None:
    assert not may_have_side_effects(kind)


def test_a_node_kind_has_facts_in_one_place() -> None:
    assert [kind for kind in NODE_KINDS if operators_named(kind)] == []
    assert all(kind == facts.kind for kind, facts in NODE_KINDS.items())


# --- registration


def test_register_appends(registered: list[Operator]) -> None:
    built_in = operators_named("aten::relu")
    op = register_operator("aten::relu.mine(str self) -> str")
    registered.append(op)
    assert operators_named("aten::relu") == (*built_in, op)
    assert operators_named("aten::relu")[0] is built_in[0]


def test_register_a_new_name(registered: list[Operator]) -> None:
    op = register_operator("mine::warp(Tensor x, *, int n=2) -> Tensor", tags=["pointwise"])
    registered.append(op)
    assert operator("mine::warp") is op
    assert op.tags == {"pointwise"}
    assert op.is_pure
    assert "mine::warp" in all_operator_names()
    assert similar_operators("mine::wrap") == ("mine::warp",)


def test_unregister_takes_back() -> None:
    before = operators_named("aten::tanh")
    register_operator("aten::tanh.mine(str self) -> str")
    unregister_operator("aten::tanh.mine")
    assert operators_named("aten::tanh") == before
    assert operators_named("aten::tanh")[0] is before[0]
    register_operator("mine::gone() -> int")
    unregister_operator("mine::gone")
    assert find_operator("mine::gone") is None
    assert "mine::gone" not in all_operator_names()


def test_registered_facts(registered: list[Operator]) -> None:
    registered.append(log := register_operator("mine::log(str text) -> ()"))
    registered.append(noise := register_operator("mine::noise(int n) -> Tensor", tags=["nondeterministic_seeded"]))
    registered.append(opaque := register_operator("mine::opaque(int n) -> int", alias_kind=AliasKind.CONSERVATIVE))
    registered.append(quiet := register_operator("mine::quiet(int n) -> ()", has_side_effects=False))
    assert log.has_side_effects
    assert noise.is_nondeterministic
    assert not noise.has_side_effects
    assert opaque.has_side_effects
    assert not quiet.has_side_effects


def test_duplicates_are_rejected(registered: list[Operator]) -> None:
    with pytest.raises(
        OperatorError, match=r"operator aten::add\.Tensor exists already: aten::add\.Tensor\(Tensor self"
    ):
        register_operator("aten::add.Tensor(int x) -> int")
    with pytest.raises(OperatorError, match="exists already"):
        register_operator("prim::Print(...) -> ()")
    registered.append(register_operator("mine::once() -> int"))
    with pytest.raises(OperatorError, match="exists already"):
        register_operator("mine::once() -> int")
    assert len(operators_named("mine::once")) == 1


@pytest.mark.parametrize("text", ["mine::broken(", "mine::broken", "", "mine::f(int) -> int", "mine::f(Nope x) -> int"])
def test_malformed_schemas_are_rejected(text: str) -> None:
    with pytest.raises(ParseError):
        register_operator(text)


def test_a_name_needs_a_namespace() -> None:
    with pytest.raises(OperatorError, match="needs a namespace"):
        register_operator("warp(Tensor x) -> Tensor")


@pytest.mark.parametrize("qualified", ["aten::add.Tensor", "mine::never", ""])
def test_only_registered_operators_can_be_taken_back(qualified: str) -> None:
    with pytest.raises(OperatorError, match="was not registered by this program"):
        unregister_operator(qualified)


# --- laziness


def run(program: str) -> None:
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)


def test_the_table_needs_no_torch() -> None:
    run(
        "import sys; sys.modules['torch'] = sys.modules['llvmlite'] = None\n"
        "import flambeau\n"
        "from flambeau.ir.operators import operator, all_operator_names, operators_named\n"
        "assert str(operator('aten::relu')) == 'aten::relu(Tensor self) -> Tensor'\n"
        "assert sum(len(operators_named(name)) for name in all_operator_names()) > 4000\n"
    )


def test_only_what_is_asked_for_is_parsed() -> None:
    run(
        "from flambeau.ir import operators\n"
        "assert not operators._parsed\n"
        "operators.operator('aten::add.Tensor')\n"
        "assert list(operators._parsed) == ['aten::add']\n"
    )
