"""From an `ExportedProgram` to a scripted module with the same parameters, buffers and results.

    program = torch.export.export(model, (x,))
    flambeau.save(flambeau.from_exported_program(program), "model.pt")

Parameters and buffers stand where they stood in the model, so that `state_dict` has the same keys. What the exported
program writes to buffers and inputs is written; what it returns is put together as it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from flambeau import ir
from flambeau.errors import UnsupportedError
from flambeau.ir import (
    MISSING,
    Argument,
    ClassType,
    DictType,
    Function,
    FunctionSchema,
    Graph,
    ListType,
    ScriptObject,
    TupleType,
    Type,
    Value,
)
from flambeau.passes import eliminate_dead_code, pool_constants, run
from flambeau.python.exporting.nodes import Body
from flambeau.python.modules.script_module import ScriptModule, wrap_module
from flambeau.python.types.type_inference import NotInferred, infer_type
from flambeau.python.unit import unit

__all__ = ["from_exported_program"]

_CLASS = "__torch__.exported.Module"


def from_exported_program(program: torch.export.ExportedProgram) -> ScriptModule:
    """A scripted module that computes what an exported program does.

    UnsupportedError for what scripts cannot say: operators without a schema of TorchScript's, higher-order operators
    other than `cond`, inputs and outputs that are not tensors, numbers or containers of them.
    """
    with unit.lock:
        return wrap_module(_Conversion(program).module(), unit.compilation_unit)


@final
class _State:
    """The modules that parameters and buffers lie in."""

    def __init__(self) -> None:
        self._children: dict[str, _State] = {}
        self._tensors: dict[str, tuple[ir.AttributeKind, Tensor]] = {}

    def add(self, path: str, kind: ir.AttributeKind, tensor: Tensor) -> None:
        head, dot, rest = path.partition(".")
        if dot:
            self._children.setdefault(head, _State()).add(rest, kind, tensor)
        else:
            self._tensors[head] = kind, tensor

    def made(self) -> ScriptObject:
        """An object for this module and those below."""
        kind = ClassType(unit.compilation_unit.free_name(_CLASS), is_module=True)
        unit.compilation_unit.add_type(kind)
        values: list[object] = []
        for name, (attribute, tensor) in self._tensors.items():
            kind.add_attribute(name, ir.TENSOR, attribute)
            values.append(tensor)
        kind.add_attribute("training", ir.BOOL)
        values.append(False)
        for name, child in self._children.items():
            below = child.made()
            kind.add_attribute(name, below.type)
            values.append(below)
        return ScriptObject(kind, values)


@final
class _Conversion:
    """One program being converted."""

    def __init__(self, program: torch.export.ExportedProgram) -> None:
        self._program = program
        self._graph = Graph()
        self._arguments: list[Argument] = []
        self._root = self._state().made()
        self._self = self._graph.add_input("self", self._root.type)
        self._read: dict[str, Value] = {"": self._self}

    def module(self) -> ScriptObject:
        inputs = self._inputs()
        results = Body(self._graph, self._program.graph_module).run(inputs)
        output = self._outputs(list(results), inputs)
        self._graph.add_output(output)
        run(self._graph, eliminate_dead_code, pool_constants)
        owner = self._root.type
        schema = FunctionSchema(
            "forward",
            "",
            (Argument("self", owner), *self._arguments),
            (Argument("", ir.unshaped(output.type)),),
        )
        owner.add_method("forward", Function(f"{owner.qualified_name}.forward", self._graph, schema))
        return self._root

    # --- state

    def _state(self) -> _State:
        state, signature = _State(), self._program.graph_signature
        held = {**self._program.state_dict, **self._program.constants}
        for spec in signature.input_specs:
            if spec.target is None or spec.target not in held:
                continue
            tensor = held[spec.target]
            if not isinstance(tensor, Tensor):
                raise UnsupportedError(f"exported programs with a {type(tensor).__name__} as a constant")
            is_parameter = spec.kind is torch.export.graph_signature.InputKind.PARAMETER
            if is_parameter and not isinstance(tensor, nn.Parameter):
                tensor = nn.Parameter(tensor, tensor.requires_grad)
            is_buffer = spec.kind is torch.export.graph_signature.InputKind.BUFFER
            state.add(spec.target, "parameter" if is_parameter else "buffer" if is_buffer else "attribute", tensor)
        return state

    def _attribute(self, path: str) -> Value:
        """The tensor or module at a path, read when first asked for."""
        if path not in self._read:
            owner, _, name = path.rpartition(".")
            holder = self._attribute(owner)
            kind = holder.type
            attribute = kind.find_attribute(name) if isinstance(kind, ClassType) else None
            if attribute is None:
                raise UnsupportedError(f"exported programs that use '{path}', which they do not hold")
            node = self._graph.insert("prim::GetAttr", [holder], [attribute.type]).set_attribute("name", "s", name)
            self._read[path] = node.output
        return self._read[path]

    # --- inputs

    def _inputs(self) -> list[Any]:
        """What each placeholder stands for."""
        kinds = torch.export.graph_signature.InputKind
        specs = self._program.graph_signature.input_specs
        given = self._user_inputs([s for s in specs if s.kind is kinds.USER_INPUT])
        values: list[Any] = []
        for spec in specs:
            if spec.kind is kinds.USER_INPUT:
                values.append(next(given))
            elif spec.target is not None:
                values.append(self._attribute(spec.target))
            else:
                raise UnsupportedError(f"exported programs with inputs of kind {spec.kind.name}")
        return values

    def _user_inputs(self, specs: Sequence[Any]) -> Iterator[Any]:
        positional, keywords = self._program.call_spec.in_spec.children()
        leaves = iter(specs)
        found: list[Any] = []
        names = [*(["" for _ in positional.children()]), *keywords.context]
        for index, (name, tree) in enumerate(zip(names, [*positional.children(), *keywords.children()], strict=True)):
            taken = [next(leaves) for _ in range(tree.num_leaves)]
            if tree.is_leaf():
                name = name or taken[0].arg.name
            self._add_argument(name or f"argument_{index}", tree, taken, found)
        return iter(found)

    def _add_argument(self, name: str, tree: Any, specs: Sequence[Any], found: list[Any]) -> None:
        leaves = iter([_input_type(spec.arg) for spec in specs])
        type = _type_of(tree, leaves)
        constant = getattr(specs[0].arg, "value", MISSING) if tree.is_leaf() else MISSING
        value = self._graph.add_input(name, type)
        self._arguments.append(Argument(name, type, default=constant))
        self._take_apart(tree, value, found)

    def _take_apart(self, tree: Any, value: Value, found: list[Any]) -> None:
        if tree.is_leaf():
            found.append(value)
            return
        children = tree.children()
        if tree.type is dict:
            parts: list[Value] = []
            for key, child in zip(tree.context, children, strict=True):
                inputs = [value, ir.insert_constant(self._graph, key)]
                item = value.type.value if isinstance(value.type, DictType) else _type_of(child, iter(()))
                parts.append(self._graph.insert("aten::__getitem__", inputs, [item]).output)
        else:
            kind = "prim::TupleUnpack" if tree.type is tuple else "prim::ListUnpack"
            types = value.type.elements if isinstance(value.type, TupleType) else value.type.contained * len(children)
            parts = list(self._graph.insert(kind, [value], types).outputs)
        for part, child in zip(parts, children, strict=True):
            self._take_apart(child, part, found)

    # --- outputs

    def _outputs(self, results: list[Any], inputs: Sequence[Any]) -> Value:
        kinds = torch.export.graph_signature.OutputKind
        signature = self._program.graph_signature
        by_name = {spec.arg.name: value for spec, value in zip(signature.input_specs, inputs, strict=True)}
        returned: list[Value] = []
        for spec, value in zip(signature.output_specs, results, strict=True):
            if spec.kind is kinds.USER_OUTPUT:
                returned.append(value if isinstance(value, Value) else ir.insert_constant(self._graph, value))
            elif spec.kind is kinds.BUFFER_MUTATION:
                self._write(self._attribute(str(spec.target)), value)
            elif spec.kind is kinds.USER_INPUT_MUTATION:
                self._write(by_name[str(spec.target)], value)
            elif spec.kind is not kinds.TOKEN:
                raise UnsupportedError(f"exported programs with results of kind {spec.kind.name}")
        leaves = iter(returned)
        return self._put_together(self._program.call_spec.out_spec, leaves)

    def _write(self, target: Value, value: Value) -> None:
        blocking = ir.insert_constant(self._graph, False)
        self._graph.insert("aten::copy_", [target, value, blocking], [ir.TENSOR])

    def _put_together(self, tree: Any, leaves: Iterator[Value]) -> Value:
        if tree.is_leaf():
            return next(leaves)
        parts = [self._put_together(child, leaves) for child in tree.children()]
        types = [ir.unshaped(part.type) for part in parts]
        if tree.type is tuple:
            return self._graph.insert("prim::TupleConstruct", parts, [TupleType(tuple(types))]).output
        if tree.type is list:
            return self._graph.insert("prim::ListConstruct", parts, [ListType(_common(types))]).output
        if tree.type is dict and parts:
            keys = [ir.insert_constant(self._graph, key) for key in tree.context]
            items = [value for pair in zip(keys, parts, strict=True) for value in pair]
            made = DictType(_common([key.type for key in keys]), _common(types))
            return self._graph.insert("prim::DictConstruct", items, [made]).output
        raise UnsupportedError(f"exported programs that return a {_name(tree)}")


def _input_type(argument: Any) -> Type:
    match type(argument).__name__:
        case "TensorArgument":
            return ir.TENSOR
        case "SymIntArgument":
            return ir.INT
        case "SymFloatArgument":
            return ir.FLOAT
        case "SymBoolArgument":
            return ir.BOOL
        case "ConstantArgument":
            inferred = infer_type(argument.value)
            if not isinstance(inferred, NotInferred):
                return inferred
    raise UnsupportedError(f"exported programs with inputs that are {type(argument).__name__}s")


def _type_of(tree: Any, leaves: Iterator[Type]) -> Type:
    if tree.is_leaf():
        return next(leaves)
    types = [_type_of(child, leaves) for child in tree.children()]
    if tree.type is tuple:
        return TupleType(tuple(types))
    if tree.type is list:
        return ListType(_common(types))
    if tree.type is dict and types:
        return DictType(_common([_key_type(key) for key in tree.context]), _common(types))
    raise UnsupportedError(f"exported programs that take a {_name(tree)}")


def _key_type(key: object) -> Type:
    inferred = infer_type(key)
    if isinstance(inferred, NotInferred):
        raise UnsupportedError(f"exported programs with dicts whose keys are {type(key).__name__}s")
    return inferred


def _common(types: Sequence[Type]) -> Type:
    if not types:
        return ir.TENSOR
    if any(t != types[0] for t in types):
        raise UnsupportedError("exported programs with lists or dicts of different types")
    return types[0]


def _name(tree: pytree.TreeSpec) -> str:
    return getattr(tree.type, "__name__", str(tree.type))
