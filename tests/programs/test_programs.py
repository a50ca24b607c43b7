"""Generated programs do the same in plain Python, torch.jit and every tier of flambeau.

Run more of them, from other seeds: `FLAMBEAU_TEST_SEED=7 pytest tests/programs -m slow`.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, Phase, given, seed, settings

import flambeau
from flambeau import settings as flambeau_settings
from tests.language.harness import Call, Difference, Run, check_errors, run, same_runs
from tests.programs.generator import Program, programs

INPUTS = (
    (3, 0.5, True, "ab", [1, 2, 3], {"a": 1, "bc": 2}, None, torch.tensor([1.0, -2.0, 0.5])),
    (-7, -2.25, False, "", [], {}, 4, torch.zeros(3)),
    (12, 3.0, True, "Xa a", [5], {"x1": 9}, 0, torch.tensor([0.25, 4.0, -1.0])),
)
CALLS = tuple(Call("__call__", arguments) for arguments in INPUTS)
TIERS = ("interpreter", "python")
SEED = int(os.environ.get("FLAMBEAU_TEST_SEED", "0"))
SHARDS = 10

_counter = itertools.count()


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


def check(program: Program, folder: Path) -> None:
    main, name = _load(program, folder)
    try:
        python = run(main, CALLS)
        oracle = run(torch.jit.script(main), CALLS)
        if not program.wide:
            _agree("torch.jit", oracle, python, with_arguments=False)
        scripted = flambeau.script(main)
        for tier in TIERS:
            with flambeau_settings.override(tier=tier):
                ours = run(scripted, CALLS)
            _agree(f"flambeau, tier {tier}", ours, oracle, with_arguments=True)
            check_errors(ours, oracle, None if program.wide else python)
    finally:
        del sys.modules[name]
        (folder / f"{name}.py").unlink()


def _agree(who: str, ours: Run, theirs: Run, with_arguments: bool) -> None:
    try:
        same_runs(ours, theirs, arguments=with_arguments)
    except Difference as difference:
        raise Difference(f"{who}: {difference}") from difference.__cause__


_QUICK = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    # Programs are small as they are, and making one smaller takes minutes.
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
_SLOW = settings(_QUICK, max_examples=500, derandomize=False)


@_QUICK
@given(program=programs())
def test_programs_do_the_same_everywhere(program: Program, tmp_path: Path) -> None:
    check(program, tmp_path)


@settings(_QUICK, max_examples=10)
@given(program=programs(wide=True))
def test_ints_wrap_around_as_in_torch_jit(program: Program, tmp_path: Path) -> None:
    check(program, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("shard", range(SHARDS))
def test_many_programs(shard: int, tmp_path: Path) -> None:
    @seed(SEED * SHARDS + shard)
    @_SLOW
    @given(program=programs(wide=shard >= SHARDS - 2))
    def holds(program: Program) -> None:
        check(program, tmp_path)

    holds()
