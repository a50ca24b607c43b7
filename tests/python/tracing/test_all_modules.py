"""Every layer and every operator that PyTorch's own tests have samples for."""

from __future__ import annotations

import copy
import io
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.common_modules import module_db
from torch.utils._pytree import tree_flatten, tree_leaves, tree_map, tree_unflatten

import flambeau
from tests.python.tracing.oracle import assert_same, our_kinds, their_kinds

pytestmark = pytest.mark.slow

NOT_TRACED = {"nn.LinearCrossEntropyLoss": "computes with sizes as Python ints unless PyTorch's own tracer is at work"}
OTHER_OPERATORS = {
    "nn.LSTMCell": "recorded as the cell that it calls",
    "nn.GRUCell": "recorded as the cell that it calls",
    "nn.RNNCell": "recorded as the cell that it calls",
    "nn.Conv1d": "PyTorch adds a batch dimension in the recording",
    "nn.Conv2d": "PyTorch adds a batch dimension in the recording",
    "nn.Conv3d": "PyTorch adds a batch dimension in the recording",
    "nn.ConvTranspose1d": "PyTorch adds a batch dimension in the recording",
    "nn.ConvTranspose2d": "PyTorch adds a batch dimension in the recording",
    "nn.ConvTranspose3d": "PyTorch adds a batch dimension in the recording",
    "nn.BCELoss": "the shape of the weight is computed",
}
ON_THE_GPU = "jiterator"
MEMORY_AS_IT_IS = {"empty", "empty_like", "new_empty", "empty_strided", "new_empty_strided", "empty_permuted"}
MOST_SAMPLES = 6


def _samples(info: Any) -> Iterator[tuple[torch.nn.Module, tuple[Any, ...]]]:
    for training in (True, False) if info.train_and_eval_differ else (True,):
        torch.manual_seed(0)
        for sample in info.module_inputs_func(
            info, device="cpu", dtype=torch.float32, requires_grad=False, training=training
        ):
            if sample.forward_input is None or sample.forward_input.kwargs:
                continue
            inputs = tuple(sample.forward_input.args)
            if all(isinstance(value, (Tensor, tuple, list, dict)) for value in inputs):
                module = info.module_cls(*sample.constructor_input.args, **sample.constructor_input.kwargs)
                yield module.train(training), inputs


@pytest.mark.parametrize("info", [i for i in module_db if i.name not in NOT_TRACED], ids=lambda info: info.name)
def test_layer(info: Any) -> None:
    for module, inputs in _samples(info):
        theirs = _traced(torch.jit.trace, module, inputs)
        mine = _traced(flambeau.trace, module, inputs)
        if isinstance(mine, Exception):
            assert isinstance(theirs, Exception), mine
            continue
        torch.manual_seed(1)
        expected = copy.deepcopy(module)(*copy.deepcopy(inputs))
        torch.manual_seed(1)
        assert_same(mine(*copy.deepcopy(inputs)), expected)
        loaded = torch.jit.load(io.BytesIO(mine.save_to_buffer()))
        torch.manual_seed(1)
        assert_same(loaded(*copy.deepcopy(inputs)), expected)
        if not isinstance(theirs, Exception) and info.name not in OTHER_OPERATORS:
            assert our_kinds(mine.inlined_graph) == their_kinds(theirs)
        if not isinstance(theirs, Exception):
            _check_another_batch(module, mine, theirs, inputs)


def _check_another_batch(module: torch.nn.Module, mine: Any, theirs: Any, inputs: tuple[Any, ...]) -> None:
    """Where the trace of PyTorch's gives what the module gives for twice as many samples, ours does."""
    twice = tree_map(lambda v: torch.cat([v, v]) if isinstance(v, Tensor) and v.dim() else v, inputs)
    results = []
    for run in (copy.deepcopy(module), theirs, mine):
        torch.manual_seed(1)
        try:
            results.append(run(*copy.deepcopy(twice)))
        except (RuntimeError, ValueError, IndexError, AssertionError) as error:
            results.append(error)
    expected, of_theirs, of_ours = results
    if isinstance(expected, Exception) or isinstance(of_theirs, Exception):
        return
    try:
        assert_same(of_theirs, expected)
    except AssertionError:
        return
    assert not isinstance(of_ours, Exception), of_ours
    assert_same(of_ours, expected)


def _traced(tracer: Any, module: torch.nn.Module, inputs: tuple[Any, ...]) -> Any:
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return tracer(copy.deepcopy(module), copy.deepcopy(inputs), check_trace=False)
        except (RuntimeError, ValueError) as error:
            return error


OPERATORS = [op for op in op_db if op.name not in MEMORY_AS_IT_IS and not op.name.startswith(ON_THE_GPU)]


@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.full_name)
def test_operator(op: Any) -> None:
    dtype = next((d for d in (torch.float32, torch.int64, torch.complex64, torch.bool) if d in op.dtypes), None)
    if dtype is None:
        pytest.skip("no type of elements that runs on this device")
    torch.manual_seed(0)
    for sample, _ in zip(op.sample_inputs("cpu", dtype, requires_grad=False), range(MOST_SAMPLES), strict=False):
        flat, structure = tree_flatten((sample.input, sample.args, sample.kwargs))
        tensors = tuple(value for value in flat if isinstance(value, Tensor))

        def call(*given: Tensor) -> Any:
            rest = iter(given)
            first, args, kwargs = tree_unflatten([next(rest) if isinstance(v, Tensor) else v for v in flat], structure)
            return op(first, *args, **kwargs)

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.manual_seed(42)  # as those samples do that draw random numbers
            try:
                expected = call(*_copies(tensors))
            except (RuntimeError, NotImplementedError, IndexError):
                continue
            results = tree_leaves(expected)
            if not tensors or not results or not all(isinstance(result, Tensor) for result in results):
                continue
            torch.manual_seed(42)
            traced = flambeau.trace(call, _copies(tensors), check_trace=False, strict=False)
            torch.manual_seed(42)
            assert_same(tree_leaves(traced(*_copies(tensors))), results)


def _copies(tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(t.detach().clone() if t.layout == torch.strided else t for t in tensors)
