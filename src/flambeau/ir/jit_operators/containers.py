"""Operators that lists, dicts and strings share a name for; each family's own are in `lists`, `dicts` and `strings`."""

from __future__ import annotations

from flambeau.ir.jit_operators.table import JitOperator, table

DICT_KEYS = ("str", "int", "bool", "float", "complex", "Tensor")
"""The key types, in the order of registration."""

OPERATORS: tuple[JitOperator, ...] = (
    *table("""
        aten::len.t(t[] a) -> int
        aten::len.Tensor(Tensor t) -> int
        aten::len.str(str s) -> int
    """),
    *table("aten::len.Dict_{0}(Dict({0}, t) self) -> int", each=DICT_KEYS),
    *table("aten::len.any(Any[] a) -> int"),
    *table("""
        aten::__getitem__.t(t[](a) list, int idx) -> t(*)
        aten::__getitem__.str(str s, int index) -> str
    """),
    *table("aten::__getitem__.Dict_{0}(Dict({0}, t) self, {0} key) -> t(*)", each=DICT_KEYS),
    *table("""
        aten::__contains__.int_list(int[] l, int item) -> bool
        aten::__contains__.str_list(str[] l, str item) -> bool
    """),
    *table("aten::__contains__.{0}(Dict({0}, t) dict, {0} key) -> bool", each=DICT_KEYS),
    *table("aten::__contains__.float_list(float[] l, float item) -> bool"),
    *table("aten::_set_item.t(t[](a!) l, int idx, t(b -> *) el) -> t[](a!)"),
    *table("aten::_set_item.{0}(Dict({0}, t)(a!) l, {0}(b -> *) idx, t(c -> *) v) -> ()", each=DICT_KEYS),
    *table("aten::Delete.t(t[](a!) self, int idx) -> ()"),
    *table("aten::Delete.Dict_{0}(Dict({0}, t)(a!) self, {0} key) -> ()", each=DICT_KEYS),
    *table("aten::clear.t(t[](a!) self) -> ()"),
    *table("aten::clear.{0}(Dict({0}, t)(a!) self) -> ()", each=DICT_KEYS),
    *table("aten::copy.t(t[](a) self) -> t[]"),
    *table("aten::copy.Dict_{0}(Dict({0}, t)(a) self) -> Dict({0}, t)", each=DICT_KEYS),
    *table("aten::pop.t(t[](a!) self, int idx=-1) -> t(*)"),
    *table(
        """
        aten::pop.Dict_{0}(Dict({0}, t)(a!) self, {0} key) -> t(*)
        aten::pop.Dict_default_{0}(Dict({0}, t)(a!) self, {0} key, t default_value) -> t(*)
        """,
        each=DICT_KEYS,
    ),
    *table("""
        aten::slice.t(t[] l, int? start=None, int? end=None, int step=1) -> t[]
        aten::slice.str(str string, int? start=None, int? end=None, int step=1) -> str
        aten::list(str t) -> str[]
        aten::list.t(t[] l) -> t[]
        aten::split.str(str self, str? separator=None, int max=-1) -> str[]
        aten::split(Tensor(a -> *) self, int[] split_sizes, int dim=0) -> Tensor(a)[]
    """),
    *table("aten::count(str self, str substr, int start=0, int end=-1) -> int"),
    *table("aten::count.{0}({0}[] self, {0} el) -> int", each=("int", "float", "bool", "Tensor", "str")),
    # `hacked_twin`: lists of tensors where the dispatcher's own operator takes lists of optional tensors.
    *table("""
        aten::index.Tensor_hacked_twin(Tensor self, Tensor[] indices) -> Tensor
        aten::index.str(str self, str substr, int start=0, int end=-1) -> int
    """),
    *table("aten::index.list_{0}({0}[] self, {0} el) -> int", each=("int", "float", "bool", "Tensor", "str")),
)
