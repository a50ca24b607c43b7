"""CUDA streams and devices. PyTorch registers these in builds with CUDA; archives written there name them anywhere."""

from __future__ import annotations

from flambeau.ir.jit_operators.table import JitOperator, table

OPERATORS: tuple[JitOperator, ...] = (
    *table("""
        cuda::current_stream.device(Device? device) -> __torch__.torch.classes.cuda.Stream
        cuda::current_stream.int(int? val) -> __torch__.torch.classes.cuda.Stream
        cuda::default_stream.device(Device? device) -> __torch__.torch.classes.cuda.Stream
        cuda::default_stream.int(int? val) -> __torch__.torch.classes.cuda.Stream
        cuda::device_count() -> int
        cuda::device_index(Device device) -> int
    """),
    *table(
        """
        cuda::_current_device() -> int
        cuda::_exchange_device(int index) -> int
        cuda::_maybe_exchange_device(int index) -> int
        cuda::_set_device(int val) -> ()
        cuda::set_stream(__torch__.torch.classes.cuda.Stream stream) -> ()
        cuda::synchronize() -> ()
        cuda::synchronize.device(Device? device) -> ()
        cuda::synchronize.int(int? val) -> ()
        """,
        effects=True,
    ),
)
