"""Streams, events and the current device in scripts: what compiles anywhere, and what runs on a GPU."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import flambeau
from flambeau import settings
from flambeau.errors import ExecutionError, UnsupportedError
from flambeau.ir import parse, verify
from flambeau.runtime import interpret
from flambeau.testing import FileCheck
from tests.marks import requires_cuda

PEER = vars(torch)["jit"]
"""PyTorch's own TorchScript, the oracle."""


def on_a_stream(x: Tensor) -> Tensor:
    own = torch.cuda.Stream()
    own.wait_stream(torch.cuda.current_stream(x.device))
    with torch.cuda.stream(own):
        y = x * 2
    torch.cuda.current_stream(x.device).wait_stream(own)
    return y + 1


def timed(x: Tensor) -> tuple[Tensor, bool, bool]:
    begun, done = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    own = torch.cuda.Stream(priority=-1)
    own.record_event(begun)
    with torch.cuda.stream(own):
        y = x @ x
    done.record(own)
    done.synchronize()
    own.wait_event(done)
    done.wait(own)
    own.synchronize()
    return y, done.query() and own.query(), begun.elapsed_time(done) >= 0


def looped(x: Tensor, n: int) -> Tensor:
    for i in range(n):
        own = torch.cuda.Stream()
        own.wait_stream(torch.cuda.current_stream(x.device))
        with torch.cuda.stream(own):
            x = x + i
            if i == 1:
                with torch.cuda.stream(torch.cuda.Stream()):
                    torch.cuda.synchronize()
        own.synchronize()
    return x


def devices(x: Tensor) -> tuple[int, int, int, str, bool]:
    torch.cuda.set_device(0)
    with torch.cuda.device(0):
        inside = torch.cuda.current_device()
    torch.cuda.synchronize(x.device)
    own = torch.cuda.Stream(x.device)
    default = torch.cuda.default_stream(x.device)
    same = default.device == own.device
    return inside, torch.cuda.current_device(), torch.cuda.device_count(), str(own.device), same


PROGRAMS: dict[str, tuple[Callable[..., object], tuple[object, ...]]] = {
    "stream": (on_a_stream, ()),
    "events": (timed, ()),
    "loop": (looped, (4,)),
    "devices": (devices, ()),
}


def same(actual: object, expected: object) -> None:
    if isinstance(expected, Tensor):
        torch.testing.assert_close(actual, expected, rtol=0, atol=0)
    elif isinstance(expected, tuple):
        for a, e in zip(actual, expected, strict=True):  # type: ignore[call-overload]
            same(a, e)
    else:
        assert actual == expected


# --- anywhere


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_compile_and_are_saved(name: str) -> None:
    program, _ = PROGRAMS[name]
    scripted = flambeau.script(program)
    verify(scripted.graph)
    buffer = io.BytesIO()
    flambeau.save(scripted, buffer)
    buffer.seek(0)
    loaded = flambeau.load(buffer)
    verify(loaded.graph)
    body = scripted.code.partition("\n")[2]
    assert loaded.code.partition("Tensor")[2].partition("\n")[2] == body


def test_objects_are_created_and_made() -> None:
    FileCheck().check_count("__torch__.torch.classes.cuda.Event = prim::CreateObject()", 2).check(
        "__torch__.torch.classes.cuda.Stream = prim::CreateObject()"
    ).check('prim::CallMethod[name="__init__"]').check('CallMethod[name="record_event"]').check(
        "__torch__.torch.cuda.StreamContext = prim::CallFunction"
    ).check("prim::Enter").run(str(flambeau.script(timed).graph))


@pytest.mark.skipif(torch.backends.cuda.is_built(), reason="this PyTorch has the class")
@pytest.mark.usefixtures("each_tier")
def test_a_class_that_pytorch_does_not_have_is_missed_by_name() -> None:
    with pytest.raises(UnsupportedError, match=r"no class __torch__.torch.classes.cuda.Stream"):
        flambeau.script(on_a_stream)(torch.ones(2))


