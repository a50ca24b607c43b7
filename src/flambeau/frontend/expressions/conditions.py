"""Conditions: what `if`, `while`, `assert`, `and`, `or`, `not` and the ternary test.

A condition is a bool of the graph, together with what it says about the types of variables and, where that is known at
compile time, its outcome. Where it is known, only the branch that is taken is compiled; so models are configured.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import final

from flambeau import ir
from flambeau.errors import ScriptError

from ..diagnostics.messages import type_name
from ..emitter import Emitter
from ..folding import known_value
from ..syntax import expression
from ..values.simple_values import SimpleValue
from ..values.special import SpecialForm
from ..values.sugared import SugaredValue
from .refinement import Refinements, Types
from .type_tests import TypeTest, gather_types, type_test

_ALWAYS_TRUE = frozenset({"aten::is_scripting"})
_ALWAYS_FALSE = frozenset({"aten::has_torch_function"})
_COMPARED: dict[str, Callable[..., object]] = {
    "aten::eq": operator.eq,
    "aten::ne": operator.ne,
    "aten::lt": operator.lt,
    "aten::le": operator.le,
    "aten::gt": operator.gt,
    "aten::ge": operator.ge,
}
_COMPARABLE = (bool, int, float, str, ir.EnumValue)


@final
@dataclass(frozen=True, slots=True, eq=False)
class Condition:
    """A bool, what it says about variables, and its outcome if that is known now."""

    value: ir.Value
    refinements: Refinements = field(default_factory=Refinements)
    outcome: bool | None = None
    is_truth_only: bool = True
    """Whether TorchScript takes it where a value is wanted, too: as a bool, whatever it was."""


def emit_condition(emitter: Emitter, node: ast.expr) -> Condition:
    """Emit an expression as a condition."""
    match node:
        case ast.BoolOp(op=op, values=operands):
            return _emit_chain(emitter, node, isinstance(op, ast.Or), operands)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return _emit_not(emitter, node, emit_condition(emitter, operand))
        case ast.Compare(left=left, ops=[ast.Is() | ast.IsNot() as op], comparators=[right]):
            return _emit_is(emitter, node, left, isinstance(op, ast.Is), right)
        case ast.Call():
            return _emit_call(emitter, node)
        case _:
            return _of_sugared(emitter, node, emitter.sugared(node))


def _of_sugared(emitter: Emitter, node: ast.expr, sugared: SugaredValue) -> Condition:
    """The truth of what an expression means."""
    range_ = emitter.range(node)
    if not isinstance(sugared, SimpleValue):
        truth = sugared.truth(emitter, range_)
        if truth is not None:
            return Condition(emitter.constant(truth, range_), outcome=truth, is_truth_only=False)
    return _of_value(emitter, node, sugared.as_value(emitter, range_))


def known(emitter: Emitter, outcome: bool, range: ir.SourceRange, refinements: Refinements | None = None) -> Condition:
    """A condition whose outcome is known."""
    return Condition(emitter.constant(outcome, range), refinements or Refinements(), outcome)


def refine(emitter: Emitter, types: Types, range: ir.SourceRange) -> None:
    """Give variables the types that a condition says they have here."""
    for name, type in types.items():
        if "." in name:
            emitter.environment.learn_attribute(name, type)
            continue
        if emitter.environment.find_type(name) is None:
            continue
        value = emitter.environment.find(name)
        if value is not None:
            cast = emitter.unchecked_cast(value.as_value(emitter, range), type, range)
            emitter.environment.refine(name, emitter.sugar(cast), range)


def _emit_chain(emitter: Emitter, node: ast.BoolOp, is_or: bool, operands: list[ast.expr]) -> Condition:
    """`a and b and c`, from the left: each operand is emitted in the branch where those before it decide nothing."""
    range_ = emitter.range(node)
    result = emit_condition(emitter, operands[0])
    for operand in operands[1:]:
        if result.outcome is is_or:
            return result
        if result.outcome is None:
            result = _emit_link(emitter, range_, is_or, result, operand)
            continue
        # What is before this operand decides nothing, but what it says of variables holds from here on.
        refine(emitter, result.refinements.if_false if is_or else result.refinements.if_true, range_)
        following = emit_condition(emitter, operand)
        combine = result.refinements.either if is_or else result.refinements.both
        is_truth_only = result.is_truth_only and following.is_truth_only
        result = Condition(following.value, combine(following.refinements), following.outcome, is_truth_only)
    return result


def _emit_link(emitter: Emitter, range: ir.SourceRange, is_or: bool, first: Condition, operand: ast.expr) -> Condition:
    rest: list[Condition] = []

    def emit_rest() -> ir.Value:
        rest.append(emit_condition(emitter, operand))
        return rest[0].value

    def emit_decided() -> ir.Value:
        return emitter.constant(is_or, range)

    branches = (emit_decided, emit_rest) if is_or else (emit_rest, emit_decided)
    value = emit_if_expression(emitter, range, first, *branches)
    combine = first.refinements.either if is_or else first.refinements.both
    outcome = is_or if rest[0].outcome is is_or else None
    return Condition(value, combine(rest[0].refinements), outcome, first.is_truth_only and rest[0].is_truth_only)


def emit_if_expression(
    emitter: Emitter,
    range: ir.SourceRange,
    condition: Condition,
    emit_true: Callable[[], ir.Value],
    emit_false: Callable[[], ir.Value],
    hint: ir.Type | None = None,
) -> ir.Value:
    """Emit a `prim::If` whose one output is the value of the branch taken."""
    node = emitter.insert("prim::If", (condition.value,), (), range)
    types: list[ir.Type] = []
    cases = ((emit_true, condition.refinements.if_true), (emit_false, condition.refinements.if_false))
    for emit, refinements in cases:
        block = node.add_block()
        emitter.environment.push(block)
        with emitter.graph.inserting_at(block):
            refine(emitter, refinements, range)
            value = emit()
        block.add_output(value)
        emitter.environment.pop()
        types.append(value.type)
    result = ir.unify(*types, hint=hint)
    if result is None:
        raise ScriptError(
            f"if-expression's true branch has type {type_name(types[0])} but false branch has type "
            f"{type_name(types[1])}",
            range,
        )
    return node.add_output(result)


def _emit_not(emitter: Emitter, node: ast.expr, operand: Condition) -> Condition:
    outcome = None if operand.outcome is None else not operand.outcome
    value = emitter.builtin(emitter.range(node), "aten::__not__", operand.value)
    return Condition(value, operand.refinements.negated(), outcome)


# --- is None


def emit_identity(emitter: Emitter, left: ir.Value, right: ir.Value, is_is: bool, range: ir.SourceRange) -> ir.Value:
    """`left is right`, or `is not`. Each member of an Enum class is one object in Python, but many in a script."""
    members = [side.type for side in (left, right) if isinstance(side.type, ir.EnumType)]
    # A member that is a string or number too may be known to the script as that only.
    if len(members) == 2 or any(member.mixes_in_value and ir.NONE not in (left.type, right.type) for member in members):
        return emitter.builtin(range, "aten::eq" if is_is else "aten::ne", left, right)
    return emitter.builtin(range, "aten::__is__" if is_is else "aten::__isnot__", left, right)


def _emit_is(emitter: Emitter, node: ast.Compare, left: ast.expr, is_is: bool, right: ast.expr) -> Condition:
    range_ = emitter.range(node)
    sugared = emitter.sugared(left), emitter.sugared(right)
    same = _are_the_same(emitter, sugared[0], sugared[1], range_)
    if same is not None:
        return known(emitter, same is is_is, range_)
    values = sugared[0].as_value(emitter, range_), sugared[1].as_value(emitter, range_)
    none = may_be_none(values[0].type), may_be_none(values[1].type)
    if none == (True, True):
        return known(emitter, is_is, range_)
    if none in ((True, False), (False, True)):
        return known(emitter, not is_is, range_)
    value = emit_identity(emitter, values[0], values[1], is_is, range_)
    if values[0].type is ir.NONE:
        left, right, values = right, left, values[::-1]
    name = _refined(emitter, left)
    if values[1].type is not ir.NONE or name is None:
        return Condition(value)
    present = {name: without_none(values[0].type)}
    return Condition(value, Refinements({}, present) if is_is else Refinements(present, {}))


def _are_the_same(emitter: Emitter, left: SugaredValue, right: SugaredValue, range: ir.SourceRange) -> bool | None:
    """Whether two things are one, of which one at least is no value of the graph; None if only a run can tell."""
    if left.is_first_class and right.is_first_class:
        return None
    if left.identity is not None and right.identity is not None:
        return left.identity == right.identity
    for one, other in ((left, right), (right, left)):
        is_there = not one.is_first_class and (one.identity is not None or one.truth(emitter, range) is not None)
        if is_there and other.is_first_class:
            # A module, function or class: no value of the graph, and not None either.
            return False
    return None


def _refined(emitter: Emitter, node: ast.expr) -> str | None:
    """The name or path under which it is kept what a test says of an expression; None where it says nothing."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.NamedExpr):
        return node.target.id
    return emitter.environment.attribute_path(node) if emitter.infers else None


