"""PyTorch's own operator samples (`op_db`), each scripted and run by the interpreter and the Python tier beside eager.

Run as a program, on its own: importing PyTorch's test utilities replaces methods of its script classes.

    python -m tests.runtime.op_db_differential [--every N [--offset N]] [--samples N] [--device cuda] [--only NAME]

Prints one JSON object: counts, the failures by operator, and the operators of which eager itself does not give the
same twice, whose differences are no failures. A sample counts where TorchScript has a form for it: its other arguments
can be written as literals and `torch.jit` compiles the call.
"""

from __future__ import annotations

import argparse
import json
import linecache
import math
import sys
import types
import typing
import warnings
from collections import Counter
from dataclasses import dataclass, field

import torch
from torch.testing._internal.common_methods_invocations import op_db
from torch.utils._pytree import tree_flatten

import flambeau
from flambeau import settings

DTYPES = (torch.float32, torch.int64, torch.bool, torch.complex64)
TIERS = ("interpreter", "python")
SLICE_OF_SAMPLES = 12
"""At most that many samples for each operator and dtype: the tail repeats shapes."""


WITHOUT_VALUES = frozenset(
    {
        *("empty", "empty_like", "empty_permuted", "empty_strided", "new_empty", "new_empty_strided"),
        *("resize_", "resize_as_"),
        "torch.ops.aten._efficient_attention_forward",  # the seed that it gives, where nothing is dropped
    }
)
"""Operators that give memory as they find it: only dtypes and shapes are compared."""


class NoLiteral(Exception):
    """An argument cannot be written in a script."""


@dataclass
class Arguments:
    """The tensors of one call become parameters; all else is written as literals."""

    parameters: list[str] = field(default_factory=list)
    values: list[object] = field(default_factory=list)

    def text(self, value: object) -> str:
        if isinstance(value, torch.Tensor):
            return self._parameter("torch.Tensor", value)
        if isinstance(value, (list, tuple)) and value and all(isinstance(v, torch.Tensor) for v in value):
            return self._parameter("List[torch.Tensor]", list(value))
        if value is None or isinstance(value, (bool, int, str)):
            return repr(value)
        if isinstance(value, float):
            return repr(value) if math.isfinite(value) else f"float('{value}')"
        if isinstance(value, complex):
            return f"complex({value.real!r}, {value.imag!r})"
        if isinstance(value, (torch.dtype, torch.layout, torch.memory_format)):
            return str(value)
        if isinstance(value, torch.device):
            return f"torch.device('{value}')"
        if isinstance(value, (list, tuple)):
            inner = [self.text(v) for v in value]
            if isinstance(value, tuple) and len(inner) == 1:
                return f"({inner[0]},)"
            return f"({', '.join(inner)})" if isinstance(value, tuple) else f"[{', '.join(inner)}]"
        raise NoLiteral(type(value).__name__)

    def _parameter(self, annotation: str, value: object) -> str:
        name = f"i{len(self.values)}"
        self.parameters.append(f"{name}: {annotation}")
        self.values.append(value)
        return name


@dataclass
class Findings:
    """What the samples of one operator showed."""

    failures: set[str] = field(default_factory=set)
    differs_from_itself: bool = False
    """Whether two runs of eager gave different values where a script gave others."""


def forms(op: object) -> list[str]:
    """How a script may spell the call: `{}` are the arguments."""
    name = op.name
    found = [f"torch.{name}"]
    if name.startswith("nn.functional."):
        found = [f"F.{name.removeprefix('nn.functional.')}"]
    aten = op.aten_name
    if aten and f"torch.{aten}" not in found:
        found.append(f"torch.{aten}")
        found.append(f"torch.ops.aten.{aten}")
    return found


_count = 0


def compiled(text: str) -> tuple[object, object]:
    """Eager's function and ours; the first is None where TorchScript does not have the call."""
    global _count
    _count += 1
    try:
        torch.jit.CompilationUnit(text.replace("F.", "torch.nn.functional."))
    except Exception:  # whatever it says: no TorchScript form
        return None, None
    filename = f"<op_db {_count}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    module = types.ModuleType(f"op_db_{_count}")
    sys.modules[module.__name__] = module
    module.__dict__.update(torch=torch, F=torch.nn.functional, List=typing.List)
    exec(compile(text, filename, "exec"), module.__dict__)
    eager = module.__dict__["the_method"]
    try:
        return eager, flambeau.script(eager)
    except Exception as error:
        return eager, error


def outcome(function: object, values: list[object], sample_seed: int = 0) -> object:
    """What a call gives on copies of the values, or the error it ends in."""
    copies = [[t.detach().clone() for t in v] if isinstance(v, list) else v.detach().clone() for v in values]
    torch.manual_seed(sample_seed)
    try:
        with torch.no_grad():
            return function(*copies)
    except Exception as error:
        return error


