"""Operators of specialised graphs: results in the memory of operands, and indexing with what is known of the index.

What holds but for sizes or signs, which are not known, is tried. Where it fails the ordinary form follows, which fails
as well if the script is to blame; otherwise the form is not tried again (`give_up`, and a flag of the code).

    try: v = a.add_(b) if tries else a.add(b)
    except RuntimeError: give_up('tries'); v = a.add(b)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flambeau.errors import InvalidGraphError
from flambeau.ir import INT, Node, Operator, constant_value, find_operator, operators_named
from flambeau.passes import (
    AS_NUMBERS,
    FEW,
    FITS,
    INTO,
    KEEPS_MARKED,
    KNOWN_RANK,
    REUSES,
    SHARED,
    SHORT,
    SLOT,
    TAKES_ROWS,
)
from flambeau.runtime.python_tier.loop_memory import MOST_NUMBERS, LoopMemory
from flambeau.runtime.python_tier.tensor_calls import tensor_call
from flambeau.runtime.registry import load_tensor_backend

if TYPE_CHECKING:
    from flambeau.runtime.python_tier.writer import Writer

__all__ = [
    "GIVE_UP",
    "write_append",
    "write_attempt",
    "write_chunk",
    "write_cut_once",
    "write_index",
    "write_into",
    "write_look_at_carried",
    "write_loop_memory",
    "write_number",
    "write_pieces",
    "write_reusing",
    "write_scalar_tensor",
    "write_transpose",
    "write_unbind",
    "write_with_number",
]

_MOST_PARTS = 8
_MOST_ROWS = 512
"""How many rows there may be at a time: each takes some hundred bytes."""
GIVE_UP = "give_up"
"""The name under which generated code has the function that clears a flag."""


def write_reusing(writer: Writer, node: Node) -> bool:
    """Write an operator that leaves its result in the memory of an operand; False if it has no such form."""
    reused = node.attribute(REUSES)
    operator = _in_place_form(node)
    if operator is None or not isinstance(reused, int):
        return False
    with writer.computing(node) as ([name], operands):
        texts = [o.operand if i in (0, reused) else o.text for i, o in enumerate(operands)]
        order = [reused, *(i for i in range(len(texts)) if i != reused)]
        in_place = tensor_call(node, [texts[i] for i in order], writer.bind, operator, [node.inputs[i] for i in order])
        plain = tensor_call(node, texts, writer.bind)
        if in_place is None or plain is None:
            raise InvalidGraphError(f"{node.kind} is not an operator of the dispatcher")
        if node.has_attribute(FITS):
            writer.line(f"{name} = {in_place}", node)
        else:
            write_attempt(writer, node, name, in_place, plain)
    return True


def _in_place_form(node: Node) -> Operator | None:
    overload = "" if node.operator is None else node.operator.overload_name
    return next((o for o in operators_named(f"{node.kind}_") if o.overload_name == overload), None)


def write_attempt(writer: Writer, node: Node, name: str, attempt: str, plain: str) -> None:
    """Write what may fail though the script does not; if it has, what does the same is written to run ever after."""
    flag = writer.flag("tries")
    writer.line(f"try: {name} = {attempt} if {flag} else {plain}", node)
    writer.line(f"except (RuntimeError, IndexError): {GIVE_UP}({flag!r}); {name} = {plain}", node)


def write_index(writer: Writer, node: Node) -> bool:
    """Write `x[i]`; where that takes rows, `index_select` does the same at half the cost, but for negative numbers.

    A mask of as many elements stands for the numbers of those that it keeps.
    """
    with writer.computing(node, simple=(0, 1)) as ([name], operands):
        indexed, index = (o.operand for o in operands)
        plain = f"{indexed}[{index}]"
        if node.has_attribute(TAKES_ROWS):
            write_attempt(writer, node, name, f"{indexed}.index_select(0, {index})", plain)
        elif node.has_attribute(KEEPS_MARKED):
            kept = f"{indexed}.index_select(0, {index}.nonzero().view(-1))"
            writer.line(f"{name} = {kept} if {index}.shape == {indexed}.shape else {plain}", node)
        else:
            writer.line(f"{name} = {plain}", node)
    return True


def write_scalar_tensor(writer: Writer, node: Node) -> bool:
    """The tensor of a number that nobody writes to or sees: made once and for all, or looked up."""
    if not node.has_attribute(SHARED):
        return False
    number = constant_value(node.inputs[0])
    as_tensor = load_tensor_backend().float_tensor
    if isinstance(number, (int, float)):
        writer.stand_for(node.output, as_tensor(number))
        return True
    writer.call(node, writer.bind("as_tensor", as_tensor), node.inputs[:1])
    return True


def write_with_number(writer: Writer, node: Node) -> bool:
    """An operation with a number; with a tensor in its place, where that says the same and spares a conversion."""
    backend = load_tensor_backend()
    number = constant_value(node.inputs[1])
    with writer.computing(node, simple=(0, 1)) as ([name], operands):
        texts = [o.operand if i == 0 else o.text for i, o in enumerate(operands)]
        if isinstance(number, (int, float)):
            tensor = writer.bind("c", backend.float_tensor(number))
        else:
            tensor = f"{writer.bind('as_tensor', backend.float_tensor)}({texts[1]})"
        plain = tensor_call(node, texts, writer.bind)
        other = tensor_call(node, [texts[0], tensor, *texts[2:]], writer.bind)
        if plain is None or other is None:
            raise InvalidGraphError(f"{node.kind} is not an operator of the dispatcher")
        test = backend.is_float_tensor(texts[0], writer.bind)
        writer.line(f"{name} = {other} if {test} else {plain}", node)
    return True


def write_chunk(writer: Writer, node: Node) -> bool:
    """Where the parts are equal, `split_with_sizes` gives the same ones faster."""
    if not _is_cut_into_variables(node, 0):
        return False
    with writer.computing(node, node.inputs[:1], simple=(0,)) as ([name], [whole]):
        writer.line(f"{name} = {_parts(node, whole.text, 1)}", node)
    return True


def _is_cut_into_variables(node: Node, first: int) -> bool:
    count, dimension = (constant_value(v) for v in node.inputs[first + 1 :])
    if not node.has_attribute(KNOWN_RANK) or not isinstance(count, int) or not isinstance(dimension, int):
        return False
    return 1 < count <= _MOST_PARTS and all(use.user.kind == "prim::ListUnpack" for use in node.output.uses)


def _parts(node: Node, whole: str, first: int) -> str:
    count, dimension = (constant_value(v) for v in node.inputs[first:])
    if not isinstance(count, int) or not _is_cut_into_variables(node, first - 1):
        return f"{whole}.chunk({count}, {dimension})"
    size = f"{whole}.shape[{dimension}]"
    parts = ", ".join(["part"] * count)
    test = f"(part := {size} // {count}) and part * {count} == {size}"
    return f"{whole}.split_with_sizes(({parts}), {dimension}) if {test} else {whole}.chunk({count}, {dimension})"


def write_pieces(writer: Writer, node: Node) -> bool:
    """What the iterations of a loop share: what was cut last, and its pieces."""
    return _write_object(writer, node, "[None, None]")


def write_cut_once(writer: Writer, node: Node) -> bool:
    with writer.computing(node, node.inputs[:2], simple=(0, 1)) as ([name], operands):
        pieces, whole = (o.text for o in operands)
        cut = f"{pieces}[0], {pieces}[1] = {whole}, {_parts(node, whole, 2)}"
        writer.line(f"if {pieces}[0] is not {whole}: {cut}", node)
        writer.line(f"{name} = {pieces}[1]", node)
    return True


def write_loop_memory(writer: Writer, node: Node) -> bool:
    return _write_object(writer, node, f"{writer.bind('LoopMemory', LoopMemory)}()")


def _write_object(writer: Writer, node: Node, text: str) -> bool:
    writer.settle()
    name = writer.new_variable(node.output)
    writer.line(f"{name} = {text}", node)
    return True


def write_look_at_carried(writer: Writer, node: Node) -> bool:
    with writer.computing(node, simple=range(len(node.inputs))) as (_, operands):
        memory, *carried = (o.text for o in operands)
        geometry = ", ".join(f"{text}.shape, {text}.stride()" for text in carried)
        writer.line(f"if {memory}.looks: {memory}.look({geometry})", node)
    return True


def write_into(writer: Writer, node: Node) -> bool:
    """An operator that leaves its results where they were in the iteration before, if it may."""
    operator = find_operator(node.string_attribute(INTO))
    if operator is None:
        raise InvalidGraphError(f"{node.string_attribute(INTO)} is not an operator")
    function = writer.bind("into", load_tensor_backend().out_form(operator.name))
    with writer.computing(node, simple=range(len(node.inputs))) as (names, operands):
        memory, *texts = (o.text for o in operands)
        shared = f"{memory}.{'short' if node.has_attribute(SHORT) else 'long'}_{node.attribute(SLOT)}"
        plain = tensor_call(node, texts, writer.bind, operator, node.inputs[1:])
        positional = [t for t, a in zip(texts, operator.schema.arguments, strict=True) if not a.kwarg_only]
        target = ", ".join(names)
        writer.line(f"if {memory}.ready: {target} = {function}({', '.join(positional)}, out={shared})", node)
        writer.line(f"else: {target} = {shared} = {plain}", node)
    return True


def write_transpose(writer: Writer, node: Node) -> bool:
    """An attribute is read faster than a method is called."""
    if not node.has_attribute(KNOWN_RANK):
        return False
    (source,) = writer.take_all(node.inputs[:1])
    expression = writer.combined(node, f"{source.operand}.mT", [source])
    expression.reads_state, expression.raiser = True, node
    writer.result(node, expression)
    return True


def write_unbind(writer: Writer, node: Node) -> bool:
    """The rows of a tensor; of a long one itself, which gives a row just as well."""
    if not node.has_attribute(FEW):
        return False
    with writer.computing(node, node.inputs[:1], simple=(0,)) as ([name], [whole]):
        writer.line(f"{name} = {whole.text}.unbind(0) if {whole.text}.shape[0] <= {_MOST_ROWS} else {whole.text}", node)
    return True


def write_number(writer: Writer, node: Node) -> bool:
    """One number of a tensor with one dimension: of a short one, a list of all is made faster than a view of one."""
    with writer.computing(node, simple=(0, 1)) as ([name], operands):
        row, index = (o.text for o in operands)
        if node.has_attribute(AS_NUMBERS):
            as_tensor = writer.bind("as_tensor", load_tensor_backend().as_tensor)
            writer.line(f"try: {name} = {row}[{index}]", node)
            writer.line(f"except IndexError: {name} = {as_tensor}({row})[{index}]", node)
            kind = "int" if node.output.type is INT else "float"
            writer.line(f"if {name}.__class__ is not {kind}: {name} = {name}.item()", node)
        else:
            plain = f"{row}[{index}].item()"
            writer.line(f"try: {name} = {row}.tolist()[{index}] if {row}.numel() < {MOST_NUMBERS} else {plain}", node)
            writer.line(f"except IndexError: {name} = {plain}", node)
    return True


def write_append(writer: Writer, node: Node) -> bool:
    """Put a tensor into a list that is read number by number."""
    if not node.has_attribute(AS_NUMBERS):
        return False
    writer.settle(keep=node.inputs)
    operands = writer.take_all(node.inputs, simple=(0, 1))
    rows, row = (o.text for o in operands)
    made = node.inputs[1].node
    test = f"{row}.numel() < {MOST_NUMBERS}"
    if made.has_attribute(SHORT) and made.owning_block is node.owning_block:
        test = f"{writer.read(made.inputs[0]).text}.ready or {test}"
    writer.line(f"{rows}.append({row}.tolist() if {test} else {row})", node)
    writer.executed(operands)
    return True
