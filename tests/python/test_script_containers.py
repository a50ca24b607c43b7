"""Lists and dicts scripted by themselves are shared with scripts, not copied; awaitables run when they are asked."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Union  # the old spellings, as programs have them

import pytest

import flambeau
from flambeau.errors import ScriptError


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
