"""Functions defined inside functions: `lambda`, and local `def`.

They have no graph of their own: a call becomes the body, in place.

    def scale(v):                          %a = ...nodes of `v * k` with x for v...
        return v * k            ->
    a = scale(x)

The body is emitted into the block of a `prim::LocalCall`, whose output it returns; `exits` lowers early returns to
that block and then puts its nodes in the node's place. Names that the body does not bind are those of the function
around it, as they are when it is called. PyTorch's compiler has neither form; what is saved is ordinary code.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, final

from flambeau import ir
from flambeau.errors import ScriptError

from ..diagnostics.messages import type_name
from ..emitter import Results
from ..environment import Frame
from ..inlining import declared_result
from ..results import emit_returned, finish_body
from ..syntax import expression
from ..values.keywords import KeywordsValue
from ..values.simple_values import SimpleValue, SugaredTuple
from ..values.sugared import Arg, SugaredValue
from .calls import argument

if TYPE_CHECKING:
    from ..definition import Definition
    from ..emitter import Emitter
    from ..resolver import Resolver


@final
@dataclass(slots=True, eq=False)
class LocalFunction(SugaredValue):
    """A function whose calls are replaced by its body; `frame` holds the variables around its definition."""

    node: ast.FunctionDef | ast.Lambda
    definition: Definition
    """What it is written in."""
    resolver: Resolver
    frame: Frame
    defaults: dict[str, SugaredValue] = field(default_factory=dict)
    is_active: bool = False
    """Whether a call of it is being emitted; another one inside that would never end."""

    @property
    def kind(self) -> str:
        return "function"

    @property
    def name(self) -> str:
        return self.node.name if isinstance(self.node, ast.FunctionDef) else "<lambda>"

    def call(
        self, emitter: Emitter, range: ir.SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg], n_binders: int = 1
    ) -> SugaredValue:
        if self.is_active:
            raise ScriptError(f"function '{self.name}' is called recursively. Recursive calls are not supported", range)
        node = emitter.insert("prim::LocalCall", (), (), range)
        block = node.add_block()
        outer = emitter.definition, emitter.resolver, emitter.results, emitter.loop_kind
        emitter.definition, emitter.resolver, emitter.loop_kind = self.definition, self.resolver, "none"
        self.is_active = True
        try:
            bound = self._bind(emitter, range, args, kwargs)
            results = self._emit_body(emitter, block, bound, range)
        finally:
            self.is_active = False
            emitter.definition, emitter.resolver, emitter.results, emitter.loop_kind = outer
        output = node.add_output(results.merged or ir.NONE)
        if results.sugared is not None:
            return results.sugared
        if results.only is not None:
            emitter.environment.note_origin(output, results.only)
        return emitter.sugar(output)

    def escaped(self, frame: Frame) -> SugaredValue:
        """The same, with the variables that it sees as they are now: what is computed whenever its maker is called."""
        seen = Frame(frame.block, None, is_scope=True)
        looked: Frame | None = self.frame
        while looked is not None:
            seen.prefix = looked.prefix
            seen.renamed = {**looked.renamed, **seen.renamed}
            for slot, value in looked.known.items():
                if slot in looked.types and value is not None and _is_certain(value, frame.block):
                    seen.sugared.setdefault(slot, SimpleValue(value))
            for slot, sugared in looked.sugared.items():
                seen.sugared.setdefault(slot, sugared)
            looked = looked.parent
        return LocalFunction(self.node, self.definition, self.resolver, seen, self.defaults)

    def _bind(
        self, emitter: Emitter, range: ir.SourceRange, args: Sequence[Arg], kwargs: Sequence[Arg]
    ) -> list[tuple[ast.arg, SugaredValue]]:
        """What each parameter means in this call."""
        parameters = self.node.args
        positional = [*parameters.posonlyargs, *parameters.args]
        if len(args) > len(positional) and parameters.vararg is None:
            raise ScriptError(
                f"Expected at most {len(positional)} arguments but found {len(args)} positional arguments.", range
            )
        given = {parameter.arg: arg.sugared for parameter, arg in zip(positional, args, strict=False)}
        everything = [*positional, *parameters.kwonlyargs]
        known = {parameter.arg for parameter in everything}
        others: dict[object, SugaredValue] = {}
        for arg in kwargs:
            if arg.name not in known and parameters.kwarg is not None and arg.name not in others:
                others[arg.name] = arg.sugared
                continue
            if arg.name not in known or arg.name in given:
                problem = "specified twice" if arg.name in given else "unknown"
                raise ScriptError(f"Keyword argument {arg.name} {problem}.", arg.range)
            given[arg.name] = arg.sugared
        bound: list[tuple[ast.arg, SugaredValue]] = []
        for parameter in everything:
            value = given.get(parameter.arg) or self.defaults.get(parameter.arg)
            if value is None:
                raise ScriptError(f"Argument {parameter.arg} not provided.", range)
            bound.append((parameter, _annotated(emitter, parameter, value, range)))
        if parameters.vararg is not None:
            rest = SugaredTuple(tuple(arg.sugared for arg in args[len(positional) :]))
            bound.append((parameters.vararg, rest))
        if parameters.kwarg is not None:
            bound.append((parameters.kwarg, KeywordsValue(others)))
        return bound

    def _emit_body(
        self, emitter: Emitter, block: ir.Block, bound: list[tuple[ast.arg, SugaredValue]], range: ir.SourceRange
    ) -> Results:
        environment = emitter.environment
        returns = self.node.returns if isinstance(self.node, ast.FunctionDef) else None
        declared = declared_result(returns, self.definition, self.resolver)
        frame = environment.push(block, is_scope=True, parent=environment.surroundings(self.frame))
        results = emitter.results = Results(declared, body=frame)
        with emitter.graph.inserting_at(block):
            for name in _bound_names(self.node):
                environment.declare_local(name)
            for parameter, value in bound:
                environment.assign(parameter.arg, value, range)
            if isinstance(self.node, ast.Lambda):
                emit_returned(emitter, emitter.sugared(self.node.body), emitter.range(self.node.body))
            else:
                emitter.statements(self.node.body)
            finish_body(emitter, block, range)
        environment.pop()
        return results


def _is_certain(value: ir.Value, block: ir.Block) -> bool:
    """Whether a value is there after a block, because it is computed in that block itself, or before it."""
    owner = value.node.owning_block
    if owner is block:
        return True
    while owner is not None and owner is not block:
        outer = owner.owning_node
        owner = None if outer is None else outer.owning_block
    return owner is None


def _annotated(emitter: Emitter, parameter: ast.arg, value: SugaredValue, range: ir.SourceRange) -> SugaredValue:
    """An argument, converted to the type that its parameter is annotated with."""
    if parameter.annotation is None:
        return value
    wanted = emitter.resolve_type(parameter.annotation)
    converted = emitter.converted(value.as_value(emitter, range), wanted, range)
    if not ir.is_subtype(converted.type, wanted):
        raise ScriptError(
            f"Expected a value of type '{type_name(wanted)}' for argument '{parameter.arg}' but instead found type "
            f"'{type_name(converted.type)}'.",
            range,
        )
    return emitter.sugar(converted)


def _bound_names(node: ast.FunctionDef | ast.Lambda) -> list[str]:
    """The names that a function binds: its parameters, and what its body assigns."""
    parameters = node.args
    variadic = [p for p in (parameters.vararg, parameters.kwarg) if p is not None]
    names = dict.fromkeys(p.arg for p in [*parameters.posonlyargs, *parameters.args, *parameters.kwonlyargs, *variadic])
    pending: list[ast.AST] = list(node.body) if isinstance(node, ast.FunctionDef) else []
    while pending:
        part = pending.pop()
        if isinstance(part, (ast.FunctionDef, ast.Lambda)):
            names.update(dict.fromkeys([part.name] if isinstance(part, ast.FunctionDef) else []))
            continue
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            names[part.id] = None
        if isinstance(part, ast.MatchAs) and part.name is not None:
            names[part.name] = None
        pending.extend(ast.iter_child_nodes(part))
    return list(names)


@expression(ast.Lambda)
def emit_lambda(emitter: Emitter, node: ast.Lambda, hint: ir.Type | None) -> SugaredValue:
    return local_function(emitter, node)


def local_function(emitter: Emitter, node: ast.FunctionDef | ast.Lambda) -> LocalFunction:
    """What a local definition means: its defaults are evaluated where it stands."""
    parameters = node.args
    defaults: dict[str, SugaredValue] = {}
    positional = [*parameters.posonlyargs, *parameters.args]
    pairs = [
        *zip(positional[len(positional) - len(parameters.defaults) :], parameters.defaults, strict=True),
        *zip(parameters.kwonlyargs, parameters.kw_defaults, strict=True),
    ]
    for parameter, default in pairs:
        if default is not None:
            defaults[parameter.arg] = argument(emitter, default, None).sugared
    return LocalFunction(node, emitter.definition, emitter.resolver, emitter.environment.frame, defaults)
