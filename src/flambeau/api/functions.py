"""Functions and methods as a user holds them: callable, with their graph, source and schema to look at.

A call checks and converts the arguments against the schema, runs the graph, and gives the result back in Python's own
types. Nothing is compiled before the first call or the first look at the graph.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar, final

from flambeau import ir
from flambeau.api.calls import Call, interception
from flambeau.api.copying import Memo
from flambeau.api.debug_state import GraphExecutorState
from flambeau.api.placeholder import placeholder_module
from flambeau.api.presentation import presentation
from flambeau.api.services import ArchiveTarget, source_of, write
from flambeau.ir import ClassType, FunctionSchema, Graph, ScriptObject
from flambeau.passes import inline_calls, run
from flambeau.runtime import Plan, execution_plan

if TYPE_CHECKING:
    from flambeau.api.objects import Object

__all__ = ["Callable", "Constants", "Function", "Method"]

AnyFunction = TypeVar("AnyFunction", bound="Function")


@final
class Constants(Mapping[str, object]):
    """The constants of a function's source, by the name they have there (`c0`, `c1`, ...), which are attributes too."""

    def __init__(self, values: Sequence[object]) -> None:
        self._values = {f"c{index}": value for index, value in enumerate(values)}

    def __getitem__(self, name: str) -> object:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    @property
    def const_mapping(self) -> dict[str, object]:
        """The constants as a dict."""
        return dict(self._values)

    def __getattr__(self, name: str) -> object:
        if name not in vars(self).get("_values", ()):
            raise AttributeError(f"there is no constant '{name}'")
        return self._values[name]

    def __repr__(self) -> str:
        return f"Constants({self._values!r})"


class Callable:
    """What functions and methods have in common."""

    __slots__ = ("__weakref__", "_call", "_function")

    def __init__(self, function: ir.Function, receiver: ScriptObject | None = None) -> None:
        self._function = function
        self._call = Call(function, receiver)

    def __call__(self, /, *args: object, **kwargs: object) -> object:
        if interception.handler is not None:
            return interception.handler(self._call, args, kwargs)
        return self._call.enter(*args, **kwargs)

    @property
    def function(self) -> ir.Function:
        """The function of the intermediate representation."""
        return self._function

    @property
    def name(self) -> str:
        return self._function.name

    @property
    def qualified_name(self) -> str:
        return self._function.qualified_name

    @property
    def graph(self) -> Graph:
        """The graph as it was compiled; calls are still calls in it."""
        return presentation.graph(self._function.graph)

    @property
    def inlined_graph(self) -> Graph:
        """A copy of the graph in which every call is replaced by what it calls."""
        graph = ir.copy_graph(self._function.graph)
        run(graph, inline_calls)
        return presentation.graph(graph)

    def graph_for(self, /, *args: object, **kwargs: object) -> Graph:
        """The optimised graph that a call with these arguments runs (the call is made)."""
        self(*args, **kwargs)
        return presentation.graph(ir.copy_graph(execution_plan(self._function).graph))

    def get_debug_state(self) -> GraphExecutorState:
        """What is prepared for running the function, as far as it has been called."""
        return GraphExecutorState(self._function)

    def execution_plan(self) -> Plan:
        """How the function runs: its optimised graph, and the Python source that was generated for it.

        UnsupportedError if it is interpreted, being nested deeper than Python's compiler allows.
        """
        return execution_plan(self._function)

    @property
    def schema(self) -> FunctionSchema:
        return presentation.schema(self._function.schema)

    @property
    def code(self) -> str:
        """TorchScript source of the function."""
        return source_of(self._function, self._owner_type())[0]

    @property
    def code_with_constants(self) -> tuple[str, Constants]:
        """The source, and the values that it calls `CONSTANTS.c0`, `CONSTANTS.c1`, ..."""
        code, constants = source_of(self._function, self._owner_type())
        return code, Constants(constants)

    def _owner_type(self) -> ClassType | None:
        return None

    def __flambeau_script_value__(self) -> ir.Function:
        return self._function


class Function(Callable):
    """A function, compiled or to be compiled."""

    __slots__ = ()

    def save(self, target: ArchiveTarget, extra_files: Mapping[str, str | bytes] | None = None) -> None:
        """Write an archive with a module whose `forward` is this function."""
        write(placeholder_module(self._function), target, extra_files)

    def __copy__(self: AnyFunction) -> AnyFunction:
        return self

    def __deepcopy__(self: AnyFunction, memo: Memo) -> AnyFunction:
        return self  # nothing of it ever changes

    def __repr__(self) -> str:
        return f"<flambeau.Function {self.qualified_name}>"


@final
class Method(Callable):
    """A method of one object."""

    __slots__ = ("_owner",)

    def __init__(self, function: ir.Function, owner: Object) -> None:
        super().__init__(function, owner.script_object)
        self._owner = owner

    @property
    def owner(self) -> Object:
        """The object that it is called on."""
        return self._owner

    def _owner_type(self) -> ClassType:
        return self._owner.type

    def __copy__(self) -> Method:
        return self

    def __deepcopy__(self, memo: Memo) -> Method:
        return Method(self._function, self._owner.deepcopy(memo))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Method) and (self._function, self._owner) == (other._function, other._owner)

    def __hash__(self) -> int:
        return hash((self._function, self._owner))

    def __repr__(self) -> str:
        return f"<flambeau.Method {self.qualified_name}>"
