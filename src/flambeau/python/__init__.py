"""The PyTorch side: scripting live functions, modules and classes."""

from __future__ import annotations
