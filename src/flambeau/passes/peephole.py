"""Simplify single nodes and small groups of them.

    %b : int = aten::add(%a, %zero)                     ->   readers of %b read %a
    %c : bool = prim::If(%p): branches give True, False ->   readers of %c read %p
    %d : bool = aten::__is__(%x, %none), %x : Tensor    ->   False
    %e : int = aten::len(prim::ListConstruct(%a, %b))   ->   2, if nothing changes the list

Numbers: only what is exact. `x + 0` is `x` for ints, but not for floats (the sign of zero) nor for tensors (dtype,
the sign of zero, and a result that would be the input itself). Rules marked `ours` are true as well, but
TorchScript's pass does not have them. Lists and dicts: see `peephole_containers`; types and control flow:
`peephole_types`.

`trust_types` also uses what types say of tensors (dtype, rank, device); traced graphs record those of one example, so
it is off unless the caller knows better. Dead nodes are left to `dce`. Cost: linear.
"""

from __future__ import annotations

from flambeau.ir import FLOAT, INT, Graph, Value

from .pass_manager import graph_pass
from .peephole_containers import CONTAINERS
from .peephole_types import TENSOR_TYPES, TYPES
from .rewriting import Condition, Facts, Match, Refusal, RuleSet
from .subgraphs import with_subgraphs

NUMBERS = RuleSet()


@graph_pass("peephole", settles=False, keeps_facts=True)
def peephole(graph: Graph, trust_types: bool = False) -> bool:
    """Apply all rules to each node once, in order."""
    rule_sets = (NUMBERS, TYPES, CONTAINERS, TENSOR_TYPES) if trust_types else (NUMBERS, TYPES, CONTAINERS)
    changed = False
    for current in with_subgraphs(graph):
        facts = Facts(current, trust_types)
        for node in current.walk():
            for rules in rule_sets:
                changed |= rules.apply(node, facts)
    return changed


@graph_pass("peephole_list_idioms", settles=False, keeps_facts=True)
def peephole_list_idioms(graph: Graph) -> bool:
    """Apply the rules on lists and dicts only."""
    changed = False
    for current in with_subgraphs(graph):
        facts = Facts(current)
        for node in current.walk():
            changed |= CONTAINERS.apply(node, facts)
    return changed


def _of_type(name: str, wanted: object) -> Condition:
    def condition(match: Match) -> Refusal | None:
        value: Value = match.names[name]
        return None if value.type is wanted else Refusal(f"not of type {wanted}", value)

    return condition


def _unwritten(name: str) -> Condition:
    def condition(match: Match) -> Refusal | None:
        value = match.names[name]
        return Refusal("it is written to", value) if match.facts.may_be_written(value) else None

    return condition


rule = NUMBERS.rule

rule("aten::add.int(x, 0) => x")
rule("aten::add.int(0, x) => x")
rule("aten::sub.int(x, 0) => x")
rule("aten::mul.int(x, 1) => x")
rule("aten::mul.int(1, x) => x")
rule("aten::floordiv.int(x, 1) => x")
rule("aten::neg.int(aten::neg.int(x)) => x")  # ours
rule("aten::eq.int(x, x) => True")
rule("aten::ne.int(x, x) => False")
rule("aten::le.int(x, x) => True")  # ours, and so are the other orders
rule("aten::ge.int(x, x) => True")
rule("aten::lt.int(x, x) => False")
rule("aten::gt.int(x, x) => False")
rule("aten::eq.str(x, x) => True")  # ours
rule("aten::ne.str(x, x) => False")
rule("aten::eq.bool(x, x) => True")
rule("aten::ne.bool(x, x) => False")

# A NaN times one, divided by one, or minus zero is that NaN; `-0.` stays `-0.`.
rule("aten::mul.float(x, 1.) => x")  # ours
rule("aten::mul.float(1., x) => x")
rule("aten::div.float(x, 1.) => x")
rule("aten::sub.float(x, 0.) => x")

rule("aten::__not__(aten::__not__(x)) => x")  # ours
rule("aten::__and__.bool(x, True) => x")
rule("aten::__and__.bool(True, x) => x")
rule("aten::__and__.bool(x, False) => False")
rule("aten::__and__.bool(False, x) => False")
rule("aten::__or__.bool(x, False) => x")
rule("aten::__or__.bool(False, x) => x")
rule("aten::__or__.bool(x, True) => True")
rule("aten::__or__.bool(True, x) => True")

# A number that becomes a tensor and a number again. (Floats become doubles on the way, so nothing is lost.)
rule("aten::Int.Tensor(prim::NumToTensor.Scalar(x)) => x", when=_of_type("x", INT))
rule("aten::IntImplicit(prim::NumToTensor.Scalar(x)) => x", when=_of_type("x", INT))
rule("aten::Float.Tensor(prim::NumToTensor.Scalar(x)) => x", when=_of_type("x", FLOAT))
rule("aten::FloatImplicit(prim::NumToTensor.Scalar(x)) => x", when=_of_type("x", FLOAT))
rule("aten::Int.Scalar(x) => x", when=_of_type("x", INT))
rule("aten::Float.Scalar(x) => x", when=_of_type("x", FLOAT))

# The result would be the input itself and not a view of it: the difference shows when one of them is written to.
rule("aten::t(aten::t(x)) => x", when=_unwritten("x"))