def may_be_none(given: ir.Type) -> bool | None:
    """Whether a value of a type is None: True (always), False (never), None (it depends)."""
    if given is ir.NONE:
        return True
    return None if ir.is_subtype(ir.NONE, given) else False


def without_none(given: ir.Type) -> ir.Type:
    """A type without None among its values, where it is an Optional or a Union."""
    if isinstance(given, ir.OptionalType):
        return given.element
    if isinstance(given, ir.UnionType):
        return ir.union(member for member in given.elements if member is not ir.NONE)
    return given


# --- isinstance, hasattr, anything else


def _emit_call(emitter: Emitter, node: ast.Call) -> Condition:
    callee = emitter.sugared(node.func) if isinstance(node.func, (ast.Name, ast.Attribute)) else None
    if isinstance(callee, SpecialForm) and callee.name == "isinstance":
        return emit_isinstance(emitter, node)
    if isinstance(callee, SpecialForm) and callee.name == "hasattr":
        return emit_hasattr(emitter, node)
    test = None if callee is None or not emitter.infers else callee.none_test
    if test is not None and len(node.args) == 1 and not node.keywords:
        # `exists(x)` says of `x` what `x is not None` does.
        none = ast.copy_location(ast.Constant(None), node)
        compared = ast.Compare(node.args[0], [ast.Is() if test else ast.IsNot()], [none])
        return emit_condition(emitter, ast.copy_location(compared, node))
    tested = None if callee is None or not emitter.infers else callee.tested_types
    if tested is not None and len(node.args) == 1 and not node.keywords:
        sugared = emitter.sugared(node.args[0])
        if sugared.is_first_class:
            return _tested(emitter, node.args[0], sugared, tested, emitter.range(node))
    return _of_sugared(emitter, node, emitter.sugared(node))


