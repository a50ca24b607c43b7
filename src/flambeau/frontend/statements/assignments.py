"""Assignments to names, attributes, items and patterns of them; `del`.

a, (b, *c) = t          the elements of t, in order; what a star takes is a tuple
x[i] = 1                aten::_set_item on lists and dicts; aten::copy_ or aten::index_put_ into a tensor
self.count = n          prim::SetAttr
"""

from __future__ import annotations

import ast
import contextlib

from flambeau import ir
from flambeau.errors import ScriptError

from ..diagnostics.messages import type_name
from ..emitter import Emitter
from ..expressions.attributes import learn_assigned
from ..expressions.calls import first_class
from ..expressions.open_tuples import OpenTuple
from ..expressions.subscripts import emit_tensor_views, index_expressions, index_list
from ..syntax import expression, statement
from ..syntax_trees import expression_tree
from ..values.container_inference import reconsider_literal
from ..values.index_values import IndexList
from ..values.keywords import KeywordsValue
from ..values.simple_values import SimpleValue, SugaredTuple
from ..values.sugared import SugaredValue
from .list_slices import assign_slice, delete_slice

_RESERVED_PREFIX = "__jit"
_NUMBERS = (ir.INT, ir.FLOAT, ir.COMPLEX, ir.BOOL, ir.NUMBER)


@statement(ast.Assign)
def emit_assign(emitter: Emitter, node: ast.Assign) -> None:
    annotation = _comment_type(emitter, node)
    targets = node.targets
    if annotation is not None and len(targets) == 1:
        _emit_annotated(emitter, targets[0], annotation, node.value)
        return
    range_ = emitter.range(node.value)
    value = emitter.sugared(node.value, _announced_type(emitter, targets))
    if not all(isinstance(target, (ast.Tuple, ast.List)) for target in targets):
        value = first_class(emitter, value, range_)
    for target in targets:
        assign(emitter, target, value, range_)


@statement(ast.AnnAssign)
def emit_annotated_assign(emitter: Emitter, node: ast.AnnAssign) -> None:
    if node.value is None:
        _announce(emitter, node)
        return
    is_self_attribute = isinstance(node.target, ast.Attribute)
    if is_self_attribute and emitter.definition.name != "__init__":
        raise emitter.error(
            node,
            f"Type annotations on instance attributes must be declared in __init__, not '{emitter.definition.name}'",
        )
    if emitter.infers and isinstance(node.target, ast.Name):
        _emit_hinted(emitter, node.target, node.annotation, node.value)
        return
    _emit_annotated(emitter, node.target, emitter.resolve_type(node.annotation), node.value)


def _emit_hinted(emitter: Emitter, target: ast.Name, annotation: ast.expr, node: ast.expr) -> None:
    """`x: T = value` of a variable that there is already, or where annotations need not be true."""
    environment, range_ = emitter.environment, emitter.range(target)
    trusts = emitter.assumptions.trusts_annotations
    try:
        wanted = emitter.resolve_type(annotation)
    except ScriptError:
        if trusts:
            raise
        assign(emitter, target, emitter.sugared(node), range_)
        return
    sugared = emitter.sugared(node, wanted)
    is_outer = environment.frame.parent is not None and environment.is_defined(target.id, environment.frame.parent)
    if is_outer or not (trusts or sugared.is_first_class):
        assign(emitter, target, sugared, range_)
        return
    value = sugared.as_value(emitter, emitter.range(node))
    converted = emitter.converted(value, wanted, range_, allow_conversions=False)
    if trusts or ir.is_subtype(converted.type, wanted):
        _assign_annotated(emitter, target, wanted, converted)
    else:
        assign(emitter, target, emitter.sugar(value), range_)


def _announce(emitter: Emitter, node: ast.AnnAssign) -> None:
    """`x: T` alone, which in Python does nothing. Here it says what an empty list or dict given to `x` later is."""
    if not emitter.infers:
        raise emitter.unsupported(node, "annotated assignments without assigned value aren't supported")
    if isinstance(node.target, ast.Name) and not emitter.environment.is_defined(node.target.id):
        # Python does not evaluate the annotations of local variables: it may be anything.
        with contextlib.suppress(ScriptError):
            emitter.environment.announce(node.target.id, emitter.resolve_type(node.annotation))


def _announced_type(emitter: Emitter, targets: list[ast.expr]) -> ir.Type | None:
    """The type that was announced for a variable which gets its first value."""
    match targets:
        case [ast.Name(id=name)] if not emitter.environment.is_defined(name):
            return emitter.environment.announced_type(name)
    return None


