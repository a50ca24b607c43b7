"""One generated program under everything that can run it.

python -m tests.programs.checker plain 0 500      checks the programs 0 to 499, and says which fail and how
"""

from __future__ import annotations

import importlib.util
import io
import itertools
import re
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

import flambeau
from flambeau import settings
from tests.language.harness import Call, Difference, Run, check_errors, run, same_runs
from tests.programs.generator import Kind, Program, program_of

INPUTS = (
    (3, 0.5, True, "ab", [1, 2, 3], {"a": 1, "bc": 2}, None, torch.tensor([1.0, -2.0, 0.5])),
    (-7, -2.25, False, "", [], {}, 4, torch.zeros(3)),
    (12, 3.0, True, "Xa a", [5], {"x1": 9}, 0, torch.tensor([0.25, 4.0, -1.0])),
)
CALLS = tuple(Call("__call__", arguments) for arguments in INPUTS)
TIERS = ("interpreter", "python")

_NARROWED = re.compile(
    "Variable '.*' previously had type|of type 'int' for argument '.*' but instead found type '(str|NoneType)'"
)
"""What it says where a variable that was declared as Optional and given a value is to be an Optional again (or given
None, and read where it is not), or one that was declared as a Union is asked for what it was not given.
"""

VERIFIED_OF_MANY = 4
"""In long runs every fourth program is also verified after every pass."""

_OWN_FAULT = re.compile("INTERNAL ASSERT FAILED|Run lint!|^bad optional access$|IValue is not a Scalar")
"""What torch.jit says, of itself or when it runs, where one of its passes broke a graph."""

_counter = itertools.count()


def check(program: Program, folder: Path, *, verify: bool = True) -> None:
    """Fail unless the program does the same in plain Python, torch.jit, every tier, and from an archive of it.

    torch.jit is left out for what it does not compile, but it must run the archive. `verify`: every graph is checked
    after every pass too, which takes as long as all the rest.
    """
    main, name = _load(program, folder)
    try:
        python = run(main, CALLS)
        oracle, mixes_zeros = None, False
        if program.kind is not Kind.EXTENDED:
            oracle = _oracle(main)
        if program.kind is Kind.PLAIN and oracle is not None:
            mixes_zeros = _mixes_zeros(oracle, python)
            oracle = None if mixes_zeros else oracle
        if program.kind is Kind.WIDE and oracle is None:
            return
        expected = oracle
        if oracle is not None and program.kind is Kind.PLAIN:
            expected = _as_python_writes(oracle, python)
        with settings.override(verify=verify):
            scripted = flambeau.script(main)
            for tier in TIERS:
                with settings.override(tier=tier):
                    ours = run(scripted, CALLS)
                _agree(f"flambeau, tier {tier}", ours, expected or python, with_arguments=expected is not None)
                check_errors(ours, oracle, None if program.kind is Kind.WIDE else python)
            _check_archive(scripted, expected or ours, None if mixes_zeros else oracle or ours)
    finally:
        del sys.modules[name]
        (folder / f"{name}.py").unlink()


def _oracle(main: Callable[..., object]) -> Run | None:
    """What torch.jit does; None if it says itself that it has gone wrong, or has narrowed a variable too far."""
    try:
        scripted = torch.jit.script(main)
    except RuntimeError as error:
        if _OWN_FAULT.search(str(error)) or _NARROWED.search(str(error)):
            return None
        raise
    done = _under_torch(scripted)
    return None if any(_OWN_FAULT.search(str(outcome.error)) for outcome in done.outcomes) else done


def _mixes_zeros(oracle: Run, python: Run) -> bool:
    """Whether torch.jit took 0.0 for -0.0, constants that are equal to it; a Difference if it differs otherwise."""
    try:
        _agree("torch.jit", oracle, python, with_arguments=False)
    except Difference as difference:
        if "sign of result" not in str(difference):
            raise
        return True
    return False


def _as_python_writes(oracle: Run, python: Run) -> Run:
    """What torch.jit does, but tensors that were written to are as Python leaves them.

    torch.jit loses writes to an argument that a loop of no round passes on. Containers are not shared with the caller.
    """
    outcomes = [
        replace(theirs, arguments=tuple(p if isinstance(p, torch.Tensor) else a for a, p in pairs))
        for theirs, pairs in (
            (theirs, zip(theirs.arguments, plain.arguments, strict=True))
            for theirs, plain in zip(oracle.outcomes, python.outcomes, strict=True)
        )
    ]
    return replace(oracle, outcomes=tuple(outcomes))


def _check_archive(scripted: object, expected: Run, oracle: Run | None) -> None:
    """Fail unless the printed program, read again, does the same; in PyTorch, what torch.jit does (None: left out)."""
    written = io.BytesIO()
    flambeau.save(scripted, written)
    _agree("flambeau, from the archive", run(flambeau.load(io.BytesIO(written.getvalue())), CALLS), expected, True)
    if oracle is None:
        return
    theirs = _under_torch(torch.jit.load(io.BytesIO(written.getvalue())))
    if not any(_OWN_FAULT.search(str(outcome.error)) for outcome in theirs.outcomes):
        _agree("torch.jit, from the archive", theirs, oracle, True)


def _under_torch(scripted: Callable[..., object]) -> Run:
    # Its optimised execution profiles and compiles for much longer than the program takes.
    with torch.jit.optimized_execution(False):
        return run(scripted, CALLS)


def _agree(who: str, ours: Run, theirs: Run, with_arguments: bool) -> None:
    try:
        same_runs(ours, theirs, arguments=with_arguments)
    except Difference as difference:
        raise Difference(f"{who}: {difference}") from difference.__cause__


def _load(program: Program, folder: Path) -> tuple[Callable[..., object], str]:
    """`main` of a program, as a module of its own: compilers want the source in a file."""
    name = f"generated_program_{next(_counter)}"
    path = folder / f"{name}.py"
    path.write_text(program.source)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module.main, name


def _main(kind: str, start: str, stop: str) -> int:
    """Check the programs of a range of seeds; 1 if any failed."""
    failed = 0
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seed in range(int(start), int(stop)):
            try:
                check(program_of(seed, Kind(kind)), Path(folder), verify=seed % VERIFIED_OF_MANY == 0)
            except Exception as error:
                failed += 1
                found = traceback.format_exception_only(error)
                print(f"=== {kind} {seed}: {''.join(found)[-1200:]}", flush=True)
    print(f"{failed} of {kind} {start}..{stop} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