def emit_isinstance(emitter: Emitter, node: ast.Call) -> Condition:
    """`isinstance(x, T)`, where T may be a tuple of types."""
    if len(node.args) != 2 or node.keywords:
        raise emitter.error(node, f"isinstance expected exactly 2 arguments but found {len(node.args)}")
    range_ = emitter.range(node)
    sugared = emitter.sugared(node.args[0])
    outcome = _known_instance(emitter, sugared, node.args[1])
    if outcome is not None:
        return known(emitter, outcome, range_)
    return _tested(emitter, node.args[0], sugared, gather_types(emitter, node.args[1]), range_)


def _tested(
    emitter: Emitter, node: ast.expr, sugared: SugaredValue, tested: tuple[ir.Type, ...], range: ir.SourceRange
) -> Condition:
    """Whether what an expression means is of one of some types."""
    value = sugared.as_value(emitter, range)
    result: TypeTest = type_test(value.type, tested)
    refinements = Refinements()
    name = _refined(emitter, node)
    if name is not None:
        refinements = Refinements(
            {} if result.if_true is None else {name: result.if_true},
            {} if result.if_false is None else {name: result.if_false},
        )
    if result.outcome is not None:
        return known(emitter, result.outcome, range, refinements)
    test = emitter.insert("prim::isinstance", (value,), (ir.BOOL,), range).set_attribute("types", "tys", tested)
    return Condition(test.output, refinements)


