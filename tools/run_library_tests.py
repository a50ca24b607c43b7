"""Run the unmodified tests of a library that uses `torch.jit`, with PyTorch and with flambeau in its place.

    python tools/run_library_tests.py e3nn [--only tests/util] [--keep FOLDER]

The library and what it needs besides PyTorch are put into a folder of their own, without dependencies, so that the
environment stays as it is. What comes out is the summary of each run, and the tests whose outcome differs.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import NamedTuple

SOURCE = Path(__file__).parents[1] / "src"


class Library(NamedTuple):
    """A source distribution that holds its tests, and what they import."""

    requirement: str
    needs: tuple[str, ...]
    tests: str = "tests"
    refusals: tuple[str, ...] = ()
    """Tests that expect an error of `torch.jit`'s where flambeau has none."""


LIBRARIES = {
    "e3nn": Library(
        "e3nn==0.6.0",
        ("opt_einsum_fx==0.1.4", "opt_einsum==3.4.0", "scipy"),
        refusals=("tests/util/test_jit.py::test_compilation",),  # `super()` in a script
    ),
}
OUTCOME = re.compile(r"^(FAILED|ERROR) (\S+)")
SUMMARY = re.compile(r"^\d+ (?:passed|failed|error|skipped).* in ")


def pip(*arguments: str) -> None:
    """Call pip, which may complain but not fail."""
    subprocess.run([sys.executable, "-m", "pip", *arguments], check=True, stdout=subprocess.DEVNULL)


def prepared(library: Library, folder: Path) -> tuple[Path, Path]:
    """The unpacked source of a library, and a folder with it and its needs installed."""
    site = folder / "site"
    if not site.exists():
        pip("install", "-q", "--no-deps", "--target", str(site), library.requirement, *library.needs)
    name = library.requirement.replace("==", "-")
    if not (folder / name).exists():
        pip("download", "-q", "--no-deps", "--no-binary", ":all:", "-d", str(folder), library.requirement)
        with tarfile.open(folder / f"{name}.tar.gz") as archive:
            archive.extractall(folder, filter="data")
    return folder / name, site


def outcome(label: str, prefix: list[str], library: Library, source: Path, site: Path, only: str) -> set[str]:
    """Run the tests and tell how it went; the result are the tests that did not pass."""
    paths = os.pathsep.join([str(SOURCE), str(site)])
    command = [sys.executable, *prefix, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "addopts="]
    done = subprocess.run(
        [*command, only or library.tests],
        cwd=source,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    summary = next((line for line in reversed(lines) if SUMMARY.match(line)), "no summary:\n" + done.stdout[-2000:])
    sys.stdout.write(f"{label}: {summary}\n")
    return {match[2] for line in lines if (match := OUTCOME.match(line))}


def main() -> int:
    """Run both, and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library", choices=sorted(LIBRARIES))
    parser.add_argument("--only", default="", help="a file or folder of the library's tests")
    parser.add_argument("--keep", help="where to put the library, to be used again by the next run")
    options = parser.parse_args()
    library = LIBRARIES[options.library]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(options.keep or temporary).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        source, site = prepared(library, folder)
        theirs = outcome("torch.jit", [], library, source, site, options.only)
        ours = outcome("flambeau", ["-m", "flambeau.compat"], library, source, site, options.only)
    accepted = {name for name in ours - theirs if name.partition("[")[0] in library.refusals}
    for name in sorted(ours - theirs):
        remark = " (expects an error that flambeau has no reason for)" if name in accepted else ""
        sys.stdout.write(f"only with flambeau: {name}{remark}\n")
    for name in sorted(theirs - ours):
        sys.stdout.write(f"only with torch.jit: {name}\n")
    return 1 if ours - theirs - accepted else 0


if __name__ == "__main__":
    sys.exit(main())
