"""Futures, remote references and remote calls."""

from __future__ import annotations

from flambeau.ir.jit_operators.table import CONSERVATIVE, SPECIAL, JitOperator, table

OPERATORS: tuple[JitOperator, ...] = (
    *table("aten::wait(Future(t) self) -> t", alias=SPECIAL, effects=True),
    *table(
        """
        prim::awaitable_nowait(t self) -> Await(t)
        prim::awaitable_wait(Await(t) self) -> t
        """,
        alias=SPECIAL,
    ),
    *table(
        """
        prim::rpc_async(...) -> ...
        prim::rpc_remote(...) -> ...
        prim::rpc_sync(...) -> ...
        """,
        alias=SPECIAL,
        effects=True,
    ),
    *table("""
        aten::confirmed_by_owner(RRef(t) self) -> bool
        aten::is_owner(RRef(t) self) -> bool
        aten::local_value(RRef(t) self) -> t(*)
        aten::owner(RRef(t) self) -> __torch__.torch.classes.dist_rpc.WorkerInfo
        aten::owner_name(RRef(t) self) -> str
        aten::to_here(RRef(t) self, float timeout=60.) -> t(*)
    """),
    *table(
        "aten::dist_backward(int context_id, Tensor[] roots, bool retain_graph=False) -> ()",
        alias=CONSERVATIVE,
    ),
)