def difference(expected: object, actual: object, *, values: bool = True) -> str | None:
    """What is not the same; None if all is. Without `values`, those of tensors' elements do not count."""
    if isinstance(expected, Exception) or isinstance(actual, Exception):
        if isinstance(expected, Exception) and isinstance(actual, Exception):
            return None
        return f"eager: {_brief(expected)}; script: {_brief(actual)}"
    left, _ = tree_flatten(_plain(expected))
    right, _ = tree_flatten(_plain(actual))
    if len(left) != len(right):
        return f"{len(left)} outputs in eager, {len(right)} in script"
    for a, b in zip(left, right):
        if isinstance(a, torch.Tensor) != isinstance(b, torch.Tensor):
            return f"{_brief(a)} in eager, {_brief(b)} in script"
        if isinstance(a, torch.Tensor):
            if a.dtype != b.dtype or a.shape != b.shape or a.layout != b.layout:
                return f"{a.dtype} {tuple(a.shape)} in eager, {b.dtype} {tuple(b.shape)} in script"
            if not values:
                continue
            try:
                torch.testing.assert_close(b, a, equal_nan=True, rtol=1e-5, atol=1e-6)
            except AssertionError as error:
                return str(error).splitlines()[0]
        elif isinstance(a, (torch.dtype, torch.device, torch.layout)):
            continue
        elif a != b and not (a != a and b != b):
            return f"{a!r} in eager, {b!r} in script"
    return None


def _plain(value: object) -> object:
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return value


def _brief(value: object) -> str:
    if isinstance(value, torch.Tensor):
        return f"a tensor of {tuple(value.shape)}"
    lines = [line.strip() for line in str(value).strip().splitlines() if line.strip()]
    return f"{type(value).__name__}: {lines[-1][:160] if lines else ''}"


def check(op: object, counts: Counter[str], limit: int, device: str) -> Findings:
    """Run the samples of one operator on a device; what failed."""
    findings = Findings()
    programs: dict[str, tuple[object, object]] = {}
    ran = False
    for dtype in DTYPES:
        if dtype not in op.supported_dtypes(device):
            continue
        torch.manual_seed(0)
        try:
            samples = list(op.sample_inputs(device, dtype))
        except Exception as error:  # samples that this installation cannot make
            counts["dtypes without samples"] += 1
            del error
            continue
        for sample in samples[:limit]:
            ran |= check_sample(op, sample, programs, counts, findings)
    counts["ops"] += ran
    counts["ops without a TorchScript form"] += not ran
    return findings


def check_sample(op: object, sample: object, programs: dict, counts: Counter[str], findings: Findings) -> bool:
    arguments = Arguments()
    try:
        texts = [arguments.text(v) for v in (sample.input, *sample.args)]
        texts += [f"{name}={arguments.text(v)}" for name, v in sample.kwargs.items()]
    except NoLiteral:
        counts["samples with arguments that scripts cannot write"] += 1
        return False
    for form in forms(op):
        text = f"def the_method({', '.join(arguments.parameters)}):\n    return {form}({', '.join(texts)})\n"
        if text not in programs:
            programs[text] = compiled(text)
        eager, script = programs[text]
        if eager is not None:
            break
    else:
        counts["samples without a TorchScript form"] += 1
        return False
    counts["samples"] += 1
    if isinstance(script, Exception):
        findings.failures.add(f"does not compile: {_brief(script)}: {text.splitlines()[1].strip()[:120]}")
        return True
    expected = outcome(eager, arguments.values)
    if isinstance(expected, Exception):  # TorchScript has the form that eager lacks
        expected = outcome(
            torch.jit.CompilationUnit(text.replace("F.", "torch.nn.functional.")).the_method, arguments.values
        )
    values = op.name not in WITHOUT_VALUES
    for tier in TIERS:
        with settings.override(tier=tier):
            found = difference(expected, outcome(script, arguments.values), values=values)
        if found is None:
            continue
        if difference(expected, outcome(eager, arguments.values), values=values) is None:
            findings.failures.add(f"{tier}: {found}: {text.splitlines()[1].strip()[:120]}")
        else:
            findings.differs_from_itself = True
    return True


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--offset", type=int, default=0)
    parser.add_argument("--samples", type=int, default=SLICE_OF_SAMPLES)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--only")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    counts: Counter[str] = Counter()
    failures: dict[str, list[str]] = {}
    nondeterministic: list[str] = []
    for op in op_db[options.offset :: options.every]:
        name = f"{op.name}.{op.variant_test_name}" if op.variant_test_name else op.name
        if options.only is not None and name != options.only:
            continue
        counts["entries"] += 1
        found = check(op, counts, options.samples, options.device)
        if found.differs_from_itself:
            nondeterministic.append(name)
        if found.failures:
            failures[name] = sorted(found.failures)
            print(name, *failures[name], sep="\n    ", file=sys.stderr, flush=True)
    print(json.dumps({"counts": counts, "failures": failures, "nondeterministic": nondeterministic}))


if __name__ == "__main__":
    main()
