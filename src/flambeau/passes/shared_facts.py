"""Alias analyses that several passes in a row use, for as long as none of them changes the graph.

    with sharing():
        alias_facts(graph)      # computed
        alias_facts(graph)      # the same again
        forget_alias_facts()    # the graph has changed

Outside of `sharing` every call computes. `pass_manager.run` shares among the passes that it runs, and forgets when one
has changed the graph in a way that makes facts wrong. Most do not: dropping nodes, and putting a value in place of
another that is the same object, leave facts true that were true before, if less exact than they could be; of values
that the analysis has not seen it says that they may be anything. Only to give out one object where there were two, as
the merging of equal nodes does, makes memory known outside that was not.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flambeau.ir import AliasDb, Graph


class _Known(threading.local):
    def __init__(self) -> None:
        self.facts: dict[Graph, AliasDb] | None = None


_known = _Known()


@contextmanager
def sharing() -> Iterator[None]:
    """Keep what is computed in this thread until the outermost `with` ends."""
    outermost = _known.facts is None
    if outermost:
        _known.facts = {}
    try:
        yield
    finally:
        if outermost:
            _known.facts = None


def alias_facts(graph: Graph) -> AliasDb:
    """The aliasing facts of a graph as it is, or as it was when they were last asked for and not forgotten since."""
    facts = _known.facts
    if facts is None:
        return AliasDb(graph)
    found = facts.get(graph)
    if found is None:
        found = facts[graph] = AliasDb(graph)
    return found


def forget_alias_facts() -> None:
    """Compute anew from now on: a graph has changed."""
    if _known.facts:
        _known.facts.clear()
