"""Write the operator tables under `src/flambeau/generated/` from the installed PyTorch.

    python tools/generate_operators.py [folder]

`aten.tsv` is made from torchgen's packaged `native_functions.yaml` and `tags.yaml`, the variants that torchgen derives
included. `dispatcher.tsv` is a snapshot of operators that PyTorch registers from C++ outside of those files. One line
an overload:

    schema <tab> variants <tab> python module <tab> flags <tab> tags

`schema` is the text that PyTorch's registry shows. `variants` holds `f` for a function and `m` for a method. `flags`:
`python` (the generated Python binding accepts this overload), `implicit` and `explicit` (it has a composite kernel, see
torchgen), `structured`, and, for alias analysis, `conservative` or `pure` where the schema does not say. Lines are
sorted by name; within a name they stand in the order of registration, because schema matching takes the first overload
that fits. (That order is not the files': it depends on how PyTorch is linked, so it is read from the registry.)
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import torch
import torchgen
from torchgen.gen import parse_native_yaml
from torchgen.model import NativeFunction, Variant
from torchgen.packaged.autograd.gen_python_functions import should_generate_py_binding

TARGET = Path(__file__).resolve().parent.parent / "src" / "flambeau" / "generated"
YAML = Path(torchgen.__file__).parent / "packaged" / "ATen" / "native"
VERSION = torch.__version__.partition("+")[0]

DISPATCHER_NAMESPACES = frozenset(
    {
        "aten",
        "quantized",
        "_quantized",
        "quantization",
        "sparse",
        "mkldnn",
        "mkldnn_prepacked",
        "mkl",
        "onednn",
        "profiler",
        "c10d",
        "_c10d_functional",
        "_c10d_functional_autograd",
    }
)
"""What a scripted module can name. Left out: PyTorch's own tests (`_test`), another runtime's inner operators
(`static_runtime`), and what Python code defines while torch is imported (`prims`, `inductor`, ...): a script that uses
one of those brings its schema along."""

VARIANTS = {"f": Variant.function, "m": Variant.method}
ALIAS_FLAGS = {"FROM_SCHEMA": "", "CONSERVATIVE": "conservative", "PURE_FUNCTION": "pure"}


class Registry:
    """What the installed PyTorch has registered: the texts, and the order within each name."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.rank: dict[str, int] = {}
        for schema in torch._C._jit_get_all_schemas():
            qualified = f"{schema.name}.{schema.overload_name}" if schema.overload_name else schema.name
            self.texts[qualified] = str(schema)
            self.rank[qualified] = len(self.rank)

    def sort_key(self, qualified: str) -> tuple[str, int]:
        return qualified.partition(".")[0], self.rank.get(qualified, sys.maxsize)


def registry_text(schema: str) -> str:
    """The text as the registry prints it: defaults normalised, and `int` for what scripts see as one."""
    return str(torch._C.parse_schema(schema))


def aten_line(function: NativeFunction) -> str:
    variants = "".join(v for v in "fm" if VARIANTS[v] in function.variants)
    flags = {
        "python": should_generate_py_binding(function),
        "implicit": function.has_composite_implicit_autograd_kernel,
        "explicit": function.has_composite_explicit_autograd_kernel,
        "structured": function.structured or function.structured_delegate is not None,
    }
    fields = (
        registry_text(f"aten::{function.func}"),
        variants,
        function.python_module or "",
        ",".join(name for name, value in flags.items() if value),
        ",".join(sorted(function.tags)),
    )
    return "\t".join(fields)


def aten_lines(registry: Registry) -> Iterator[str]:
    functions = parse_native_yaml(str(YAML / "native_functions.yaml"), str(YAML / "tags.yaml")).native_functions
    by_name = {f"aten::{function.func.name}": function for function in functions}
    for qualified in sorted(by_name, key=registry.sort_key):
        yield aten_line(by_name[qualified])


def dispatcher_line(qualified: str, text: str) -> str:
    dump = torch._C._dispatch_dump(qualified)
    found = re.search(r"^alias analysis kind: (\w+)", dump, re.MULTILINE)
    if found is None:
        raise ValueError(f"no alias analysis kind in the dispatcher's entry of {qualified}")
    flags = [ALIAS_FLAGS[found.group(1)]]
    if re.search(r"^CompositeImplicitAutograd\S*: registered", dump, re.MULTILINE):
        flags.append("implicit")
    name, _, overload = qualified.partition(".")
    tags = sorted(tag.name for tag in torch._C._get_operation_overload(name, overload)[2])
    return "\t".join((text, "", "", ",".join(filter(None, flags)), ",".join(tags)))


def dispatcher_lines(registry: Registry, covered: frozenset[str]) -> Iterator[str]:
    names = {
        name
        for name in torch._C._dispatch_get_all_op_names()
        if name.partition("::")[0] in DISPATCHER_NAMESPACES and name not in covered
    }
    for qualified in sorted(names, key=registry.sort_key):
        yield dispatcher_line(qualified, registry.texts[qualified])


def tables() -> dict[str, str]:
    """File name -> contents."""
    registry = Registry()
    aten = list(aten_lines(registry))
    covered = frozenset(line.partition("(")[0] for line in aten)
    contents = {"aten.tsv": aten, "dispatcher.tsv": list(dispatcher_lines(registry, covered))}
    header = f"# PyTorch {VERSION}; written by tools/generate_operators.py, not to be edited"
    return {name: "\n".join([header, *lines, ""]) for name, lines in contents.items()}


def main(folder: Path = TARGET) -> None:
    for name, text in tables().items():
        (folder / name).write_text(text, encoding="utf-8")
        print(f"{folder / name}: {text.count(chr(10)) - 1} operators")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
