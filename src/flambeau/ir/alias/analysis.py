"""Builds the constraints of a graph's memory: a rule for each kind that has no schema, the schema's plan for the rest.

The result is for `alias.AliasDb` to ask: a variable for each value that may change or hold what may, and for each node
what it reads and writes. The rules are exact about tuples, lists, dicts, objects, control flow and subgraphs; calls of
functions and methods, and kinds nobody knows, may do anything to what they are given and to all that has escaped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias, final

from flambeau.ir import types as t
from flambeau.ir.alias.memory import ELEMENTS, Field, Location, Memory, Variable, families
from flambeau.ir.alias.plan import Plan, Result, plan_of
from flambeau.ir.class_types import ClassType, InterfaceType
from flambeau.ir.constants import constant_of, constant_value, is_tensor
from flambeau.ir.graph import Graph
from flambeau.ir.node import Node, Value
from flambeau.ir.tensor import TensorData
from flambeau.ir.types import Type

KEYS: Field = "keys"
"""The field of a dict that holds its keys, where those can change (tensors)."""

WRITES_UNMARKED = {
    "aten::batch_norm": ("training", ("running_mean", "running_var")),
    "aten::instance_norm": ("use_input_stats", ("running_mean", "running_var")),
    "aten::native_batch_norm": ("training", ("running_mean", "running_var")),
    "aten::cudnn_batch_norm": ("training", ("running_mean", "running_var")),
    "aten::miopen_batch_norm": ("training", ("running_mean", "running_var")),
}
"""Operators that write to arguments which their schemas do not mark, unless the named flag is False."""


@final
@dataclass(slots=True)
class Effects:
    """What one node does to memory."""

    reads: list[Variable] = field(default_factory=list)
    """Only the objects themselves are read."""
    reads_deep: list[Variable] = field(default_factory=list)
    """The objects and all that they hold."""
    writes: list[Variable] = field(default_factory=list)
    writes_deep: list[Variable] = field(default_factory=list)
    writes_unseen: bool = False
    """Everything that has escaped may be written (and read)."""


@final
class Analysis:
    """The memory of one graph; `closed_modules` takes every attribute of its modules for an object of its own."""

    def __init__(self, graph: Graph, *, closed_modules: bool = False) -> None:
        self.memory = Memory()
        self.effects: dict[Node, Effects] = {}
        self._variables: dict[Value, Variable] = {}
        self._constants: dict[object, Location] = {}
        for value in graph.inputs:
            variable = self.variable(value)
            if closed_modules and variable is not None and isinstance(value.type, ClassType) and value.type.is_module:
                self.memory.add(variable, self.memory.fresh(value.type, is_closed=True))
            else:
                self._unseen(value)
        self._pending = [graph]
        while self._pending:
            for node in self._pending.pop().walk():
                self._analyze(node)

    def variable(self, value: Value) -> Variable | None:
        """What a value may refer to; None if it can neither change nor hold what can."""
        known = self._variables.get(value)
        if known is None and families(value.type):
            known = self._variables[value] = Variable()
        return known

    def knows(self, value: Value) -> bool:
        """Whether the value was part of the graph when it was analyzed."""
        return value in self._variables

    def _effects_of(self, node: Node) -> Effects:
        return self.effects.setdefault(node, Effects())

    def _mutable(self, values: object) -> Iterator[tuple[Value, Variable]]:
        for value in values:  # type: ignore[attr-defined]  # a sequence of values
            variable = self.variable(value)
            if variable is not None:
                yield value, variable

    def _analyze(self, node: Node) -> None:
        rule = _RULES.get(node.kind)
        if rule is not None:
            rule(self, node)
            return
        operator = node.operator
        plan = None if operator is None else plan_of(operator)
        if plan is None or node.blocks:
            self._anything_goes(node)
            return
        self._follow(node, plan)
        if node.kind in WRITES_UNMARKED:
            self._update_statistics(node)

    # --- calls of operators

    def _follow(self, node: Node, plan: Plan) -> None:
        inputs = [self.variable(v) for v in node.inputs]
        inputs += [None] * (plan.arguments - len(inputs))
        read = [(i, v) for i, v in enumerate(inputs) if v is not None]
        if read:
            effects = self._effects_of(node)
            for index, variable in read:
                (effects.reads if index in plan.shallow else effects.reads_deep).append(variable)
            effects.writes += [v for i in plan.writes if (v := inputs[i]) is not None]
            for index in plan.writes_elements:
                if (changed := inputs[index]) is not None:
                    effects.writes_deep.append(changed)
        for result, value in zip(plan.results, node.outputs, strict=False):
            self._produce(node, result, value, inputs)
        if plan.touches_elements:
            self._move_elements(node, plan, inputs)

    def _produce(self, node: Node, result: Result, value: Value, inputs: list[Variable | None]) -> None:
        target = self.variable(value)
        if target is None:
            return
        for index in result.aliases:
            if (source := inputs[index]) is not None:
                self.memory.copy(source, target)
        for index in result.loads:
            if (container := inputs[index]) is not None:
                self.memory.load(container, ELEMENTS, value.type, target)
        if result.is_wildcard or (result.is_fresh and isinstance(_plain(value.type), _OPAQUE)):
            self.memory.add_wildcard(target, value.type)
            for held, variable in self._mutable(node.inputs):
                self._escape_held(variable, held.type)
        elif result.is_fresh:
            bare = bool(result.holds or result.shares)
            self.memory.add(target, self._fresh(value.type, bare=bare))
        element = _element_type(value.type)
        for index in result.holds:
            if (source := inputs[index]) is not None and element is not None:
                self.memory.store(target, ELEMENTS, element, source)
        for index in result.shares:
            if (source := inputs[index]) is not None:
                self._share(target, value.type, source, node.inputs[index].type)

    def _move_elements(self, node: Node, plan: Plan, inputs: list[Variable | None]) -> None:
        for container, element in plan.stores:
            target, source = inputs[container], inputs[element]
            if target is not None and source is not None:
                self.memory.store(target, ELEMENTS, node.inputs[element].type, source)
        for to, origin in plan.shares:
            target, source = inputs[to], inputs[origin]
            if target is not None and source is not None:
                self._share(target, node.inputs[to].type, source, node.inputs[origin].type)
        for index in plan.escapes:
            if (source := inputs[index]) is not None:
                self.memory.escape(source)

    def _share(self, target: Variable, target_type: Type, source: Variable, source_type: Type) -> None:
        """One container comes to hold the elements of another."""
        element, given = _element_type(target_type), _element_type(source_type)
        if element is None or not families(element):
            return
        if given is not None and families(given) == families(element):
            between = Variable()
            self.memory.load(source, ELEMENTS, given, between)
            self.memory.store(target, ELEMENTS, element, between)
        else:
            self._escape_held(source, source_type)
            unseen = Variable()
            self.memory.add_wildcard(unseen, element)
            self.memory.store(target, ELEMENTS, element, unseen)

    def _update_statistics(self, node: Node) -> None:
        flag, names = WRITES_UNMARKED[node.kind]
        if constant_value(node.named_input(flag)) is not False:
            written = [self.variable(node.named_input(name)) for name in names]
            self._effects_of(node).writes += [v for v in written if v is not None]

    # --- pieces of rules

    def _fresh(self, type: Type, *, bare: bool = False) -> Location:
        """A new object; its elements, unless it is `bare`, are new as well."""
        location = self.memory.fresh(type)
        if not bare:
            for name, inner in _fields(type):
                if families(inner):
                    variable = self.memory.field(location, name, inner)
                    if isinstance(_plain(inner), _OPAQUE):
                        self.memory.add_wildcard(variable, inner)
                    else:
                        self.memory.add(variable, self._fresh(inner))
        return location

    def _unseen(self, value: Value) -> None:
        """A value that comes from outside."""
        variable = self.variable(value)
        if variable is not None:
            self.memory.add_wildcard(variable, value.type)

    def _give_fresh(self, value: Value) -> None:
        variable = self.variable(value)
        if variable is not None:
            self.memory.add(variable, self._fresh(value.type))

    def _copy(self, source: Value, target: Value) -> None:
        origin, copy = self.variable(source), self.variable(target)
        if origin is not None and copy is not None:
            self.memory.copy(origin, copy)

    def _escape_held(self, variable: Variable, type: Type) -> None:
        for name, inner in _fields(type):
            if families(inner):
                held = Variable()
                self.memory.load(variable, name, inner, held)
                self.memory.escape(held)

    def _anything_goes(self, node: Node) -> None:
        effects = self._effects_of(node)
        effects.writes_unseen = True
        for _, variable in self._mutable(node.inputs):
            self.memory.escape(variable)
            effects.reads_deep.append(variable)
            effects.writes_deep.append(variable)
        for output in node.outputs:
            self._unseen(output)
        for block in node.blocks:
            for value in block.inputs:
                self._unseen(value)
            for _, variable in self._mutable(block.outputs):
                self.memory.escape(variable)

    def _read(self, node: Node, *, deep: bool = False) -> None:
        effects = self._effects_of(node)
        for _, variable in self._mutable(node.inputs):
            (effects.reads_deep if deep else effects.reads).append(variable)

    def _subgraph(self, node: Node) -> Graph | None:
        given = node.attributes.get("Subgraph")
        subgraph = None if given is None else given.value
        if not isinstance(subgraph, Graph):
            return None
        self._pending.append(subgraph)
        for outer, inner in zip(node.inputs, subgraph.inputs, strict=False):
            self._copy(outer, inner)
        return subgraph


_OPAQUE = (ClassType, InterfaceType, t.UnionType, t.PrimitiveType)
"""Results of these types (objects, Any, Python objects) are not new just because the schema says nothing."""


def _plain(given: Type) -> Type:
    return given.element if isinstance(given, t.OptionalType) else given


def _element_type(given: Type) -> Type | None:
    plain = _plain(given)
    if isinstance(plain, t.DictType):
        return plain.value
    return plain.element if isinstance(plain, t.ListType) else None


def _fields(given: Type) -> list[tuple[Field, Type]]:
    """The fields of a container of a type; for classes of which only the name is known there are none."""
    match _plain(given):
        case t.ListType(element) | t.FutureType(element) | t.AwaitType(element) | t.RRefType(element):
            return [(ELEMENTS, element)]
        case t.DictType(key, value):
            return [(KEYS, key), (ELEMENTS, value)]
        case t.TupleType(elements):
            return list(enumerate(elements))
        case ClassType() as owner:
            return [(a.name, a.type) for a in owner.attributes]
        case _:
            return []


# --- rules for kinds without a schema


def _if(analysis: Analysis, node: Node) -> None:
    for block in node.blocks:
        for inner, outer in zip(block.outputs, node.outputs, strict=False):
            analysis._copy(inner, outer)


def _loop(analysis: Analysis, node: Node) -> None:
    body = node.blocks[0]
    initial, carried, following = node.inputs[2:], body.inputs[1:], body.outputs[1:]
    for start, inner, after, result in zip(initial, carried, following, node.outputs, strict=False):
        analysis._copy(start, inner)
        analysis._copy(after, inner)
        analysis._copy(inner, result)


def _constant(analysis: Analysis, node: Node) -> None:
    variable = analysis.variable(node.output)
    if variable is None:
        return
    value = constant_of(node)
    identity = _memory_of(value) if is_tensor(value) else id(value)
    if value is not None and isinstance(_plain(node.output.type), _OPAQUE):
        analysis.memory.add_wildcard(variable, node.output.type)
    elif value is not None:
        if identity not in analysis._constants:
            analysis._constants[identity] = analysis._fresh(node.output.type)
        analysis.memory.add(variable, analysis._constants[identity])


def _memory_of(tensor: object) -> object:
    """What two tensors that share memory have in common."""
    if isinstance(tensor, TensorData):
        return id(tensor.storage or tensor)
    try:
        address = tensor.untyped_storage().data_ptr()  # type: ignore[attr-defined]  # a torch.Tensor
    except (RuntimeError, NotImplementedError):  # tensors without storage
        return id(tensor)
    return ("address", address) if address else id(tensor)


def _construct(analysis: Analysis, node: Node) -> None:
    target, type = analysis.variable(node.output), node.output.type
    if target is None:
        return
    analysis.memory.add(target, analysis._fresh(type, bare=True))
    for index, value in enumerate(node.inputs):
        source = analysis.variable(value)
        if source is not None:
            name: Field = index
            if node.kind == "prim::DictConstruct":
                name = ELEMENTS if index % 2 else KEYS
            elif node.kind == "prim::ListConstruct":
                name = ELEMENTS
            analysis.memory.store(target, name, value.type, source)


def _unpack(analysis: Analysis, node: Node) -> None:
    analysis._read(node)
    container = analysis.variable(node.input)
    for index, value in enumerate(node.outputs):
        target = analysis.variable(value)
        if container is not None and target is not None:
            name = index if node.kind == "prim::TupleUnpack" else ELEMENTS
            analysis.memory.load(container, name, value.type, target)


def _tuple_index(analysis: Analysis, node: Node) -> None:
    container, target = analysis.variable(node.inputs[0]), analysis.variable(node.output)
    if container is None or target is None:
        return
    type, index = _plain(node.inputs[0].type), constant_value(node.inputs[1])
    elements = type.elements if isinstance(type, t.TupleType) else ()
    chosen = range(len(elements)) if not isinstance(index, int) else (index % max(len(elements), 1),)
    for position in chosen:
        if position < len(elements):
            analysis.memory.load(container, position, elements[position], target)


def _tuple_slice(analysis: Analysis, node: Node) -> None:
    container, target = analysis.variable(node.inputs[0]), analysis.variable(node.output)
    type, result = node.inputs[0].type, node.output.type
    if container is None or target is None or not isinstance(type, t.TupleType) or not isinstance(result, t.TupleType):
        return
    analysis.memory.add(target, analysis._fresh(result, bare=True))
    start = node.attributes["beg"].value if "beg" in node.attributes else 0
    for index, element in enumerate(result.elements):
        if families(element):
            between = Variable()
            analysis.memory.load(container, index + (start if isinstance(start, int) else 0), element, between)
            analysis.memory.store(target, index, element, between)


def _get_attribute(analysis: Analysis, node: Node) -> None:
    analysis._read(node)
    owner, target = analysis.variable(node.input), analysis.variable(node.output)
    if owner is not None and target is not None:
        analysis.memory.load(owner, node.string_attribute("name"), node.output.type, target)


def _set_attribute(analysis: Analysis, node: Node) -> None:
    owner, source = analysis.variable(node.inputs[0]), analysis.variable(node.inputs[1])
    if owner is not None:
        analysis._effects_of(node).writes.append(owner)
        if source is not None:
            analysis.memory.store(owner, node.string_attribute("name"), node.inputs[1].type, source)


def _create_object(analysis: Analysis, node: Node) -> None:
    variable = analysis.variable(node.output)
    if variable is not None:
        analysis.memory.add(variable, analysis._fresh(node.output.type, bare=True))


def _forward(analysis: Analysis, node: Node) -> None:
    """Every output is the input of the same index (the first input, where there are fewer)."""
    for index, output in enumerate(node.outputs):
        if node.inputs:
            analysis._copy(node.inputs[index if index < len(node.inputs) else 0], output)


def _fresh_outputs(analysis: Analysis, node: Node) -> None:
    analysis._read(node, deep=True)
    for output in node.outputs:
        analysis._give_fresh(output)


def _chunk(analysis: Analysis, node: Node) -> None:
    analysis._read(node)
    for output in node.outputs:
        analysis._copy(node.inputs[0], output)


def _any_of_inputs(analysis: Analysis, node: Node) -> None:
    analysis._read(node)
    for output in node.outputs:
        analysis._give_fresh(output)
        for value in node.inputs:
            analysis._copy(value, output)


def _no_memory(analysis: Analysis, node: Node) -> None:
    """Neither reads nor makes anything: uninitialised values, type questions."""


def _run_subgraph(analysis: Analysis, node: Node) -> None:
    subgraph = analysis._subgraph(node)
    if subgraph is None:
        analysis._anything_goes(node)
        return
    for inner, outer in zip(subgraph.outputs, node.outputs, strict=False):
        analysis._copy(inner, outer)


def _fork(analysis: Analysis, node: Node) -> None:
    """The subgraph runs at some time between now and the wait, beside everything else."""
    subgraph = analysis._subgraph(node)
    for _, variable in analysis._mutable(node.inputs):
        analysis.memory.escape(variable)
    for _, variable in analysis._mutable(subgraph.outputs if subgraph else ()):
        analysis.memory.escape(variable)
    effects = analysis._effects_of(node)
    effects.writes_unseen = True
    for output in node.outputs:
        analysis._unseen(output)


def _wait(analysis: Analysis, node: Node) -> None:
    for value, variable in analysis._mutable(node.inputs):
        analysis._escape_held(variable, value.type)
    analysis._effects_of(node).writes_unseen = True
    for output in node.outputs:
        analysis._unseen(output)


def _wrap(analysis: Analysis, node: Node) -> None:
    """`prim::awaitable_nowait`: an awaitable that holds the input."""
    target, source = analysis.variable(node.output), analysis.variable(node.inputs[0])
    if target is not None:
        analysis.memory.add(target, analysis._fresh(node.output.type, bare=True))
        if source is not None:
            analysis.memory.store(target, ELEMENTS, node.inputs[0].type, source)


_Rule: TypeAlias = "Callable[[Analysis, Node], None]"


def _rules(rule: _Rule, kinds: str) -> dict[str, _Rule]:
    return {f"prim::{kind}": rule for kind in kinds.split()}


_RULES: dict[str, _Rule] = {
    **_rules(_if, "If"),
    **_rules(_loop, "Loop"),
    **_rules(_constant, "Constant"),
    **_rules(_construct, "TupleConstruct ListConstruct DictConstruct"),
    **_rules(_unpack, "TupleUnpack ListUnpack"),
    **_rules(_tuple_index, "TupleIndex"),
    **_rules(_tuple_slice, "TupleSlice"),
    **_rules(_get_attribute, "GetAttr"),
    **_rules(_set_attribute, "SetAttr"),
    **_rules(_create_object, "CreateObject EmptyListLiteral"),
    **_rules(_forward, "unchecked_cast annotate profile profile_ivalue TypeCheck RequiresGradCheck Guard"),
    **_rules(_fresh_outputs, "Print tolist BroadcastSizes ChunkSizes MMTreeReduce AutogradZero VarConcat VarStack"),
    **_rules(_fresh_outputs, "AutogradAllNonZero AutogradAllZero AutogradAnyNonZero FusedConcat MMBatchSide"),
    **_rules(_chunk, "ConstantChunk BroadcastingChunk"),
    **_rules(_any_of_inputs, "AutogradAdd"),
    **_rules(_no_memory, "Uninitialized isinstance HasAttr"),
    **_rules(_run_subgraph, "FusionGroup DifferentiableGraph FunctionalGraph TensorExprGroup StaticSubgraph"),
    **_rules(_run_subgraph, "TensorExprDynamicGroup oneDNNFusionGroup CudaFusionGroup MKLDNNGroup"),
    **_rules(_fork, "fork awaitable"),
    **_rules(_wait, "awaitable_wait"),
    "aten::wait": _wait,
    **_rules(_wrap, "awaitable_nowait"),
}
