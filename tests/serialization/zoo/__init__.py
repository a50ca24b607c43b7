"""Modules for archive tests, by family: what a module is made of, and what it is called with."""

from __future__ import annotations

from tests.serialization.zoo.specimen import Specimen, equal, outcomes, seeded

__all__ = ["Specimen", "equal", "outcomes", "seeded"]
