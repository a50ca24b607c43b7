"""The operator table against the registry of the PyTorch that it describes, schema by schema."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from flambeau import generated
from flambeau.ir.jit_operators import FAMILIES
from flambeau.ir.operators import Operator, find_operator, operators_named
from flambeau.ir.schema import Argument
from flambeau.ir.text.schema_parser import parse_schema

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.skipif(
    torch.__version__.partition("+")[0] != generated.pytorch_version(), reason="the table describes another PyTorch"
)

NOT_OURS: dict[str, str] = {
    "_dtensor": "defined by Python code of torch",
    "_native": "defined by Python code of torch",
    "_test": "PyTorch's own test operators",
    "debug_mode_ops": "defined by Python code of torch",
    "debugprims": "defined by Python code of torch",
    "export": "defined by Python code of torch",
    "inductor": "of another compiler's runtime",
    "inductor_prims": "defined by Python code of torch",
    "prims": "defined by Python code of torch",
    "rngprims": "defined by Python code of torch",
    "static_runtime": "inner operators of another runtime",
    "symm_mem": "defined by the distributed library for its own use",
}
"""Namespaces that the registry shows and the table leaves out."""

MISSING: dict[str, str] = {}
"""Qualified names of `aten` and `prim` operators that the table does not have, each with the reason."""

ADDED = "cuda::"
"""What the table has and a CPU build's registry has not: the operators of builds with CUDA."""


def qualified(schema: Any) -> str:
    return f"{schema.name}.{schema.overload_name}" if schema.overload_name else str(schema.name)


def namespace(name: str) -> str:
    return name.partition("::")[0]


def every_operator() -> list[Operator]:
    """What the table has of itself, without what other tests registered."""
    names = {*generated.names(), *(entry.name for family in FAMILIES.values() for entry in family)}
    return [op for name in sorted(names) for op in operators_named(name)]


def dispatcher_operators() -> list[Operator]:
    return [op for op in every_operator() if not op.is_jit_only]


OURS = {namespace(op.name) for op in every_operator()}


