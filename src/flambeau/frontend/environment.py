"""Variables while a function is compiled.

Reading and writing a variable emits `prim::Load` and `prim::Store` nodes, so that control flow need not be thought of
here; `ssa` turns them into values afterwards. What is no value of the graph (a module, a function, a range) is kept
by name and cannot be assigned again in a branch or a loop.

Each block has a frame. Of a variable a frame knows the type that it has there; that of the outermost frame counts as
its declaration for the blocks inside.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol, final

from flambeau import ir
from flambeau.errors import ScriptError

from .assumptions import notes
from .diagnostics.messages import EMPTY_LIST_HINT, type_name
from .matching.conversions import convert
from .values.simple_values import SimpleValue
from .values.sugared import SugaredValue

_GENERATED_NAME = re.compile(r"_\d+$")


def shown_name(slot: str) -> str:
    """The name that the user gave a variable, which may be stored under a longer one."""
    return slot.partition("$")[0]


def debug_name_of(slot: str) -> str:
    """The name that values of a variable get; "" if its name says nothing, as those that printers make up (`_12`)."""
    name = shown_name(slot)
    return "" if _GENERATED_NAME.match(name) else name


@final
@dataclass(slots=True, eq=False)
class Frame:
    """The variables that one block assigns."""

    block: ir.Block
    parent: Frame | None
    types: dict[str, ir.Type] = field(default_factory=dict)
    """The variables that have values in the graph."""
    sugared: dict[str, SugaredValue] = field(default_factory=dict)
    """The names that have not."""
    undefined: dict[str, ScriptError] = field(default_factory=dict)
    """Variables that not every path defines: what to say if one is read."""
    declared: dict[str, ir.Type] = field(default_factory=dict)
    """The types that variables may be assigned here, where conditions say more of them than that."""
    retyped: dict[str, ScriptError] = field(default_factory=dict)
    """Variables of outer blocks that got another type here, and what TorchScript says of that."""
    is_loop_body: bool = False
    loop_range: ir.SourceRange | None = None
    """Where the loop stands whose body this is."""
    is_scope: bool = False
    """What is bound here is not seen by functions that are defined outside: a function's body, a comprehension."""
    renamed: dict[str, str] = field(default_factory=dict)
    """Variables of this block that are not the ones of that name around it, with the name that they have instead."""
    prefix: str = ""
    """What is added to the names of all variables bound here, for a body that stands among others' variables."""
    known: dict[str, ir.Value | None] = field(default_factory=dict)
    """The values that variables were given last, where no other statement can have come between; None: not known."""
    announced: dict[str, ir.Type] = field(default_factory=dict)
    """The types of annotations without a value, `x: T`."""
    partial: dict[str, ir.Type] = field(default_factory=dict)
    """Variables that only some branch in this block assigns, with their types there."""
    late: set[str] = field(default_factory=set)
    """Variables that a loop assigns first, and that are None before it, which stands for no value."""
    attributes: dict[str, ir.Type] = field(default_factory=dict)
    """What tests and assignments in this block say of attributes, by path (`self.cache`)."""


@final
@dataclass(slots=True)
class LoopFacts:
    """A loop that is being emitted: how many frames are open around it, and whether its body makes untrue what was
    known of attributes before it.
    """

    depth: int
    is_broken: bool = False


