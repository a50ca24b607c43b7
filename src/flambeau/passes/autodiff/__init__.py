"""Symbolic differentiation: a graph becomes a forward graph, which saves what is needed, and a backward graph."""

from __future__ import annotations

from .differentiate import Gradient, differentiate, is_differentiable
from .formulas import FORMULAS, find_formulas

__all__ = ["FORMULAS", "Gradient", "differentiate", "find_formulas", "is_differentiable"]
