"""Source text of live functions: positions, indentation, what has none."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

import flambeau
from flambeau.errors import ScriptError
from flambeau.python.functions.source_code import definition_of


class Holder:
    def method(self, x: Tensor) -> str:
        """A docstring
        that is indented less."""
        return """text
  with spaces"""

    @staticmethod
    def decorated(x: Tensor) -> Tensor:
        return x + 1


def test_a_method_keeps_its_place_and_its_strings() -> None:
    definition = definition_of(Holder.method)
    assert definition.name == "method"
    returned = definition.node.body[-1]
    range = definition.range(returned)
    assert range.text.startswith('return """text\n  with spaces')
    assert range.column == 8
    with open(__file__, encoding="utf-8") as file:
        assert file.read().splitlines()[range.line - 1] == '        return """text'


def test_decorators_are_left_out_of_the_definition() -> None:
    definition = definition_of(Holder.decorated)
    assert definition.range(definition.node).text.startswith("def decorated")


def test_parsed_once() -> None:
    assert definition_of(Holder.method) is definition_of(Holder.method)


def test_graphs_name_file_and_line() -> None:
    def f(x: Tensor) -> Tensor:
        return x + 41

    line = f.__code__.co_firstlineno + 1
    assert f"test_source_code.py:{line}:15" in str(flambeau.script(f).graph)


def test_async_function_is_no_def() -> None:
    async def f(x: Tensor) -> Tensor:
        return x

    with pytest.raises(ScriptError, match="Expected a single top-level function"):
        flambeau.script(f)


def test_functions_of_equal_code_in_different_files_keep_their_annotations(tmp_path: Path) -> None:
    def written(name: str, annotation: str) -> Callable[..., object]:
        path = tmp_path / f"{name}.py"
        path.write_text(
            f"import torch\nfrom typing import List\n\ndef f(x: {annotation}):\n    return torch.atleast_2d(x)\n"
        )
        namespace: dict[str, Any] = {"__name__": name}
        exec(compile(path.read_text(), str(path), "exec"), namespace)
        function: Callable[..., object] = namespace["f"]
        return function

    first, second = written("first", "torch.Tensor"), written("second", "List[torch.Tensor]")
    assert first.__code__ == second.__code__  # type: ignore[attr-defined]
    assert flambeau.script(first).schema.arguments[0].type == flambeau.ir.TENSOR
    assert flambeau.script(second).schema.arguments[0].type == flambeau.ir.ListType(flambeau.ir.TENSOR)