@final
class Environment:
    """The frames that are open now, innermost last."""

    def __init__(self, graph: ir.Graph, retyping: Retyping | None = None) -> None:
        self._graph = graph
        self._retyping = retyping
        self._frame = Frame(graph.block, None)
        self._opened: list[Frame] = []
        self._renamings = 0
        self._first: dict[str, ir.Value] = {}
        self._origins: dict[ir.Value, ir.Value] = {}
        self._loops: list[LoopFacts] = []

    @property
    def frame(self) -> Frame:
        return self._frame

    @property
    def block(self) -> ir.Block:
        return self._frame.block

    def push(
        self, block: ir.Block, *, is_loop_body: bool = False, is_scope: bool = False, parent: Frame | None = None
    ) -> Frame:
        """Open a frame for a block; what it does not bind is looked up in `parent` (default: the innermost frame)."""
        self._opened.append(self._frame)
        self._frame = Frame(block, parent or self._frame, is_loop_body=is_loop_body, is_scope=is_scope)
        return self._frame

    def push_isolated(self, block: ir.Block) -> Frame:
        """Open a frame for a body that sees no variable of those around it, though it stands among them."""
        self._opened.append(self._frame)
        self._frame = Frame(block, None, is_scope=True, prefix=f"${self._renamings}")
        self._renamings += 1
        return self._frame

    def surroundings(self, defined: Frame) -> Frame:
        """The frame in which a function that was defined in `defined` looks up names if it is called here.

        That is the innermost one now, for the variables are those of now; but without the frames of what has names of
        its own, such as other functions' bodies.
        """
        found = frame = self._frame
        while frame is not defined:
            if frame.parent is None:
                return defined
            if frame.is_scope:
                found = frame.parent
            frame = frame.parent
        return found

    def mark(self) -> tuple[Frame, int]:
        """Which frames are open now, for `return_to`."""
        return self._frame, len(self._opened)

    def return_to(self, mark: tuple[Frame, int]) -> None:
        """Close the frames that were opened since, whatever is in them."""
        self._frame = mark[0]
        del self._opened[mark[1] :]

    def pop(self) -> Frame:
        """Close the innermost frame."""
        closed = self._frame
        self._frame = self._opened.pop()
        return closed

    # --- reading

    def find(self, name: str, frame: Frame | None = None) -> SugaredValue | None:
        """What a variable means here, or seen from `frame`; emits the load. None if there is no such variable."""
        name = self._slot(name)
        looked: Frame | None = frame or self._frame
        while looked is not None:
            if name in looked.sugared:
                return looked.sugared[name]
            if name in looked.types:
                value = self._load(name, looked.types[name])
                stored = self._stored(name, frame or self._frame)
                if stored is not None:
                    self._origins[value] = stored
                return SimpleValue(value)
            looked = looked.parent
        return None

    def origin(self, value: ir.Value) -> ir.Value:
        """The value that was stored in the variable which a value was read from, if that is certain."""
        while value in self._origins:
            value = self._origins[value]
        return value

    def first_value(self, slot: str) -> ir.Value | None:
        """The value that was stored first in a variable."""
        return self._first.get(slot)

    def note_origin(self, value: ir.Value, origin: ir.Value) -> None:
        """Remember that a value is certain to be another one."""
        self._origins[value] = origin

    def _stored(self, slot: str, frame: Frame) -> ir.Value | None:
        looked: Frame | None = frame
        while looked is not None:
            if slot in looked.known:
                return looked.known[slot]
            looked = looked.parent
        return None

    def assumed_type(self, name: str) -> ir.Type | None:
        """The type that a variable is assumed to have because it gets values of several."""
        return None if self._retyping is None else self._retyping.assumed(name)

    def forget(self, names: Iterable[str]) -> None:
        """Let nothing be known of the values of variables from here on: a loop is about to change them."""
        for name in names:
            slot = self._slot(name)
            self._frame.known[slot] = None
            wider = None if self._retyping is None else self._retyping.assumed(name)
            present = self.find_type(name)
            if wider is not None and present is not None and present != wider and ir.is_subtype(present, wider):
                self.set_type(name, wider)

    def find_type(self, name: str, frame: Frame | None = None) -> ir.Type | None:
        """The type that a variable has here, or seen from `frame`; None if it has no value in the graph."""
        name = self._slot(name)
        looked: Frame | None = frame or self._frame
        while looked is not None:
            if name in looked.sugared:
                return None
            if name in looked.types:
                return looked.types[name]
            looked = looked.parent
        return None

    def declared_type(self, name: str) -> ir.Type | None:
        """The type that may be assigned to a variable here; None if it has no value in the graph.

        That is the type that it was last given, not what a condition says of it since.
        """
        return self._declared_from(self._frame, self._slot(name), crossed_loop=False)

    def _declared_outside(self, slot: str) -> ir.Type | None:
        """The type that the blocks around this one want a variable to have."""
        return self._declared_from(self._frame.parent, slot, crossed_loop=self._frame.is_loop_body)

    def _declared_from(self, frame: Frame | None, slot: str, *, crossed_loop: bool) -> ir.Type | None:
        while frame is not None:
            if slot in frame.sugared:
                return None
            if slot in frame.types:
                # In a loop's body, what conditions said before the loop must hold after each round.
                return frame.types[slot] if crossed_loop else frame.declared.get(slot, frame.types[slot])
            crossed_loop = crossed_loop or frame.is_loop_body
            frame = frame.parent
        return None

    def refine(self, name: str, value: SugaredValue, range: ir.SourceRange) -> None:
        """Give a variable a value that a condition says more of; what may be assigned to it stays as it is."""
        declared = self.declared_type(name)
        self.assign(name, value, range)
        if declared is not None:
            self._frame.declared[self._slot(name)] = declared

    def is_defined(self, name: str, frame: Frame | None = None) -> bool:
        """Whether a name is bound here, or seen from `frame`."""
        name = self._slot(name)
        looked: Frame | None = frame or self._frame
        while looked is not None:
            if name in looked.sugared or name in looked.types:
                return True
            looked = looked.parent
        return False

    def names(self) -> Iterator[str]:
        """The names that are bound here."""
        looked: Frame | None = self._frame
        while looked is not None:
            yield from map(shown_name, (*looked.types, *looked.sugared))
            looked = looked.parent

    def why_undefined(self, name: str) -> ScriptError | None:
        """The reason why a variable that the program assigns cannot be read here, if it is known."""
        looked: Frame | None = self._frame
        while looked is not None:
            if name in looked.undefined:
                return looked.undefined[name]
            looked = looked.parent
        return None

    def is_late(self, name: str) -> bool:
        """Whether None means that the variable has no value yet."""
        slot = self._slot(name)
        looked: Frame | None = self._frame
        while looked is not None and slot not in looked.late:
            looked = looked.parent
        return looked is not None

    def outermost_loop(self) -> ir.SourceRange | None:
        """Where the outermost loop stands in whose rounds variables of here keep their values."""
        found: ir.SourceRange | None = None
        looked: Frame | None = self._frame
        while looked is not None:
            found = looked.loop_range or found
            looked = None if looked.is_scope else looked.parent
        return found

    def make_late(self, name: str, type: ir.Type, range: ir.SourceRange) -> None:
        """Make a variable that a loop will assign."""
        self._graph.current_range = range
        nothing = convert(self._graph, ir.insert_constant(self._graph, None), ir.optional(type))
        self.assign(name, SimpleValue(nothing), range, ir.optional(type))
        self._frame.late.add(self._slot(name))

    def _slot(self, name: str) -> str:
        """The name under which a variable is stored."""
        frame: Frame | None = self._frame
        while frame is not None:
            if name in frame.renamed:
                return frame.renamed[name]
            if frame.parent is None:
                return name if name.endswith(frame.prefix) else f"{name}{frame.prefix}"
            frame = frame.parent
        return name

    def _root_of(self, frame: Frame) -> Frame:
        while frame.parent is not None:
            frame = frame.parent
        return frame

    def declare_local(self, name: str) -> None:
        """Make a name mean a new variable in the innermost frame, whatever it means outside."""
        if name not in self._frame.renamed and self.is_defined(name):
            self._frame.renamed[name] = f"{name}${self._renamings}{self._root_of(self._frame).prefix}"
            self._renamings += 1

    def _load(self, name: str, type: ir.Type) -> ir.Value:
        node = self._graph.create("prim::Load", (), (type,)).set_attribute("name", "s", name)
        # Taking the name renames its former owner to `x.1`; so the values of a variable get numbers as they are read.
        return self._graph.insert_node(node).output.set_debug_name(debug_name_of(name))

    # --- writing

    def assign(self, name: str, value: SugaredValue, range: ir.SourceRange, annotation: ir.Type | None = None) -> None:
        """Bind a name; `annotation` is the type that the statement declares for it."""
        simple = value.value if isinstance(value, SimpleValue) else None
        wider = None if self._retyping is None or annotation is not None else self._retyping.assumed(name)
        if simple is not None and wider is not None:
            self._graph.current_range = range
            simple = widened(self._graph, simple, wider)
            value = SimpleValue(simple)
        if simple is not None:
            self._name_value(simple, name)
        self._forget_attributes_of(name)
        is_outer = self._frame.parent is not None and self.is_defined(name, self._frame.parent)
        if is_outer and self._slot(name) not in self._frame.renamed.values():
            simple = self._reassigned(name, value, range, annotation)
        if simple is None:
            slot = self._slot(name)
            self._frame.types.pop(slot, None)
            self._frame.sugared[slot] = value
            return
        if annotation is not None and not ir.is_subtype(simple.type, annotation):
            raise ScriptError(
                f"Variable '{name}' is annotated with type {type_name(annotation)} but is being assigned to a value "
                f"of type {type_name(simple.type)}",
                range,
            )
        node = self._graph.create("prim::Store", (simple,), 0, range)
        self._graph.insert_node(node.set_attribute("name", "s", self._slot(name)))
        self._first.setdefault(self._slot(name), simple)
        self.set_type(name, annotation or simple.type)
        if wider is not None and ir.is_subtype(simple.type, wider):
            self._frame.declared[self._slot(name)] = wider
        self._frame.known[self._slot(name)] = simple

    def announce(self, name: str, type: ir.Type) -> None:
        """Remember the type that a variable, which has no value yet, is annotated with."""
        self._frame.announced[self._slot(name)] = type

    def announced_type(self, name: str) -> ir.Type | None:
        """The type that an annotation without a value gives a variable, here or around this block."""
        looked: Frame | None = self._frame
        slot = self._slot(name)
        while looked is not None:
            if slot in looked.announced:
                return looked.announced[slot]
            looked = looked.parent
        return None

    def set_type(self, name: str, type: ir.Type) -> None:
        """Give a variable, whose store is emitted already, a type from here on."""
        slot = self._slot(name)
        self._forget_attributes_of(name)
        self._frame.sugared.pop(slot, None)
        self._frame.declared.pop(slot, None)
        self._frame.types[slot] = type
        self._frame.known[slot] = None
        wider = self.assumed_type(name)
        if wider is not None and type != wider and ir.is_subtype(type, wider):
            self._frame.declared[slot] = wider

    def delete(self, name: str, error: ScriptError) -> bool:
        """Unbind a name of the innermost frame; reading it afterwards is `error`. False if it is not bound there."""
        frame, slot = self._frame, self._slot(name)
        bound = slot in frame.types or slot in frame.sugared
        frame.types.pop(slot, None)
        frame.sugared.pop(slot, None)
        frame.undefined[name] = error
        return bound

    def _name_value(self, value: ir.Value, name: str) -> None:
        # A value from another block keeps its namelessness: the name may mean something else out there.
        if not value.has_debug_name and value.node.owning_block is self.block:
            value.set_debug_name(debug_name_of(name))

    def _reassigned(
        self, name: str, value: SugaredValue, range: ir.SourceRange, annotation: ir.Type | None
    ) -> ir.Value:
        """The value converted to the type that an outer block declares for the variable."""
        if annotation is not None:
            raise ScriptError(
                f"Attempting to declare and annotate the type of variable '{name}' but it is already defined in an "
                "outer block",
                range,
            )
        if not isinstance(value, SimpleValue):
            raise ScriptError(
                f"Cannot re-assign '{name}' to a value of type {value.kind} because {name} is not a first-class value. "
                "Only reassignments to first-class values are allowed",
                range,
            )
        declared = self._declared_outside(self._slot(name))
        if declared is None:
            former = self.find(name, self._frame.parent)
            raise ScriptError(
                f"Cannot re-assign '{name}' because it has type {former.kind if former else 'value'} and {name} is not "
                "a first-class value. Only reassignments to first-class values are allowed",
                range,
            )
        wanted = ir.unshaped(declared)
        self._graph.current_range = range
        if self._retyping is not None and not ir.is_subtype(value.value.type, wanted):
            problem = ScriptError(_retyped_message(name, declared, value.value.type), range)
            if self._retyping.is_number_for_tensor(wanted, value.value.type):
                self._rename(name, declared, value.value.type, problem)
                return value.value
        if isinstance(value.value.type, ir.TensorType) and wanted in (ir.INT, ir.FLOAT):
            notes.read_numbers = True
        converted = convert(self._graph, value.value, wanted)
        if not ir.is_subtype(converted.type, wanted):
            problem = ScriptError(_retyped_message(name, declared, converted.type), range)
            if self._retyping is None:
                raise problem
            self._rename(name, declared, converted.type, problem)
        return converted

    def _rename(self, name: str, declared: ir.Type, given: ir.Type, problem: ScriptError) -> None:
        """Give a variable that changes its type in a branch a name of its own there. ScriptError in a loop, whose next
        round would need it.
        """
        if self._retyping is None:
            raise problem
        frame: Frame | None = self._frame
        slot = self._slot(name)
        while frame is not None and slot not in frame.types:
            if frame.is_loop_body:
                raise self._retyping.reconsidered(name, declared, given, problem)
            frame = frame.parent
        if ir.NONE in (declared, given):
            raise self._retyping.reconsidered(name, declared, given, problem)
        self._frame.retyped[name] = self._retyping.reconsidered(name, declared, given, problem)
        self.rename(name)

    def rename(self, name: str) -> str:
        """Make a name mean a new variable from here on, in this block; how that one is stored."""
        slot = f"{name}${self._renamings}{self._root_of(self._frame).prefix}"
        self._frame.renamed[name] = slot
        self._renamings += 1
        return slot

    # --- attributes

    def attribute_path(self, node: ast.expr) -> str | None:
        """How an attribute of a variable, or of its attributes, is remembered; None for any other expression."""
        match node:
            case ast.Attribute(value=ast.Name(id=name), attr=attr):
                return f"{self._slot(name)}.{attr}" if self.is_defined(name) else None
            case ast.Attribute(value=ast.Attribute() as owner, attr=attr):
                path = self.attribute_path(owner)
                return None if path is None else f"{path}.{attr}"
        return None

    def attribute_type(self, path: str, frame: Frame | None = None) -> ir.Type | None:
        """What is known of an attribute here, or seen from `frame`."""
        looked: Frame | None = frame or self._frame
        while looked is not None:
            if path in looked.attributes:
                return looked.attributes[path]
            looked = looked.parent
        return None

    def learn_attribute(self, path: str, type: ir.Type) -> None:
        """Remember the type that an attribute is certain to have from here on."""
        self._frame.attributes[path] = type

    def join_attributes(self, frames: Iterable[Frame]) -> None:
        """After branches: what all that are left at their end agree in."""
        first, *others = frames
        for path in {path for frame in (first, *others) for path in frame.attributes}:
            types = [self.attribute_type(path, frame) for frame in (first, *others)]
            joined = ir.unify_all(tuple(known for known in types if known is not None))
            if joined is not None and None not in types:
                self.learn_attribute(path, joined)

    def forget_attributes(self, concerns: Callable[[str], bool]) -> None:
        """Let nothing be known from here on of the attributes whose paths are concerned."""
        for depth, frame in enumerate((*self._opened, self._frame)):
            for path in [path for path in frame.attributes if concerns(path)]:
                del frame.attributes[path]
                for loop in self._loops:
                    loop.is_broken = loop.is_broken or depth < loop.depth

    def _forget_attributes_of(self, name: str) -> None:
        start = f"{self._slot(name)}."
        self.forget_attributes(lambda path: path.startswith(start))

    @property
    def knows_attributes(self) -> bool:
        return any(frame.attributes for frame in (*self._opened, self._frame))

    @contextmanager
    def loop(self) -> Iterator[LoopFacts]:
        """Note whether the loop that is emitted in the `with` block changes what is known of attributes before it."""
        made = LoopFacts(len(self._opened) + 1)
        self._loops.append(made)
        try:
            yield made
        finally:
            self._loops.remove(made)


