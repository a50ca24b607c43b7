"""Modules for PyTorch to script; their annotations are evaluated, as those of its users are."""

import enum
import math
from typing import Any, Dict, List, NamedTuple, Optional, Tuple, Union

import torch


class Color(enum.Enum):
    RED = 1
    GREEN = 2


class Point(NamedTuple):
    x: int
    y: str


class Attributes(torch.nn.Module):
    anything: Any
    union: Union[int, str]
    maybe: Optional[List[int]]
    nothing: Optional[int]
    things: List[Any]
    strings: List[str]
    integers: List[int]
    pairs: Dict[int, torch.Tensor]
    lists: Tuple[List[int], List[int]]
    empty: Tuple[()]
    nested: Dict[str, List[Tuple[int, str]]]

    def __init__(self) -> None:
        super().__init__()
        self.anything = [1, 2]
        self.union = "q"
        self.maybe = [3]
        self.nothing = None
        self.things = [1, "a", [2], {"k": 1}, 2.5, None, (1, "x")]
        self.strings, self.integers, self.pairs = [], [], {}
        self.lists = ([9], [9])
        self.empty = ()
        self.nested = {"a": [(1, "b")]}
        self.color = Color.GREEN
        self.point = Point(1, "a")
        self.number, self.text, self.accented = 1.5, "text", "é\n\0"
        self.complex, self.complexes = 1 + 2j, [1j, 2j]
        self.device, self.cuda = torch.device("cpu"), torch.device("cuda:0")
        self.dtype, self.layout = torch.float32, torch.strided
        self.numbers = [
            0,
            255,
            256,
            65535,
            65536,
            -1,
            2**31 - 1,
            2**31,
            -(2**31),
            -(2**31) - 1,
            2**63 - 1,
            -(2**63),
        ]
        self.floats = [0.0, -0.0, 1e300, math.inf, -math.inf, math.nan]
        self.flags = [True, False]
        self.four = (1, 2, 3, 4)

    def forward(self, x: torch.Tensor):
        return self.color == Color.RED


class Tensors(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        for dtype in (
            "bfloat16",
            "float16",
            "uint16",
            "uint64",
            "float8_e4m3fn",
            "float8_e5m2",
            "complex32",
            "bool",
        ):
            setattr(self, dtype, torch.ones(3).to(getattr(torch, dtype)))
        whole = torch.arange(10)
        self.list = [torch.ones(2), torch.zeros(0), torch.tensor(3)]
        self.first, self.second = whole[2:5], whole[::2]
        self.expanded = torch.ones(1).expand(5)
        self.transposed = torch.arange(6.0).reshape(2, 3).t()
        self.conjugate = torch.ones(2, dtype=torch.complex64).conj()
        self.negative = torch.ones(2, dtype=torch.complex64).conj().imag
        self.meta = torch.ones(2, device="meta")
        self.parameter = torch.nn.Parameter(torch.ones(2))
        self.register_buffer("buffer", torch.ones(2))
        self.quantized = torch.quantize_per_tensor(torch.ones(2, 2), 0.1, 3, torch.quint8)
        scales, points = torch.tensor([0.1, 0.2]), torch.tensor([1, 2])
        self.channels = torch.quantize_per_channel(torch.ones(2, 2), scales, points, 0, torch.qint8)
        self.float_points = torch.quantize_per_channel(torch.ones(2, 2), scales, points * 1.0, 1, torch.quint8)
        self.coo = torch.sparse_coo_tensor(torch.tensor([[0, 1]]), torch.tensor([1.0, 2.0]), (3,))
        self.csr = torch.ones(2, 2).to_sparse_csr()

    def forward(self, x: torch.Tensor):
        return x


class Stateful(torch.nn.Module):
    """Says itself what is saved of it."""

    def __init__(self):
        super().__init__()
        self.w = torch.ones(2)

    @torch.jit.export
    def __getstate__(self):
        return (self.w, 3, self.training)

    @torch.jit.export
    def __setstate__(self, s: Tuple[torch.Tensor, int, bool]):
        self.w = s[0]
        self.training = s[2]

    def forward(self, x):
        return x + self.w


class Lists(torch.nn.Module):
    empty: List[str]
    optional: Optional[List[int]]

    def __init__(self) -> None:
        super().__init__()
        self.strings = ["a", "b"]
        self.table = {"k": [1.5]}
        self.pairs = [(1, "x")]
        self.empty = []
        self.optional = [3]

    def forward(self, x: torch.Tensor):
        self.empty.append("new")
        return self.strings, self.table, self.pairs, self.empty, self.optional
