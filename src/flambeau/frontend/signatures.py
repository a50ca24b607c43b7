"""What a definition takes and returns: the types in annotations and type comments, and the values of defaults."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, final

from flambeau import ir
from flambeau.errors import ScriptError, UnsupportedSyntaxError

from .annotations import broadcast_length
from .assumptions import notes
from .definition import Definition
from .diagnostics.messages import type_name
from .emitter import Emitter, Results
from .resolver import Resolver
from .syntax_trees import expression_tree

_COMMENT = re.compile(r"^\s*#\s*type:\s*(?!ignore\b)(.*?)\s*(?:#.*)?$")
_WRONG_PREFIX = re.compile(r"^\s*#\s*type\s+:.*->")
_PARAMETER_COMMENT = re.compile(r"#\s*type:\s*(?!ignore\b)([^#]*?)\s*(?:#.*)?$")
_SIGNATURE = re.compile(r"^\((.*)\)\s*->\s*(.+)$", re.DOTALL)


ParameterKind: TypeAlias = Literal["named", "rest", "keyword"]


@final
@dataclass(frozen=True, slots=True)
class Signature:
    """The parameters (without `self`), in order, and the type of the result (None: whatever the body returns).

    `rest` and `keywords` name the arguments that stand for `*args` and `**kwargs`, for one number of arguments and one
    set of keywords.
    """

    arguments: tuple[ir.Argument, ...]
    return_type: ir.Type | None = None
    rest: frozenset[str] = frozenset()
    keywords: frozenset[str] = frozenset()
    fixed: frozenset[str] = frozenset()
    """Parameters that the body is compiled for the default of: another argument raises."""

    def kinds(self) -> list[ParameterKind]:
        """For each argument, which parameter of the definition takes it: one of its own, `*args` or `**kwargs`."""
        return [
            "rest" if a.name in self.rest else "keyword" if a.name in self.keywords else "named" for a in self.arguments
        ]


def signature_of(
    definition: Definition,
    resolver: Resolver,
    *,
    is_method: bool = False,
    defaults: Mapping[str, object] | None = None,
    seen: Mapping[str, ir.Type] | None = None,
    none_means_optional: bool = True,
    is_overload: bool = False,
) -> Signature:
    """The signature that a definition's annotations and type comments declare; nothing is compiled.

    `defaults` are the values of default arguments where they are known; otherwise they are read off the expressions.
    `seen` are types that arguments had in calls: those of parameters that nothing else is said about. A parameter
    about which nothing is known is a Tensor, `*args` and `**kwargs` take nothing. A default None makes the parameter
    optional, unless `none_means_optional` is off: then it is what TorchScript takes it for, a Tensor that is undefined.
    A default that is not of the parameter's type is an error; overloads share one set, and each has what suits it.
    """
    if seen is None:
        _check_parameters(definition, is_method=is_method)
    node = definition.node
    parameters = definition.parameters[1:] if is_method else definition.parameters
    annotations: list[ast.expr | None] = [parameter.annotation for parameter in parameters]
    returns = node.returns
    if not any(annotations) and returns is None:
        annotations, returns = _from_comments(definition, parameters, annotations)
    known = dict(defaults or {})
    declared = {parameter.arg for parameter, _ in definition.default_expressions()}
    none_means_optional = none_means_optional and not definition.serialized
    for parameter, expression in definition.default_expressions():
        if parameter.arg not in known:
            known[parameter.arg] = evaluate_default(definition, resolver, expression)
    keyword_only = {parameter.arg for parameter in node.args.kwonlyargs}
    arguments: list[ir.Argument] = []
    for parameter, annotation in zip(parameters, annotations, strict=True):
        type: ir.Type = ir.INFERRED_TENSOR
        default = known.get(parameter.arg, ir.MISSING)
        if annotation is not None:
            if isinstance(annotation, ast.Name) and broadcast_length(annotation) is not None:
                type = ir.ListType(ir.INT)
            else:
                type = resolver.resolve_type(annotation, definition.range(annotation))
            if default is None and is_overload and parameter.arg not in declared and not ir.is_subtype(ir.NONE, type):
                default = ir.MISSING  # without it this overload is not meant
            elif default is None and none_means_optional and not ir.is_subtype(ir.NONE, type):
                # `mask: Tensor = None`, as it was written before Optional had to be.
                type = ir.optional(type)
        elif seen is not None and parameter.arg in seen:
            type = _with_default(seen[parameter.arg], default)
        elif default is not ir.MISSING and (default is not None or none_means_optional):
            type = type_of_default(default) or type
            notes.went_beyond = notes.went_beyond or default is not None
        broadcast = broadcast_length(annotation)
        if broadcast is not None and default.__class__ in (int, float):
            default = [default] * broadcast
        default = _fitting(default, type)
        if not default_fits(default, type, is_declared=annotation is not None):
            if not is_overload:
                raise _misfit(parameter.arg, type, definition.header_range())
            default = ir.MISSING
        arguments.append(
            ir.Argument(
                parameter.arg,
                type,
                broadcast=broadcast,
                default=default,
                kwarg_only=parameter.arg in keyword_only,
            )
        )
    result = None if returns is None else resolver.resolve_type(returns, definition.range(returns))
    return Signature(tuple(arguments), result)


def _with_default(seen: ir.Type, default: object) -> ir.Type:
    """The type of a parameter: what calls gave it, and its default."""
    if default is ir.MISSING:
        return seen
    if default is None:
        return seen if ir.is_subtype(ir.NONE, seen) else ir.optional(seen)
    known = type_of_default(default)
    if known is None:
        return seen
    if known is ir.INT and seen is ir.FLOAT:
        return seen
    return ir.unify(seen, known) or seen


def type_of_default(default: object) -> ir.Type | None:
    """The type that a parameter without annotation has if this is its default; None if that does not tell."""
    match default:
        case None:
            return ir.optional(ir.TENSOR)
        case bool():
            return ir.BOOL
        case int():
            return ir.INT
        case float():
            return ir.FLOAT
        case complex():
            return ir.COMPLEX
        case str():
            return ir.STRING
        case ir.Device():
            return ir.DEVICE
        case ir.EnumValue():
            return default.type
        case tuple():
            parts = [type_of_default(part) for part in default]
            known = [part for part in parts if part is not None]
            return ir.TupleType(tuple(known)) if len(known) == len(parts) else None
        case list() if default:
            elements = [type_of_default(part) for part in default]
            joined = ir.unify_all(tuple(e for e in elements if e is not None))
            return ir.ListType(joined) if joined is not None and None not in elements else None
        case _:
            return None


def _fitting(default: object, type: ir.Type) -> object:
    """The value of a default argument as one of the parameter's type, where Python takes one for the other: an int for
    a float, a tuple for a list."""
    match type, default:
        case ir.OptionalType(element), _ if default is not None:
            return _fitting(default, element)
        case ir.FLOAT, int() if not isinstance(default, bool):
            return float(default)
        case ir.COMPLEX, int() | float() if not isinstance(default, bool):
            return complex(default)
        case ir.ListType(element), list() | tuple():
            return [_fitting(value, element) for value in default]
        case ir.TupleType(elements), tuple() if len(elements) == len(default):
            return tuple(_fitting(value, part) for value, part in zip(default, elements, strict=True))
        case _:
            return default


def default_fits(default: object, type: ir.Type, *, is_declared: bool) -> bool:
    """Whether a default may be one of the parameter's type. Of what has no type of its own here, only of functions and
    classes is it known that they are not; a type that nobody declared gives way."""
    if default is ir.MISSING or callable(default):
        return default is ir.MISSING
    known = None if default is None else type_of_default(default)
    if not is_declared or known not in (ir.INT, ir.FLOAT, ir.BOOL, ir.COMPLEX, ir.STRING):
        return True
    return ir.is_subtype(known, type) or (known, type) in ((ir.BOOL, ir.INT), (ir.STRING, ir.DEVICE))


def _misfit(name: str, type: ir.Type, range: ir.SourceRange) -> ScriptError:
    message = f'Expected a default value of type {type_name(type)} on parameter "{name}".'
    if isinstance(type, ir.TensorType) and type.inferred:
        message += f"Because \"{name}\" was not annotated with an explicit type it is assumed to be type 'Tensor'."
    return ScriptError(message, range)


def _check_parameters(definition: Definition, *, is_method: bool) -> None:
    """A definition that takes only `*args` or `**kwargs` says nothing of what it takes."""
    arguments = definition.node.args
    if len(definition.parameters) > is_method and not definition.serialized:
        return
    for variadic in (arguments.vararg, arguments.kwarg):
        if variadic is not None:
            raise UnsupportedSyntaxError(
                "Compiled functions can't take variable number of arguments or use keyword-only arguments with "
                "defaults, unless calls show what these are: give example_inputs",
                definition.range(variadic),
            )


# --- type comments


def _from_comments(
    definition: Definition, parameters: list[ast.arg], none: list[ast.expr | None]
) -> tuple[list[ast.expr | None], ast.expr | None]:
    """The annotations in `# type: (A, B) -> R` below the `def`; `...` there means a comment beside each parameter."""
    text = _comment_below(definition)
    if text is None:
        return none, None
    range_ = definition.header_range()
    match = _SIGNATURE.match(text)
    if match is None:
        raise ScriptError(f"The type comment '# type: {text}' is no signature", range_)
    returns = _expression(match[2], definition)
    if match[1].strip() == "...":
        return [_parameter_comment(definition, parameter) for parameter in parameters], returns
    listed = _expression(f"({match[1]},)" if match[1].strip() else "()", definition)
    elements = listed.elts if isinstance(listed, ast.Tuple) else []
    if len(elements) != len(parameters):
        raise ScriptError(
            f"Number of type annotations ({len(elements)}) did not match the number of "
            f"{'function' if len(parameters) == len(definition.parameters) else 'method'} parameters "
            f"({len(parameters)})",
            range_,
        )
    return list(elements), returns


def _comment_below(definition: Definition) -> str | None:
    """The text of the signature's comment: between the `def` line and the first statement."""
    node = definition.node
    if node.type_comment:
        return node.type_comment
    source = definition.source
    for index in range(node.lineno - 1, node.body[0].lineno - 1):
        found = _COMMENT.match(source.line(index))
        if found and "->" in found[1]:
            return found[1]
        if _WRONG_PREFIX.match(source.line(index)):
            raise ScriptError(
                f"The annotation prefix in line {index + 1} is probably invalid.\nIt must be '# type:'",
                definition.header_range(),
            )
    return None


