"""Run an archive in a process of its own, which has no source of the model: all there is stands in the archive.

    python -I _run_archive.py ARCHIVE INPUTS OUTPUTS ABSENT...

INPUTS is a list of argument tuples (written with `torch.save`); the list of results goes to OUTPUTS. ABSENT are the
names of modules that must not be importable here, which is checked first. `-I` keeps the folder of this file off the
path.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec

import torch

import flambeau


def main(archive: str, inputs: str, outputs: str, *absent: str) -> int:
    present = [name for name in absent if find_spec(name) is not None]
    if present:
        print(f"this process should not have the source of {', '.join(present)}", file=sys.stderr)
        return 1
    model = flambeau.load(archive)
    with torch.no_grad():
        results = [model(*arguments) for arguments in torch.load(inputs, weights_only=True)]
    torch.save(results, outputs)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
