"""PyTorch's operators as data: one line of text for each overload of each dispatcher operator.

`aten.tsv` and `dispatcher.tsv` are written by `tools/generate_operators.py`, which also says what the columns mean;
this module only reads them. Reading is lazy twice over: the files are opened at the first question, and a line is taken
apart when its operator is asked for, so that looking up one operator costs a few milliseconds and importing costs
nothing. The operators that exist in TorchScript only are not here but in `flambeau.ir.jit_operators`.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

__all__ = ["Row", "names", "pytorch_version", "rows"]

_FOLDER = Path(__file__).parent
_FILES = ("aten.tsv", "dispatcher.tsv")
_HEADER = re.compile(r"# PyTorch (\S+);")
_NAME = re.compile(r"^[\w:]+", re.MULTILINE)


class Row(NamedTuple):
    """One overload."""

    schema: str
    """The text that PyTorch's registry shows."""
    variants: frozenset[str]
    """`function`, `method`, both, or neither where PyTorch makes no binding."""
    python_module: str
    """The submodule of `torch._C` that binds the function (`_C._nn` is `nn`), empty for `torch` itself."""
    flags: frozenset[str]
    """`python`, `implicit`, `explicit`, `structured`, `conservative`, `pure`: see the tool."""
    tags: frozenset[str]
    """PyTorch's operator tags, such as `pointwise`."""


@cache
def _texts() -> tuple[str, ...]:
    return tuple((_FOLDER / name).read_text(encoding="utf-8") for name in _FILES)


@cache
def _index() -> dict[str, list[tuple[int, int]]]:
    """Name -> (file, offset of the line) of its overloads, in the order of registration."""
    index: dict[str, list[tuple[int, int]]] = {}
    for number, text in enumerate(_texts()):
        for found in _NAME.finditer(text):
            index.setdefault(found[0], []).append((number, found.start()))
    return index


def _row(line: str) -> Row:
    schema, variants, module, flags, tags = line.split("\t")
    spelled = {"f": "function", "m": "method"}
    return Row(schema, frozenset(spelled[v] for v in variants), module, _set(flags), _set(tags))


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split(",")) if text else frozenset()


def rows(name: str) -> tuple[Row, ...]:
    """The overloads of a name such as `aten::add`, in the order of registration."""
    texts = _texts()
    places = _index().get(name, ())
    return tuple(_row(texts[file][start : texts[file].index("\n", start)]) for file, start in places)


def names() -> tuple[str, ...]:
    """Every operator name."""
    return tuple(_index())


def pytorch_version() -> str:
    """The release of PyTorch that the tables describe."""
    found = _HEADER.match(_texts()[0])
    if found is None:
        raise ValueError("the generated operator table has lost its first line")
    return found[1]
