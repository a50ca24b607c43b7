"""Forward hooks and pre-hooks of modules: compiled with the module, called around its `forward`.

inputs = (x,)
inputs = pre_hook(module, inputs)             None: unchanged; one value: a tuple of it
result = forward(*inputs)
result = hook(module, inputs, result)         None: unchanged
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import FunctionType
from typing import TYPE_CHECKING

from flambeau import ir
from flambeau.errors import ScriptError, UnsupportedError
from flambeau.frontend import Arg, FunctionValue, SimpleValue, SugaredValue
from flambeau.ir import Function, SourceRange, Value
from flambeau.python.functions.functions import Compilation, default_arguments
from flambeau.python.functions.source_code import definition_of
from flambeau.python.modules.module_types import ModuleDescription
from flambeau.python.resolver import resolver_of
from flambeau.python.unit import services, unit

if TYPE_CHECKING:
    from flambeau.frontend import Emitter


def define_hooks(description: ModuleDescription) -> None:
    """Enter the hooks of a module in its type, uncompiled, unless they are there already."""
    owner = description.class_type
    if owner.forward_pre_hooks or owner.forward_hooks:
        return
    made: dict[str, tuple[Callable[..., object], Function]] = {}
    for hooks, functions in (
        (description.pre_hooks, owner.forward_pre_hooks),
        (description.hooks, owner.forward_hooks),
    ):
        for hook in hooks:
            if not isinstance(hook, FunctionType):
                raise UnsupportedError(f"the forward hook {hook!r} of '{owner.name}' is not a function with source")
            name = hook.__name__
            if name not in made:
                made[name] = (hook, _function(description, hook))
            known, function = made[name]
            if known is not hook:
                raise ScriptError(
                    f"Hook '{name}' on {owner.name} has at least two different python definitions. Please use unique "
                    "names for all hooks."
                )
            functions.append(function)


def compile_hooks(description: ModuleDescription) -> None:
    """Compile the hooks of a module; ScriptError if one has the name of a method."""
    define_hooks(description)
    owner = description.class_type
    for function in (*owner.forward_pre_hooks, *owner.forward_hooks):
        if function.name in owner.methods:
            raise ScriptError(
                f"Can't define hook: {function.name} on class: {owner.qualified_name} because a method or hook "
                "with that name already exists."
            )
        function.ensure_defined()
    forward = owner.methods.get("forward")
    if forward is not None and forward.is_defined:
        _check_signatures(owner, forward)


def _check_signatures(owner: ir.ClassType, forward: Function) -> None:
    """ScriptError unless every hook takes what the call hands it."""
    inputs = ir.TupleType(tuple(argument.type for argument in forward.schema.arguments[1:]))
    for hook in owner.forward_pre_hooks:
        _check_arguments("pre-hook", hook, owner, inputs, None)
        given = hook.schema.return_type
        single = inputs.elements[0] if len(inputs.elements) == 1 else inputs
        if given is not ir.NONE and not ir.is_subtype(given, single) and not ir.is_subtype(given, inputs):
            raise _wrong_hook("pre-hook", hook, owner, f"returns the wrong type '{given.annotation()}'", inputs, None)
    result = forward.schema.return_type
    for hook in owner.forward_hooks:
        _check_arguments("hook", hook, owner, inputs, result)
        given = hook.schema.return_type
        result = result if given is ir.NONE else given


def _check_arguments(
    kind: str, hook: Function, owner: ir.ClassType, inputs: ir.TupleType, result: ir.Type | None
) -> None:
    arguments = [argument.type for argument in hook.schema.arguments[1:]]
    expected = [inputs] if result is None else [inputs, result]
    if len(arguments) != len(expected):
        reason = f"was expected to have {len(expected) + 1} arguments but has {len(arguments) + 1}"
        raise _wrong_hook(kind, hook, owner, reason, inputs, result)
    if not isinstance(arguments[0], ir.TupleType) and not ir.is_subtype(inputs, arguments[0]):
        reason = (
            f"expected the input argument to be typed as a Tuple but found type: '{arguments[0].annotation()}' instead"
        )
        raise _wrong_hook(kind, hook, owner, reason, inputs, result)
    if not ir.is_subtype(inputs, arguments[0]):
        received = arguments[0].annotation()
        reason = f"has the wrong inner types for the input tuple argument. Received type: '{received}'"
        raise _wrong_hook(kind, hook, owner, reason, inputs, result)
    if result is not None and not ir.is_subtype(result, arguments[1]):
        received = arguments[1].annotation()
        raise _wrong_hook(
            kind, hook, owner, f"has the wrong type for the output argument: '{received}'", inputs, result
        )


def _wrong_hook(
    kind: str, hook: Function, owner: ir.ClassType, reason: str, inputs: ir.TupleType, result: ir.Type | None
) -> ScriptError:
    output = "" if result is None else f", output: {result.annotation()}"
    signature = f"{hook.name}(self, input: {inputs.annotation()}{output})"
    return ScriptError(
        f"{kind.capitalize()} '{hook.name}' on module '{owner.name}' {reason}.\nThis forward {kind} is expected to "
        f"have the following signature: {signature}. If it is not to be scripted, remove it from the module first."
    )


def _function(description: ModuleDescription, hook: FunctionType) -> Function:
    owner, definition = description.class_type, definition_of(hook)
    return Function(
        f"{owner.qualified_name}.{hook.__name__}",
        define=Compilation(
            definition,
            resolver_of(hook, definition, services.sugared),
            defaults=default_arguments(hook),
            self_type=owner,
            self_value=lambda value: services.module_value(value, description),
        ),
        lock=unit.lock,
    )


def call_with_hooks(
    emitter: Emitter,
    range: SourceRange,
    module: Value,
    description: ModuleDescription,
    forward: SugaredValue,
    args: Sequence[Arg],
) -> SugaredValue:
    """Emit a call of a module that has hooks."""
    owner = description.class_type
    inputs = emitter.make_tuple([arg.value(emitter) for arg in args], range)
    for hook in owner.forward_pre_hooks:
        given = _call(emitter, range, hook, module, inputs)
        if isinstance(given.type, ir.TupleType):
            inputs = given
        elif given.type is not ir.NONE:
            inputs = emitter.make_tuple([given], range)
    unpacked = SimpleValue(inputs).as_tuple(emitter, range)
    result = forward.call(emitter, range, [Arg(value, range) for value in unpacked], []).as_value(emitter, range)
    for hook in owner.forward_hooks:
        given = _call(emitter, range, hook, module, inputs, result)
        if given.type is not ir.NONE:
            result = given
    return SimpleValue(result)


def _call(emitter: Emitter, range: SourceRange, hook: Function, *values: Value) -> Value:
    args = [Arg(SimpleValue(value), range) for value in values]
    return FunctionValue.of(hook).call(emitter, range, args, []).as_value(emitter, range)
