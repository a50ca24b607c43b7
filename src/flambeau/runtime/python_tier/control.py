"""Branches, loops and `with` blocks in generated code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from flambeau.errors import UnsupportedError
from flambeau.ir import INT, Block, Node, Value, constant_value
from flambeau.runtime.python_tier.expressions import Bounds, Expression
from flambeau.runtime.python_tier.int_bounds import TRIP_COUNT, carried_bounds
from flambeau.runtime.python_tier.lifetimes import may_hold_memory
from flambeau.runtime.registry import kernel_of_node

if TYPE_CHECKING:
    from flambeau.runtime.python_tier.writer import Writer

__all__ = ["is_native_range", "write_enter", "write_exit", "write_if", "write_loop"]

_MAX_LOOPS = 18
"""Python's own compiler refuses more than 20 loops and `try` statements inside one another."""
_ENDLESS = 1 << 62
"""A limit that no loop reaches."""


# --- branches


def write_if(writer: Writer, node: Node) -> None:
    if _is_choice(node):
        _write_choice(writer, node, writer.take(node.inputs[0]))
        return
    writer.settle(lambda e: True, keep=node.inputs)
    condition = writer.take(node.inputs[0])
    names = [writer.variable_for(o, within=False) if o.has_uses else "" for o in node.outputs]
    header = len(writer.source.lines)
    writer.line(f"if {condition.text}:", condition.raiser or node)
    writer.executed([condition])
    first = _write_branch(writer, node.blocks[0], names)
    if len(writer.source.lines) == header + 1:
        writer.source.lines.pop()
        writer.source.nodes.pop()
        writer.line(f"if not {condition.operand}:", condition.raiser or node)
        second = _write_branch(writer, node.blocks[1], names)
        _pass_if_empty(writer, header)
    else:
        otherwise = len(writer.source.lines)
        writer.line("else:")
        second = _write_branch(writer, node.blocks[1], names)
        _tidy_else(writer, otherwise)
    for output, name, one, other in zip(node.outputs, names, first, second, strict=True):
        if name:
            writer.assigned(output, name, _either(one, other) if output.type is INT else None)


def _is_choice(node: Node) -> bool:
    """Whether an `if` does nothing but choose between two values: Python has an expression for that."""
    if len(node.outputs) != 1 or not node.output.has_uses:
        return False
    return all(inner.kind == "prim::Constant" for block in node.blocks for inner in block)


def _write_choice(writer: Writer, node: Node, condition: Expression) -> None:
    one, other = (writer.read(block.outputs[0]) for block in node.blocks)
    expression = writer.combined(node, _choice(condition, one, other), (condition, one, other))
    expression.is_atom = False
    expression.bounds = _either(one.bounds, other.bounds)
    writer.result(node, expression)


def _choice(condition: Expression, one: Expression, other: Expression) -> str:
    """The shortest code that chooses; conditions are bools, so `and` and `or` give one of their operands."""
    if one.text == "True":
        return f"{condition.operand} or {other.operand}"
    if other.text == "False":
        return f"{condition.operand} and {one.operand}"
    return f"{one.operand} if {condition.operand} else {other.operand}"


def _either(a: Bounds, b: Bounds) -> Bounds:
    return min(a[0], b[0]), max(a[1], b[1])


def _write_branch(writer: Writer, block: Block, names: Sequence[str]) -> list[Bounds]:
    """Write a branch that leaves its outputs in variables (none where nobody reads one); returns their bounds."""
    writer.level += 1
    before, outer = {name: holders.copy() for name, holders in writer.holders.items()}, writer.outer
    writer.outer = frozenset(before)
    _want(writer, block, block.outputs, names)
    writer.body(block)
    bounds = _leave(writer, block, block.outputs, names)
    writer.holders, writer.outer = before, outer
    writer.level -= 1
    return bounds


def _want(writer: Writer, block: Block, outputs: Sequence[Value], names: Sequence[str]) -> None:
    """Let what a block computes go to the variables where it is to be in the end."""
    for value, name in zip(outputs, names, strict=True):
        is_own = value.node.owning_block is block and value.node is not block.param_node
        if name and is_own and value not in writer.wanted and list(outputs).count(value) == 1:
            writer.wanted[value] = name


def _leave(writer: Writer, block: Block, outputs: Sequence[Value], names: Sequence[str]) -> list[Bounds]:
    """Copy what is not in its variable yet, all at once where one copy overwrites what another one reads."""
    read = [v for v, name in zip(outputs, names, strict=True) if name]
    for value in outputs:
        if value not in read:
            writer.drop(value)
    found = iter(writer.take_all(read, raisers=1))
    taken = [next(found) if name else Expression("") for name in names]
    copies = [
        (name, expression, value)
        for name, expression, value in zip(names, taken, outputs, strict=True)
        if name and expression.text != name
    ]
    _assign(writer, [(name, expression) for name, expression, _ in copies])
    dead = [v for _, e, v in copies if e.text in writer.holders and may_hold_memory(v.type)]
    writer.release([v for v in dead if v.node.owning_block is block])
    return [e.bounds for e in taken]


