"""The tables under `flambeau/generated` are what their tool writes today."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from flambeau import generated

torch = pytest.importorskip("torch")

TOOL = Path(__file__).resolve().parents[2] / "tools" / "generate_operators.py"
FOLDER = Path(generated.__file__).parent


@pytest.mark.skipif(
    torch.__version__.partition("+")[0] != generated.pytorch_version(), reason="the tables describe another PyTorch"
)
def test_generated_is_current(tmp_path: Path) -> None:
    """`flambeau/generated/*.tsv` is written by tools/generate_operators.py only; run it after any change to it.

    It runs in a process of its own: tests may have defined operators in this one.
    """
    subprocess.run([sys.executable, TOOL, tmp_path], check=True, timeout=240, capture_output=True)
    written = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.glob("*.tsv")}
    assert sorted(written) == sorted(path.name for path in FOLDER.glob("*.tsv"))
    for name, text in written.items():
        assert (FOLDER / name).read_text(encoding="utf-8") == text
