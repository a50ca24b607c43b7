"""`torch.export` and scripts: an exported program as a scripted module, and a script as an exported program."""

from __future__ import annotations

from flambeau.python.exporting.from_exported import from_exported_program
from flambeau.python.exporting.to_exported import to_exported_program

__all__ = ["from_exported_program", "to_exported_program"]
