"""Lists and dicts scripted by themselves are shared with scripts, not copied; awaitables run when they are asked."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Union  # the old spellings, as programs have them

import pytest
import torch
from torch import Tensor

import flambeau
from flambeau import python
from flambeau.errors import FlambeauError, ScriptError


@flambeau.script
def extended(x: List[int], n: int) -> List[int]:
    for i in range(n):
        x.append(i)
    return x


@flambeau.script
def counted(d: Dict[str, int], key: str) -> int:
    d[key] = d[key] + 1 if key in d else 1
    return len(d)


def test_scripts_change_a_list_in_place() -> None:
    shared, plain = flambeau.script([7]), [7]
    result = extended(shared, 2)
    assert type(result) is list
    assert shared == result == [7, 0, 1]
    assert extended(plain, 2) == [7, 0, 1]
    assert plain == [7]
    shared.append(5)
    assert extended(shared, 1) == [7, 0, 1, 5, 0]
    assert flambeau.script(shared) is shared


def test_scripts_change_a_dict_in_place() -> None:
    shared = flambeau.script({"a": 1})
    assert counted(shared, "a") == 1
    assert counted(shared, "b") == 2
    assert shared == {"a": 2, "b": 1}
    shared["c"] = 9
    assert counted(shared, "c") == 3
    assert dict(shared.items()) == {"a": 2, "b": 1, "c": 10}


def test_one_list_given_twice_is_one_list() -> None:
    @flambeau.script
    def both(x: List[int], y: List[int]) -> int:
        x.append(1)
        return len(y)

    shared = flambeau.script([7])
    assert both(shared, shared) == 2


def test_a_container_of_another_type_is_converted() -> None:
    @flambeau.script
    def halves(x: List[float]) -> List[float]:
        x.append(0.5)
        return x

    shared = flambeau.script([1])
    assert halves(shared) == [1.0, 0.5]
    assert shared == [1]


def test_any_takes_them_too() -> None:
    def described(x: Any) -> str:
        return "list" if flambeau.isinstance(x, List[int]) else "other"

    assert flambeau.script(described)(flambeau.script([1])) == "list"


def test_unions_and_optionals_take_them_as_they_are() -> None:
    def grown(x: Union[List[int], Dict[str, int]], y: Optional[List[int]]) -> int:
        if y is not None:
            y.append(4)
        if isinstance(x, List[int]):
            x.append(3)
            return len(x)
        return 0

    x, y = flambeau.script([1]), flambeau.script([2])
    assert flambeau.script(grown)(x, y) == 2
    assert (x, y) == ([1, 3], [2, 4])


def test_a_scripted_list_of_the_file_is_refused() -> None:
    shared = flambeau.script([1])

    def program(x: int) -> int:
        return x + len(shared)

    with pytest.raises(ScriptError):
        flambeau.script(program)


FAILURES = (IndexError, ValueError, TypeError)
OPERATIONS = [
    lambda c: c[0],
    lambda c: c[-1],
    lambda c: list(c[0:2]),
    lambda c: c.__setitem__(0, 5),
    lambda c: c.__setitem__(slice(0, 2), [8, 9]),
    lambda c: c.__delitem__(1),
    lambda c: c.pop(),
    lambda c: c.pop(0),
    lambda c: c.count(2),
    lambda c: c.insert(1, 4),
    lambda c: c.extend([5, 6]),
    lambda c: c.remove(2),
    lambda c: c.clear(),
    lambda c: 2 in c,
    lambda c: bool(c),
    lambda c: str(c),
    lambda c: c[9],
    lambda c: c.remove(77),
    lambda c: c.append("x"),
    lambda c: c.extend(["x"]),
]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_lists_behave_as_pytorchs(operation: Any) -> None:
    mine, theirs = flambeau.script([1, 2, 3]), torch.jit.script([1, 2, 3])
    outcomes = []
    for container in (mine, theirs):
        try:
            outcomes.append(operation(container))
        except FAILURES as error:
            outcomes.append(next(c for c in FAILURES if isinstance(error, c)))
    assert outcomes[0] == outcomes[1]
    assert list(mine) == list(theirs)


def test_dicts_refuse_what_does_not_fit() -> None:
    shared = flambeau.script({"a": 1})
    with pytest.raises(TypeError) as caught:
        shared["b"] = "x"
    assert isinstance(caught.value, FlambeauError)
    with pytest.raises(TypeError):
        shared[1] = 1
    with pytest.raises(KeyError):
        shared["q"]
    assert list(shared) == ["a"]
    assert "a" in shared


def test_what_has_no_type_is_refused() -> None:
    with pytest.raises(ScriptError, match="Unable to infer type of list"):
        flambeau.script([1, "a"])
    with pytest.raises(ScriptError, match="Unable to infer type of dict"):
        flambeau.script({"a": object()})


def test_what_is_empty_is_for_tensors() -> None:
    mine, theirs = flambeau.script([]), torch.jit.script([])
    for container in (mine, theirs):
        container.append(torch.ones(1))
        with pytest.raises(TypeError):
            container.append("a")
    flambeau.script({})["a"] = torch.ones(1)


def test_awaitables() -> None:
    calls = []

    def noted(x: Tensor) -> Tensor:
        calls.append(0)
        return x + 1

    later = python.awaitable(noted, torch.ones(1))
    assert calls == []
    assert python.awaitable_wait(later) is python.awaitable_wait(later)
    assert calls == [0]
    assert not later.is_nowait()
    assert python.awaitable_nowait(4).is_nowait()
    assert python.awaitable_wait(python.awaitable_nowait(4)) == 4


def add_one(x: Tensor) -> Tensor:
    return x + 1


def test_awaitables_in_scripts() -> None:
    def program(x: Tensor) -> Tensor:
        later = python.awaitable(add_one, x)
        return python.awaitable_wait(later) * python.awaitable_wait(python.awaitable_nowait(x))

    x = torch.full((2,), 3.0)
    assert torch.equal(flambeau.script(program)(x), program(x))
