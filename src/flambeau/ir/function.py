"""Functions and compilation units: named graphs, and the namespace that they and the named types live in."""

from __future__ import annotations

import os
import re
import threading
import weakref
from collections.abc import Callable, MutableMapping
from contextlib import AbstractContextManager
from typing import Protocol, final

from .graph import Graph
from .node import base_name
from .schema import Argument, FunctionSchema
from .types import NamedType

_MANGLE = "___torch_mangle_"
_MANGLE_ATOM = re.compile(rf"^{_MANGLE}(\d+)$")
_replacing = threading.RLock()
"""Held for moments only, while graphs change hands."""


def _after_fork() -> None:
    """Whoever held it at the fork is not there in the child."""
    global _replacing
    _replacing = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class Discardable(Protocol):
    """What is made of graphs, and is told when one of them is replaced."""

    def discard(self) -> None: ...


@final
class Function:
    """A graph with a qualified name and a schema.

    The graph may be made on first use: `define` is then called once with the function and must assign `graph` (and may
    assign `schema`). A function whose definition is under way and is asked for its graph again is recursive; `define`
    reports that.

    `lock` (which its thread may take again) is held while the graph is made. Functions that are made while others are
    share one, or two threads could wait for each other.

    `executor` is the place of the runtime's compiled form; all that this package does with it is to drop it when the
    graph is replaced, and to call its method `discard` then, if it has one. Compiled forms of other functions that this
    one's graph has gone into are told in the same way (`add_dependent`).
    """

    __slots__ = (
        "__weakref__",
        "_define",
        "_dependents",
        "_graph",
        "_lock",
        "_python_callable",
        "_schema",
        "doc",
        "executor",
        "is_optimized",
        "qualified_name",
    )

    def __init__(
        self,
        qualified_name: str,
        graph: Graph | None = None,
        schema: FunctionSchema | None = None,
        define: Callable[[Function], None] | None = None,
        lock: AbstractContextManager[object] | None = None,
    ) -> None:
        self.qualified_name = qualified_name
        self._graph = graph
        self._schema = schema
        self._define = define
        self._lock = lock or threading.RLock()
        self.doc = ""
        self.executor: object = None
        self.is_optimized = False
        """Whether its graph is a result of optimisation already, ready to be executed."""
        self._python_callable: weakref.ref[Callable[..., object]] | None = None
        self._dependents: weakref.WeakSet[Discardable] | None = None

    @property
    def name(self) -> str:
        return self.qualified_name.rpartition(".")[2]

    @property
    def python_callable(self) -> Callable[..., object] | None:
        """The Python function it was scripted from, if any, and if it is still there: held weakly, or none would go."""
        return None if self._python_callable is None else self._python_callable()

    @python_callable.setter
    def python_callable(self, python_callable: Callable[..., object]) -> None:
        self._python_callable = weakref.ref(python_callable)

    @property
    def is_defined(self) -> bool:
        """Whether the graph exists already."""
        return self._graph is not None

    def ensure_defined(self) -> None:
        """Make the graph now, if it does not exist yet."""
        if self._define is None:
            return
        with self._lock:
            if self._define is not None:
                self._define(self)
                self._define = None

    @property
    def graph(self) -> Graph:
        if self._graph is None:
            self.ensure_defined()
        if self._graph is None:
            raise ValueError(f"function '{self.qualified_name}' has no graph")
        return self._graph

    @graph.setter
    def graph(self, graph: Graph) -> None:
        with _replacing:
            self._graph = graph
            replaced, self.executor = self.executor, None
            dependents, self._dependents = self._dependents or (), None
        discard = getattr(replaced, "discard", None)
        if discard is not None:
            discard()
        for dependent in dependents:
            dependent.discard()

    def add_dependent(self, dependent: Discardable, graph: Graph) -> None:
        """Have `dependent`, which is made of this function's graph, discarded when the graph is replaced.

        At once, if `graph` is its graph no more. Nothing is kept alive by this.
        """
        with _replacing:
            is_current = self._graph is graph
            if is_current:
                if self._dependents is None:
                    self._dependents = weakref.WeakSet()
                self._dependents.add(dependent)
        if not is_current:
            dependent.discard()

    @property
    def schema(self) -> FunctionSchema:
        if self._schema is None:
            self.ensure_defined()
        if self._schema is None:
            self._schema = schema_of(self.graph, self.name)
        return self._schema

    @schema.setter
    def schema(self, schema: FunctionSchema) -> None:
        self._schema = schema

    def __repr__(self) -> str:
        return f"Function({self.qualified_name!r})"


def schema_of(graph: Graph, name: str) -> FunctionSchema:
    """The schema that a graph's inputs and outputs amount to."""
    arguments = tuple(
        Argument(base_name(v.debug_name) if v.has_debug_name else f"argument_{i}", v.type)
        for i, v in enumerate(graph.inputs)
    )
    return FunctionSchema(name, "", arguments, tuple(Argument("", v.type) for v in graph.outputs))


@final
class CompilationUnit:
    """A namespace of functions and named types, by qualified name.

    `weak`: functions leave it when nobody else holds them.
    """

    def __init__(self, *, weak: bool = False) -> None:
        self.functions: MutableMapping[str, Function] = weakref.WeakValueDictionary() if weak else {}
        self.types: dict[str, NamedType] = {}
        self._mangle_index = 0

    def add_function(self, function: Function) -> Function:
        """Add a function; ValueError if the name is taken."""
        if function.qualified_name in self.functions:
            raise ValueError(f"method '{function.qualified_name}' already defined.")
        self.functions[function.qualified_name] = function
        return function

    def add_type(self, type: NamedType) -> NamedType:
        """Add a named type; ValueError if the name is taken."""
        if type.qualified_name in self.types:
            raise ValueError(f"class '{type.qualified_name}' already defined.")
        self.types[type.qualified_name] = type
        return type

    def find_function(self, qualified_name: str) -> Function | None:
        return self.functions.get(qualified_name)

    def find_type(self, qualified_name: str) -> NamedType | None:
        return self.types.get(qualified_name)

    def is_taken(self, qualified_name: str) -> bool:
        return qualified_name in self.functions or qualified_name in self.types

    def free_name(self, qualified_name: str) -> str:
        """`qualified_name`, or if it is taken, the name with a `___torch_mangle_N` atom before the last."""
        while self.is_taken(qualified_name):
            qualified_name = mangled(qualified_name, self._mangle_index)
            self._mangle_index += 1
        return qualified_name


def mangled(qualified_name: str, index: int) -> str:
    """A qualified name with a mangling atom of that number before its last atom (replacing the one it may have)."""
    *prefix, last = qualified_name.split(".")
    if prefix and _MANGLE_ATOM.match(prefix[-1]):
        prefix.pop()
    return ".".join([*prefix, f"{_MANGLE}{index}", last])


def demangled(qualified_name: str) -> str:
    """A qualified name without mangling atoms."""
    return ".".join(atom for atom in qualified_name.split(".") if not _MANGLE_ATOM.match(atom))
