"""Facts about node kinds that no operator schema describes: control flow, construction of values, attributes, calls.

The set of kinds is open; a kind that is neither here nor in the operator table may do anything. Kinds that do have a
schema (`prim::Print(...) -> ()`) are in the operator table and only there.

A difference from PyTorch, which drops a fork whose future nobody waits for together with all that the forked function
does: here starting a task is a side effect.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import final

__all__ = ["NODE_KINDS", "NodeKind"]


@final
@dataclass(frozen=True, slots=True)
class NodeKind:
    """One kind."""

    kind: str
    group: str
    """`control`, `values`, `attributes`, `calls`, `frontend` (gone after compilation), `optimizer` or `instruction`."""
    effects: bool = False
    """A node does something besides computing its outputs (and beyond what its sub-blocks do)."""


def _kinds(group: str, names: str, *, effects: bool = False) -> tuple[NodeKind, ...]:
    return tuple(NodeKind(f"prim::{name}", group, effects) for name in names.split())


_ALL = (
    *_kinds("control", "If Loop Param Return"),
    *_kinds("control", "Enter Exit", effects=True),
    *_kinds("values", "Constant TupleConstruct TupleSlice ListConstruct ListUnpack DictConstruct EmptyListLiteral"),
    *_kinds("values", "CreateObject isinstance"),
    *_kinds("attributes", "GetAttr HasAttr"),
    *_kinds("attributes", "SetAttr", effects=True),
    *_kinds("calls", "CallFunction CallMethod fork awaitable", effects=True),
    # What the compiler uses on its way from syntax to SSA. Closures only hold a block until it becomes a function.
    *_kinds("frontend", "Closure LoopContinuation ComprehensionScope Starred annotate Store Load Assign Placeholder"),
    *_kinds("frontend", "ReturnStmt BreakStmt ContinueStmt With LocalCall", effects=True),
    *_kinds("frontend", "forkClosure awaitableClosure", effects=True),
    *_kinds("frontend", "list dict zip enumerate range LegacyTypedConstructor"),
    *_kinds("frontend", "TracedAttr PackPadded PadPacked"),
    *_kinds("frontend", "TracedModuleForward TracedFork", effects=True),
    *_kinds("optimizer", "GradOf FunctionalGraph MKLDNNGroup CudaFusionGroup CudaFusionGuard BroadcastingChunk"),
    *_kinds("optimizer", "MakeTestTensor add_optional view_copy permute_copy reshape_copy squeeze_copy t_copy"),
    *_kinds("optimizer", "transpose_copy unsqueeze_copy flatten_copy expand_copy expand_as_copy Expand Reverse Eval"),
    *_kinds("instruction", "Jump JumpNZ JumpZ Drop", effects=True),
)

NODE_KINDS = MappingProxyType({kind.kind: kind for kind in _ALL})
"""Kind -> its facts."""
