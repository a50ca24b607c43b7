r"""Methods of strings. Strings are bytes in UTF-8; what these do is defined on ASCII."""

from __future__ import annotations

from flambeau.ir.jit_operators.table import JitOperator, table

_TESTS = (
    *("isalnum", "isalpha", "isdecimal", "isdigit", "isidentifier", "islower", "isnumeric", "isprintable", "isspace"),
    *("istitle", "isupper"),
)

OPERATORS: tuple[JitOperator, ...] = (
    *table("aten::{}(str self) -> bool", each=_TESTS),
    *table("aten::{}(str self) -> str", each=("capitalize", "lower", "swapcase", "title", "upper")),
    *table("aten::{}(str self, str substr, int start=0, int end=-1) -> bool", each=("startswith", "endswith")),
    *table("aten::{}(str self, str substr, int start=0, int end=-1) -> int", each=("find", "rfind", "rindex")),
    *table(r'aten::{}(str self, str chars=" \n\t\f\v") -> str', each=("strip", "lstrip", "rstrip")),
    *table('aten::{}(str self, int width, str fillchar=" ") -> str', each=("center", "ljust", "rjust")),
    *table("aten::{}(str self, str separator) -> (str, str, str)", each=("partition", "rpartition")),
    *table("""
        aten::expandtabs(str self, int tabsize=8) -> str
        aten::zfill(str self, int width) -> str
        aten::join(str self, str[] values) -> str
        aten::replace(str self, str old, str new, int max=-1) -> str
        aten::rsplit(str self, str separator=" ", int max=-1) -> str[]
        aten::splitlines(str self, bool keepends=False) -> str[]
        aten::format(str self, ...) -> str
        aten::percentFormat(str self, ...) -> str
        prim::StringIndex(str string, int index) -> str
    """),
)
