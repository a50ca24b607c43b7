"""Number the warnings of a graph, so that each can be given once.

    = aten::warn(%message, %level)    ->    = aten::warn[warn_id=0](%message, %level)

Numbers are unique in the process: Python's rule "once a place" is kept across functions.
"""

from __future__ import annotations

import itertools

from flambeau.ir import Graph

from .pass_manager import graph_pass
from .subgraphs import with_subgraphs

_numbers = itertools.count()


@graph_pass("annotate_warns")
def annotate_warns(graph: Graph) -> bool:
    """Give every `aten::warn` without a number the next one."""
    changed = False
    for current in with_subgraphs(graph):
        for node in current.walk():
            if node.kind == "aten::warn" and not node.has_attribute("warn_id"):
                node.set_attribute("warn_id", "i", next(_numbers))
                changed = True
    return changed