class Retyping(Protocol):
    """What is done where a variable gets a value of another type than it has."""

    def assumed(self, name: str) -> ir.Type | None:
        """The type that a variable is assumed to have from its first value on."""

    def reconsidered(self, name: str, declared: ir.Type, given: ir.Type, problem: ScriptError) -> ScriptError:
        """What to raise: the problem, or what leads to another attempt, if one may help."""

    def is_number_for_tensor(self, wanted: ir.Type, given: ir.Type) -> bool:
        """Whether a conversion would read a number out of a tensor."""


def widened(graph: ir.Graph, value: ir.Value, wider: ir.Type) -> ir.Value:
    """A value as one of the type that its variable is assumed to have: numbers become tensors, ints floats."""
    given = value.type
    if isinstance(wider, ir.TensorType) and given in (ir.INT, ir.FLOAT, ir.BOOL):
        nones = [ir.insert_constant(graph, None) for _ in "dt"]
        return graph.insert("aten::tensor", [value, *nones, ir.insert_constant(graph, False)], (ir.TENSOR,)).output
    if wider is ir.FLOAT and given is ir.INT:
        return graph.insert("aten::Float", [value], (ir.FLOAT,)).output
    return value


def _retyped_message(name: str, declared: ir.Type, given: ir.Type) -> str:
    message = (
        f"Variable '{name}' previously had type {type_name(declared)} but is now being assigned to a value of type "
        f"{type_name(given)}"
    )
    if isinstance(declared, ir.ListType) and isinstance(given, ir.ListType):
        message += f"\n{EMPTY_LIST_HINT}"
    return message
