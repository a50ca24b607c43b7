"""What cannot be scripted, saved or traced at all: each refused as by torch.jit, with a golden message.

`pytest --bless` rewrites `tests/golden/rejections/objects.txt`.
"""

import io
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

import flambeau
from flambeau.errors import FlambeauError

GOLDEN = Path(__file__).parents[1] / "golden" / "rejections" / "objects.txt"
CASES: dict[str, tuple[Callable[..., object], str]] = {}
"""Name -> what is done with an implementation of TorchScript, and words that both messages have."""


def refused(words: str) -> Callable[[Callable[..., object]], Callable[..., object]]:
    def register(case: Callable[..., object]) -> Callable[..., object]:
        CASES[case.__name__] = case, words
        return case

    return register


class _Plain(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x


class _Base:
    def __init__(self) -> None:
        self.a = 1


class _Derived(_Base):
    def __init__(self) -> None:
        self.b = 1


@torch.jit.ignore
def _in_python(x: Tensor) -> Tensor:
    return x


def _calls_python(x):
    return _in_python(x)


@torch.jit.unused
def _never_run(x: Tensor) -> Tensor:
    return x


def _calls_unused(x):
    return _never_run(x)


def _script_with(given, interface: type) -> None:
    def run(layer: interface, x):
        return layer.forward(x)

    given.script(run)


@refused("is a built-in class")
def a_number(given):
    given.script(3)


@refused("cannot be compiled since it inherits from nn.Module, pass an instance instead")
def a_class_of_modules(given):
    given.script(_Plain)


@refused("TorchScript classes does not support inheritance yet")
def a_class_with_a_base(given):
    given.script(_Derived)


@refused("TorchScript requires source access in order to carry out compilation")
def a_function_without_source(given):
    namespace: dict[str, object] = {"__name__": "somewhere"}
    exec("def f(x): return x", namespace)
    given.script(namespace["f"])


@refused("interface declarations must have a return type annotated")
def an_interface_without_return_type(given):
    class Layer(nn.Module):
        def forward(self, x: Tensor):
            pass

    _script_with(given, given.interface(Layer))


@refused("interfaces declarations should contain 'pass' statement")
def an_interface_with_a_body(given):
    class Layer(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x

    _script_with(given, given.interface(Layer))


@refused("Could not export Python function call '_in_python'")
def saving_a_call_of_python(given):
    given.save(given.script(_calls_python), io.BytesIO())


@refused("annotated to be ignored and cannot be run")
def running_an_unused_function(given):
    given.script(_calls_unused)(torch.ones(1))


@refused("expected")
def a_text_that_imports(given):
    given.CompilationUnit("import math\n")


@refused("trace doesn't support compiling individual module's functions")
def tracing_a_method(given):
    given.trace(nn.Linear(2, 2).extra_repr, (torch.ones(1),))


@refused("cannot be traced. Only Tensors and (possibly nested) Lists, Dicts, and Tuples of Tensors")
def tracing_a_string(given):
    given.trace(lambda x: x, ("a",))


@refused("Encountering a dict at the output of the tracer might cause the trace to be incorrect")
def tracing_to_a_dict(given):
    given.trace(lambda x: {"a": x}, (torch.ones(1),))


@refused("can be output from traced functions")
def tracing_to_a_number(given):
    given.trace(lambda x: 3, (torch.ones(1),))


@refused("Modules that have backward hooks assigned can't be compiled")
def tracing_with_backward_hooks(given):
    module = nn.Linear(2, 2)
    module.register_full_backward_hook(lambda *given: None)
    given.trace(module, (torch.ones(2, 2),))


OURS = SimpleNamespace(**{
    name: getattr(flambeau, name) for name in ("script", "trace", "save", "interface", "CompilationUnit")
})  # fmt: skip


def message(case: Callable[..., object]) -> str:
    try:
        case(OURS)
    except (FlambeauError, RuntimeError) as error:
        text = str(error)
    else:
        pytest.fail(f"{case.__name__} is accepted")
    text = re.sub(r' at 0x[0-9a-f]+|File "[^"]*/', lambda found: 'File "' if "File" in found[0] else "", text)
    return "\n".join(line.rstrip() for line in re.sub(r", line \d+", "", text).strip("\n").splitlines()[:12])


def golden() -> dict[str, str]:
    parts = GOLDEN.read_text(encoding="utf-8").split("=== ")[1:]
    return {part.partition("\n")[0]: part.partition("\n")[2].strip("\n") for part in parts}


@pytest.mark.filterwarnings("ignore")
def test_what_each_is_told(bless: bool) -> None:
    found = {name: message(case) for name, (case, _) in CASES.items()}
    if bless:
        GOLDEN.write_text("\n\n".join(f"=== {name}\n{text}" for name, text in found.items()) + "\n", encoding="utf-8")
    assert found == golden()
    for name, (_, words) in CASES.items():
        assert words in found[name]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CASES)
def test_torch_jit_refuses_it(name: str) -> None:
    case, words = CASES[name]
    with pytest.raises(Exception, match=re.escape(words)):
        case(torch.jit)
