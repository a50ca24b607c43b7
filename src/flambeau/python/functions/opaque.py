"""Scripts within `torch.compile`: calls that it neither looks into nor compiles.

A function that is being compiled by PyTorch is split where it calls a script; the script runs as it does elsewhere.
PyTorch asks two questions, both are answered here: whether to look into a function that it meets, by an attribute of
the function, and whether to compile a frame that Python is about to run, by a mark on its code.
"""

from __future__ import annotations

from types import FunctionType

import torch

__all__ = ["make_opaque"]


def make_opaque(function: object) -> None:
    """Keep `torch.compile` out of a function and everything that it calls."""
    if not isinstance(function, FunctionType):
        raise TypeError(f"{function!r} is not a Python function")
    function._torchdynamo_disable = True  # type: ignore[attr-defined]  # functions take attributes
    function._torchdynamo_disable_msg = "a TorchScript program of flambeau"  # type: ignore[attr-defined]
    frames = getattr(getattr(torch._C, "_dynamo", None), "eval_frame", None)
    if frames is not None and hasattr(frames, "set_code_exec_strategy"):
        skip = frames._FrameAction.SKIP
        frames.set_code_exec_strategy(function.__code__, frames._FrameExecStrategy(skip, skip))
