"""`sum`: of numbers the operator of that name, of tensors additions one after the other.

    sum(losses)              total = losses[0]; for i in range(1, len(losses)): total = total + losses[i]
    sum(f(x) for f in fns)   a chain of additions, where what is gone through is known at compile time

Python begins with the int 0, to which the first tensor is added; the sum of an empty list of tensors is an error here.
"""

from __future__ import annotations

import ast
from builtins import range as py_range

from flambeau import ir

from ..emitter import Emitter
from ..folding import known_value
from ..syntax_trees import syntax_tree
from ..values.callables import BuiltinFunction
from ..values.simple_values import SugaredTuple
from ..values.special import SpecialForm, special_form
from ..values.sugared import Arg, SugaredValue
from .arithmetic import emit_binary_operator
from .calls import first_class, keyword_arguments, positional_arguments


@special_form("sum")
def emit_sum(emitter: Emitter, node: ast.Call, form: SpecialForm, hint: ir.Type | None) -> SugaredValue:
    """`sum(xs)`. Of tensors it is a chain or loop of additions: the operator of that name takes numbers only."""
    args, kwargs = positional_arguments(emitter, node.args), keyword_arguments(emitter, node.keywords)
    range_ = emitter.range(node)
    given = args[0].sugared if args and not kwargs else None
    if given is not None and _has_tensors(emitter, given, range_):
        return emitter.sugar(_sum_of_tensors(emitter, node, given, args[1:], range_))
    return BuiltinFunction("aten::sum").call(emitter, range_, args, kwargs)


def _has_tensors(emitter: Emitter, given: SugaredValue, range: ir.SourceRange) -> bool:
    """Whether it is a list of tensors, or something that is gone through at compile time."""
    if not given.is_first_class or isinstance(given, SugaredTuple):
        return True
    type = given.as_value(emitter, range).type
    return isinstance(type, ir.TupleType) or (isinstance(type, ir.ListType) and isinstance(type.element, ir.TensorType))


def _sum_of_tensors(
    emitter: Emitter, node: ast.Call, given: SugaredValue, start: list[Arg], range: ir.SourceRange
) -> ir.Value:
    iterable = given.iterate(emitter, range)
    parts: list[Arg] = [arg for arg in start if known_value(emitter, arg.value(emitter)) != 0]
    if iterable.static_length is not None:
        places = [emitter.constant(index, range) for index in py_range(iterable.static_length)]
        parts += [Arg(first_class(emitter, iterable.item(emitter, range, place), range), range) for place in places]
        if not parts:
            return emitter.constant(0, range)
        total = parts[0]
        for part in parts[1:]:
            total = Arg(emitter.sugar(emit_binary_operator(emitter, ast.Add(), total, part, range)), range)
        return total.value(emitter)
    source, total_name, index = (f"${name}{node.lineno}_{node.col_offset}" for name in ("xs", "total", "i"))
    emitter.environment.assign(source, iterable, range)
    first = parts[0].sugared if parts else iterable.item(emitter, range, emitter.constant(0, range))
    emitter.environment.assign(total_name, first_class(emitter, first, range), range)
    begin = 0 if parts else 1
    text = f"for i in range({begin}, len(xs)):\n    total = total + xs[i]"
    (loop,) = syntax_tree(text).body
    renamed = {"xs": source, "total": total_name, "i": index}
    for syntax in ast.walk(loop):
        if isinstance(syntax, ast.Name):
            syntax.id = renamed.get(syntax.id, syntax.id)
        if isinstance(syntax, (ast.expr, ast.stmt)):
            ast.copy_location(syntax, node)
    emitter.statement(loop)
    found = emitter.environment.find(total_name)
    return emitter.constant(None, range) if found is None else found.as_value(emitter, range)