def _known_instance(emitter: Emitter, value: SugaredValue, tested: ast.expr) -> bool | None:
    """Whether a module is of one of some classes; None where the types of values decide."""
    nodes = tested.elts if isinstance(tested, ast.Tuple) else [tested]
    if value.instance_class is None and not emitter.infers:
        return None
    if not all(isinstance(node, (ast.Name, ast.Attribute)) for node in nodes):
        return None
    classes = [_meant_class(emitter, node) for node in nodes]
    if value.instance_class is not None:
        return any(cls is not None and issubclass(value.instance_class, cls) for cls in classes)
    return False if value.is_first_class and all(cls is not None for cls in classes) else None


def _meant_class(emitter: Emitter, node: ast.expr) -> type | None:
    try:
        return emitter.sugared(node).meant_class
    except ScriptError:
        return None


def emit_hasattr(emitter: Emitter, node: ast.Call) -> Condition:
    """`hasattr(x, "name")`, which is always known."""
    match node.args:
        case [target, ast.Constant(value=str(name))] if not node.keywords:
            found = emitter.sugared(target).has_attribute(emitter, emitter.range(target), name)
            return Condition(found) if isinstance(found, ir.Value) else known(emitter, found, emitter.range(node))
        case [_, second]:
            raise emitter.error(second, "hasattr's second argument must be a string literal")
        case _:
            raise emitter.error(node, f"hasattr expected exactly 2 arguments but found {len(node.args)}")


def _of_value(emitter: Emitter, node: ast.expr, value: ir.Value) -> Condition:
    range_ = emitter.range(node)
    if value.type is ir.NONE:
        return Condition(emitter.constant(False, range_), outcome=False, is_truth_only=False)
    if isinstance(value.type, ir.OptionalType):
        return _of_optional(emitter, node, value)
    truth = emit_to_bool(emitter, value, range_)
    return Condition(truth, outcome=_known_outcome(emitter, truth))


def _known_outcome(emitter: Emitter, truth: ir.Value) -> bool | None:
    """What a bool is, if it is a constant, or compares constants: how a model is configured, mostly."""
    if emitter.infers:
        found = known_value(emitter, truth)
        return found if isinstance(found, bool) else None
    constant = ir.constant_value(truth)
    if isinstance(constant, bool):
        return constant
    node = truth.node
    if node.kind in _ALWAYS_TRUE or node.kind in _ALWAYS_FALSE:
        return node.kind in _ALWAYS_TRUE
    if node.kind not in _COMPARED or len(node.inputs) != 2:
        return None
    first, second = map(ir.constant_value, node.inputs)
    if type(first) is not type(second) or not isinstance(first, _COMPARABLE):
        return None
    if isinstance(first, ir.EnumValue) and node.kind not in ("aten::eq", "aten::ne"):
        return None
    return bool(_COMPARED[node.kind](first, second))


def _of_optional(emitter: Emitter, node: ast.expr, value: ir.Value) -> Condition:
    """The truth of a value that may be None: that it is not, and is true."""
    range_ = emitter.range(node)
    present = without_none(value.type)
    not_none = Condition(emitter.builtin(range_, "aten::__isnot__", value, None))

    def emit_truth() -> ir.Value:
        return emit_to_bool(emitter, emitter.unchecked_cast(value, present, range_), range_)

    truth = emit_if_expression(emitter, range_, not_none, emit_truth, lambda: emitter.constant(False, range_))
    name = _refined(emitter, node)
    refinements = Refinements() if name is None else Refinements({name: present}, {})
    return Condition(truth, refinements, is_truth_only=False)


