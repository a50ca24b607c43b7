"""Small modules, each with one thing that archives must keep."""

import enum
from typing import Any, Dict, List, NamedTuple, Optional, Tuple, Union

import torch
from torch import Tensor, nn

from tests.serialization.zoo.specimen import Specimen

SPECIMENS: dict[str, Specimen] = {}


def specimen(*arguments: object, calls: object = None, properties: tuple[str, ...] = ()):
    """Enter a module class, which is called with these arguments (or with `calls`)."""

    def enter(cls: type) -> type:
        made = calls if calls is not None else [("forward", arguments)]
        SPECIMENS[cls.__name__] = Specimen(cls, lambda: _copied(made), properties=properties)
        return cls

    return enter


def _copied(calls: object) -> list[tuple[str, tuple[object, ...]]]:
    return [(name, tuple(a.clone() if isinstance(a, Tensor) else a for a in arguments)) for name, arguments in calls]


X = torch.linspace(-2, 2, 6).reshape(2, 3)


# --- control flow


@specimen(calls=[("forward", (X, 0)), ("forward", (X, 5)), ("forward", (X, -1))])
class IfElse(nn.Module):
    def forward(self, x: Tensor, n: int) -> Tensor:
        if n > 3:
            y = x + n
        elif n < 0:
            return -x
        else:
            y = x * 2
        return y.relu()


@specimen(calls=[("forward", (X, 0)), ("forward", (X, 4))])
class Loops(nn.Module):
    def forward(self, x: Tensor, n: int) -> Tuple[Tensor, int, float]:
        total = 0
        scale = 1.5
        for i in range(n):
            if i == 2:
                continue
            x = x * scale + i
            total += i
        while total > 1:
            total -= 2
            scale = scale / 2
            if scale < 0.2:
                break
        return x, total, scale


@specimen(calls=[("forward", (X, 3)), ("forward", (X, 30))])
class EarlyReturnInLoop(nn.Module):
    def forward(self, x: Tensor, n: int) -> Tensor:
        for i in range(n):
            x = x + 1
            if i > 10:
                return x.sum()
        return x


@specimen(calls=[("forward", (X, [1, 2, 3])), ("forward", (X, []))])
class OverLists(nn.Module):
    def forward(self, x: Tensor, ns: List[int]) -> List[Tensor]:
        out: List[Tensor] = []
        for n, m in zip(ns, ns[::-1]):
            out.append(x + n * m)
        for i, n in enumerate(ns):
            out[i] = out[i] - n
        return [y * 2 for y in out]


@specimen(calls=[("forward", (X, None)), ("forward", (X, X))])
class Optionals(nn.Module):
    def forward(self, x: Tensor, y: Optional[Tensor] = None) -> Optional[Tensor]:
        if y is None:
            return None
        z: Optional[Tensor] = y
        if x.sum() > 100:
            z = None
        if z is not None:
            return x + z
        return z


@specimen(calls=[("forward", (3,)), ("forward", (2.5,)), ("forward", ("text",))])
class Unions(nn.Module):
    def forward(self, x: Union[int, float, str]) -> Union[int, str]:
        if isinstance(x, int):
            return x + 1
        if isinstance(x, float):
            return str(x)
        return x


@specimen(X)
class Raises(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        if x.dim() != 2:
            raise ValueError(f"expected 2 dimensions, got {x.dim()}")
        assert x.size(0) == 2, "two rows"
        return x


@specimen(X)
class WithNoGrad(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))

    def forward(self, x: Tensor) -> Tuple[Tensor, bool]:
        with torch.no_grad():
            y = x * self.weight
        z = x * self.weight
        return y + z.detach(), y.requires_grad


@specimen(X)
class Forks(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)

    def work(self, x: Tensor, n: int) -> Tensor:
        for _ in range(n):
            x = self.linear(x)
        return x

    def forward(self, x: Tensor) -> Tensor:
        futures = [torch.jit.fork(self.work, x, i) for i in range(3)]
        total = torch.jit.wait(torch.jit.fork(self.linear, x))
        for future in futures:
            total = total + torch.jit.wait(future)
        return total


@specimen(X)
class Comprehensions(nn.Module):
    def forward(self, x: Tensor) -> Tuple[List[int], Dict[str, Tensor], List[str]]:
        a = [i * i for i in range(4)]
        b = {str(i): x + i for i in a}
        return a, b, [key for key in b.keys()]