@pytest.fixture(scope="module")
def schemas() -> dict[str, Any]:
    """The schemas that `import torch` registers. (Tests that ran before may have had more registered.)"""
    program = (
        "import torch\n"
        "for s in torch._C._jit_get_all_schemas(): print(s.name + ('.' + s.overload_name if s.overload_name else ''))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    known = set(ran.stdout.split())
    every = {qualified(schema): schema for schema in torch._C._jit_get_all_schemas()}
    return {name: schema for name, schema in every.items() if name in known and namespace(name) in OURS}


def arguments(schemas: dict[str, Any]) -> Iterator[tuple[str, Any, Argument]]:
    """(where, theirs, ours) for every argument and result of every schema."""
    for name, schema in schemas.items():
        ours = parse_schema(str(schema))
        for part, theirs, mine in (
            ("argument", schema.arguments, ours.arguments),
            ("result", schema.returns, ours.returns),
        ):
            assert len(theirs) == len(mine), (name, part)
            for i, (a, b) in enumerate(zip(theirs, mine, strict=True)):
                yield f"{name}, {part} {i} '{a.name}'", a, b


def test_namespaces_left_out_are_listed() -> None:
    """Both ways: nothing is left out unlisted, and nothing listed is there. (Tests that ran before this one may have
    defined operators of their own, in namespaces that torch does not have.)"""
    program = "import torch; print(*{s.name.partition('::')[0] for s in torch._C._jit_get_all_schemas()})"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    theirs = set(ran.stdout.split())
    assert theirs - OURS == NOT_OURS.keys()
    assert OURS - theirs == {"cuda"}


def test_every_schema_is_there_and_the_same(schemas: dict[str, Any]) -> None:
    assert len(schemas) > 4000
    different = {}
    for name, schema in schemas.items():
        found = find_operator(name)
        if (None if found is None else str(found)) != str(schema) and name not in MISSING:
            different[name] = f"{found} instead of {schema}"
    assert different == {}


def test_the_table_has_no_more(schemas: dict[str, Any]) -> None:
    ours = {op.qualified_name for op in every_operator()}
    assert sorted(name for name in ours - schemas.keys() if not name.startswith(ADDED)) == []


def test_missing_is_still_missing() -> None:
    assert [name for name in MISSING if find_operator(name) is not None] == []


def test_order_of_overloads(schemas: dict[str, Any]) -> None:
    """Schema matching takes the first overload that fits, so this order is part of the language."""
    different = {}
    for name in {schema.name for schema in schemas.values()}:
        registered = map(qualified, torch._C._jit_get_schemas_for_operator(name))
        theirs = [overload for overload in registered if overload in schemas]
        ours = [op.qualified_name for op in operators_named(name)]
        if ours != theirs:
            different[name] = (ours, theirs)
    assert different == {}


ASPECTS: dict[str, Callable[[Any, Argument], tuple[object, object]]] = {
    "name": lambda a, b: (a.name, b.name),
    "type": lambda a, b: (a.type.annotation_str, b.type.annotation()),
    "real type": lambda a, b: (a.real_type.annotation_str, b.declared_type.annotation()),
    "broadcast size": lambda a, b: (a.N, b.broadcast),
    "keyword only": lambda a, b: (a.kwarg_only, b.kwarg_only),
    "out": lambda a, b: (a.is_out, b.is_out),
    "default": lambda a, b: (
        (type(a.default_value), a.default_value) if a.has_default_value() else None,
        (type(b.default), b.default) if b.has_default else None,
    ),
    "writes": lambda a, b: (a.alias_info is not None and a.alias_info.is_write, b.is_write),
    "alias sets before": lambda a, b: (
        a.alias_info and frozenset(a.alias_info.before_set),
        b.alias and frozenset(b.alias.before),
    ),
    "alias sets after": lambda a, b: (
        a.alias_info and frozenset(a.alias_info.after_set),
        b.alias and frozenset(b.alias.after),
    ),
}


@pytest.mark.parametrize("aspect", ASPECTS)
def test_arguments(schemas: dict[str, Any], aspect: str) -> None:
    of_both = ASPECTS[aspect]
    pairs = ((where, *of_both(a, b)) for where, a, b in arguments(schemas))
    different = [(where, theirs, ours) for where, theirs, ours in pairs if theirs != ours]
    assert different == []


def test_mutability(schemas: dict[str, Any]) -> None:
    assert [n for n, s in schemas.items() if parse_schema(str(s)).is_mutable != s.is_mutable] == []


def test_tags_are_the_dispatchers(schemas: dict[str, Any]) -> None:
    different = {}
    for op in dispatcher_operators():
        theirs = {tag.name for tag in torch._C._get_operation_overload(op.name, op.overload_name)[2]}
        if theirs != op.tags:
            different[op.qualified_name] = theirs ^ op.tags
    assert different == {}


def test_jit_only_is_what_the_dispatcher_lacks() -> None:
    names = set(torch._C._dispatch_get_all_op_names())
    assert [op for op in every_operator() if op.is_jit_only == (op.qualified_name in names)] == []


def test_alias_kind_is_the_dispatchers() -> None:
    spelled = {"from schema": "FROM_SCHEMA", "conservative": "CONSERVATIVE", "pure": "PURE_FUNCTION"}
    different = {}
    for op in dispatcher_operators():
        wanted = f"alias analysis kind: {spelled[op.alias_kind.value]}\n"
        if wanted not in torch._C._dispatch_dump(op.qualified_name):
            different[op.qualified_name] = op.alias_kind
    assert different == {}


@pytest.mark.parametrize(
    ("module", "holder"),
    [("", "_VariableFunctions"), *((m, f"_{m}") for m in ("nn", "linalg", "fft", "special", "sparse", "nested"))],
)
def test_bindings_exist(module: str, holder: str) -> None:
    bindings, methods = getattr(torch._C, holder), torch._C.TensorBase
    for op in dispatcher_operators():
        if op.has_python_binding and op.python_module == module:
            name = op.name.removeprefix("aten::")
            if "function" in op.variants:
                assert hasattr(bindings, name), op
            if "method" in op.variants:
                assert hasattr(methods, name), op