def emit_to_bool(emitter: Emitter, value: ir.Value, range: ir.SourceRange) -> ir.Value:
    """Emit the conversion that a condition's value undergoes."""
    if value.type is ir.BOOL:
        return value
    try:
        if isinstance(value.type, ir.ClassType):
            truth = emitter.method(range, value, "__bool__")
        elif isinstance(value.type, (ir.ListType, ir.DictType)) or value.type is ir.STRING:
            truth = emitter.builtin(range, "aten::gt", emitter.builtin(range, "aten::len", value), 0)
        else:
            truth = emitter.builtin(range, "aten::Bool", value)
    except ScriptError as error:
        raise ScriptError(f"Could not cast value of type {type_name(value.type)} to bool", range, error.calls) from None
    if truth.type is not ir.BOOL:
        raise ScriptError(f"expected a bool expression for condition but found {type_name(truth.type)}", range)
    return truth


# --- as expressions


@expression(ast.BoolOp)
def emit_bool_op(emitter: Emitter, node: ast.BoolOp, hint: ir.Type | None) -> SugaredValue:
    """`a or b` as a value. TorchScript makes it a bool; where that is not what compiles, it is one of the operands."""
    if emitter.infers:
        return _emit_operand(emitter, node, isinstance(node.op, ast.Or), node.values, hint)
    condition = emit_condition(emitter, node)
    if not condition.is_truth_only:
        raise emitter.error(node, "the operands of 'and' and 'or' are no bools, so that the result need not be one")
    return emitter.sugar(condition.value)


def _emit_operand(
    emitter: Emitter, node: ast.BoolOp, is_or: bool, operands: list[ast.expr], hint: ir.Type | None
) -> SugaredValue:
    """The first operand that decides, or the last one."""
    first, *others = operands
    if not others:
        return emitter.sugared(first, hint)
    range_ = emitter.range(node)
    if _is_test(first):
        condition = emit_condition(emitter, first)
        sugared: SugaredValue = emitter.sugar(condition.value)
    else:
        sugared = emitter.sugared(first, hint)
        condition = _of_sugared(emitter, first, sugared)
    if condition.outcome is is_or:
        return sugared
    if condition.outcome is not None:
        refinements = condition.refinements
        refine(emitter, refinements.if_false if is_or else refinements.if_true, range_)
        return _emit_operand(emitter, node, is_or, others, hint)
    value = sugared.as_value(emitter, range_)

    def emit_decided() -> ir.Value:
        present = without_none(value.type)
        return emitter.unchecked_cast(value, present, range_) if is_or and present != value.type else value

    def emit_others() -> ir.Value:
        wanted = without_none(value.type) if hint is None and _is_empty(others[-1]) else hint
        return _emit_operand(emitter, node, is_or, others, wanted).as_value(emitter, range_)

    branches = (emit_decided, emit_others) if is_or else (emit_others, emit_decided)
    return emitter.sugar(emit_if_expression(emitter, range_, condition, *branches, hint))


def _is_empty(node: ast.expr) -> bool:
    """Whether an expression is `[]` or `{}`, whose type is what goes with it."""
    return (isinstance(node, ast.List) and not node.elts) or (isinstance(node, ast.Dict) and not node.keys)


def _is_test(node: ast.expr) -> bool:
    """Whether an expression is a bool by the way it is written."""
    match node:
        case ast.Compare() | ast.UnaryOp(op=ast.Not()) | ast.Constant(value=bool()):
            return True
        case ast.Call(func=ast.Name(id="isinstance" | "hasattr")):
            return True
        case ast.BoolOp(values=operands):
            return all(map(_is_test, operands))
    return False


@expression(ast.IfExp)
def emit_ternary(emitter: Emitter, node: ast.IfExp, hint: ir.Type | None) -> SugaredValue:
    range_ = emitter.range(node)
    condition = emit_condition(emitter, node.test)
    if condition.outcome is not None:
        taken = condition.refinements.if_true if condition.outcome else condition.refinements.if_false
        refine(emitter, taken, range_)
        return emitter.sugared(node.body if condition.outcome else node.orelse, hint)
    given: list[ir.Type] = []

    def emit_body() -> ir.Value:
        value = emitter.value(node.body, hint)
        given.append(value.type)
        return value

    def emit_otherwise() -> ir.Value:
        return emitter.value(
            node.orelse, given[0] if hint is None and emitter.infers and _is_empty(node.orelse) else hint
        )

    return emitter.sugar(emit_if_expression(emitter, range_, condition, emit_body, emit_otherwise, hint))
