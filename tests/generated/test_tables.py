"""The generated tables as data: well-formed, sorted, without a second line for anything; read without torch."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from flambeau import generated

FOLDER = Path(generated.__file__).parent
FILES = ("aten.tsv", "dispatcher.tsv")
FLAGS = {"python", "implicit", "explicit", "structured", "conservative", "pure"}


def lines_of(file: str) -> list[str]:
    header, *lines = (FOLDER / file).read_text(encoding="utf-8").splitlines()
    assert header.startswith("# PyTorch 2.")
    return lines


def name_of(line: str) -> str:
    return line.partition("(")[0].partition(".")[0]


@pytest.mark.parametrize("file", FILES)
def test_lines_are_sorted_by_name(file: str) -> None:
    names = [name_of(line) for line in lines_of(file)]
    assert names == sorted(names)


def test_each_overload_stands_once() -> None:
    counts = Counter(line.partition("(")[0] for file in FILES for line in lines_of(file))
    assert [qualified for qualified, count in counts.items() if count > 1] == []


@pytest.mark.parametrize("file", FILES)
def test_columns(file: str) -> None:
    for line in lines_of(file):
        schema, variants, module, flags, tags = line.split("\t")
        assert " -> " in schema
        assert variants in ("", "f", "m", "fm"), line
        assert module == "" or module.isidentifier(), line
        assert set(flags.split(",")) <= FLAGS | {""}, line
        assert tags.split(",") == sorted(set(tags.split(","))), line


def test_rows_are_in_order_of_registration() -> None:
    assert [row.schema.partition("(")[0] for row in generated.rows("aten::add")] == [
        "aten::add.Tensor",
        "aten::add.Scalar",
        "aten::add.out",
        "aten::add.Scalar_out",
    ]


def test_a_row_has_its_columns() -> None:
    tensor = generated.rows("aten::add")[0]
    assert tensor.variants == {"function", "method"}
    assert tensor.python_module == ""
    assert tensor.flags == {"python", "structured"}
    assert {"core", "pointwise"} <= tensor.tags
    (gelu,) = (row for row in generated.rows("aten::gelu") if row.schema.startswith("aten::gelu("))
    assert gelu.python_module == "nn"
    assert gelu.variants == {"function"}


def test_rows_of_an_unknown_name() -> None:
    assert generated.rows("aten::no_such_operator") == ()
    assert generated.rows("aten::ad") == ()
    assert generated.rows("") == ()


def test_every_name_has_rows() -> None:
    total = sum(len(generated.rows(name)) for name in generated.names())
    assert total == sum(len(lines_of(file)) for file in FILES) > 3000


@pytest.mark.parametrize(
    "namespace", ["aten", "quantized", "_quantized", "quantization", "sparse", "mkldnn", "mkldnn_prepacked", "onednn"]
)
def test_namespaces(namespace: str) -> None:
    assert any(name.startswith(f"{namespace}::") for name in generated.names())


def test_reading_needs_no_torch() -> None:
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "from flambeau import generated\n"
        "assert len(generated.rows('aten::relu')) == 2\n"
        "assert generated.pytorch_version()\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
