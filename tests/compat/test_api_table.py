"""The table of `docs/api.md`: every name of `torch.jit` is served, kept as a marker, or listed with the reason.

`python tests/compat/test_api_table.py --bless` writes the table anew.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import nn

from flambeau.compat import installed
from flambeau.compat.replacements import KEPT, REPLACEMENTS
from flambeau.compat.torch_functions import CLASSES as VIEWS
from flambeau.compat.torch_functions import FUNCTIONS, LEFT_ALONE, SETTINGS, pass_function, switches
from tests.marks import tables_are_of_this_pytorch

DOCUMENT = Path(__file__).parents[2] / "docs" / "api.md"
HOMES = ("torch.jit", "torch._C", "torch._jit_internal")
CLASSES = ("ScriptModule", "RecursiveScriptModule", "ScriptFunction", "CompilationUnit")

REASONS = {
    "ONNXTracedModule": "part of PyTorch's ONNX exporter",
    "_InsertPoint": "works on PyTorch's graphs; `Graph.inserting_at` is the like",
    "_ScriptProfile": "profiles PyTorch's interpreter",
    "_flatten": "stays PyTorch's: takes tensors, not programs",
    "_get_trace_graph": "part of PyTorch's ONNX exporter",
    "_hide_source_ranges": "sets how PyTorch prints its graphs",
    "_register_decomposition": "registers with PyTorch's compiler",
}
"""Names that are not served: why."""

FAILING = {
    "jit_module_from_flatbuffer": "raises `UnsupportedError`: flatbuffer files are not read",
    "save_jit_module_to_flatbuffer": "raises `UnsupportedError`: flatbuffer files are not written",
}
"""Names that are there to say so."""

MEMBER_REASONS = {
    "__jit_unused_properties__": "read by PyTorch's compiler only",
    "__reduce_package__": "torch.package takes PyTorch's modules only",
    "_constants_set": "part of how PyTorch makes scripted modules",
    "_construct": "part of how PyTorch makes scripted modules",
    "_debug_flush_compilation_cache": "clears plans of PyTorch's executor",
    "_disable_script_meta": "part of how PyTorch makes scripted modules",
    "_finalize_scriptmodule": "part of how PyTorch makes scripted modules",
    "_methods": "part of how PyTorch makes scripted modules",
    "_pybind11_conduit_v1_": "belongs to objects of C++",
    "_reconstruct": "part of how PyTorch makes scripted modules",
    "_save_for_lite_interpreter": "files of the mobile interpreter are not written through this",
    "_save_to_buffer_for_lite_interpreter": "files of the mobile interpreter are not written through this",
    "_set_ignore_amp": "a switch of PyTorch's autocast pass",
    "forward_magic_method": "part of how PyTorch makes scripted modules",
}
"""Members of the classes that are not served: why."""


VIEWED = ("Graph", "Node", "Value", "Block", "Use", "AliasDb", "FunctionSchema", "Argument")

VIEW_REASONS = {
    "_export_onnx": "part of PyTorch's ONNX exporter",
    "_is_view_op": "`alias_info` of the results tells",
    "_pretty_print_onnx": "part of PyTorch's ONNX exporter",
    "_pybind11_conduit_v1_": "belongs to objects of C++",
    "cconv": "belongs to graphs before PyTorch 1.0",
    "createCudaFusionGroup": "part of PyTorch's fusers",
    "createFusionGroup": "part of PyTorch's fusers",
    "global_print_source_ranges": "a switch of PyTorch's printer",
    "pyname": "calls of Python functions are not objects of the graph",
    "pyobj": "calls of Python functions are not objects of the graph",
    "scalar_args": "calls of Python functions are not objects of the graph",
    "set_global_print_source_ranges": "a switch of PyTorch's printer",
}
"""Members of views that are not there: why."""


def own_names() -> dict[str, object]:
    """What belongs to `torch.jit`: neither what it imports from elsewhere nor its submodules."""
    return {
        name: value
        for name, value in sorted(vars(torch.jit).items())
        if not name.startswith("__")
        and not isinstance(value, ModuleType)
        and ((getattr(value, "__module__", None) or "").startswith(HOMES) or name in REPLACEMENTS or name in KEPT)
    }


def submodules() -> list[str]:
    return sorted(
        name
        for name, value in vars(torch.jit).items()
        if isinstance(value, ModuleType) and value.__name__.startswith("torch.jit.")
    )


def missing_parameters(original: object, replacement: object) -> list[str]:
    """The parameters of one callable that another does not take."""
    if not callable(original) or not callable(replacement):
        return []
    try:
        wanted = inspect.signature(original).parameters
        given = inspect.signature(replacement).parameters
    except (TypeError, ValueError):  # written in C++
        return []
    if any(p.kind is p.VAR_KEYWORD for p in given.values()):
        return []
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [name for name, p in wanted.items() if p.kind not in variadic and name not in given and name != "self"]


def members(original: type) -> list[str]:
    return sorted(name for name in dir(original) if name not in dir(object) and name not in dir(nn.Module))


def name_rows() -> Iterator[tuple[str, str]]:
    for name in own_names():
        if name in REPLACEMENTS:
            yield name, FAILING.get(name, "served")
        elif name in KEPT:
            yield name, "PyTorch's own: marks functions and values, compiles nothing"
        else:
            yield name, f"not served: {REASONS[name]}"


def member_rows(cls: str) -> Iterator[tuple[str, str]]:
    for name in members(getattr(torch.jit, cls)):
        if hasattr(REPLACEMENTS[cls], name):
            yield name, "served"
        else:
            yield name, f"not served: {MEMBER_REASONS[name]}"


def view_rows(cls: str) -> Iterator[tuple[str, str]]:
    """The members of a class of `torch._C`, and whether its view has them."""
    for name in members(getattr(torch._C, cls)):
        if hasattr(VIEWS[cls], name):
            yield name, "served"
        else:
            yield name, f"not served: {VIEW_REASONS[name]}"


def torch_c_lines() -> list[str]:
    passes = [n.removeprefix("_jit_pass_") for n in dir(torch._C) if n.startswith("_jit_pass_")]
    served = [n for n in passes if pass_function(n) is not None]
    rest = [n for n in dir(torch._C) if n.startswith("_jit_") and not n.startswith("_jit_pass_")]
    known = {*FUNCTIONS, *switches(), *LEFT_ALONE}

    def listed(names: Iterable[str]) -> str:
        return ", ".join(f"`{name}`" for name in sorted(names)) + "."

    lines = [
        "",
        "## `torch._C`",
        "",
        "Programs get views of flambeau's graphs, types and schemas under these names; PyTorch's own code goes on",
        "getting PyTorch's. All other functions `torch._C._jit_*` raise `UnsupportedError` for programs.",
        "",
        "Classes: " + listed(n for n in (*VIEWS, "CompilationUnit", "FileCheck", "ScriptFunction", "ScriptMethod")),
        "",
        "Passes (`_jit_pass_...`): " + listed(served),
        "",
        "Functions: " + listed(n for n in FUNCTIONS),
        "",
        "Switches: " + listed(SETTINGS),
        "",
        "Switches, which are remembered and change nothing: "
        + listed(n for n in switches() if n not in SETTINGS and hasattr(torch._C, n)),
        "",
        "PyTorch's own, as they take no programs: " + listed(LEFT_ALONE),
        "",
        f"Not served: {len(passes) - len(served)} passes and {len([n for n in rest if n not in known])} functions.",
    ]
    for cls in VIEWED:
        lines += ["", f"### `torch._C.{cls}`", "", "| Member | What it is |", "|---|---|"]
        lines += [f"| `{name}` | {what} |" for name, what in view_rows(cls)]
    return lines


def table() -> str:
    lines = [
        "# The names of `torch.jit`",
        "",
        "What programs find behind these names under `flambeau.compat`. Written by `tests/compat/test_api_table.py",
        "--bless`, from what is there; names that are not served raise `UnsupportedError` where they are used.",
        "",
        "| Name | What it is |",
        "|---|---|",
        *(f"| `{name}` | {what} |" for name, what in name_rows()),
        "",
        "Submodules stay PyTorch's: " + ", ".join(f"`{name}`" for name in submodules()) + ".",
    ]
    for cls in CLASSES:
        lines += ["", f"## `{cls}`", "", "| Member | What it is |", "|---|---|"]
        lines += [f"| `{name}` | {what} |" for name, what in member_rows(cls)]
        if "Module" in cls:
            lines += ["", "What `torch.nn.Module` has comes from `torch.nn.Module`."]
    return "\n".join([*lines, *torch_c_lines()]) + "\n"


def test_no_name_is_missing_silently() -> None:
    assert not [n for n in own_names() if n not in REPLACEMENTS and n not in KEPT and n not in REASONS]
    for cls in CLASSES:
        names = members(getattr(torch.jit, cls))
        assert not [n for n in names if not hasattr(REPLACEMENTS[cls], n) and n not in MEMBER_REASONS], cls


def test_views_have_all_members_or_a_reason() -> None:
    lacking = {n for c in VIEWED for n in members(getattr(torch._C, c)) if not hasattr(VIEWS[c], n)}
    assert lacking == set(VIEW_REASONS)
    types = [n for n in VIEWS if n.endswith("Type")]
    lacking = {n for c in types for n in members(getattr(torch._C, c)) if not hasattr(VIEWS[c], n)}
    assert lacking == {"_pybind11_conduit_v1_", "getMethod"}


def test_no_reason_is_out_of_date() -> None:
    assert not [n for n in REASONS if n in REPLACEMENTS or n in KEPT]
    lacking = {n for c in CLASSES for n in members(getattr(torch.jit, c)) if not hasattr(REPLACEMENTS[c], n)}
    assert set(MEMBER_REASONS) - {"__jit_unused_properties__", "__reduce_package__"} <= lacking


@pytest.mark.parametrize("name", sorted(n for n in REPLACEMENTS if n in vars(torch.jit)))
def test_what_is_served_takes_the_same_parameters(name: str) -> None:
    if not inspect.isclass(getattr(torch.jit, name)):
        assert not missing_parameters(getattr(torch.jit, name), REPLACEMENTS[name])


def test_submodules_are_left_alone() -> None:
    before = {name: getattr(torch.jit, name) for name in submodules()}
    with installed():
        assert all(getattr(torch.jit, name) is value for name, value in before.items())


@tables_are_of_this_pytorch
def test_the_document_is_up_to_date() -> None:
    assert DOCUMENT.read_text() == table(), "run: python tests/compat/test_api_table.py --bless"


if __name__ == "__main__" and sys.argv[1:] == ["--bless"]:
    DOCUMENT.write_text(table())
