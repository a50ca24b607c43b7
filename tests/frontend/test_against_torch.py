"""PyTorch's compiler makes the same graph of each golden case, but for the cases where flambeau means to differ."""

from __future__ import annotations

import importlib.util
import linecache
import sys
from pathlib import Path

import pytest
import torch

import flambeau.runtime  # noqa: F401  # computes constants
from flambeau import passes
from tests.frontend.scripts import compile_text, shape
from tests.frontend.test_golden import FILES, cases_in

REJECTED = "torch.jit rejects it"
DIFFERENT = {
    "walrus": REJECTED,
    "conditions on constants compile one branch": REJECTED,
    "an endless loop with a return needs none after it": REJECTED,
    "a loop's condition holds in its body": REJECTED,
    "an optional as a condition": REJECTED,
    "comprehensions have their own variables": REJECTED,
    "literals that are declared": REJECTED,
    "len of a range, an item of it": REJECTED,
    "augmented assignment": REJECTED,
    "objects": REJECTED,
    "methods that operators call": REJECTED,
    "patterns": REJECTED,
    "a comprehension over elements of several types": REJECTED,
    "chains of comparisons evaluate their middle once": "torch.jit evaluates it twice",
    "braces in an f-string": "torch.jit takes them for a placeholder",
    "raise in a branch": "torch.jit forgets the class of an exception that is raised without a call",
    "list, dict and tuple of things": "torch.jit makes dict(a=1) in a loop over pairs",
    "slice objects": "torch.jit writes slice(None) with numbers",
}
"""Cases by title, with the reason."""
CASES = [
    pytest.param(source, id=f"{path.stem}: {title}")
    for path in FILES
    if path.stem not in ("serialized", "errors", "local_functions")
    for title, source, _ in cases_in(path)
    if title not in DIFFERENT
]


def torch_graph(source: str, folder: Path) -> str:
    """The graph that PyTorch makes of the last function in a text."""
    path = folder / "cases.py"
    path.write_text(f"import math\nimport torch\nfrom typing import *\n\n{source}\n", encoding="utf-8")
    spec = importlib.util.spec_from_file_location(f"cases_{id(path)}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    linecache.checkcache(str(path))
    try:
        spec.loader.exec_module(module)
        return str(torch.jit.script(module.f).graph).replace(f"__torch__.{spec.name}.", "__torch__.")
    finally:
        del sys.modules[spec.name]


@pytest.mark.parametrize("source", CASES)
def test_same_graph(source: str, tmp_path: Path) -> None:
    ours = compile_text(source, finish=passes.after_compilation).graph
    assert shape(ours) == shape(torch_graph(source, tmp_path))


@pytest.mark.parametrize("title", [title for title, reason in DIFFERENT.items() if reason is REJECTED])
def test_more_is_accepted(title: str, tmp_path: Path) -> None:
    (source,) = (source for path in FILES for name, source, _ in cases_in(path) if name == title)
    compile_text(source, finish=passes.after_compilation)
    with pytest.raises((RuntimeError, torch.jit.frontend.FrontendError, TypeError)):
        torch_graph(source, tmp_path)
