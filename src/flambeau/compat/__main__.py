"""`python -m flambeau.compat script.py arguments...`: run a program with `torch.jit` served by flambeau.

`-m module arguments...` runs a module as `python -m` would.
"""

from __future__ import annotations

import os
import runpy
import sys

from flambeau.compat.installation import install

USAGE = "usage: python -m flambeau.compat (script.py | -m module) [arguments...]"


def main(arguments: list[str]) -> int:
    """Run the program that the arguments name."""
    if arguments[:1] in (["-h"], ["--help"]):
        sys.stdout.write(f"{USAGE}\n")
        return 0
    if not arguments or arguments == ["-m"]:
        sys.stderr.write(f"{USAGE}\n")
        return 2
    install()
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        sys.path.insert(0, os.getcwd())
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        return 0
    script = arguments[0]
    if not os.path.exists(script):
        sys.stderr.write(f"{script}: no such file\n")
        return 2
    sys.argv = arguments
    sys.path.insert(0, os.path.dirname(os.path.abspath(script)))
    runpy.run_path(script, run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
