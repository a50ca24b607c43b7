"""How a function runs, in words: for whoever wonders why it is as fast or as slow as it is."""

from __future__ import annotations

from flambeau import ir, settings
from flambeau.api.functions import Callable
from flambeau.api.modules import Module
from flambeau.errors import FlambeauError
from flambeau.passes import callee_of
from flambeau.runtime import Plan, execution_plan, reason_for_interpreting, reason_unoptimised

__all__ = ["explain"]


def explain(what: object) -> str:
    """What a call of a function, a method or a module's `forward` does: the tier, the graph after optimisation, the
    Python source that was generated from it, and what it leaves out or falls back to, and why. The same follows of each
    function that it calls rather than has inlined.

    TypeError for anything else. Nothing is run, but what was not compiled yet is compiled now, and what is being made
    in the background is waited for.
    """
    root = _function_of(what)
    sections = [_section(root)]
    if settings.TIER.value == "interpreter":
        return sections[0]
    seen, pending = {root}, [root]
    for function in pending:  # grows while it is read
        for callee in _callees(function):
            if callee not in seen:
                seen.add(callee)
                try:
                    sections.append(_section(callee))
                except FlambeauError as error:
                    sections.append(f"function {callee.qualified_name}\nnot compiled: {error}")
                else:
                    pending.append(callee)
    return "\n\n".join(sections)


def _callees(function: ir.Function) -> list[ir.Function]:
    """The functions that the optimised form of one calls, where that is known."""
    if reason_for_interpreting(function) or reason_unoptimised(function):
        return []
    found = map(callee_of, execution_plan(function).graph.walk())
    return [callee for callee in found if callee is not None]


def _section(function: ir.Function) -> str:
    """What is to be said of one function."""
    lines = [f"function {function.qualified_name}"]
    if settings.TIER.value == "interpreter":
        lines.append("tier: interpreter, as the setting `tier` says; graphs run as they were compiled")
        return "\n".join([*lines, "", str(function.graph)])
    reason = reason_for_interpreting(function)
    if reason:
        lines.append(f"tier: interpreter, since Python source cannot be generated: {reason}")
        return "\n".join([*lines, "", "graph:", str(function.graph)])
    plan = execution_plan(function)
    unoptimised = reason_unoptimised(function)
    lines += ["tier: Python source", f"dispatcher: {_layers(plan)}", *_calls(plan)]
    if unoptimised:
        lines.append(f"not optimised: {unoptimised}")
    title = "graph, as it was compiled:" if unoptimised else "graph after optimisation:"
    lines += ["", title, str(plan.graph), "source:", plan.source]
    for kind, forms in ("specialised", plan.specialized), ("specialised, while gradients are recorded,", plan.recorded):
        for form in forms.forms if forms is not None else ():
            lines += [f"{kind} for {form.guard}", "graph:", str(form.graph), "source:", form.source]
    return "\n".join(lines)


def _function_of(what: object) -> ir.Function:
    if isinstance(what, Callable):
        return what.function
    inner = getattr(what, "_c", what)
    if isinstance(inner, Module):
        return inner.get_method("forward").function
    raise TypeError(f"expected a scripted function, method or module, not {type(what).__name__}")


def _layers(plan: Plan) -> str:
    left_out = plan.unneeded.value
    if left_out == "none":
        return "every call passes through autograd's layer"
    return (
        f"while gradients are not recorded, calls leave out the layers of {left_out}; guards before each run: gradients"
        " disabled or required by nothing that comes in, no forward-mode gradients, no transform of torch.func, no"
        " dispatch mode, no tensor subclasses"
    )


def _calls(plan: Plan) -> list[str]:
    """The functions that are called rather than inlined."""
    names: set[str] = set()
    for node in plan.graph.walk():
        if node.kind == "prim::CallMethod":
            names.add(f"{node.inputs[0].type}.{node.string_attribute('name')}")
        elif node.kind == "prim::CallFunction":
            called = ir.constant_value(node.inputs[0])
            names.add(called.qualified_name if isinstance(called, ir.Function) else "a function value")
    return [f"calls, not inlined: {', '.join(sorted(names))}"] if names else []
