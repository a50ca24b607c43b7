"""The default tier: graphs become Python functions, compiled once."""

from __future__ import annotations

from flambeau.runtime.python_tier.plan import Plan, compile_plan
from flambeau.runtime.python_tier.source import Source
from flambeau.runtime.python_tier.writer import source_of

__all__ = ["Plan", "Source", "compile_plan", "source_of"]
