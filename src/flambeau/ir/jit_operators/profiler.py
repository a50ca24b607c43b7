"""Measurement from inside scripts."""

from __future__ import annotations

from flambeau.ir.jit_operators.table import JitOperator, table

OPERATORS: tuple[JitOperator, ...] = (
    *table(
        """
        prim::AddStatValue(str key, int val) -> ()
        prim::TimePoint() -> int
        """,
        effects=True,
    ),
    *table("""
        profiler::_call_end_callbacks_on_jit_fut(Tensor x, Future(t) y) -> Future(t)
        profiler::_call_end_callbacks_on_jit_fut._RecordFunction(\
__torch__.torch.classes.profiler._RecordFunction x, Future(t) y) -> Future(t)
    """),
)
