"""The sample modules that ship with PyTorch, in both modes: what scripts gives what eager gives.

Compilation may only fail for the modules listed here, each with its reason.
"""

import copy

import pytest
import torch

import flambeau
from flambeau.errors import ScriptError
from tests.python.differential import assert_same

common_modules = pytest.importorskip("torch.testing._internal.common_modules")

NOT_COMPILED = {
    "nn.LinearCrossEntropyLoss": "an attribute that is an object of options",
    "nn.ConstantPad1d": "an int where `pad` takes a float",
    "nn.ConstantPad2d": "an int where `pad` takes a float",
    "nn.ConstantPad3d": "an int where `pad` takes a float",
    "nn.TransformerEncoderLayer": "without biases, attributes of None are read",
    "nn.TransformerEncoder": "without biases, attributes of None are read",
    "nn.Transformer": "without biases, attributes of None are read",
    "nn.AdaptiveAvgPool2d": "None among the sizes",
    "nn.AdaptiveAvgPool3d": "None among the sizes",
    "nn.AdaptiveMaxPool2d": "None among the sizes",
    "nn.AdaptiveMaxPool3d": "None among the sizes",
}
NOT_CALLED = {"nn.CTCLoss": "its annotations say Tensor where it also takes tuples"}


def samples(info: object, training: bool) -> list[object]:
    return list(
        info.module_inputs_func(info, device="cpu", dtype=torch.float32, requires_grad=False, training=training)
    )


@pytest.mark.slow
@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize("info", common_modules.module_db, ids=lambda info: info.name)
def test_sample_modules(info: object, training: bool) -> None:
    for sample in samples(info, training):
        if sample.forward_input is None:
            continue
        module = info.module_cls(*sample.constructor_input.args, **sample.constructor_input.kwargs).train(training)
        args, kwargs = sample.forward_input.args, sample.forward_input.kwargs
        reference = copy.deepcopy(module)
        try:
            expected = seeded(reference, args, kwargs)
        except Exception:
            continue  # some samples are meant to fail
        try:
            scripted = flambeau.script(reference if info.name.startswith("nn.Lazy") else module)
        except ScriptError:
            if info.name not in NOT_COMPILED:
                raise
            continue
        try:
            found = seeded(scripted, args, kwargs)
        except TypeError:
            if info.name not in NOT_CALLED:
                raise
            continue
        assert_same(found, expected)


def seeded(module: torch.nn.Module, args: tuple[object, ...], kwargs: dict[str, object]) -> object:
    torch.manual_seed(0)
    return module(*copy.deepcopy(args), **copy.deepcopy(kwargs))