# --- attributes


@specimen(X, properties=("numbers", "table", "nested", "pair", "nothing", "device_", "text", "scale"))
class Containers(nn.Module):
    numbers: List[int]
    empty: List[str]
    table: Dict[str, float]
    nested: Dict[str, List[Tuple[int, str]]]
    pair: Tuple[int, Tensor]
    nothing: Optional[int]
    maybe: Optional[List[Optional[int]]]

    def __init__(self) -> None:
        super().__init__()
        self.numbers = [1, 2, 3]
        self.empty = []
        self.table = {"a": 1.5, "b": 2.5}
        self.nested = {"k": [(1, "x"), (2, "y")]}
        self.pair = (7, torch.arange(3.0))
        self.nothing = None
        self.maybe = [None, 3]
        self.device_ = torch.device("cpu")
        self.text = "plain text"
        self.scale = 0.1
        self.flags = [True, False]
        self.tensors = [torch.ones(3), torch.zeros(3)]

    def forward(self, x: Tensor) -> Tensor:
        for n in self.numbers:
            x = x + n * self.table["b"]
        self.numbers.append(9)
        self.empty.append("new")
        self.table["c"] = float(len(self.empty))
        maybe = self.maybe
        if maybe is not None:
            last = maybe[1]
            if last is not None:
                x = x - last
        return (x + self.pair[1] + self.tensors[0]) * self.scale + len(self.nested["k"])


@specimen(
    calls=[("forward", (X,)), ("forward", (X,)), ("reset", ()), ("forward", (X,))], properties=("count", "history")
)
class KeepsState(nn.Module):
    history: List[int]

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("total", torch.zeros(3))
        self.register_buffer("scratch", torch.ones(1), persistent=False)
        self.register_buffer("absent", None)
        self.count = 0
        self.history = []

    @torch.jit.export
    def reset(self) -> None:
        self.total.zero_()
        self.count = 0

    def forward(self, x: Tensor) -> Tensor:
        self.total += x.sum(0)
        self.count += 1
        self.history.append(self.count)
        return self.total * self.scratch