def _parameter_comment(definition: Definition, parameter: ast.arg) -> ast.expr | None:
    if parameter.type_comment:
        return _expression(parameter.type_comment, definition)
    found = _PARAMETER_COMMENT.search(definition.source.line((parameter.end_lineno or parameter.lineno) - 1))
    return _expression(found[1], definition) if found and "->" not in found[1] else None


def _expression(text: str, definition: Definition) -> ast.expr:
    try:
        parsed = expression_tree(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ScriptError(f"invalid type comment: {text}", definition.header_range()) from None
    for part in ast.walk(parsed):
        # Positions inside the comment are not known; errors mark the function.
        if isinstance(part, ast.expr):
            ast.copy_location(part, definition.node)
            part.end_lineno, part.end_col_offset = part.lineno, part.col_offset + 1
    return parsed


# --- defaults


def evaluate_default(definition: Definition, resolver: Resolver, expression: ast.expr) -> object:
    """The value of a default argument's expression; ScriptError if it is no constant.

    It is compiled like any expression: what comes out must be a constant, or a container of such.
    """
    graph = ir.Graph()
    function = ir.Function(f"{definition.name}.<default>")
    emitter = Emitter(function, definition, resolver, graph, Results(None))
    value, range_ = emitter.value(expression), definition.range(expression)
    if any(node.kind not in _FOLDED for node in graph.walk()):
        raise ScriptError("the value of a default argument must be a constant", range_)
    return _constant_of(value, range_)


_FOLDED = frozenset(
    {
        "prim::Constant",
        "prim::ListConstruct",
        "prim::EmptyListLiteral",
        "prim::TupleConstruct",
        "prim::DictConstruct",
        "prim::unchecked_cast",
        "aten::device",
    }
)
"""What the expression of a default argument may consist of."""


def _constant_of(value: ir.Value, range: ir.SourceRange) -> object:
    node = value.node
    match node.kind:
        case "prim::Constant":
            return ir.constant_of(node)
        case "prim::ListConstruct" | "prim::EmptyListLiteral":
            return [_constant_of(element, range) for element in node.inputs]
        case "prim::TupleConstruct":
            return tuple(_constant_of(element, range) for element in node.inputs)
        case "prim::DictConstruct":
            entries = [_constant_of(element, range) for element in node.inputs]
            return dict(zip(entries[::2], entries[1::2], strict=True))
        case "prim::unchecked_cast":
            return _constant_of(node.input, range)
        case "aten::device":
            return ir.Device.parse(str(_constant_of(node.inputs[0], range)))
        case _:
            raise ScriptError("the value of a default argument must be a constant", range)
