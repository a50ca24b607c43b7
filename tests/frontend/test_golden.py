"""What source text becomes, case by case, and that PyTorch's compiler makes the same of it.

`golden/*.case` hold sources and the shapes of their graphs as the frontend leaves them; `pytest --bless` rewrites the
latter. A case whose title is in `DIFFERENT` is one where flambeau differs from PyTorch on purpose.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from flambeau.errors import ScriptError
from tests.frontend.scripts import Names, compile_text, shape

FOLDER = Path(__file__).parent / "golden"
FILES = sorted(FOLDER.glob("*.case"))


def cases_in(path: Path) -> list[tuple[str, str, str]]:
    """Title, source and expectation of each case in a file."""
    found = []
    for part in path.read_text(encoding="utf-8").split("# case: ")[1:]:
        head, _, rest = part.partition("\n")
        source, _, expected = rest.partition("# expect\n")
        found.append((head.strip(), source.strip("\n"), expected.strip("\n")))
    return found


def outcome(path: Path, source: str) -> str:
    """The shape of the graph, or the error."""
    try:
        return shape(compile_text(source, Names(serialized=path.stem == "serialized")).graph)
    except ScriptError as error:
        return str(error).strip("\n")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_shapes(path: Path, bless: bool) -> None:
    cases = cases_in(path)
    outcomes = [outcome(path, source) for _, source, _ in cases]
    if bless:
        parts = [
            f"# case: {title}\n{source}\n# expect\n{result}\n" for (title, source, _), result in zip(cases, outcomes)
        ]
        path.write_text("\n".join(parts), encoding="utf-8")
        return
    for (title, _, expected), result in zip(cases, outcomes):
        assert result == expected, title


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_titles_are_unique(path: Path) -> None:
    titles = [title for title, _, _ in cases_in(path)]
    assert len(titles) == len(set(titles))
