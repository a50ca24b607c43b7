"""Programs that flambeau does not handle as it should, each with the reason; what works must leave the table."""

from __future__ import annotations

KNOWN_GAPS: dict[str, str] = {}
