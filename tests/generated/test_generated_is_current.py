"""The tables under `flambeau/generated` are what their tool writes today."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from flambeau import generated

torch = pytest.importorskip("torch")

TOOL = Path(__file__).resolve().parents[2] / "tools" / "generate_operators.py"
FOLDER = Path(generated.__file__).parent


def load_tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_operators", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(
    torch.__version__.partition("+")[0] != generated.pytorch_version(), reason="the tables describe another PyTorch"
)
def test_generated_is_current() -> None:
    """`flambeau/generated/*.tsv` is written by tools/generate_operators.py only; run it after any change to it."""
    written = load_tool().tables()
    assert sorted(written) == sorted(path.name for path in FOLDER.glob("*.tsv"))
    for name, text in written.items():
        assert (FOLDER / name).read_text(encoding="utf-8") == text
