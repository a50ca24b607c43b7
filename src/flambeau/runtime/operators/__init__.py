"""The operators that exist in TorchScript only and need no PyTorch, one module a family.

Importing the package registers all of them.
"""

from __future__ import annotations

from flambeau.runtime.operators import (
    arithmetic,
    comparison,
    containers,
    conversions,
    dicts,
    environment,
    formatting,
    lists,
    mathematics,
    objects,
    powers,
    sizes,
    strings,
)

__all__ = [
    "arithmetic",
    "comparison",
    "containers",
    "conversions",
    "dicts",
    "environment",
    "formatting",
    "lists",
    "mathematics",
    "objects",
    "powers",
    "sizes",
    "strings",
]
