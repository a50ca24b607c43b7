"""Tracing: a program is run on example inputs, and the operators that it called become a script.

    traced = trace(model, example)

`interception` brings calls of operators to a `recorder`, `functions` what is no operator; `module_calls` and `mixing`
tell it of calls of modules and scripts. `scopes` and `finishing` make functions of the recording, `checking` compares
them with the program.
"""

from __future__ import annotations

from flambeau.python.tracing.entry import trace, trace_module
from flambeau.python.tracing.messages import TracerWarning
from flambeau.python.tracing.mixing import script_if_tracing
from flambeau.python.tracing.state import is_tracing
from flambeau.python.tracing.traced_modules import TopLevelTracedModule, TracedModule

__all__ = [
    "TopLevelTracedModule",
    "TracedModule",
    "TracerWarning",
    "is_tracing",
    "script_if_tracing",
    "trace",
    "trace_module",
]
