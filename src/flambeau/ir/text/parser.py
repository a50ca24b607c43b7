"""Graphs from their text, the other direction of `printer`: `print_graph(parse(text)) == text` for every printed text.

The grammar is TorchScript's, and a little wider: indentation does not matter, lines may break inside parentheses, a
node without outputs may be written ` = prim::Print(%x)` as graphs print it, names of all values are kept, and classes
need not exist. A class named in the text is asked of `find_named`; one that nobody knows becomes a class without
members of that name (so graphs of modules can be read alone), and so do functions, enums and interfaces.

    graph    := label '(' [value {',' value}] ')' ':' {node} 'return' '(' names ')' {'with' kind '_' N '=' graph}
    node     := [value {',' value}] ['='] kind ['[' attributes ']'] '(' names ')' [', scope:' text] ['#' place] {block}
    block    := label '(' [value {',' value}] ')' ':' {node} '->' '(' names ')'
    value    := '%' name [':' type]
    kind     := namespace '::' name | '^' name ['[' attributes ']'] '(' scalars ')'

An output without a type has the type that the operator's schema gives it, or Tensor; an input without one is a
Tensor. Values are visible in the block that defines them, after their definition, and in the blocks inside;
`checked=False` lets any order and place pass, for tests of the verifier. Nesting may be of any depth.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NoReturn, final

from flambeau.errors import ParseError
from flambeau.ir import types as t
from flambeau.ir.attributes import AttributeKindName
from flambeau.ir.class_types import FunctionType
from flambeau.ir.function import Function
from flambeau.ir.graph import Block, Graph
from flambeau.ir.node import Node, Value
from flambeau.ir.operator_matching import result_types
from flambeau.ir.source import Source, SourceRange
from flambeau.ir.tensor import TensorData
from flambeau.ir.text.constant_text import OpaqueConstant
from flambeau.ir.text.literal_parser import LiteralParser
from flambeau.ir.text.names import NamesInText
from flambeau.ir.text.type_parser import NamedTypes
from flambeau.ir.types import Type

_NAME_TEXT = r"%[\w/$][\w./$-]*(?:::[\w./$-]+)*"
_NAME = re.compile(_NAME_TEXT)
_NAMES = re.compile(rf"\(\s*(?:{_NAME_TEXT}\s*,\s*)*(?:{_NAME_TEXT})?\s*\)")
_BLANK = re.compile(r"(?:\s+|#[^\n]*)*")
_LABEL = re.compile(r"[A-Za-z_]\w*(?=\s*\()")
_KIND = re.compile(r"[A-Za-z_]\w*(?:::\w+)+")
_PYTHON_NAME = re.compile(r"\^[^\s\[(]+")
_TAIL = re.compile(r"(?:[ \t]*,[ \t]*scope:[ \t]*([^\n]*?))?[ \t]*(?:#[ \t]*([^\n]*))?(?=\n|\Z)")
_PLACE = re.compile(r"(.*):(\d{1,9}):(\d{1,9})\s*\Z")
_SECTION = re.compile(r"^\s*with\s+([\w:]+)\s*=", re.MULTILINE)
_SIMPLE_TYPE = re.compile(r"[A-Za-z_][\w.]*(?:\[\]|\?)*(?=[ \t]*[,)=\n])")
_TYPE_MARK = re.compile(r"[()\[\]<>,=\n\"#]")
_ATTRIBUTE_NAME = re.compile(r"\s*([A-Za-z_]\w*)\s*=")
_TYPE_WORD = re.compile(r"\s*(?!annotate\(|inf\b|nan\b|None\b|True\b|False\b|torch\.device\(|object\(0x)[A-Za-z_]")
_LIST_OF_TYPES = re.compile(r"\s*\[(?!\s*[A-Z]\w*Type\{)" + _TYPE_WORD.pattern[3:])
_TUPLES = re.compile(r"\s*(\[?)\s*\(")
_VALUE_WORD = re.compile(r"\b(?:None|inf|nan)\b")
_EMPTY_LIST = re.compile(r"\s*annotate\(List\[(?:int|float|complex|str)\],\s*\[\s*\]\s*\)")
_EMPTY_KINDS: dict[str, AttributeKindName] = {"int": "is", "float": "fs", "complex": "cs", "str": "ss"}
_LIST_KINDS: dict[type, AttributeKindName] = {int: "is", float: "fs", complex: "cs", str: "ss"}
_SCALAR_KINDS: dict[type, AttributeKindName] = {int: "i", float: "f", complex: "c", str: "s", TensorData: "t"}


def parse(
    text: str,
    find_named: NamedTypes | None = None,
    parse_tensor_constants: bool = False,
    *,
    find_function: Callable[[str], Function | None] | None = None,
    checked: bool = True,
) -> Graph:
    """The graph that a text stands for; ParseError, with the place, if it is malformed.

    Tensor constants keep their text only, unless it tells the tensor exactly; `parse_tensor_constants` fills them
    with the rounded numbers of the text, or zeros.
    """
    return _GraphParser(text, find_named, find_function, parse_tensor_constants, checked).parse()


@final
@dataclass(slots=True)
class _Frame:
    """A block being read."""

    block: Block
    owner: Node | None = None
    latest: Node | None = None
    """The last node read, which further blocks belong to."""
    defined: list[str] = field(default_factory=list)


@final
class _GraphParser:
    """Reads one text. Blocks inside blocks are frames on a stack, so no depth of nesting is too deep."""

    def __init__(
        self,
        text: str,
        find_named: NamedTypes | None,
        find_function: Callable[[str], Function | None] | None,
        tensors: bool,
        checked: bool,
    ) -> None:
        self._source = Source(text, "<graph>")
        self._text = text
        self._position = 0
        self._tensors = tensors
        self._checked = checked
        self._named = NamesInText(find_named, find_function)
        self._sections = set(_SECTION.findall(text))
        self._places: dict[str, SourceRange | None] = {}
        self._start_graph()

    def _start_graph(self) -> None:
        self._graph = Graph()
        self._values: dict[str, Value] = {}
        self._gone: set[str] = set()
        self._numbered: list[tuple[Value, int]] = []
        self._groups: list[tuple[str, Node]] = []
        self._awaited: dict[str, tuple[Value, int]] = {}

    def parse(self) -> Graph:
        first = self._parse_graph()
        expected = self._groups[::-1]
        while expected:
            name, node = expected.pop()
            self._skip_blank()
            section = _SECTION.match(self._text, self._position)
            if section is None or section[1] != name:
                self._fail(f"expected 'with {name} = graph' here")
            self._position = section.end()
            node.set_attribute("Subgraph", "g", self._parse_graph())
            expected += self._groups[::-1]
        self._skip_blank()
        if self._position < len(self._text):
            self._unexpected("the end")
        return first

    # --- structure

    def _parse_graph(self) -> Graph:
        self._start_graph()
        frames = [_Frame(self._graph.block)]
        self._skip_blank()
        if self._match(_LABEL) is None:
            self._unexpected("'graph'")
        self._block_inputs(frames[0])
        while frames:
            self._skip_blank()
            if self._at("%=^"):
                self._node(frames[-1])
            elif self._at("-"):
                self._end_of_block(frames, "->")
            elif len(frames) == 1 and self._at_return():
                self._end_of_block(frames, "return")
            elif self._match(_LABEL) is not None:
                self._start_of_block(frames)
            else:
                self._node(frames[-1])
        self._settle_awaited()
        self._settle_numbers()
        return self._graph

    def _at_return(self) -> bool:
        label = _LABEL.match(self._text, self._position)
        return label is not None and label[0] == "return"

    def _start_of_block(self, frames: list[_Frame]) -> None:
        owner = frames[-1].latest
        if owner is None:
            self._fail("a block must follow the node that it belongs to")
        frames.append(_Frame(owner.add_block(), owner))
        self._block_inputs(frames[-1])

    def _end_of_block(self, frames: list[_Frame], word: str) -> None:
        if len(frames) == 1 and word == "->":
            self._unexpected("a node or 'return'")
        self._expect(word)
        self._skip_blank()
        frame = frames.pop()
        for value in self._operands():
            frame.block.add_output(value)
        self._match(_TAIL)
        if self._checked:
            for name in frame.defined:
                del self._values[name]
            self._gone.update(frame.defined)

    def _block_inputs(self, frame: _Frame) -> None:
        self._expect("(")
        while not self._accept(")"):
            start, name, type = self._typed_name()
            self._define(frame, start, name, frame.block.add_input(type=type or t.TENSOR))
            if not self._accept(","):
                self._expect(")")
                break
        self._expect(":")

    def _node(self, frame: _Frame) -> None:
        outputs: list[tuple[int, str, Type | None]] = []
        start = self._position
        while self._at("%"):
            outputs.append(self._typed_name())
            if not self._accept(","):
                break
            self._skip_blank()
        if outputs:
            self._expect("=")
        else:
            self._accept("=")
        self._skip_blank()
        node = self._operation(outputs[0][2] if len(outputs) == 1 else None)
        self._skip_blank()
        for value in self._operands():
            node.add_input(value)
        self._finish_node(node)
        frame.block.append(node)
        types = self._output_types(node, [type for _, _, type in outputs], start)
        for (place, name, _), type in zip(outputs, types, strict=True):
            self._define(frame, place, name, node.add_output(type))
        frame.latest = node

    def _output_types(self, node: Node, given: list[Type | None], start: int) -> Sequence[Type]:
        if node.kind == "prim::Constant" and isinstance(function := _constant_function(node), Function):
            return [FunctionType(function)] * len(given)
        known = [type for type in given if type is not None]
        if len(known) == len(given):
            return known
        operator = node.operator
        inferred = result_types(operator.schema, node.inputs) if operator is not None else ()
        if operator is not None and len(inferred) != len(given) and not operator.schema.is_varret:
            self._fail(f"{operator.qualified_name} has {len(inferred)} results, not {len(given)}", start)
        if len(inferred) != len(given):
            inferred = (t.TENSOR,) * len(given)
        return [type or default for type, default in zip(given, inferred, strict=True)]

    def _operation(self, constant_type: Type | None) -> Node:
        """A node with kind and attributes, and no inputs and outputs yet."""
        if python := self._match(_PYTHON_NAME):
            return self._python_operation(python[1:])
        kind = self._match(_KIND)
        if kind is None:
            self._unexpected("an operator such as aten::add")
        group = ""
        base, _, number = kind.rpartition("_")
        if kind in self._sections and number == str(len(self._groups)):
            kind, group = base, kind
        node = self._graph.create(kind, (), 0)
        if group:
            self._groups.append((group, node))
        self._attributes(node, constant_type if kind == "prim::Constant" else None)
        return node

    def _python_operation(self, name: str) -> Node:
        node = self._graph.create("prim::PythonOp", (), 0).set_attribute("name", "s", name)
        self._attributes(node, None)
        self._expect("(")
        start, depth = self._position, 1
        while depth:
            char = self._text[self._position : self._position + 1]
            if not char:
                self._unexpected("')'")
            depth += {"(": 1, ")": -1}.get(char, 0)
            self._position += 1
        scalars = self._text[start : self._position - 1]
        return node.set_attribute("scalar_args", "ival", OpaqueConstant(scalars) if scalars else ())

    def _finish_node(self, node: Node) -> None:
        tail = _TAIL.match(self._text, self._position)
        if tail is None:
            return
        self._position = tail.end()
        node.scope = (tail[1] or "").strip()
        comment = tail[2]
        if comment is not None:
            if comment not in self._places:
                self._places[comment] = _place(comment)
            node.range = self._places[comment]

    # --- names and types

    def _typed_name(self) -> tuple[int, str, Type | None]:
        self._skip_blank()
        start = self._position
        name = self._match(_NAME)
        if name is None:
            self._unexpected("a value such as %x")
        return start, name[1:], self._type() if self._accept(":") else None

    def _type(self) -> Type:
        self._skip_blank()
        start = self._position
        if simple := _SIMPLE_TYPE.match(self._text, start):
            end = simple.end()
        else:
            end = self._end_of_type(start)
        self._position = end
        text = self._text[start:end].rstrip()
        try:
            return self._named.type(text)
        except ParseError as error:
            offset = error.range.start if isinstance(error.range, SourceRange) else 0
            raise ParseError(error.message, self._source.range(start + min(offset, len(text)), end)) from None

    def _end_of_type(self, start: int) -> int:
        """The first `,`, `)`, `]`, `=` or line end after `start` that is inside no brackets."""
        depth = 0
        for mark in _TYPE_MARK.finditer(self._text, start):
            char = mark[0]
            if char in "([<":
                depth += 1
            elif char in ")]>" and depth:
                depth -= 1
            elif not depth or char == "\n":
                return mark.start()
        return len(self._text)

    def _define(self, frame: _Frame, start: int, name: str, value: Value) -> None:
        if name in self._values or name in self._gone:
            self._fail(f"%{name} is defined twice", start, start + len(name) + 1)
        self._values[name] = value
        frame.defined.append(name)
        if name.isascii() and name.isdigit():
            self._numbered.append((value, int(name[:_LONGEST_NUMBER])))
            return
        try:
            value.set_debug_name(name)
        except ValueError as problem:
            self._fail(str(problem), start, start + len(name) + 1)

    def _operands(self) -> list[Value]:
        names = _NAMES.match(self._text, self._position)
        if names is None:
            self._fail_in_operands()
        values = self._values
        try:
            found = [values[name[1:]] for name in _NAME.findall(names[0])]
        except KeyError:
            found = [self._operand(names.start() + m.start(), m[0][1:]) for m in _NAME.finditer(names[0])]
        self._position = names.end()
        return found

    def _operand(self, start: int, name: str) -> Value:
        known = self._values.get(name)
        if known is not None:
            return known
        if self._checked:
            self._fail(f"Cannot find a variable with name '{name}'", start, start + len(name) + 1)
        if name not in self._awaited:
            self._awaited[name] = (self._graph.create("prim::Placeholder").output, start)
        return self._awaited[name][0]

    def _fail_in_operands(self) -> NoReturn:
        self._expect("(")
        while True:
            self._skip_blank()
            if self._match(_NAME) is None:
                self._unexpected("a value such as %x")
            if not self._accept(","):
                self._expect(")")

    def _settle_awaited(self) -> None:
        for name, (stand_in, start) in self._awaited.items():
            value = self._values.get(name)
            if value is None:
                self._fail(f"Cannot find a variable with name '{name}'", start, start + len(name) + 1)
            stand_in.replace_all_uses_with(value)

    def _settle_numbers(self) -> None:
        """Give numbered values their numbers, and named ones numbers above all of those."""
        numbered = {value for value, _ in self._numbered}
        following = max((number for _, number in self._numbered), default=-1) + 1
        for value in _all_values(self._graph):
            if value not in numbered:
                self._graph._set_unique(value, following)
                following += 1
        for value, number in self._numbered:
            self._graph._set_unique(value, number)

    # --- attributes

    def _attributes(self, node: Node, constant_type: Type | None) -> None:
        if not self._text.startswith("[", self._position):
            return
        self._position += 1
        while not self._accept("]"):
            found = _ATTRIBUTE_NAME.match(self._text, self._position)
            if found is None:
                self._unexpected("an attribute")
            self._position = found.end()
            kind, value = self._attribute(constant_type if found[1] == "value" else None)
            node.set_attribute(found[1], kind, value)
            if not self._accept(","):
                self._expect("]")
                break
        if constant_type is not None and isinstance(constant_type, FunctionType) and "name" in node.attributes:
            function = self._named.function(node.string_attribute("name"))
            node.remove_attribute("name")
            node.set_attribute("value", "ival", function)

    def _attribute(self, constant_type: Type | None) -> tuple[AttributeKindName, object]:
        if constant_type is None and (types := self._types_attribute()) is not None:
            return types
        if constant_type is None and (empty := self._match(_EMPTY_LIST)):
            return _EMPTY_KINDS[empty.partition("[")[2].partition("]")[0]], ()
        literals = LiteralParser(self._source, self._position, tensors=self._tensors)
        value = literals.value(constant_type)
        self._position = literals.position
        if isinstance(value, bool):
            return "ival", value
        kind = _SCALAR_KINDS.get(type(value))
        if kind is None and constant_type is None and isinstance(value, list):
            classes = {type(item) for item in value}
            kind = _LIST_KINDS.get(classes.pop()) if len(classes) == 1 else None
        return kind or "ival", value

    def _types_attribute(self) -> tuple[AttributeKindName, object] | None:
        """A type or a list of types; None, and the position unchanged, if something else is next."""
        start = self._position
        if _TYPE_WORD.match(self._text, start):
            return "ty", self._type()
        if _LIST_OF_TYPES.match(self._text, start):
            return "tys", self._list_of_types()
        tuples = _TUPLES.match(self._text, start)
        if tuples is None or _VALUE_WORD.search(self._text, start, self._end_of_type(tuples.end(1))):
            return None
        try:  # a tuple type looks like a tuple of values up to its first element
            return ("tys", self._list_of_types()) if tuples[1] else ("ty", self._type())
        except ParseError:
            self._position = start
            return None

    def _list_of_types(self) -> tuple[Type, ...]:
        self._expect("[")
        types: list[Type] = []
        while not self._accept("]"):
            types.append(self._type())
            if not self._accept(","):
                self._expect("]")
                break
        return tuple(types)

    # --- text

    def _at(self, chars: str) -> bool:
        return self._position < len(self._text) and self._text[self._position] in chars

    def _match(self, pattern: re.Pattern[str]) -> str | None:
        found = pattern.match(self._text, self._position)
        if found is None:
            return None
        self._position = found.end()
        return found[0]

    def _skip_blank(self) -> None:
        found = _BLANK.match(self._text, self._position)
        if found is not None:
            self._position = found.end()

    def _accept(self, word: str) -> bool:
        self._skip_blank()
        if not self._text.startswith(word, self._position):
            return False
        self._position += len(word)
        return True

    def _expect(self, word: str) -> None:
        if not self._accept(word):
            self._unexpected(f"'{word}'")

    def _unexpected(self, expected: str) -> NoReturn:
        found = re.compile(r"\w+|\S|\Z").search(self._text, self._position)
        shown = f"'{found[0]}'" if found is not None and found[0] else "the end"
        start = found.start() if found is not None else self._position
        self._fail(f"expected {expected} but found {shown} here", start, found.end() if found is not None else None)

    def _fail(self, message: str, start: int | None = None, end: int | None = None) -> NoReturn:
        start = self._position if start is None else start
        raise ParseError(message, self._source.range(start, max(end or 0, start + 1)))


_LONGEST_NUMBER = 18


def _place(comment: str) -> SourceRange | None:
    """The place that a comment such as `model.py:7:15` names."""
    found = _PLACE.match(comment)
    if found is None:
        return None
    return Source("", found[1], first_line=int(found[2]), indent=int(found[3])).range(0, 0)


def _constant_function(node: Node) -> object:
    given = node.attributes.get("value")
    return None if given is None else given.value


def _all_values(graph: Graph) -> list[Value]:
    values = list(graph.inputs)
    for node in graph.walk():
        values += node.outputs
        for block in node.blocks:
            values += block.inputs
    return values
