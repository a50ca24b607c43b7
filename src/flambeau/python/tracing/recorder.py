"""The recording of one call: which graph value each tensor is, and a node for each operator.

    y = x * 2 + b            %3 = prim::Constant[value={2}]()
                             %4 = aten::mul(%x, %3)
                             %y = aten::add(%4, %b, %5)

A tensor is known by identity. One that was not seen before is a parameter or buffer of the traced module, or else a
constant. All methods expect that recording is paused: nothing that they call of PyTorch is recorded itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, final

import torch
from torch import Tensor, nn
from torch.utils.weak import TensorWeakRef

from flambeau import ir
from flambeau.errors import TracingError
from flambeau.ir import Graph, ListType, Node, Type, Value
from flambeau.python.tracing import messages
from flambeau.python.tracing.emission import emit_argument, list_of_tensors, tensor_type, with_type_of_bools
from flambeau.python.tracing.numbers import (
    PendingNumbers,
    SymbolicNumber,
    is_traceable_number,
    plain,
)
from flambeau.python.tracing.operators import SUMS_OF_PRODUCTS, OperatorFacts, facts_of, out_of_place
from flambeau.python.tracing.origins import Origins, calling_frame
from flambeau.python.tracing.scopes import Scope, attribute_for, trail

if TYPE_CHECKING:
    from types import FrameType

    from torch._ops import OpOverload

    from flambeau.python.tracing.modules import TracedModules

_INTEGERS = (ListType(ir.INT), ir.optional(ListType(ir.INT)))
_NUMBERS = (ir.INT, ir.SYM_INT, ir.FLOAT)


@final
class Recorder:
    """Records calls of operators into the graph of the scope that is open."""

    def __init__(self, modules: TracedModules | None = None, method: str = "forward", outplace: bool = False) -> None:
        self.modules = modules
        self._outplace = outplace
        """Whether operators in place are recorded as those that give a new tensor."""
        if modules is not None:
            modules.take_note()
        self.root = Scope(None if modules is None else modules.root_type, method=method)
        self.scope = self.root
        self.origins = Origins()
        self.pending = PendingNumbers()
        self.constructor = "torch.tensor"
        """The function that makes tensors from Python values now, for warnings."""
        self.written_constants: set[Value] = set()
        """Constants made by the program that an operator writes to: each run needs its own."""
        self._scopes: dict[Graph, Scope] = {self.root.graph: self.root}
        self._values: dict[int, tuple[TensorWeakRef, Value]] = {}
        self._fresh: dict[int, tuple[TensorWeakRef, Tensor]] = {}
        """Tensors made from Python values, each with a copy: the program may write to it before it is first used."""
        self._fresh_storages: dict[int, Value] = {}

    # --- tensors and values

    def set_value(self, tensor: Tensor, value: Value) -> None:
        """Say what value a tensor is from now on."""
        self._values[id(tensor)] = TensorWeakRef(tensor), value

    def is_traced(self, tensor: Tensor) -> bool:
        """Whether a tensor depends on the inputs of the trace or on the state of the traced module."""
        return self._known(tensor) is not None or bool(self._paths(tensor))

    def find(self, tensor: Tensor) -> Value | None:
        """What stands for a tensor in the open scope; None for one that is no part of the trace."""
        known = self._known(tensor)
        paths = self._paths(tensor)
        if known is None:
            return attribute_for(self.scope, paths) if paths else None
        home = self._scopes[known.graph]
        if paths and not home.is_around(self.scope):
            return attribute_for(self.scope, paths)
        return trail(known, home, self.scope)[-1]

    def value_of(self, tensor: Tensor, frame: FrameType | None = None) -> Value:
        """What stands for a tensor in the open scope, a constant if it must be; named as in the frame that uses it."""
        value = self.find(tensor)
        if value is None:
            value = self._constant(tensor)
        if not value.has_debug_name and frame is not None:
            name = next((n for n, held in frame.f_locals.items() if held is tensor), "")
            if name.isidentifier() and name != "self":
                self._name(tensor, value, name)
        return value

    def _name(self, tensor: Tensor, value: Value, name: str) -> None:
        """Name a value, and what it stands for in other scopes."""
        known = self._known(tensor)
        for same in [value] if known is None else trail(known, self._scopes[known.graph], self.scope):
            if not same.has_debug_name:
                same.set_debug_name(name)

    def _known(self, tensor: Tensor) -> Value | None:
        known = self._values.get(id(tensor))
        return known[1] if known is not None and known[0]() is tensor else None

    def _paths(self, tensor: Tensor) -> list[str]:
        return [] if self.modules is None else self.modules.paths_of(tensor)

    # --- constants

    def note_fresh(self, tensor: Tensor) -> None:
        """Take note of a tensor that the program has made from Python values."""
        self._fresh[id(tensor)] = TensorWeakRef(tensor), tensor.detach().clone()

    def is_fresh(self, tensor: Tensor) -> bool:
        """Whether the program has made the tensor from Python values."""
        return self._as_made(tensor) is not None

    def _as_made(self, tensor: Tensor) -> Tensor | None:
        known = self._fresh.get(id(tensor))
        return known[1] if known is not None and known[0]() is tensor else None

    def _constant(self, tensor: Tensor) -> Value:
        known = self.scope.constants.get(id(tensor))
        if known is not None:
            return known
        if tensor.requires_grad:
            raise TracingError(
                "Cannot insert a Tensor that requires grad as a constant. Consider making it a parameter or input, or "
                f"detaching the gradient\nTensor:\n{tensor}"
            )
        if isinstance(tensor, nn.Parameter) and self.modules is not None:
            messages.warn(
                f"A parameter of shape {tuple(tensor.shape)} that does not belong to the traced module is recorded "
                "as a constant. It is saved with the code, and does not follow the module to another device or type."
            )
        made = self._as_made(tensor)
        value = ir.insert_constant(self.graph, tensor if made is None else made)
        if made is not None:
            # One value for all scopes, so that what writes to it in one is seen in the others.
            self.set_value(tensor, value)
            storage = _storage_of(tensor)
            if storage is not None:
                self._fresh_storages[storage] = value
        else:
            self.scope.constants[id(tensor)] = value
        return value

    # --- operators

    @property
    def graph(self) -> Graph:
        return self.scope.graph

    def locate(self) -> FrameType | None:
        """Give the nodes that come next the line of the program that is running; returns its frame."""
        frame = calling_frame()
        self.graph.current_range = self.origins.range_of(frame)
        return frame

    def record(self, overload: OpOverload, args: Sequence[object], kwargs: Mapping[str, object]) -> object:
        """Run an operator, and record the call."""
        facts = facts_of(overload)
        frame = self.locate()
        if facts.kind in SUMS_OF_PRODUCTS and torch._C._is_any_autocast_enabled():
            args = self._cast(overload, args)
        given = self._with_pending(facts, facts.arguments(args, kwargs))
        recorded = out_of_place(overload) if self._outplace else None
        if recorded is not None:
            facts, given = recorded, recorded.arguments(given, {})
        inputs = [
            emit_argument(self, argument, value, given, frame)
            for argument, value in zip(facts.schema.arguments, with_type_of_bools(facts, given), strict=True)
        ]
        for index in facts.writes:
            self._note_write(given[index])
        result = overload(*map(plain, args), **{name: plain(value) for name, value in kwargs.items()})
        node = self.graph.insert(facts.kind, inputs, 0)
        if facts.operator is not None:
            node.set_operator(facts.operator)
        results = result if len(facts.schema.returns) > 1 and isinstance(result, (tuple, list)) else (result,)
        for returned, value in zip(facts.schema.returns, results, strict=False):
            self._add_result(node, returned.type, value)
        return result

    def _cast(self, overload: OpOverload, args: Sequence[object]) -> Sequence[object]:
        """The arguments of a sum of products, cast as `torch.autocast` casts those of the products in it."""
        result = overload(*map(plain, args))
        wanted = result.dtype if isinstance(result, Tensor) else None

        def cast(value: object) -> object:
            if isinstance(value, (list, tuple)):
                return [cast(item) for item in value]
            if isinstance(value, Tensor) and value.is_floating_point() and wanted not in (None, value.dtype):
                return self.record(torch.ops.aten.to.dtype, (value, wanted), {})
            return value

        return [cast(value) for value in args]

    def insert(self, kind: str, inputs: Sequence[Value], type: Type) -> Value:
        """Insert a node with one result."""
        return self.graph.insert(kind, inputs, [type]).output

    def _add_result(self, node: Node, type: Type, value: object) -> None:
        if isinstance(value, Tensor):
            self.set_value(value, node.add_output(tensor_type(value)))
        elif isinstance(value, (list, tuple)) and value and all(isinstance(v, Tensor) for v in value):
            unpack = self.graph.insert("prim::ListUnpack", [node.add_output(list_of_tensors)], map(tensor_type, value))
            for element, output in zip(value, unpack.outputs, strict=True):
                self.set_value(element, output)
        else:
            node.add_output(type)

    def _note_write(self, target: object) -> None:
        if not self._fresh_storages:
            return
        for tensor in target if isinstance(target, (list, tuple)) else (target,):
            storage = _storage_of(tensor)
            if storage in self._fresh_storages:
                self.written_constants.add(self._fresh_storages[storage])

    # --- numbers

    def symbol(self, tensor: Tensor) -> object:
        """A traced tensor of one element as the number that PyTorch hands on to an operator; else its plain value."""
        number: int | float = tensor.item()
        if not is_traceable_number(tensor) or not self.is_traced(tensor):
            return number
        return SymbolicNumber(tensor, number, self.pending).symbol()

    def number(self, value: Value, number: int) -> Tensor:
        """A tensor for a number that the graph computes, such as a size."""
        result = torch.tensor(number)
        type = ir.TensorType(ir.ScalarType.Long, (), (), "cpu")
        self.set_value(result, self.insert("prim::NumToTensor", [value], type))
        return result

    def _with_pending(self, facts: OperatorFacts, given: list[object]) -> list[object]:
        if not self.pending:
            return given
        slots: list[tuple[int, slice | None]] = []
        for index, argument in enumerate(facts.schema.arguments):
            value = given[index]
            if isinstance(value, (list, tuple)) and argument.type in _INTEGERS:
                if argument.broadcast == len(value) and len(set(value)) == 1:
                    slots.append((index, slice(None)))  # one number for all
                else:
                    slots += [(index, slice(i, i + 1)) for i in range(len(value))]
            elif _element(argument.declared_type) in _NUMBERS:
                slots.append((index, None))
        found = self.pending.match([_at(given, slot) for slot in slots])
        result = [list(value) if isinstance(value, (list, tuple)) else value for value in given]
        for (index, part), value in zip(slots, found, strict=True):
            inner = result[index]
            if part is not None and isinstance(inner, list):
                inner[part] = [value] * len(inner[part])
            else:
                result[index] = value
        return result

    # --- state

    def record_assignments(self) -> None:
        """Record what the program has assigned to buffers; warn of other state that it assigned."""
        if self.modules is None:
            return
        for path, tensor in self.modules.reassigned_buffers():
            value = self.find(tensor)
            owner = attribute_for(self.scope, [path.rpartition(".")[0]])
            if value is not None and owner is not None:
                node = self.graph.insert("prim::SetAttr", [owner, value], 0)
                node.set_attribute("name", "s", path.rpartition(".")[2])
        for path, tensor in self.modules.reassigned_attributes():
            if self._known(tensor) is not None:
                messages.warn(messages.assigned(path))

    # --- scopes

    def enter(self, module: nn.Module) -> None:
        """Begin the call of a module, if it is one below the traced module."""
        path = None if self.modules is None else self.modules.path_of(module)
        receiver = attribute_for(self.scope, [path]) if path else None
        if self.modules is None or not path or receiver is None:
            return
        type = self.modules.type_at(path)
        self.graph.current_range = None
        self.scope = self.scope.enter(type, path, self.modules.next_method(type), receiver)
        self._scopes[self.scope.graph] = self.scope

    def leave(self, module: nn.Module) -> None:
        """End the call of a module, also of one whose `forward` has raised."""
        path = None if self.modules is None else self.modules.path_of(module)
        while path and self.scope.parent is not None:
            left, self.scope = self.scope, self.scope.parent
            if left.path == path:
                break


def _element(type: Type) -> Type:
    return type.element if isinstance(type, ir.OptionalType) else type


def _at(given: Sequence[object], slot: tuple[int, slice | None]) -> object:
    value = given[slot[0]]
    return value[slot[1]][0] if slot[1] is not None and isinstance(value, (list, tuple)) else value


def _storage_of(tensor: object) -> int | None:
    """The identity of the memory that a tensor is a view of; None for one that has none of its own."""
    if not isinstance(tensor, Tensor):
        return None
    try:
        return int(tensor.untyped_storage()._cdata)
    except (RuntimeError, NotImplementedError):
        return None
