"""The examples below the tables of docs/language.md and docs/language/: as scripts, in plain Python, by torch.jit."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import flambeau
from tests.python.language_reference import DOCS, FOLDER, STANDING, load

_TEXTS = {
    "beyond": (DOCS / "language.md").read_text().split("## Beyond torch.jit\n")[1],
    "classes": (FOLDER / "classes.md").read_text(),
    "modules": (FOLDER / "modules.md").read_text(),
}
_PRELUDE = """
import functools
import importlib.util
import logging
from dataclasses import dataclass, field
from functools import partial
from typing import Callable, Literal

import einops
import flambeau
import numpy

from torch.autograd import Variable
from torch.utils.checkpoint import checkpoint

logger = logging.getLogger(__name__)

SIZES = [1, 2]
TABLE = {"a": 3}
X = torch.arange(6.0).view(2, 3)
"""
_GIVEN = re.compile(r"^(?P<call>.*?)(?: given (?P<examples>.*))?$")


def _rows(text: str) -> dict[str, str]:
    """The first and the second cell of each row."""
    rows = dict(re.findall(r"^\| ([^|]+) \| (.*) \|$", text, re.MULTILINE))
    return {row: notes for row, notes in rows.items() if row not in ("form", "rule", "---")}


def _examples(text: str) -> dict[str, tuple[str, str]]:
    """The code and the call of each example, by the rule's name, which stands in a comment above it."""
    titles = {f"# {row}": row for row in _rows(text)}
    parts: dict[str, list[str]] = {}
    for fence in re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        title = ""
        for line in fence.splitlines():
            if line in titles:
                title = titles[line]
            elif title and (line or title in parts):
                parts.setdefault(title, []).append(line)
    found: dict[str, tuple[str, str]] = {}
    for title, lines in parts.items():
        while not lines[-1]:
            lines.pop()
        last, _, call = lines[-1].rpartition("# ")
        found[title] = ("\n".join([*lines[:-1], last.rstrip()]) + "\n", call.strip())
    return found


_EXAMPLES = {f"{subject}/{rule}": e for subject, text in _TEXTS.items() for rule, e in _examples(text).items()}
_NOTES = {f"{subject}/{rule}": n for subject, text in _TEXTS.items() for rule, n in _rows(text).items()}


def test_every_rule_has_an_example() -> None:
    assert sorted(_NOTES) == sorted(_EXAMPLES)


def _namespace(folder: Path, rule: str, code: str) -> dict[str, Any]:
    """What an example defines, and the names it may use."""
    name = re.sub(r"\W", "_", rule)
    found = vars(load(name, f"{_PRELUDE}\n\n{code}", folder))
    return {**{name: eval(value, found) for name, (_, value) in STANDING.items()}, **found}


def _result(names: dict[str, Any], call: str, script: Callable[[Any], Any]) -> object:
    """The call, with what the example defines compiled by `script`."""
    torch.manual_seed(0)
    if "M" in names:
        cls = names["M"]
        names = {**names, "M": lambda *args: script(cls(*args))}
    else:
        names = {**names, "f": script(names["f"])}
    return eval(call, names)


def _in_pytorch(scripted: Any) -> Any:
    return torch.jit.load(io.BytesIO(scripted.save_to_buffer()))


def _same(ours: object, theirs: object) -> None:
    if isinstance(theirs, Tensor):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)
    elif isinstance(theirs, (list, tuple)):
        assert isinstance(ours, (list, tuple))
        assert len(ours) == len(theirs)
        for mine, other in zip(ours, theirs):
            _same(mine, other)
    elif isinstance(theirs, dict):
        assert isinstance(ours, dict)
        assert list(ours) == list(theirs)
        _same(list(ours.values()), list(theirs.values()))
    else:
        assert ours == theirs
        assert type(ours) is type(theirs)


@pytest.mark.parametrize("rule", _EXAMPLES)
def test_example(rule: str, tmp_path: Path) -> None:
    code, text = _EXAMPLES[rule]
    names = _namespace(tmp_path, rule, code)
    match = _GIVEN.match(text)
    assert match is not None
    call = match["call"]
    examples = None if match["examples"] is None else eval(match["examples"], names)
    expected = _result(names, call, lambda obj: obj)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _same(_result(names, call, lambda obj: flambeau.script(obj, example_inputs=examples)), expected)
        if rule != "modules/ignore":  # what stays in Python cannot be saved
            _same(
                _result(names, call, lambda obj: _in_pytorch(flambeau.script(obj, example_inputs=examples))), expected
            )
        overloads = dict(torch._jit_internal._overloaded_fns)
        try:
            theirs = _result(names, call, torch.jit.script)
        except Exception:
            assert rule.startswith("beyond/") or _NOTES[rule].startswith("not in torch.jit")
        else:
            _same(theirs, expected)
            assert rule.startswith("beyond/") or not _NOTES[rule].startswith("not in torch.jit")
        torch._jit_internal._overloaded_fns.update(overloads)
