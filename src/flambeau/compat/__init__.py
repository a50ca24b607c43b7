"""The drop-in: unmodified programs see flambeau where they say `torch.jit`.

    from flambeau import compat

    compat.install()            # or: with compat.installed(): ...
    compat.uninstall()

    python -m flambeau.compat your_script.py arguments...

What flambeau does not have raises UnsupportedError by name when it is used, not when the drop-in is installed. Nothing
of PyTorch's files is touched, and `uninstall` puts back the very objects that were there.
"""

from __future__ import annotations

from flambeau.compat.installation import install, installed, is_installed, uninstall

__all__ = ["install", "installed", "is_installed", "uninstall"]
