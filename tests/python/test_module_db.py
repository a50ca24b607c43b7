"""The sample modules that ship with PyTorch, in both modes: scripts give what eager gives, gradients included.

What is refused, PyTorch's own compiler must refuse too; each such module is listed with the reason.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping

import pytest
import torch
from torch import Tensor, nn

import flambeau
from flambeau.errors import ScriptError
from tests.marks import requires_cuda
from tests.python.differential import assert_same

common_modules = pytest.importorskip("torch.testing._internal.common_modules")
common_nn = pytest.importorskip("torch.testing._internal.common_nn")

_NO_BIAS = "without biases, attributes of None are read where flags forbid it"
NOT_COMPILED = {
    "nn.LinearCrossEntropyLoss": "an attribute that is an object of options",
    "nn.TransformerEncoderLayer": _NO_BIAS,
    "nn.TransformerEncoder": _NO_BIAS,
    "nn.Transformer": _NO_BIAS,
}
NOT_CALLED = {"nn.CTCLoss": "its annotations say Tensor where it also takes tuples"}


def samples(info: object, training: bool, device: str) -> list[object]:
    return list(
        info.module_inputs_func(info, device=device, dtype=torch.float32, requires_grad=False, training=training)
    )


@pytest.mark.slow
@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=requires_cuda)])
@pytest.mark.parametrize("info", common_modules.module_db, ids=lambda info: info.name)
def test_sample_modules(info: object, training: bool, device: str) -> None:
    for sample in samples(info, training, device):
        if sample.forward_input is None:
            continue
        module = info.module_cls(*sample.constructor_input.args, **sample.constructor_input.kwargs).train(training)
        check(info.name, module.to(device), sample.forward_input.args, sample.forward_input.kwargs)


def check(name: str, module: nn.Module, args: tuple[object, ...], kwargs: Mapping[str, object]) -> None:
    """Fail unless the scripted module does what the module does, or torch.jit cannot serve it either."""
    reference = copy.deepcopy(module)
    try:
        expected = seeded(reference, args, kwargs)
    except Exception:
        return  # some samples are meant to fail
    if name.startswith("nn.Lazy"):
        module = copy.deepcopy(reference)
        expected = seeded(reference, args, kwargs)
    try:
        scripted = flambeau.script(module)
    except ScriptError:
        assert name in NOT_COMPILED
        with pytest.raises(Exception):
            torch.jit.script(copy.deepcopy(reference))
        return
    try:
        found = seeded(scripted, args, kwargs)
    except TypeError:
        assert name in NOT_CALLED
        with pytest.raises(RuntimeError):
            seeded(torch.jit.script(copy.deepcopy(reference)), args, kwargs)
        return
    assert_same(found, expected)
    same_gradients(scripted, reference, found, expected)


def seeded(module: Callable[..., object], args: tuple[object, ...], kwargs: Mapping[str, object]) -> object:
    torch.manual_seed(0)
    return module(*copy.deepcopy(args), **copy.deepcopy(dict(kwargs)))


def same_gradients(scripted: nn.Module, reference: nn.Module, found: object, expected: object) -> None:
    try:
        theirs = gradients(reference, expected)
    except RuntimeError as error:  # some kernels of GPUs have no gradients outside of training
        with pytest.raises(RuntimeError, match=re.escape(str(error))):
            gradients(scripted, found)
        return
    ours = gradients(scripted, found)
    assert list(ours) == list(theirs)
    for name, gradient in theirs.items():
        assert_same(ours[name], gradient)


def gradients(module: nn.Module, result: object) -> dict[str, Tensor | None]:
    """The gradient of the sum of all results with respect to each parameter."""
    parameters = {name: p for name, p in module.named_parameters() if p.requires_grad}
    terms = [tensor.sum() for tensor in _tensors(result) if tensor.requires_grad]
    if not parameters or not terms:
        return {}
    made = torch.autograd.grad(sum(terms), list(parameters.values()), allow_unused=True)
    return dict(zip(parameters, made, strict=True))


def _tensors(value: object) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value] if value.is_floating_point() else []
    return [t for part in value for t in _tensors(part)] if isinstance(value, (tuple, list)) else []


# --- the older table of samples

NN_TESTS = [*common_nn.module_tests, *common_nn.get_new_module_tests()]


def _identity(case: Mapping[str, object]) -> str:
    name = str(case.get("fullname") or case.get("module_name"))
    return f"{name}-{case['desc']}" if case.get("desc") and "fullname" not in case else name


@pytest.mark.slow
@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize("case", NN_TESTS, ids=_identity)
def test_older_sample_modules(case: Mapping[str, object], training: bool) -> None:
    make = case.get("constructor") or getattr(nn, str(case.get("module_name")), None)
    if make is None:
        pytest.skip("not a module of torch.nn")
    torch.manual_seed(0)
    module = make(*_made(case, "constructor_args"), **dict(case.get("constructor_kwargs", {})))
    if not isinstance(module, nn.Module) or type(module).__module__.startswith("torch.testing"):
        pytest.skip("a function in the clothes of a module, whose text is not to be had")
    check(f"nn.{type(module).__name__}", module.train(training), _inputs(case), {})


def _made(case: Mapping[str, object], key: str) -> tuple[object, ...]:
    if f"{key}_fn" in case:
        return tuple(case[f"{key}_fn"]())
    return tuple(case.get(key, ()))


def _inputs(case: Mapping[str, object]) -> tuple[object, ...]:
    if "input_fn" in case:
        given = case["input_fn"]()
    elif "input" in case:
        given = case["input"]
    else:
        given = _random(case["input_size"])
    return tuple(given) if isinstance(given, (tuple, list)) else (given,)


def _random(size: object) -> object:
    if isinstance(size, (list, tuple)) and size and isinstance(size[0], (list, tuple)):
        return tuple(torch.randn(tuple(part)) for part in size)
    return torch.randn(tuple(size))
