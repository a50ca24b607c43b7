"""Peephole rules: how they are written, found and applied.

    rule("aten::add.int(x, 0) => x")                        an overload, its inputs, and the value that replaces the
    result rule("aten::neg.int(aten::neg.int(x)) => x")            an input may be a pattern itself
    rule("aten::eq.int(x, x) => True")                      a name twice is one value; literals match by type and bits

    @rewrite("aten::len.t")                                 what needs code: returns a value, or says why not
    def length_of_literal(m: Match) -> Value | Refusal: ...

A rule names its overload: what holds of ints need not hold of tensors. Rules that change what is known of memory
state it with `when`. Kinds that have no schema are named by kind. A refusal is logged (logger
`flambeau.passes.rewriting`, level DEBUG), so that "why was this not simplified" has an answer.
"""

from __future__ import annotations

import ast
import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar, final

from flambeau.ir import AliasDb, Graph, Node, Value, constant_value, create_constant, find_operator, value_key

from .shared_facts import alias_facts

_log = logging.getLogger("flambeau.passes.rewriting")
_TOKEN = re.compile(r"\s*([A-Za-z_]\w*(?:::\w+(?:\.\w+)?)?|-?\d+(?:\.\d*)?(?:e-?\d+)?|[(),]|=>)")
_WORDS = frozenset({"True", "False", "None"})


@final
@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a rewrite does not apply here."""

    reason: str
    at: Value | None = None

    def __str__(self) -> str:
        return self.reason if self.at is None else f"{self.reason} (%{self.at.debug_name})"


@final
@dataclass(slots=True)
class Facts:
    """What rules ask of the graph around a node; alias analysis is made when first needed, anew for each graph."""

    graph: Graph
    trust_types: bool = False
    """Whether what types say of shapes and dtypes certainly holds (not so in traced graphs)."""
    _memory: AliasDb | None = None

    @property
    def memory(self) -> AliasDb:
        if self._memory is None:
            self._memory = alias_facts(self.graph)
        return self._memory

    def may_be_written(self, value: Value) -> bool:
        """Whether anything in the graph may write to what the value refers to (not to what that holds)."""
        return self.memory.is_written(value)


@final
@dataclass(slots=True)
class Match:
    """A node that a rule is tried on; `names` are the values that the pattern's names stand for."""

    node: Node
    facts: Facts
    names: dict[str, Value] = field(default_factory=dict)

    def input(self, index: int) -> Value:
        return self.node.inputs[index]

    def constant(self, value: object) -> Value:
        """A new constant of the result's type, before the node."""
        made = create_constant(self.node.graph, value, self.node.output.type)
        return made.copy_metadata(self.node).insert_before(self.node).output

    def no(self, reason: str, at: Value | None = None) -> Refusal:
        return Refusal(reason, at)


Rewrite: TypeAlias = "Callable[[Match], Value | Refusal]"
Condition: TypeAlias = "Callable[[Match], Refusal | None]"
R = TypeVar("R", bound="Callable[[Match], Value | Refusal]")


# --- patterns


@final
@dataclass(frozen=True, slots=True)
class _Call:
    """A pattern: an operator (or a kind) with patterns for its inputs."""

    target: str
    arguments: tuple[_Pattern, ...]


@final
@dataclass(frozen=True, slots=True)
class _Literal:
    value: object


_Pattern: TypeAlias = "_Call | _Literal | str"


def _tokens(text: str) -> Iterator[str]:
    position = 0
    while position < len(text.rstrip()):
        found = _TOKEN.match(text, position)
        if found is None:
            raise ValueError(f"cannot read rule {text!r} at {text[position:]!r}")
        yield found[1]
        position = found.end()


def _parse(text: str) -> tuple[_Call, _Literal | str]:
    tokens = list(_tokens(text))[::-1]

    def pattern() -> _Pattern:
        token = tokens.pop()
        if token in _WORDS or token[0].isdigit() or token[0] == "-":
            return _Literal(ast.literal_eval(token))
        if "::" not in token:
            return token
        arguments: list[_Pattern] = []
        tokens.pop()
        while tokens[-1] != ")":
            arguments.append(pattern())
            if tokens[-1] == ",":
                tokens.pop()
        tokens.pop()
        return _Call(token, tuple(arguments))

    left = pattern()
    arrow, right = tokens.pop(), pattern()
    if not isinstance(left, _Call) or isinstance(right, _Call) or arrow != "=>" or tokens:
        raise ValueError(f"not a rule: {text!r}")
    return left, right


def _is_call_of(node: Node, target: str) -> bool:
    if node.operator is None:
        return node.kind == target
    return node.operator.qualified_name == target


def _matches(pattern: _Pattern, value: Value, names: dict[str, Value]) -> bool:
    if isinstance(pattern, str):
        return names.setdefault(pattern, value) is value
    if isinstance(pattern, _Literal):
        return value.node.kind == "prim::Constant" and value_key(constant_value(value)) == value_key(pattern.value)
    return len(value.node.outputs) == 1 and _matches_call(pattern, value.node, names)


def _matches_call(pattern: _Call, node: Node, names: dict[str, Value]) -> bool:
    if not _is_call_of(node, pattern.target) or len(node.inputs) != len(pattern.arguments):
        return False
    return all(_matches(p, v, names) for p, v in zip(pattern.arguments, node.inputs, strict=True))


# --- collections of rules


@final
class RuleSet:
    """Rules by the operator or kind of the node they apply to, tried in the order in which they were added."""

    def __init__(self) -> None:
        self._by_target: dict[str, list[tuple[str, Rewrite]]] = {}
        self._kinds: set[str] = set()

    def rule(self, text: str, when: Condition | None = None) -> None:
        """Add a rule given as text; ValueError if it is malformed or names an operator that does not exist."""
        left, right = _parse(text)
        _require_known(left)

        def apply(match: Match) -> Value | Refusal:
            match.names = {}
            if not _matches_call(left, match.node, match.names):
                return Refusal("the pattern does not fit")
            refusal = when(match) if when is not None else None
            if refusal is not None:
                return refusal
            return match.constant(right.value) if isinstance(right, _Literal) else match.names[right]

        self._add(left.target, text, apply)

    def rewrite(self, *targets: str) -> Callable[[R], R]:
        """Add a rule given as code, for each of these operators or kinds."""

        def register(function: R) -> R:
            for target in targets:
                _require_known(_Call(target, ()))
                self._add(target, function.__name__, function)
            return function

        return register

    def _add(self, target: str, name: str, rewrite: Rewrite) -> None:
        self._by_target.setdefault(target, []).append((name, rewrite))
        self._kinds.add(target.partition(".")[0])

    def apply(self, node: Node, facts: Facts) -> bool:
        """Try the rules for a node with one output; the first that fits replaces the output's uses."""
        if node.kind not in self._kinds:
            return False
        if len(node.outputs) != 1 or not node.outputs[0].has_uses:
            return False
        target = node.kind if node.operator is None else node.operator.qualified_name
        for name, attempt in self._by_target.get(target, ()):
            result = attempt(Match(node, facts))
            if isinstance(result, Value):
                node.output.replace_all_uses_with(result)
                return True
            _log.debug("%s does not rewrite %s: %s", name, node.kind, result)
        return False


def _require_known(pattern: _Call) -> None:
    if "." in pattern.target and find_operator(pattern.target) is None:
        raise ValueError(f"a rule names {pattern.target}, which does not exist")
    for argument in pattern.arguments:
        if isinstance(argument, _Call):
            _require_known(argument)
