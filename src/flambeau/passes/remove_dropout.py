"""Drop dropout that is switched off.

    %y : Tensor = aten::dropout(%x, %p, %false)    ->   readers of %y read %x

Outside training these operators give back their input itself, so this is exact.
"""

from __future__ import annotations

from flambeau.ir import Graph, Node, constant_value

from .pass_manager import graph_pass
from .subgraphs import with_subgraphs

_KINDS = frozenset(f"aten::{name}{suffix}" for name in ("dropout", "feature_dropout") for suffix in ("", "_"))
"""The operators `(Tensor input, float p, bool train) -> Tensor`."""


@graph_pass("remove_dropout")
def remove_dropout(graph: Graph) -> bool:
    """Remove every dropout whose `train` is the constant False."""
    doomed = [n for g in with_subgraphs(graph) for n in g.walk() if n.kind in _KINDS and _is_off(n)]
    for node in doomed:
        node.output.replace_all_uses_with(node.inputs[0])
        node.destroy()
    return bool(doomed)


def _is_off(node: Node) -> bool:
    return len(node.inputs) == 3 and constant_value(node.inputs[2]) is False
