"""What is done with a mutant: everything that somebody who is handed a file may do before running the model."""

from __future__ import annotations

import io
import os
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

import flambeau
from flambeau.errors import ArchiveError, ExecutionError, UnsupportedError
from flambeau.ir import ClassType, CompilationUnit, Function

EVIDENCE = Path("/tmp/flambeau-was-here")
"""What hostile mutants try to create."""
_TOUCHED_AT_MOST = 1 << 20


def _functions(unit: CompilationUnit) -> Iterator[Function]:
    yield from list(unit.functions.values())
    for named in list(unit.types.values()):
        if isinstance(named, ClassType):
            yield from list(named.methods.values())
            yield from list(named.static_methods.values())


def _touch(module: torch.nn.Module) -> None:
    """Read tensors to their last elements."""
    for tensor in module.state_dict().values():
        if tensor.numel() <= _TOUCHED_AT_MOST and tensor.device.type == "cpu":
            (tensor.int_repr() if tensor.is_quantized else tensor).clone()


def _look_into(data: bytes) -> None:
    """What those do who do not trust a file."""
    try:
        str(flambeau.inspect(data))
    except ArchiveError:
        assert flambeau.validate(data)
        return
    for problem in flambeau.validate(data):
        str(problem)


def load_with_flambeau(data: bytes, number: int, folder: Path) -> str:
    """Load, compile everything, touch the tensors: `loaded` or `refused`; all else is a finding."""
    if number % 2:
        file = folder / "m.pt"
        file.write_bytes(data)
        source: object = file
    else:
        source = io.BytesIO(data)
    if number % 4 == 0:
        _look_into(data)
    try:
        module = flambeau.load(source)  # type: ignore[arg-type]
        for function in _functions(module._c.compilation_unit):
            _ = function.graph
    except ArchiveError as error:
        str(error)
        return "refused"
    _touch(module)
    if number % 4 == 0 and not EVIDENCE.exists():
        _save_again(module)
    return "loaded"


def _save_again(module: flambeau.ScriptModule) -> None:
    """What was loaded can be saved, unless it has no stored form, or its `__getstate__` raises."""
    try:
        data = module.save_to_buffer()
    except (ArchiveError, UnsupportedError, ExecutionError):
        return
    finally:
        EVIDENCE.unlink(missing_ok=True)  # `__getstate__` is called by who saves, as any method by who calls it
    flambeau.load(data)


def load_with_pytorch(data: bytes, number: int, folder: Path) -> str:
    """The same through PyTorch's loader; its exceptions count as refusals, whatever they are."""
    try:
        module = torch.jit.load(io.BytesIO(data))
    except Exception as error:
        return f"refused ({type(error).__name__})"
    _touch(module)
    return "loaded"


LOADERS: dict[str, Callable[[bytes, int, Path], str]] = {
    "flambeau": load_with_flambeau,
    "torch": load_with_pytorch,
}


def outcome(loader: str, data: bytes, number: int, folder: Path) -> str:
    """One line: `loaded`, `refused...` or what was found, the last with its place."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            result = LOADERS[loader](data, number, folder)
        except BaseException as error:
            frames = [f for f in traceback.extract_tb(error.__traceback__) if "flambeau" in f.filename]
            place = f"{os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else "?"
            shown = " ".join(str(error).split())[:200]
            result = f"FOUND {type(error).__name__} at {place}: {shown}"
    if EVIDENCE.exists():
        EVIDENCE.unlink()
        result = f"FOUND the file was created that the mutant's code names ({result})"
    return result
