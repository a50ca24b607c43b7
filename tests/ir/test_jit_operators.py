"""The hand-kept tables: how they are written. (That they say what PyTorch says is tested against its registry.)"""

from __future__ import annotations

from collections import Counter

import pytest

from flambeau import generated
from flambeau.ir.jit_operators import FAMILIES, AliasKind, JitOperator
from flambeau.ir.jit_operators.table import table
from flambeau.ir.text.schema_parser import parse_schema

ENTRIES = [entry for family in FAMILIES.values() for entry in family]


def test_a_block_is_one_schema_a_line() -> None:
    assert table("""
        prim::a(int x) -> int

        prim::b.c() -> ()
    """) == (JitOperator("prim::a(int x) -> int"), JitOperator("prim::b.c() -> ()"))


def test_facts_hold_for_the_whole_block() -> None:
    first, second = table("prim::a() -> ()\nprim::b() -> ()", alias=AliasKind.SPECIAL, effects=True, random=True)
    assert first == JitOperator("prim::a() -> ()", AliasKind.SPECIAL, effects=True, random=True)
    assert second.effects


def test_each_stamps_the_block_out_value_by_value() -> None:
    stamped = table("prim::{0}(t x) -> {1}\nprim::{0}_(t x) -> {1}", each=(("a", "int"), ("b", "str")))
    assert [entry.schema for entry in stamped] == [
        "prim::a(t x) -> int",
        "prim::a_(t x) -> int",
        "prim::b(t x) -> str",
        "prim::b_(t x) -> str",
    ]


@pytest.mark.parametrize("family", FAMILIES)
def test_schemas_print_back(family: str) -> None:
    for entry in FAMILIES[family]:
        assert str(parse_schema(entry.schema)) == entry.schema
        assert parse_schema(entry.schema).name == entry.name


def test_the_overloads_of_a_name_stand_in_one_family() -> None:
    homes: dict[str, set[str]] = {}
    for family, entries in FAMILIES.items():
        for entry in entries:
            homes.setdefault(entry.name, set()).add(family)
    assert {name: families for name, families in homes.items() if len(families) > 1} == {}


def test_nothing_is_said_twice() -> None:
    counts = Counter(entry.schema.partition("(")[0] for entry in ENTRIES)
    counts.update(row.schema.partition("(")[0] for name in generated.names() for row in generated.rows(name))
    assert [qualified for qualified, count in counts.items() if count > 1] == []


def test_conservative_entries_need_no_effects() -> None:
    """CONSERVATIVE counts as a side effect by itself."""
    assert [entry.schema for entry in ENTRIES if entry.alias is AliasKind.CONSERVATIVE and entry.effects] == []