@specimen(X)
class SharedTensors(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        whole = torch.arange(12.0)
        self.register_buffer("a", whole[:6].view(2, 3))
        self.register_buffer("b", whole[3:9].view(2, 3))
        self.register_buffer("c", whole.view(3, 4).t())

    def forward(self, x: Tensor) -> Tensor:
        self.a.add_(1)
        return x + self.b + self.c[:2, :3]


@specimen(X)
class TiedWeights(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3)
        self.second.weight = self.first.weight
        self.third = self.first

    def forward(self, x: Tensor) -> Tensor:
        return self.third(self.second(self.first(x)))


@specimen(X)
class Dtypes(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        for name in ("bfloat16", "float16", "float64", "int8", "uint8", "int16", "int64", "bool", "complex64"):
            self.register_buffer(f"as_{name}", torch.tensor([0, 1, 1]).to(getattr(torch, name)))
        self.register_buffer("transposed", torch.arange(6.0).reshape(2, 3).t())
        self.register_buffer("expanded", torch.ones(1).expand(3))
        self.register_buffer("no_elements", torch.ones(0, 3))
        self.register_buffer("scalar", torch.tensor(2.5))

    def forward(self, x: Tensor) -> Tuple[Tensor, Tensor]:
        y = x + self.as_bfloat16.float() + self.as_float16.float() + self.as_int8 + self.as_bool + self.scalar
        return y + self.transposed[0, 0] + self.expanded, self.as_complex64 * 2j


@specimen(X)
class ConstantTensors(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + torch.tensor([1.0, 2.0, 3.0]) + torch.ones(3) * torch.tensor([[2], [3]])


@specimen(calls=[("forward", (2,))], properties=("text", "names"))
class Accents(nn.Module):
    names: Dict[str, int]

    def __init__(self) -> None:
        super().__init__()
        self.text = "größer ☃ 日本 \U0001f600 \0 \n \" \\ '"
        self.names = {"ü": 1, "日": 2}

    def forward(self, n: int) -> Tuple[str, Dict[str, int]]:
        return self.text + "é" + str(n) + "\0\x07\x7f\\\"'\n\t", {"ö": self.names["日"], "a": 1}


@specimen(X)
class NamesThatAreNoIdentifiers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleDict({"0": nn.Linear(3, 3), "a-b": nn.ReLU(), "1x": nn.Tanh()})
        self.sequence = nn.Sequential(nn.Linear(3, 3), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers.values():
            x = layer(x)
        return self.sequence(x)


@specimen(X, 1, 2.0, [3], X)
class AwkwardParameterNames(nn.Module):
    def forward(self, input: Tensor, ops: int, inf: float, CONSTANTS: List[int], fork: Tensor) -> Tensor:
        _0 = input + ops
        _1 = _0 * inf
        uninitialized = fork + 1
        annotate = uninitialized * 2
        return _1 + annotate + CONSTANTS[0] + float("inf")


@specimen(X)
class FinalConstants(nn.Module):
    __constants__ = ["depth", "shape", "label", "flags", "nothing", "big"]

    def __init__(self) -> None:
        super().__init__()
        self.depth = 3
        self.shape = (2, 3)
        self.label = "name"
        self.flags = [True, False]
        self.nothing = None
        self.big = 1e300

    def forward(self, x: Tensor) -> Tuple[Tensor, str]:
        y = x
        for _ in range(self.depth):
            y = y + self.shape[0]
        if self.flags[1]:
            y = y * self.big
        return y, self.label


@specimen(X)
class ComplexNumbers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.factor = 1.5 - 2j
        self.register_buffer("z", torch.tensor([1 + 1j, 2, 3j]))

    def forward(self, x: Tensor) -> Tuple[Tensor, complex]:
        return x * self.z * 2j, self.factor * (1 + 3j)


@specimen(X)
class SpecialFloats(nn.Module):
    def forward(self, x: Tensor) -> List[float]:
        return [float("inf"), -float("inf"), float("nan"), 1e-320, 0.1, -0.0, 3.0, 1e22]


@specimen(X)
class LargeIntegers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.values = [2**63 - 1, -(2**63), 2**31, -(2**31) - 1, 255, 256, 65535, 65536]

    def forward(self, x: Tensor) -> List[int]:
        return self.values + [9223372036854775807, -9223372036854775807]


# --- structure


class Inner(nn.Module):
    def __init__(self, n: int) -> None:
        super().__init__()
        self.n = n
        self.linear = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x) + self.n

    @torch.jit.export
    def other(self, x: Tensor, scale: float = 2.0, names: Optional[List[str]] = None) -> Tensor:
        return x * scale * self.n


@specimen(X)
class Submodules(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = Inner(1)
        self.many = nn.ModuleList([Inner(2), Inner(3), nn.ReLU()])
        self.absent = None
        self.nested = nn.Sequential(nn.Sequential(Inner(4)), nn.Identity())

    def forward(self, x: Tensor) -> Tensor:
        x = self.first.other(x) + self.first.other(x, scale=0.5)
        for layer in self.many:
            x = layer(x)
        return self.nested(x)


@specimen(X)
class ParameterContainers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.list = nn.ParameterList([nn.Parameter(torch.ones(3)), nn.Parameter(torch.zeros(3))])
        self.frozen = nn.Parameter(torch.ones(3), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        for p in self.list:
            x = x + p
        return x * self.frozen


@specimen(calls=[("forward", (X,)), ("twice", (X,)), ("scaled", (X, 3.0)), ("scaled", (X,)), ("counts", ([1, 2],))])
class Exported(nn.Module):
    @torch.jit.export
    def twice(self, x: Tensor) -> Tensor:
        return x * 2

    @torch.jit.export
    def scaled(self, x: Tensor, by: float = 0.5, shift: Optional[int] = None, names: str = 'a "quoted" name') -> Tensor:
        return x * by

    @torch.jit.export
    def counts(self, xs: List[int], start: Tuple[int, int] = (1, 2)) -> int:
        return len(xs) + start[1]

    def forward(self, x: Tensor) -> Tensor:
        return self.twice(x)

    @torch.jit.ignore
    def plain_python(self, x: Tensor) -> Tensor:
        return x

    @torch.jit.unused
    def never(self, x: Tensor) -> Tensor:
        return x


@specimen(calls=[("forward", (X,)), ("step", ()), ("forward", (X,))])
class Properties(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self._level = 3

    @property
    def level(self) -> int:
        return self._level * 2

    @level.setter
    def level(self, value: int) -> None:
        self._level = value

    @property
    def title(self) -> str:
        return f"level {self._level}"

    @torch.jit.export
    def step(self) -> int:
        self.level = self.level + 1
        return self._level + len(self.title)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.level


@torch.jit.interface
class Shape(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        pass

    def area(self, n: int) -> int:
        pass


class Square(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * x

    @torch.jit.export
    def area(self, n: int) -> int:
        return n * n


class Double(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))

    def forward(self, x: Tensor) -> Tensor:
        return x + x + self.weight

    @torch.jit.export
    def area(self, n: int) -> int:
        return n + n


@specimen(X)
class Interfaces(nn.Module):
    shape: Shape
    other: Shape

    def __init__(self) -> None:
        super().__init__()
        self.shape = Square()
        self.other = Double()

    def forward(self, x: Tensor) -> Tuple[Tensor, int]:
        return self.other(self.shape.forward(x)), self.shape.area(3) + self.other.area(5)


class Color(enum.Enum):
    RED = 1
    GREEN = 2


class Level(enum.Enum):
    LOW = "low"
    HIGH = "hoch"


class Ratio(enum.Enum):
    HALF = 0.5
    WHOLE = 1.0


@specimen(calls=[("forward", (1,)), ("forward", (2,))])
class Enums(nn.Module):
    levels: List[Level]

    def __init__(self) -> None:
        super().__init__()
        self.color = Color.GREEN
        self.levels = [Level.LOW, Level.HIGH]

    def forward(self, n: int) -> Tuple[str, int, str, bool, float]:
        chosen = Color.RED if n == 1 else self.color
        total = 0
        for color in Color:
            total += color.value
        return chosen.name, total, self.levels[1].value, chosen == self.color, Ratio.HALF.value


class Point(NamedTuple):
    x: Tensor
    y: int = 3


class Segment(NamedTuple):
    start: Point
    end: Point
    name: Optional[str] = None


@specimen(X)
class NamedTuples(nn.Module):
    corner: Point
    corners: List[Point]

    def __init__(self) -> None:
        super().__init__()
        self.corner = Point(torch.ones(3), 4)
        self.corners = [Point(torch.zeros(3), 5), Point(torch.ones(3))]

    def forward(self, x: Tensor) -> Tuple[Segment, int]:
        a = Point(x, 1)
        b = Point(y=7, x=x + self.corner.x)
        segment = Segment(a, b)
        start, end, _name = segment
        return Segment(end, start, "s"), segment.start.y + self.corners[1].y + end.y


@torch.jit.script
class Accumulator:
    def __init__(self, start: float, names: List[str]) -> None:
        self.total = start
        self.names = names
        self.seen: Dict[str, int] = {}

    def add(self, value: float, name: str = "unnamed") -> "Accumulator":
        self.total += value
        self.names.append(name)
        if name in self.seen:
            self.seen[name] += 1
        else:
            self.seen[name] = 1
        return self

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, i: int) -> str:
        return self.names[i]

    @staticmethod
    def origin() -> float:
        return 0.5

    @property
    def mean(self) -> float:
        return self.total / len(self.names)


@specimen(X)
class ScriptClasses(nn.Module):
    def forward(self, x: Tensor) -> Tuple[float, int, str, float, Dict[str, int]]:
        a = Accumulator(1.0, ["first"])
        a.add(2.0).add(3.0, "third").add(1.0)
        b = Accumulator(Accumulator.origin(), [])
        b.add(float(x.sum()))
        return a.total, len(a), a[1], a.mean + b.total, a.seen


class Held(nn.Module):
    """Has an object of a script class as an attribute."""

    accumulator: Accumulator

    def __init__(self) -> None:
        super().__init__()
        self.accumulator = Accumulator(0.25, ["a"])

    def forward(self, x: Tensor) -> Tuple[float, int]:
        self.accumulator.add(float(x.numel()))
        return self.accumulator.total, len(self.accumulator)


SPECIMENS["Held"] = Specimen(Held, lambda: [("forward", (X,)), ("forward", (X,))])


@specimen(X)
class OwnState(nn.Module):
    """Says itself what is saved of it."""

    def __init__(self) -> None:
        super().__init__()
        self.w = torch.ones(3)
        self.derived = torch.ones(3) * 2

    @torch.jit.export
    def __getstate__(self):
        return (self.w + 0, 3, self.training)

    @torch.jit.export
    def __setstate__(self, state: Tuple[Tensor, int, bool]):
        self.w = state[0]
        self.derived = state[0] * 2
        self.training = state[2]

    def forward(self, x: Tensor) -> Tensor:
        return x + self.w + self.derived


@specimen(X)
class OwnStateWithin(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one = OwnState()
        self.two = OwnState()

    def forward(self, x: Tensor) -> Tensor:
        return self.one(x) + self.two(x)


# --- hooks


class Hooked(nn.Module):
    def forward(self, x: Tensor, scale: float) -> Tensor:
        return x * scale


def double_scale(self, input: Tuple[Tensor, float]) -> Tuple[Tensor, float]:
    return input[0], input[1] * 2


def shift(self, input: Tuple[Tensor, float]) -> Tuple[Tensor, float]:
    return input[0] + 1, input[1]


def add_scale(self, input: Tuple[Tensor, float], output: Tensor) -> Tensor:
    return output + input[1]


class HookedOuter(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = Hooked()
        self.inner.register_forward_pre_hook(double_scale)
        self.inner.register_forward_pre_hook(shift)
        self.inner.register_forward_hook(add_scale)
        self.register_forward_hook(negate)

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x, 3.0)


def negate(self, input: Tuple[Tensor], output: Tensor) -> Tensor:
    return -output


SPECIMENS["Hooks"] = Specimen(HookedOuter, lambda: [("forward", (X,))])


# --- calls of functions


def helper(x: Tensor, factor: int = 2) -> Tensor:
    return x * factor


def recursive_helper(x: Tensor, names: List[str]) -> Tensor:
    for name in names:
        x = helper(x, len(name))
    return helper(x)


@specimen(X)
class CallsFunctions(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        y = recursive_helper(x, ["a", "bcd"])
        return torch.nn.functional.gelu(y) + torch.softmax(x, dim=-1) + torch.nn.functional.pad(x, [1, -1])


@specimen(X)
class VersionedOperators(nn.Module):
    def forward(self, x: Tensor) -> Tuple[Tensor, Tensor, Tensor, Tensor]:
        return x / 3, torch.full([2], 1.5), torch.linspace(0, 1, 4), torch.logspace(0, 1, steps=3)


@specimen(X)
class Strings(nn.Module):
    def forward(self, x: Tensor) -> Tuple[List[str], str, int, bool]:
        text = "a,b;c"
        parts = text.split(",")
        return parts, "{} and {}".format(parts[0], 2) + f"{x.size(0)}", text.find("b"), "c" in text


@specimen(X)
class Indexing(nn.Module):
    def forward(self, x: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
        y = x.clone()
        y[0, 1:] = 7.0
        y[:, 0] += 1
        mask = x > 0
        return y[..., ::2], x[mask], x[None, [1, 0]]


@specimen(X)
class AnyValues(nn.Module):
    held: Any

    def __init__(self) -> None:
        super().__init__()
        self.held = {"a": [1, 2]}

    def forward(self, x: Any) -> int:
        if isinstance(x, Tensor):
            return 1
        return 0


@specimen(X)
class DeepNesting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        module: nn.Module = nn.ReLU()
        for _ in range(25):
            module = nn.Sequential(module)
        self.inner = module

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x)


@specimen(X)
class ManyValues(nn.Module):
    """More than one line can hold, so that names and temporaries are needed."""

    def forward(self, x: Tensor) -> Tensor:
        a = torch.cat([x + 1, x + 2, x + 3, x + 4, x + 5, x + 6, x + 7, x + 8], dim=0)
        b = (((a * 2 + 1) * 2 + 1) * 2 + 1) * (((a - 2) / 2 - 2) / 2 - 2) + torch.stack([a, a, a, a]).sum(0)
        return torch.where(b > 0, b.sigmoid() * torch.tanh(b) + b.exp().log1p(), (b * b + 1).rsqrt())
