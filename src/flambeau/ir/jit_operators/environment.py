"""What a script asks of, or does to, the world around it: output, exceptions, Python, files, seeds, modes."""

from __future__ import annotations

from flambeau.ir.jit_operators.table import CONSERVATIVE, SPECIAL, JitOperator, table

OPERATORS: tuple[JitOperator, ...] = (
    *table(
        """
        prim::Print(...) -> ()
        prim::PythonOp(...) -> ...
        """,
        alias=SPECIAL,
        effects=True,
    ),
    *table(
        """
        prim::IgnoredPythonOp(...) -> NoneType
        prim::RaiseException(str msg, str? cls=None) -> ()
        aten::warn(str message, int stacklevel=2) -> ()
        aten::save(t item, str filename) -> ()
        aten::manual_seed(int seed) -> ()
        aten::manual_seed.generator(Generator(a!) self, int seed) -> Generator(a!)
        """,
        effects=True,
    ),
    *table("""
        aten::Generator(*, Device? device=None, int? seed=None) -> Generator
        aten::initial_seed(Generator self) -> int
        aten::seed(Generator(a!) self) -> int
        aten::_get_tracing_state() -> bool
        aten::has_torch_function(...) -> bool
        aten::is_scripting() -> bool
    """),
    # Modes are not arguments, so these may not be moved past what sets them.
    *table(
        """
        aten::_get_cpu_capability() -> str
        aten::get_autocast_dtype(str device_type) -> ScalarType
        aten::is_autocast_cpu_enabled() -> bool
        aten::is_autocast_enabled() -> bool
        aten::is_grad_enabled() -> bool
        aten::set_grad_enabled(bool val) -> ()
        """,
        alias=CONSERVATIVE,
    ),
)
