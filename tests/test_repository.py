"""The repository itself: metadata that agrees, documents that are true, examples that run, no loose ends."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import flambeau
from tests import house

ROOT = house.ROOT
PYPROJECT = (ROOT / "pyproject.toml").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()


def run(*command: str, cwd: Path, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False, cwd=cwd)


def tracked_texts() -> list[Path]:
    """Files that git tracks (or every text file, outside a checkout), but for generated tables and the licence."""
    listed = run("git", "ls-files", "-z", cwd=ROOT)
    if listed.returncode == 0:
        files = [ROOT / name for name in listed.stdout.split("\0") if name]
    else:
        files = [p for folder in ("src", "tests", "docs", "examples") for p in (ROOT / folder).rglob("*")]
    texts = {".py", ".md", ".toml", ".txt", ".ir", ".cfg", ".yml", ".yaml", ""}
    return [p for p in files if p.is_file() and p.suffix in texts and p.name != "LICENSE"]


# --- metadata ---


def pinned() -> dict[str, str]:
    """Package -> version of constraints.txt, names normalised."""
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")]
    pins = {}
    for line in lines:
        found = re.fullmatch(r"([\w.-]+)==([\w.!]+)(?:; (python_version [<>=]+ \"[\d.]+\"))?", line)
        assert found, f"not an exact version without a local label: {line}"
        pins[re.sub(r"[-_.]+", "-", found[1]).lower()] = found[2]
    return pins


def test_everything_asked_for_is_pinned() -> None:
    asked = set()
    for group in re.findall(r"^(?:dependencies|torch|dev) = \[(.*?)\]", PYPROJECT, re.MULTILINE | re.DOTALL):
        asked |= {re.split(r"[<>=\[]", name)[0] for name in re.findall(r"\"([^\"]+)\"", group)}
    assert {"numpy", "torch", "llvmlite", "pytest"} <= asked
    assert asked <= set(pinned())


def test_core_needs_numpy_only() -> None:
    assert re.search(r'^dependencies = \["numpy[^",]*"\]$', PYPROJECT, re.MULTILINE)


def test_make_targets_exist_and_ci_runs_them() -> None:
    targets = set(re.findall(r"^([\w-]+)(?: [\w-]+)*:(?! export)", MAKEFILE, re.MULTILINE))
    assert {"demo", "test", "test-all", "lint", "bench"} <= targets
    ci = ROOT / ".ci" / "run"
    assert os.access(ci, os.X_OK)
    assert re.findall(r"^make ([\w-]+)$", ci.read_text(), re.MULTILINE) == ["lint", "test"]


def test_every_install_is_constrained() -> None:
    installs = re.findall(r"^.*pip install.*$", MAKEFILE, re.MULTILINE)
    assert installs
    assert all("-c constraints.txt" in line or "--no-deps" in line for line in installs)


# --- public names ---


@pytest.mark.parametrize("name", flambeau.__all__)
def test_public_name_resolves(name: str) -> None:
    if name not in {"__version__", "errors", "settings", "ir"}:
        pytest.importorskip("torch")
    assert getattr(flambeau, name) is not None


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'flambeau' has no attribute 'scripted'"):
        _ = flambeau.scripted


def test_public_names_are_listed() -> None:
    assert set(flambeau.__all__) <= set(dir(flambeau))


# --- documents ---


def test_overview_has_a_section_for_each_room() -> None:
    headings = " ".join(re.findall(r"^## (.*)$", (ROOT / "docs" / "OVERVIEW.md").read_text(), re.MULTILINE))
    assert set(house.STEP) == set(re.findall(r"\w+", headings))


def test_links_lead_somewhere() -> None:
    broken = []
    for path in tracked_texts():
        if path.suffix == ".md":
            prose = re.sub(r"```.*?```|`[^`]*`", "", path.read_text(), flags=re.DOTALL)  # code: `layers[i](x)`
            for link in re.findall(r"\]\(([^)#:]+)\)", prose):
                if not (path.parent / link).exists():
                    broken.append(f"{path.name}: {link}")
    assert broken == []


def test_readme_example_runs(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    examples = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert len(examples) == 1
    (tmp_path / "example.py").write_text(examples[0])
    done = run(sys.executable, "example.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "halve.pt").exists()


def test_no_unfinished_business() -> None:
    """No marks of work left over: what is missing raises `UnsupportedError` and stands in docs/status.md."""
    marks = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|X" + r"XX)\b")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in tracked_texts()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if marks.search(line)
    ]
    assert found == []


# --- examples ---


def test_transformer_stops_at_the_end_token() -> None:
    torch = pytest.importorskip("torch")
    from examples.transformer import Transformer

    model = Transformer(vocabulary=64, width=32, heads=2, layers=2).eval()
    prompt = torch.randint(0, 64, (5,))
    with torch.no_grad():
        tokens, scores = model(prompt, 12)
        assert tokens.shape == scores.shape == (12,)
        end = int(tokens[7])
        first = tokens.tolist().index(end)
        shorter, _ = model(prompt, 12, end)
    assert shorter.tolist() == tokens[: first + 1].tolist()


def test_transformer_cache_changes_nothing() -> None:
    """Decoding with the cache gives what running the whole sequence again for each token gives."""
    torch = pytest.importorskip("torch")
    from examples.transformer import Transformer

    model = Transformer(vocabulary=64, width=32, heads=2, layers=2).eval()
    sequence = torch.randint(0, 64, (5,))
    with torch.no_grad():
        tokens, _ = model(sequence, 6)
        for token in tokens:
            logits = model.advance(sequence, 0, model.empty_cache(), model.empty_cache())
            assert int(logits.argmax()) == int(token)
            sequence = torch.cat([sequence, token.unsqueeze(0)])


def test_lstm_goes_on_from_its_final_state() -> None:
    torch = pytest.importorskip("torch")
    from examples.lstm import LSTM

    model = LSTM(inputs=3, width=8).eval()
    xs = torch.randn(6, 2, 3)
    with torch.no_grad():
        whole, _ = model(xs)
        head, states = model(xs[:4])
        tail, _ = model(xs[4:], states)
    torch.testing.assert_close(torch.cat([head, tail]), whole)


def test_resnet_has_the_published_size() -> None:
    pytest.importorskip("torch")
    from examples.resnet import resnet18

    assert sum(parameter.numel() for parameter in resnet18().parameters()) == 11_689_512


@pytest.mark.slow
def test_quickstart(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    done = run(sys.executable, str(ROOT / "examples" / "quickstart.py"), cwd=tmp_path, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all agree" in done.stdout
