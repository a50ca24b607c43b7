"""Call operators that have several names by the one that passes and backends know.

    %y : Tensor = aten::absolute(%x)    ->    %y : Tensor = aten::abs(%x)

The table is TorchScript's; nothing is computed differently. A name stays if no overload of the other takes the inputs.
"""

from __future__ import annotations

from flambeau.ir import Graph, Node, match_operator

from .pass_manager import graph_pass
from .subgraphs import with_subgraphs

_SPECIAL = (
    *("erf", "erfc", "erfinv", "exp2", "expm1", "logit", "logsumexp", "round", "log1p", "sinc", "digamma", "i0"),
    *("xlogy", "log_softmax", "polygamma", "softmax"),
)
"""Operators that `torch.special` has under the same name."""

_OTHER_NAMES = {
    **{name: [f"special_{name}"] for name in _SPECIAL},
    "abs": ["absolute"],
    "clamp": ["clip"],
    "linalg_det": ["det"],
    "linalg_matrix_power": ["matrix_power"],
    "linalg_matrix_exp": ["matrix_exp"],
    "linalg_inv": ["inverse"],
    "linalg_householder_product": ["orgqr"],
    "outer": ["ger"],
    "acos": ["arccos"],
    "asin": ["arcsin"],
    "atan": ["arctan"],
    "atan2": ["arctan2"],
    "acosh": ["arccosh"],
    "asinh": ["arcsinh"],
    "atanh": ["arctanh"],
    "trunc": ["fix"],
    "neg": ["negative"],
    "sub": ["subtract"],
    "mul": ["multiply"],
    "div": ["divide", "true_divide"],
    "ge": ["greater_equal"],
    "gt": ["greater"],
    "le": ["less_equal"],
    "lt": ["less"],
    "ne": ["not_equal"],
    "matmul": ["linalg_matmul"],
    "cat": ["concat", "concatenate"],
    "vstack": ["row_stack"],
    "transpose": ["swapdims", "swapaxes"],
    "movedim": ["moveaxis"],
    "mH": ["adjoint"],
    "sigmoid": ["special_expit"],
    "digamma": ["special_digamma", "special_psi"],
    "mvlgamma": ["special_multigammaln"],
    "igamma": ["special_gammainc"],
    "igammac": ["special_gammaincc"],
    "lgamma": ["special_gammaln"],
}

ALIASES = {
    f"aten::{alias}{suffix}": f"aten::{name}{suffix}"
    for name, aliases in _OTHER_NAMES.items()
    for alias in aliases
    for suffix in ("", "_")
}
"""The name for each other name, the forms that write to their input included."""


@graph_pass("normalize_ops")
def normalize_ops(graph: Graph) -> bool:
    """Rename calls of operators that go by another name."""
    changed = False
    for current in with_subgraphs(graph):
        for node in current.walk():
            if node.kind in ALIASES:
                changed |= _rename(node)
    return changed


def _rename(node: Node) -> bool:
    former, operator = node.kind, node.operator
    node.kind = ALIASES[former]
    found = match_operator(node)
    if found is None:
        node.kind = former
        node.set_operator(operator)
        return False
    node.set_operator(found)
    return True
