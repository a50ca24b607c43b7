"""Running programs. (Grows to the front door.)"""

from __future__ import annotations

from flambeau.runtime import operators  # noqa: F401
from flambeau.runtime.interpreter import evaluate_node, interpret

__all__ = ["evaluate_node", "interpret"]