def _assign(writer: Writer, pairs: Sequence[tuple[str, Expression]]) -> None:
    overwritten: set[str] = set()
    conflict = False
    for name, expression in pairs:
        conflict = conflict or not overwritten.isdisjoint(expression.reads)
        overwritten.add(name)
    if conflict:
        targets, values = ", ".join(n for n, _ in pairs), ", ".join(e.text for _, e in pairs)
        writer.line(f"{targets} = {values}", next((e.raiser for _, e in pairs if e.raiser is not None), None))
        return
    for name, expression in pairs:
        writer.line(f"{name} = {expression.text}", expression.raiser)


def _pass_if_empty(writer: Writer, header: int) -> None:
    if len(writer.source.lines) == header + 1:
        writer.level += 1
        writer.line("pass")
        writer.level -= 1


def _tidy_else(writer: Writer, start: int) -> None:
    """Drop an empty `else`; make `elif` of one that holds an `if` and nothing else."""
    lines, nodes = writer.source.lines, writer.source.nodes
    if len(lines) == start + 1:
        del lines[start:], nodes[start:]
        return
    first = lines[start + 1]
    indent = first[: len(first) - len(first.lstrip())]
    outer = indent[: len(indent) // (writer.level + 1) * writer.level]
    if not first.startswith(f"{indent}if "):
        return
    for line in lines[start + 2 :]:
        if not line.startswith((f"{indent} ", f"{indent}else:", f"{indent}elif ")):
            return
    shift = len(indent) - len(outer)
    lines[start:] = [f"{outer}el{first.lstrip()}", *(line[shift:] for line in lines[start + 2 :])]
    del nodes[start]


# --- loops


def is_native_range(node: Node) -> bool:
    """Whether a `__range_length` is what a loop over Python's `range` was compiled to: the loop can be written as one.

    Only its length is used as a loop's limit, and the trip count only to compute the numbers of the range.
    """
    if node.output.use_count != 1:
        return False
    ((loop, offset),) = node.output.uses
    if loop.kind != "prim::Loop" or offset != 0 or loop.owning_block is not node.owning_block:
        return False
    low, _, step = node.inputs
    return all(
        use.user.kind == "aten::__derive_index" and use.offset == 0 and list(use.user.inputs)[1:] == [low, step]
        for use in loop.blocks[0].inputs[0].uses
    )


def _is_native(limit: Value) -> bool:
    return limit.node.kind == "aten::__range_length" and is_native_range(limit.node)


def write_loop(writer: Writer, node: Node) -> None:
    limit, condition, *initial = node.inputs
    body = node.blocks[0]
    native = limit.node.inputs if _is_native(limit) else ()
    writer.settle(lambda e: True, keep=(*node.inputs, *native))
    names = _carried_names(writer, node)
    iterated = _iterated(writer, limit, names)
    going_in, *starting = writer.take_all((condition, *initial), raisers=1)
    first_bounds = [e.bounds for e in starting]
    checked_first = constant_value(condition) is not True
    checked = constant_value(body.outputs[0]) is not True
    flag = writer.names.fresh("go") if checked_first else ""
    pairs = [(n, e) for n, e in zip(names, starting, strict=True) if e.text != n]
    before = len(writer.source.lines)
    _assign(writer, [(flag, going_in), *pairs] if flag else pairs)
    writer.executed([going_in, *starting])
    for i, (name, value) in enumerate(zip(names, body.inputs[1:], strict=True)):
        writer.assigned(value, name, carried_bounds(body, i + 1, first_bounds[i]) if value.type is INT else None)
    writer.release(writer.dying_with(node, lambda v: all(use.user is node for use in v.uses) and v in initial))
    header = _header(writer, node, iterated, flag, checked)
    _write_loop_body(writer, body, names, flag, checked, header)
    # Nothing between the condition and the loop changes what it reads.
    if flag and header == before + 1 + len(pairs) and going_in.reads.isdisjoint(name for name, _ in pairs):
        _repeat_condition(writer, flag, before, header)
    for name, output, value in zip(names, node.outputs, body.inputs[1:], strict=True):
        writer.assigned(output, name, writer.read(value).bounds if output.type is INT else None)


def _repeat_condition(writer: Writer, flag: str, before: int, header: int) -> None:
    """Where the same code says before the loop and at the end of its body whether to go on, let the header say it.

    go = n != 1                 while n != 1:
    while go:             ->        ...
        ...
        go = n != 1
    """
    lines, nodes = writer.source.lines, writer.source.nodes
    indent, inner = _indentation(lines[header]), _indentation(lines[header + 1])
    start = f"{indent}{flag} = "
    text = lines[before].removeprefix(start)
    if not lines[before].startswith(start) or lines[header] != f"{indent}while {flag}:":
        return
    if lines[-1] != f"{inner}{flag} = {text}" or len(lines) < header + 3:
        return
    lines[header], nodes[header] = f"{indent}while {text}:", nodes[before] or nodes[header]
    del lines[-1], nodes[-1]
    del lines[before], nodes[before]


def _indentation(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _carried_names(writer: Writer, node: Node) -> list[str]:
    """The variables that the loop carries: taken over from what they begin as, or from what they are wanted in."""
    names: list[str] = []
    for value, inner, output in zip(node.inputs[2:], node.blocks[0].inputs[1:], node.outputs, strict=True):
        wanted = writer.wanted.pop(output, "")
        begins = "" if value in writer.pending else writer.read(value).text
        for name in (wanted, begins if value in writer.holders.get(begins, ()) else ""):
            if name and name not in names and writer.is_free(name, node):
                names.append(name)
                break
        else:
            names.append(writer.names.variable(inner))
    return names


def _iterated(writer: Writer, limit: Value, names: Sequence[str]) -> Expression | None:
    """What a `for` statement iterates over; None for a loop without limit."""
    if _is_native(limit):
        parts = writer.take_all(limit.node.inputs)
        low, high, step = (p.text for p in parts)
        text = f"{low}, {high}, {step}" if step != "1" else f"{low}, {high}" if low != "0" else high
        result = writer.combined(limit.node, f"range({text})", parts)
        if step == "1":
            result.bounds = parts[0].bounds[0], max(parts[0].bounds[0], parts[1].bounds[1] - 1)
        result.raiser = limit.node if step != "1" else result.raiser
    else:
        known = constant_value(limit)
        if isinstance(known, int) and known >= _ENDLESS:
            return None
        length = writer.take(limit)
        result = writer.combined(limit.node, f"range({length.text})", [length])
    if result.reads.isdisjoint(names) and not result.reads_state and result.raiser is None:
        return result
    # The loop's variables are set before the `for` statement reads this.
    name = writer.names.fresh("trips")
    writer.line(f"{name} = {result.text}", result.raiser or limit.node)
    return Expression(name, is_simple=True, bounds=result.bounds)


def _header(writer: Writer, node: Node, iterated: Expression | None, flag: str, checked: bool) -> int:
    """Write the first line of the loop, and the check that ends it if that comes first; returns where."""
    body = node.blocks[0]
    _go_deeper(writer)
    index = body.inputs[0]
    header = len(writer.source.lines)
    derived = [use.user.output for use in index.uses if use.user.kind == "aten::__derive_index"]
    if iterated is None and not index.has_uses:
        writer.line(f"while {flag or True}:", node)
        writer.level += 1
        return header
    if derived and _is_native(node.inputs[0]):
        name = writer.new_variable(derived[0], iterated.bounds if iterated is not None else None)
        for value in derived[1:]:
            writer.alias(value, derived[0])
    else:
        name = writer.new_variable(index, TRIP_COUNT)
    endless = writer.bind("endless", range(1 << 63)) if iterated is None else ""
    writer.line(f"for {name} in {iterated.text if iterated is not None else endless}:", node)
    writer.level += 1
    if flag:
        writer.line(f"if not {flag}: break")
    return header


def _go_deeper(writer: Writer) -> None:
    """Note that a loop or `try` begins."""
    writer.loops += 1
    if writer.loops > _MAX_LOOPS:
        raise UnsupportedError("loops and `with` blocks are nested too deeply")


def _write_loop_body(writer: Writer, body: Block, names: Sequence[str], flag: str, checked: bool, header: int) -> None:
    following = body.outputs[1:]
    _want(writer, body, following, names)
    writer.body(body)
    if flag:
        _leave(writer, body, body.outputs, [flag, *names])
    elif checked:
        going_on = writer.take(body.outputs[0])
        if not going_on.reads.isdisjoint(names) or going_on.reads_state or going_on.raiser is not None:
            name = writer.names.fresh("go")
            writer.line(f"{name} = {going_on.text}", going_on.raiser)
            going_on = Expression(name, is_simple=True)
        _leave(writer, body, following, names)
        writer.line(f"if not {going_on.operand}: break")
    else:
        _leave(writer, body, following, names)
    if len(writer.source.lines) == header + 1:
        writer.line("pass")
    writer.level -= 1
    writer.loops -= 1


# --- with blocks


def write_enter(writer: Writer, node: Node, opened: list[str]) -> None:
    writer.settle(lambda e: True)
    manager = writer.take(node.inputs[0])
    writer.results(node, f"{writer.bind('enter', kernel_of_node(node))}({manager.text})")
    writer.line("try:")
    writer.level += 1
    _go_deeper(writer)
    opened.append(manager.text)


def write_exit(writer: Writer, node: Node, opened: list[str]) -> None:
    """Leave a `with` block, whether it ended normally or by an exception."""
    if not opened:
        raise UnsupportedError("a prim::Exit without prim::Enter in the same block")
    writer.settle(lambda e: True)
    manager = opened.pop()
    leave = writer.bind("leave", kernel_of_node(node))
    writer.line("pass")
    writer.level -= 1
    writer.loops -= 1
    writer.line("except BaseException:")
    writer.level += 1
    writer.line(f"{leave}({manager})", node)
    writer.line("raise")
    writer.level -= 1
    writer.line(f"{leave}({manager})", node)
    for output in node.outputs:
        if output.has_uses:
            writer.line(f"{writer.new_variable(output)} = None")
