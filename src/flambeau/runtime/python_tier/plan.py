"""Generated code, compiled: what a function of the Python-source tier runs as."""

from __future__ import annotations

import itertools
import linecache
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias, final

from flambeau.ir import Function, Graph
from flambeau.passes import writes_tensors
from flambeau.runtime.exceptions import register_code
from flambeau.runtime.python_tier.below_autograd import Layers, unneeded_layers
from flambeau.runtime.python_tier.recording import gradient_test
from flambeau.runtime.python_tier.source import Source
from flambeau.runtime.python_tier.specialized import Specialized
from flambeau.runtime.python_tier.specialized_nodes import GIVE_UP
from flambeau.runtime.python_tier.writer import source_of
from flambeau.runtime.registry import load_tensor_backend

Compiled: TypeAlias = "Callable[..., Any]"
"""A graph as a Python function: inputs as arguments; its outputs as one value, or a tuple of several."""

_numbers = itertools.count()


@final
@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A compiled graph."""

    graph: Graph
    """The optimised graph that the code was written from."""
    source: str
    run: Compiled
    unneeded: Layers
    """The layers of PyTorch's dispatcher that runs leave out while no gradients are recorded."""
    specialized: Specialized | None
    """Its other forms, which may serve then; None where there never are any."""
    recorded: Specialized | None = None
    """Those that may serve while gradients are recorded."""

    def finish(self) -> None:
        """Have the forms made now that are under way."""
        for forms in (self.specialized, self.recorded):
            if forms is not None:
                forms.finish()


Link: TypeAlias = "Callable[[Function, Compiled, str], Compiled]"
"""Gives the compiled form of a function that the code calls; is told the code, and its name for the function. It may
`bind` the name, so that the code does not ask again."""
_UNLINKED = "unlinked {}"


def compile_plan(graph: Graph, name: str, link: Link, *, specializes: bool = True) -> Plan:
    """Compile a graph to Python code; `link` is asked for the compiled form of a function when it is first called.

    `specializes`: whether it is worth making other forms, for the tensors that come in.
    """
    general, source = _compiled(graph, name, link)
    layers = unneeded_layers(graph)
    if layers is Layers.NONE:
        return Plan(graph, source, general, layers, None)
    views = layers is Layers.AUTOGRAD_AND_VIEWS
    test = gradient_test(graph)
    run, replace = load_tensor_backend().below_autograd(general, general, len(graph.inputs), views=views, records=test)
    if not specializes:
        return Plan(graph, source, run, layers, None)

    def forms(kind: str, *, recorded: bool) -> Specialized:
        def compile_form(other: Graph) -> tuple[Compiled, str]:
            return _compiled(other, name, link)

        return Specialized(graph, general, compile_form, partial(replace, kind), recorded=recorded)

    recorded = None if any(map(writes_tensors, graph.walk())) else forms("recorded", recorded=True)
    return Plan(graph, source, run, layers, forms("quiet", recorded=False), recorded)


def _compiled(graph: Graph, name: str, link: Link) -> tuple[Compiled, str]:
    """A graph's code as a function, and as text."""
    source = source_of(graph, name)
    filename = f"<flambeau {name} #{next(_numbers)}>"
    namespace: dict[str, Any] = dict(source.bindings)
    namespace[GIVE_UP] = lambda flag: namespace.update({flag: False})
    for callee, function in source.callees.items():
        namespace[callee] = namespace[_UNLINKED.format(callee)] = _first_call(
            namespace, source.name, callee, function, link
        )
    exec(compile(source.text, filename, "exec"), namespace)
    run: Compiled = namespace[source.name]
    register_code(namespace, name, source.nodes, source.operands)
    _remember(filename, source, run)
    return run, source.text


def _first_call(namespace: dict[str, Any], caller: str, name: str, function: Function, link: Link) -> Compiled:
    """What a callee's name stands for until it is bound to the callee's own code."""

    def call(*arguments: object) -> object:
        return link(function, namespace[caller], name)(*arguments)

    return call


def bind(caller: Compiled, name: str, entry: Compiled) -> None:
    """Let generated code call a function's compiled form directly, until it is unlinked."""
    caller.__globals__[name] = entry


def unlink(caller: Compiled, name: str) -> None:
    """Let generated code ask for the compiled form of a function again when it calls it next."""
    caller.__globals__[name] = caller.__globals__[_UNLINKED.format(name)]


def _remember(filename: str, source: Source, run: Compiled) -> None:
    """Make tracebacks show the generated lines for as long as the code exists."""
    lines = [f"{line}\n" for line in source.lines]
    linecache.cache[filename] = (len(source.text), None, lines, filename)
    weakref.finalize(run, linecache.cache.pop, filename, None)
