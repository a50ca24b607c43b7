"""Every example in docs/language.md: compiled, run, and compared with plain Python (and torch.jit)."""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple  # the examples are written with them

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import Variable

import flambeau

_TEXT = (Path(__file__).parents[2] / "docs" / "language.md").read_text()
_GIVEN = re.compile(r"^(?P<call>.*?)(?: given (?P<examples>.*))?$")


def _rows() -> list[str]:
    rows = re.findall(r"^\| ([^|]+) \|", _TEXT, re.MULTILINE)
    return [row for row in rows if row not in ("form", "rule", "---")]


def _examples() -> dict[str, tuple[str, str]]:
    """The code and the call of each example, by the rule's name, which stands in a comment above it."""
    titles = {f"# {row}": row for row in _rows()}
    parts: dict[str, list[str]] = {}
    for fence in re.findall(r"^```python\n(.*?)^```", _TEXT, re.MULTILINE | re.DOTALL):
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


_EXAMPLES = _examples()


def test_every_rule_has_an_example() -> None:
    assert sorted(_rows()) == sorted(_EXAMPLES)


def _namespace(tmp_path: Path, code: str) -> dict[str, Any]:
    """What an example defines, from a file: compilers want to read the source."""
    path = tmp_path / "example.py"
    path.write_text(code)
    found: dict[str, Any] = {
        "__name__": "example",
        "torch": torch,
        "nn": nn,
        "Tensor": Tensor,
        "Variable": Variable,
        "Any": Any,
        "Dict": Dict,
        "List": List,
        "Optional": Optional,
        "Tuple": Tuple,
        "SIZES": [1, 2],
        "TABLE": {"a": 3},
        "X": torch.arange(6.0).view(2, 3),
    }
    exec(compile(code, str(path), "exec"), found)
    return found


def _result(names: dict[str, Any], call: str, script: Callable[[Any], Any]) -> object:
    """The call, with what the example defines compiled by `script`."""
    torch.manual_seed(0)
    if "M" in names:
        cls = names["M"]
        names = {**names, "M": lambda *args: script(cls(*args))}
    else:
        names = {**names, "f": script(names["f"])}
    return eval(call, names)


def _same(ours: object, theirs: object) -> None:
    if isinstance(theirs, Tensor):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)
    elif isinstance(theirs, (list, tuple)):
        assert isinstance(ours, (list, tuple))
        assert len(ours) == len(theirs)
        for mine, other in zip(ours, theirs):
            _same(mine, other)
    else:
        assert ours == theirs
        assert type(ours) is type(theirs)


@pytest.mark.parametrize("rule", _EXAMPLES)
def test_example(rule: str, tmp_path: Path) -> None:
    code, text = _EXAMPLES[rule]
    names = _namespace(tmp_path, code)
    match = _GIVEN.match(text)
    assert match is not None
    call = match["call"]
    examples = None if match["examples"] is None else eval(match["examples"], names)
    expected = _result(names, call, lambda obj: obj)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _same(_result(names, call, lambda obj: flambeau.script(obj, example_inputs=examples)), expected)
        overloads = dict(torch._jit_internal._overloaded_fns)
        with contextlib.suppress(Exception):
            theirs = _result(names, call, torch.jit.script)
            _same(theirs, expected)
        torch._jit_internal._overloaded_fns.update(overloads)
