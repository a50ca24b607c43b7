"""Every function of `torch.nn.functional` on PyTorch's own samples: scripts give what eager gives, gradients included.

Run as a program, on its own: importing PyTorch's test utilities replaces methods of its script classes.

    python -m tests.python.functional_differential [--every N] [--only NAME]

Prints one JSON object: counts, and the failures by function. What PyTorch's compiler takes must be taken; a sample that
it refuses counts where we take it.
"""

from __future__ import annotations

import argparse
import itertools
import json
import linecache
import sys
import types
import typing
import warnings
from collections import Counter
from collections.abc import Callable

import torch
from torch.testing._internal.common_methods_invocations import op_db
from torch.utils._pytree import tree_leaves

import flambeau
from tests.runtime.op_db_differential import Arguments, NoLiteral, difference, outcome

PREFIX = "nn.functional."
ALSO = ("softmax", "log_softmax", "sigmoid", "tanh")
"""Functions whose samples stand under the operator's name."""
DTYPES = (torch.float32, torch.int64)
SAMPLES = 12

_numbers = itertools.count()


def function_of(text: str) -> Callable[..., object]:
    """The function `f` that a text defines, with source that compilers can read."""
    filename = f"<functional {next(_numbers)}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    module = types.ModuleType(f"functional_{next(_numbers)}")
    sys.modules[module.__name__] = module
    module.__dict__.update(torch=torch, F=torch.nn.functional, List=typing.List)
    exec(compile(text, filename, "exec"), module.__dict__)
    found: Callable[..., object] = module.__dict__["f"]
    return found


def text_of(name: str, sample: object) -> tuple[str, list[object]]:
    """A function that calls `F.name` as the sample says, and the arguments that remain its own."""
    arguments = Arguments()
    given = [arguments.text(value) for value in (sample.input, *sample.args)]
    given += [f"{key}={arguments.text(value)}" for key, value in sample.kwargs.items()]
    return f"def f({', '.join(arguments.parameters)}):\n    return F.{name}({', '.join(given)})\n", arguments.values


def gradients(function: Callable[..., object], values: list[object]) -> list[object] | RuntimeError:
    """The gradients of the sum of all results; none where nothing has gradients; the error if PyTorch has none."""
    try:
        return _gradients(function, values)
    except RuntimeError as error:
        return error


def _gradients(function: Callable[..., object], values: list[object]) -> list[object]:
    own = [[_leaf(t) for t in v] if isinstance(v, list) else _leaf(v) for v in values]
    leaves = [t for t in tree_leaves(own) if t.requires_grad]
    torch.manual_seed(0)
    results = [t for t in tree_leaves(function(*own)) if isinstance(t, torch.Tensor) and t.requires_grad]
    if not leaves or not results:
        return []
    return list(torch.autograd.grad(sum(t.sum() for t in results), leaves, allow_unused=True))


def _leaf(value: torch.Tensor) -> torch.Tensor:
    copied = value.detach().clone()
    return copied.requires_grad_() if copied.is_floating_point() else copied


def check(name: str, sample: object, counts: Counter[str]) -> str | None:
    """Run one sample; what is wrong, if anything."""
    try:
        text, values = text_of(name, sample)
    except NoLiteral:
        counts["samples with arguments that scripts cannot write"] += 1
        return None
    eager = function_of(text)
    try:
        theirs: object = torch.jit.script(eager)
    except Exception:  # whatever it says
        theirs = None
    try:
        scripted = flambeau.script(eager)
    except Exception as error:
        if theirs is None:
            counts["samples that neither compiles"] += 1
            return None
        return f"does not compile: {str(error).strip().splitlines()[0]}: {text}"
    counts["samples" if theirs is not None else "samples that only we compile"] += 1
    expected = outcome(eager, values)
    wrong = difference(expected, outcome(scripted, values))
    if wrong is not None and difference(expected, outcome(eager, values)) is None:
        return f"{wrong}: {text}"
    if isinstance(expected, Exception):
        return None
    wanted = gradients(eager, values)
    wrong = difference(wanted, gradients(scripted, values))
    counts["samples with gradients"] += isinstance(wanted, list) and bool(wanted)
    return None if wrong is None else f"gradients: {wrong}: {text}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--only")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    counts: Counter[str] = Counter()
    failures: dict[str, list[str]] = {}
    entries = [op for op in op_db if op.name.startswith(PREFIX) or op.name in ALSO]
    for op in entries[:: options.every]:
        name = op.name.removeprefix(PREFIX)
        if options.only is not None and name != options.only:
            continue
        counts["entries"] += 1
        for dtype in DTYPES:
            if dtype not in op.supported_dtypes("cpu"):
                continue
            torch.manual_seed(0)
            for sample in itertools.islice(op.sample_inputs("cpu", dtype), SAMPLES):
                wrong = check(name, sample, counts)
                if wrong is not None:
                    failures.setdefault(name, []).append(wrong)
    print(json.dumps({"counts": counts, "failures": failures}))


if __name__ == "__main__":
    main()
