"""Requests that `trace` refuses, each also an error of the built-in class that PyTorch raises in the same place."""

from __future__ import annotations

from flambeau.errors import TracingError


class UntraceableError(TracingError, AttributeError):
    """What was asked for cannot be traced: no module, or a method that `trace` does not take."""


class UnknownArgumentError(TracingError, NameError):
    """An example for an argument that the method does not have."""


class HookedModuleError(TracingError, ValueError):
    """The module has backward hooks, which a recording of forward cannot have."""