CREATION = """
graph(%name : str):
  %number : int = prim::Constant[value=3]()
  %made : __torch__.torch.classes.dist_rpc.WorkerInfo = prim::CreateObject()
  %none : NoneType = prim::CallMethod[name="__init__"](%made, %name, %number)
  %other : __torch__.torch.classes.dist_rpc.WorkerInfo = prim::CreateObject()
  %again : NoneType = prim::CallMethod[name="__init__"](%other, %name, %number)
  %pair : (NoneType, __torch__.torch.classes.dist_rpc.WorkerInfo) = prim::TupleConstruct(%again, %other)
  return (%made, %pair)
"""


@pytest.mark.skipif(not torch.distributed.is_available(), reason="this PyTorch does not have the class")
@pytest.mark.usefixtures("each_tier")
def test_objects_of_bound_classes_are_made() -> None:
    import torch.distributed.rpc  # noqa: F401  # has the class registered

    graph = parse(CREATION)
    verify(graph)
    function = flambeau.ir.Function("created", graph=graph)
    for made, pair in (interpret(graph, ["a"]), flambeau.runtime.call(function, ["a"])):
        assert made._type().qualified_name() == "__torch__.torch.classes.dist_rpc.WorkerInfo"
        assert pair[0] is None
        assert pair[1] is not made


# --- on a GPU


@requires_cuda
@pytest.mark.usefixtures("each_tier")
@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_give_what_pytorch_gives(name: str) -> None:
    program, others = PROGRAMS[name]
    x = torch.randn(64, 64, device="cuda")
    scripted, theirs = flambeau.script(program), PEER.script(program)
    before = torch.cuda.current_stream()
    for recorded in (True, False):
        with torch.set_grad_enabled(recorded):
            for _ in range(settings.PROFILED_RUNS.value + 3):
                expected = program(x, *others)
                same(scripted(x, *others), expected)
                same(theirs(x, *others), expected)
                assert torch.cuda.current_stream() == before


@requires_cuda
@pytest.mark.parametrize("name", PROGRAMS)
def test_archives_run_on_either_side(name: str) -> None:
    program, others = PROGRAMS[name]
    x = torch.randn(64, 64, device="cuda")
    ours, theirs = io.BytesIO(), io.BytesIO()
    flambeau.save(flambeau.script(program), ours)
    PEER.save(PEER.script(program), theirs)
    for buffer in (ours, theirs):
        for load in (flambeau.load, PEER.load):
            buffer.seek(0)
            same(load(buffer)(x, *others), program(x, *others))


def failing(x: Tensor, y: Tensor) -> Tensor:
    with torch.cuda.stream(torch.cuda.Stream()):
        z = x @ y
    return z


@requires_cuda
@pytest.mark.usefixtures("each_tier")
def test_the_stream_before_is_back_after_an_error() -> None:
    scripted, x = flambeau.script(failing), torch.randn(2, 3, device="cuda")
    before = torch.cuda.current_stream()
    for _ in range(settings.PROFILED_RUNS.value + 3):
        with pytest.raises(ExecutionError, match="shapes"):
            scripted(x, x)
        assert torch.cuda.current_stream() == before


def made() -> torch.cuda.Stream:
    return torch.cuda.Stream()


def used(x: Tensor, stream: torch.cuda.Stream) -> tuple[Tensor, int, int]:
    stream.wait_stream(torch.cuda.current_stream(x.device))
    with torch.cuda.stream(stream):
        y = x + 1
    stream.synchronize()
    return y, stream.id(), stream.device_index()


@requires_cuda
@pytest.mark.usefixtures("each_tier")
def test_streams_pass_between_scripts() -> None:
    make, use = flambeau.script(made), flambeau.script(used)
    stream, x = make(), torch.ones(3, device="cuda")
    for _ in range(settings.PROFILED_RUNS.value + 3):
        y, number, index = use(x, stream)
        assert y.tolist() == [2, 2, 2]
        assert (number, index) == (stream.id(), 0)


@requires_cuda
@pytest.mark.usefixtures("each_tier")
def test_numbers_of_devices() -> None:
    def numbers() -> tuple[int, int]:
        torch.cuda.synchronize()
        return torch.cuda.current_device(), torch.cuda.device_count()

    assert flambeau.script(numbers)() == PEER.script(numbers)() == numbers()