def _comment_type(emitter: Emitter, node: ast.Assign) -> ir.Type | None:
    """The type in a comment `# type: T` behind an assignment."""
    text = node.type_comment
    if text is None or text.startswith("ignore"):
        return None
    try:
        parsed = expression_tree(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise emitter.error(node, f"invalid type comment: {text}") from None
    for part in ast.walk(parsed):
        # Positions inside the comment are not known; errors mark the assignment.
        if isinstance(part, ast.expr):
            ast.copy_location(part, node)
    return emitter.resolve_type(parsed)


def _emit_annotated(emitter: Emitter, target: ast.expr, annotation: ir.Type, node: ast.expr) -> None:
    range_ = emitter.range(target)
    sugared = emitter.sugared(node, annotation)
    value = emitter.converted(
        sugared.as_value(emitter, emitter.range(node)), annotation, range_, allow_conversions=False
    )
    _assign_annotated(emitter, target, annotation, value)


def _assign_annotated(emitter: Emitter, target: ast.expr, annotation: ir.Type, value: ir.Value) -> None:
    range_ = emitter.range(target)
    if isinstance(target, ast.Name):
        _check_name(emitter, target)
        if annotation is ir.ANY and value.type is not ir.ANY:
            value = emitter.unchecked_cast(value, ir.ANY, range_)
        emitter.environment.assign(target.id, emitter.sugar(value), range_, annotation)
        return
    if value.type != annotation and ir.is_subtype(value.type, annotation):
        # The attribute is to have the annotated type, not that of its first value.
        value = emitter.unchecked_cast(value, annotation, range_)
    assign(emitter, target, emitter.sugar(value), range_)


def assign(emitter: Emitter, target: ast.expr, value: SugaredValue, range: ir.SourceRange) -> None:
    """Assign a value to a target; `range` is where the value comes from."""
    match target:
        case ast.Name():
            _check_name(emitter, target)
            place = emitter.range(target)
            if emitter.environment.find_type(target.id) is not None:
                value = value.stored(emitter, range)
            emitter.environment.assign(target.id, first_class(emitter, value, place), place)
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            _assign_elements(emitter, target, elements, value, range)
        case ast.Attribute():
            owner = emitter.sugared(target.value)
            given = value.as_value(emitter, range)
            owner.set_attribute(emitter, emitter.range(target), target.attr, given)
            learn_assigned(emitter, target, given)
        case ast.Subscript():
            _assign_item(emitter, target, value, range)
        case ast.Starred():
            raise emitter.error(
                target,
                "A Starred expression may only appear on the lhs within the presence of another non-starred expression",
            )
        case _:
            raise emitter.unsupported(target, "unexpected expression on left-hand side of assignment")


def _check_name(emitter: Emitter, node: ast.Name) -> None:
    if node.id.startswith(_RESERVED_PREFIX):
        raise emitter.unsupported(
            node, f"names of variables used in JIT-ed functions can't start with {_RESERVED_PREFIX}"
        )


def _assign_elements(
    emitter: Emitter, target: ast.expr, elements: list[ast.expr], value: SugaredValue, range: ir.SourceRange
) -> None:
    stars = [index for index, element in enumerate(elements) if isinstance(element, ast.Starred)]
    place = emitter.range(target)
    if len(stars) > 1:
        raise ScriptError("Only one starred expression is allowed on the lhs", place)
    if stars and len(elements) == 1:
        assign(emitter, elements[0], value, range)
    needed = len(elements) - len(stars)
    if stars and isinstance(value, SimpleValue) and isinstance(value.value.type, ir.ListType):
        _assign_from_list(emitter, elements, stars[0], value, range)
        return
    if stars and isinstance(value, OpenTuple):
        parts = value.around(emitter, range, stars[0], needed - stars[0])
        for element, part in zip(elements, parts, strict=True):
            assign(emitter, element.value if isinstance(element, ast.Starred) else element, part, range)
        return
    parts = value.as_tuple(emitter, range, None if stars else needed)
    if len(parts) < needed:
        at_least = "at least " if stars else ""
        raise ScriptError(f"need {at_least}{needed} values to unpack but found only {len(parts)}", place)
    if len(parts) > needed and not stars:
        raise ScriptError(f"too many values to unpack: need {needed} but found {len(parts)}", place)
    if stars:
        parts = _packed(emitter, elements[stars[0]], parts, stars[0], len(parts) - needed)
    for element, part in zip(elements, parts, strict=True):
        assign(emitter, element.value if isinstance(element, ast.Starred) else element, part, range)


def _assign_from_list(
    emitter: Emitter, elements: list[ast.expr], star: int, value: SimpleValue, range: ir.SourceRange
) -> None:
    """`first, *rest = xs` of a list, whose length only a run tells; what the star takes is a list."""
    after = len(elements) - star - 1
    for position, element in enumerate(elements):
        part: SugaredValue
        if isinstance(element, ast.Starred):
            stop = emitter.constant(-after if after else None, range)
            bounds = (emitter.constant(star, range), stop, emitter.constant(1, range))
            part = emitter.sugar(emitter.builtin(range, "aten::slice", value.value, *bounds))
            assign(emitter, element.value, part, range)
            continue
        index = position if position < star else position - len(elements)
        part = value.item(emitter, range, emitter.constant(index, range))
        assign(emitter, element, part, range)


def _packed(emitter: Emitter, star: ast.expr, parts: list[SugaredValue], start: int, count: int) -> list[SugaredValue]:
    range_ = emitter.range(star)
    taken = [part.as_value(emitter, range_) for part in parts[start : start + count]]
    return [*parts[:start], emitter.sugar(emitter.make_tuple(taken, range_)), *parts[start + count :]]


def _assign_item(emitter: Emitter, target: ast.Subscript, given: SugaredValue, range: ir.SourceRange) -> None:
    range_ = emitter.range(target)
    is_slice = isinstance(target.slice, ast.Slice)
    if isinstance(target.value, ast.Name) and not is_slice:
        owner = emitter.sugared(target.value)
        if isinstance(owner, IndexList):
            owner.set_item(emitter, range_, emitter.value(target.slice), given)
            return
        if isinstance(owner, KeywordsValue):
            owner.set_item(emitter, range_, emitter.value(target.slice), first_class(emitter, given, range))
            return
    value = None if is_slice and isinstance(given, SugaredTuple) else given.as_value(emitter, range)
    container = emitter.value(target.value)
    if isinstance(container.type, ir.ListType) and isinstance(target.slice, ast.Slice):
        assign_slice(emitter, range_, container, target.slice, given if value is None else SimpleValue(value))
        return
    value = given.as_value(emitter, range) if value is None else value
    indices = index_expressions(target)
    if isinstance(container.type, ir.TensorType):
        view, tensors = emit_tensor_views(emitter, range_, container, indices)
        source = to_tensor_like(emitter, value, view, range_)
        if not tensors:
            emitter.builtin(range_, "aten::copy_", view, source)
        else:
            emitter.builtin(range_, "aten::index_put_", view, index_list(emitter, tensors, range_), source)
        return
    if len(indices) != 1 or isinstance(indices[0], ast.Slice):
        raise ScriptError(
            "Sliced expression not yet supported for subscripted assignment. File a bug if you want this", range_
        )
    if isinstance(container.type, ir.TupleType):
        raise ScriptError(f"{type_name(container.type)} does not support subscripted assignment", range_)
    set_item(emitter, range_, container, emitter.value(indices[0]), value)


def set_item(emitter: Emitter, range: ir.SourceRange, container: ir.Value, index: ir.Value, value: ir.Value) -> None:
    """Emit `container[index] = value` for what is no tensor."""
    if isinstance(container.type, (ir.ClassType, ir.InterfaceType)):
        emitter.method(range, container, "__setitem__", index, value)
    else:
        try:
            emitter.builtin(range, "aten::_set_item", container, index, value)
        except ScriptError as error:
            reconsider_literal(emitter, error, "aten::_set_item", container, [index, value])
            raise


def to_tensor_like(emitter: Emitter, value: ir.Value, like: ir.Value, range: ir.SourceRange) -> ir.Value:
    """A number as a tensor with the element type and device of another one; anything else as it is."""
    if value.type not in _NUMBERS:
        return value
    dtype = emitter.builtin(range, "prim::dtype", like)
    device = emitter.builtin(range, "prim::device", like)
    return emitter.builtin(range, "aten::tensor", value, dtype=dtype, device=device)


@expression(ast.NamedExpr)
def emit_walrus(emitter: Emitter, node: ast.NamedExpr, hint: ir.Type | None) -> SugaredValue:
    value = first_class(emitter, emitter.sugared(node.value, hint), emitter.range(node.value))
    assign(emitter, node.target, value, emitter.range(node.value))
    return value


# --- del


@statement(ast.Delete)
def emit_delete(emitter: Emitter, node: ast.Delete) -> None:
    for target in node.targets:
        _delete(emitter, target)


def _delete(emitter: Emitter, target: ast.expr) -> None:
    range_ = emitter.range(target)
    match target:
        case ast.Name(id=name):
            if not emitter.environment.is_defined(name):
                raise ScriptError(f"undefined value {name}", range_)
            emitter.environment.delete(name, ScriptError(f"undefined value {name}; it was deleted here", range_))
        case ast.Subscript():
            indices = index_expressions(target)
            if isinstance(target.slice, ast.Slice) and not emitter.definition.serialized:
                container = emitter.value(target.value)
                if isinstance(container.type, ir.ListType):
                    delete_slice(emitter, range_, container, target.slice)
                    return
            if len(indices) != 1 or isinstance(indices[0], ast.Slice):
                raise ScriptError(
                    "del statements only support deletion at a single index, slicing is not supported "
                    "(see https://github.com/pytorch/pytorch/issues/31430)",
                    range_,
                )
            container, index = emitter.value(target.value), emitter.value(indices[0])
            if isinstance(container.type, (ir.ClassType, ir.InterfaceType)):
                emitter.method(range_, container, "__delitem__", index)
            else:
                emitter.builtin(range_, "aten::Delete", container, index)
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            for element in elements:
                _delete(emitter, element)
        case _:
            raise ScriptError(
                "del statements are only supported for deleting list and dict items and variables", range_
            )
