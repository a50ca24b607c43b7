"""Script classes, dataclasses, named tuples and enums with more than one use."""

import enum
from dataclasses import dataclass, field
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

import torch
from torch import Tensor

from tests.language.harness import Suite

suite = Suite("classes")


class Counter:
    def __init__(self, start: int, step: int = 1):
        self.value = start
        self.step = step
        self.log: List[str] = []

    def advance(self, times: int = 1) -> int:
        for _ in range(times):
            self.value += self.step
        self.log.append("advance " + str(times))
        return self.value

    def copy(self) -> "Counter":
        return Counter(self.value, self.step)

    @property
    def doubled(self) -> int:
        return self.value * 2

    @doubled.setter
    def doubled(self, value: int) -> None:
        self.value = value // 2

    @staticmethod
    def origin() -> int:
        return 100


@suite.accepts(3)
def construction_and_methods(n: int):
    c = Counter(n, step=2)
    c.advance()
    c.advance(times=3)
    return c.value, c.log, c.step


@suite.accepts(3)
def objects_are_references(n: int):
    c = Counter(n)
    d = c
    e = c.copy()
    d.advance()
    e.value = 50
    return c.value, d.value, e.value


@suite.accepts(3)
def properties(n: int):
    c = Counter(n)
    before = c.doubled
    c.doubled = 20
    return before, c.value, c.doubled


@suite.accepts()
def static_methods():
    return Counter.origin()


@suite.extends()
def static_methods_of_objects():
    return Counter(1).origin()


@suite.accepts(3)
def attribute_assignment(n: int):
    c = Counter(n)
    c.value += 10
    c.log = ["fresh"]
    c.log[0] = c.log[0] + "!"
    return c.value, c.log


def _grow(c: Counter, n: int) -> Counter:
    c.value += n
    return c


@suite.accepts(3)
def objects_as_arguments(n: int):
    c = Counter(n)
    d = _grow(_grow(c, 1), 2)
    return c.value, d.value


@suite.accepts(3)
def objects_in_containers(n: int):
    cs = [Counter(i) for i in range(n)]
    d = {"a": cs[0], "b": cs[1]}
    t = (cs[2], 1)
    d["a"].advance(5)
    t[0].advance(7)
    return [c.value for c in cs]


@suite.accepts(3, -1)
def optional_objects(n: int):
    c: Optional[Counter] = None
    if n > 0:
        c = Counter(n)
    if c is not None:
        return c.advance()
    return 0


class Vector:
    def __init__(self, x: float, y: float):
        self.x = x
        self.y = y

    def __add__(self, other: "Vector") -> "Vector":
        return Vector(self.x + other.x, self.y + other.y)

    def __sub__(self, other: "Vector") -> "Vector":
        return Vector(self.x - other.x, self.y - other.y)

    def __mul__(self, k: float) -> "Vector":
        return Vector(self.x * k, self.y * k)

    def __truediv__(self, k: float) -> "Vector":
        return Vector(self.x / k, self.y / k)

    def __neg__(self) -> "Vector":
        return Vector(-self.x, -self.y)

    def __eq__(self, other: "Vector") -> bool:
        return self.x == other.x and self.y == other.y

    def __ne__(self, other: "Vector") -> bool:
        return not (self.x == other.x and self.y == other.y)

    def __lt__(self, other: "Vector") -> bool:
        return self.norm() < other.norm()

    def __le__(self, other: "Vector") -> bool:
        return self.norm() <= other.norm()

    def __gt__(self, other: "Vector") -> bool:
        return self.norm() > other.norm()

    def __ge__(self, other: "Vector") -> bool:
        return self.norm() >= other.norm()

    def __getitem__(self, i: int) -> float:
        return self.x if i == 0 else self.y

    def __setitem__(self, i: int, v: float) -> None:
        if i == 0:
            self.x = v
        else:
            self.y = v

    def __contains__(self, v: float) -> bool:
        return v == self.x or v == self.y

    def __len__(self) -> int:
        return 2

    def __call__(self, k: int) -> float:
        return self.x * k

    def __str__(self) -> str:
        return "Vector"

    def __iadd__(self, other: "Vector") -> "Vector":
        self.x += other.x * 10
        return self

    def norm(self) -> float:
        return self.x * self.x + self.y * self.y


@suite.accepts((1.0, 2.0))
def arithmetic_operators(x: float, y: float):
    a = Vector(x, y)
    b = Vector(y, x)
    c = a + b
    d = a - b
    e = (-a * 2.0) / 4.0
    return c.x, c.y, d.x, d.y, e.x, e.y


@suite.accepts((1.0, 2.0), (3.0, 3.0))
def comparison_operators(x: float, y: float):
    a = Vector(x, y)
    b = Vector(y, y)
    return a == b, a != b, a < b, a <= b, a > b, a >= b


@suite.accepts((1.0, 2.0))
def container_operators(x: float, y: float):
    a = Vector(x, y)
    a[1] = 9.0
    return a[0], a[1], 9.0 in a, 5.0 in a, len(a), a(3), str(a)


@suite.accepts((1.0, 2.0))
def in_place_operator(x: float, y: float):
    a = Vector(x, y)
    b = a
    a += Vector(1.0, 1.0)
    return a.x, b.x


class Context:
    def __init__(self, log: List[str]):
        self.log = log

    def __enter__(self) -> int:
        self.log.append("enter")
        return 5

    def __exit__(self, type: Any, value: Any, traceback: Any) -> None:
        self.log.append("exit")


@suite.accepts(1)
def with_object(n: int):
    log: List[str] = []
    with Context(log) as x:
        log.append("body " + str(x + n))
    return log


def _leaving_early(log: List[str], n: int) -> int:
    with Context(log):
        if n > 0:
            return n
        log.append("not positive")
    return 0


@suite.accepts(1, -1)
def return_from_with_object(n: int):
    log: List[str] = []
    x = _leaving_early(log, n)
    return x, log


@suite.accepts(4)
def leaving_loops_from_with_object(n: int):
    log: List[str] = []
    for i in range(n):
        with Context(log):
            if i == 1:
                continue
            if i == 3:
                break
            log.append(str(i))
    return log


@suite.accepts(1)
def two_objects_in_one_with(n: int):
    log: List[str] = []
    with Context(log) as a, Context(log) as b:
        log.append(str(a + b))
    return log


class Holder:
    def __init__(self, x: Tensor):
        self.x = x
        self.parts: Dict[str, Tensor] = {}
        self.maybe = torch.jit.annotate(Optional[int], None)
        self.pair = (1, "a")
        self.inner = Counter(1)

    def put(self, k: str) -> "Holder":
        self.parts[k] = self.x * len(self.parts)
        self.maybe = len(self.parts)
        return self


@suite.accepts(torch.ones(2))
def attributes_of_every_type(x: Tensor):
    h = Holder(x)
    h.put("a").put("b")
    h.inner.advance(3)
    h.x += 1
    m = h.maybe
    return h.parts, h.pair, h.inner.value, h.x, -1 if m is None else m


class AnnotatedNone:
    def __init__(self):
        self.maybe: Optional[int] = None

    def put(self, n: int) -> None:
        self.maybe = n


@suite.extends(3)
def annotated_none(n: int):
    x = AnnotatedNone()
    x.put(n)
    m = x.maybe
    return m


@torch.jit.script
@dataclass
class Point:
    x: int
    y: int = 5

    def total(self) -> int:
        return self.x + self.y


@torch.jit.script
@dataclass(order=True)
class Version:
    major: int
    minor: int


@torch.jit.script
@dataclass
class Derived:
    a: float
    b: float = field(default=2.0)

    def __post_init__(self):
        self.b = self.a * self.b


@dataclass
class Unscripted:
    x: int
    y: float = 2.5


@suite.extends(3)
def dataclass_that_nobody_scripted(n: int):
    p = Unscripted(n)
    return p.x, p.y, p == Unscripted(n, 2.5)


@suite.accepts(3)
def dataclasses(n: int):
    p = Point(n)
    q = Point(n, y=7)
    q.x += 1
    return p.x, p.y, q.total(), p == Point(n, 5), p == q


@suite.accepts((1, 2, 3))
def ordered_dataclasses(a: int, b: int, c: int):
    v, w = Version(a, b), Version(a, c)
    return v < w, v <= w, v > w, v >= w, v == w


@suite.accepts(3.0)
def dataclass_post_init(x: float):
    return Derived(x).b, Derived(x, 5.0).b


class Record(NamedTuple):
    name: str
    values: List[int]
    scale: float = 1.5


@suite.accepts("n")
def named_tuples(name: str):
    r = Record(name, [1, 2])
    s = Record(values=[3], name="other", scale=0.5)
    r.values.append(9)
    a, _b, c = s
    return r, s, r.name + a, len(r), r[2] + c


@suite.accepts()
def named_tuples_in_containers():
    rs = [Record(str(i), [i]) for i in range(2)]
    d = {"first": rs[0]}
    return rs, d["first"].values


class Mode(enum.Enum):
    FAST = "fast"
    SLOW = "slow"


def _mode(m: Mode) -> int:
    if m == Mode.FAST:
        return 1
    return 0


@suite.accepts(True, False)
def enums(fast: bool):
    m = Mode.FAST if fast else Mode.SLOW
    return m, m.value, m.name, _mode(m), m == Mode.SLOW, [x.name for x in Mode]


@suite.accepts()
def enums_in_containers():
    modes = [Mode.FAST, Mode.SLOW]
    return modes, (Mode.FAST, 1), modes[0] == Mode.FAST


@suite.corrects(because="members from containers are identical to none")
def identity_of_enum_in_list():
    modes = [Mode.FAST, Mode.SLOW]
    return modes[0] is Mode.FAST, modes[0] is not Mode.SLOW


# Refused.


@torch.jit.ignore
def _anything(x: int) -> int:
    return x


class Base:
    def __init__(self, x: int):
        self.x = x

    def base_method(self) -> int:
        return self.x


class Sub(Base):
    def __init__(self, x: int):
        self.x = x


@suite.extends(3)
def inherited_method(n: int) -> int:
    return Sub(n).base_method()


@suite.rejects("has no attribute or method 'nothing'")
def unknown_attribute(n: int) -> int:
    return Counter(n).nothing


class WithClassAttribute:
    shared = 3

    def __init__(self, x: int):
        self.x = x

    def get(self) -> int:
        return self.shared


@suite.rejects("is defined as a class attribute which currently is not supported")
def class_attribute(n: int) -> int:
    return WithClassAttribute(n).get()


class LateAttribute:
    def __init__(self, x: int):
        self.x = x

    def late(self) -> int:
        self.y = 3
        return self.y


@suite.rejects("Did you forget to initialize")
def attribute_outside_init(n: int) -> int:
    return LateAttribute(n).late()


@suite.rejects("")
def wrong_constructor_arguments(n: int) -> int:
    return Counter("a").value


@suite.rejects("for argument")
def operator_of_wrong_type(n: int) -> float:
    return (Vector(1.0, 2.0) + n).x


class BadExit:
    def __init__(self):
        self.x = 1

    def __enter__(self) -> int:
        return 1

    def __exit__(self) -> None:
        pass


@suite.rejects("__exit__ must have four arguments")
def exit_with_too_few_arguments(n: int) -> int:
    with BadExit():
        n += 1
    return n


@suite.rejects("")
def no_context_manager(n: int) -> int:
    with Counter(n):
        n += 1
    return n


class Recursive:
    def __init__(self, x: int):
        self.x = x
        self.parts: List["Recursive"] = []


@suite.rejects("")
def recursive_class(n: int) -> int:
    return Recursive(n).x


@suite.rejects("")
def order_without_method(n: int) -> bool:
    return Counter(n) < Counter(n)


# Constants that become the state of objects are new at every call.


class Collected:
    def __init__(self) -> None:
        self.xs: List[int] = []


@suite.accepts(2, 2, 0)
def list_literal_as_attribute(n: int) -> List[int]:
    c = Collected()
    if n > 0:
        c.xs = [1, 2]
    c.xs.append(n)
    return c.xs


@suite.accepts(2, 2, 2)
class ListLiteralAsState(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.xs = [0]
        self.d = {"a": [1]}

    def forward(self, n: int) -> Tuple[int, int]:
        self.xs = [1, 2]
        self.xs.append(n)
        self.d["b"] = [5]
        self.d["b"].append(n)
        return len(self.xs), len(self.d["b"])


@dataclass
class Tally:
    n: int = 3


@dataclass
class WithFactories:
    x: Tensor
    sizes: List[int] = field(default_factory=list)
    table: Dict[str, int] = field(default_factory=dict)
    pair: Tuple[int, float] = field(default_factory=lambda: (1, 2.0))
    counter: Tally = field(default_factory=Tally)
    log: List[int] = field(default_factory=list, init=False)


@suite.extends(torch.ones(2))
def default_factories(x: Tensor):
    a, b = WithFactories(x), WithFactories(x, [1, 2], pair=(5, 1.0))
    a.sizes.append(4)
    b.table["a"] = 3
    a.log.append(1)
    a.counter.n += 4
    return a.sizes, b.sizes, a.table, b.table, a.pair, b.pair, len(b.log), a.counter.n, b.counter.n, a.x


@suite.rejects("since it does not define an __iadd__ or __add__ method")
def in_place_without_method(n: int) -> int:
    c = Counter(n)
    c += 1
    return n


class _Hashed:
    def __init__(self, n: int):
        self.n = n

    def __hash__(self) -> int:
        return self.n * 2


@suite.corrects(3, because="torch.jit calls no __hash__, and finds the object unhashable when it runs")
def hash_of_object(n: int):
    return hash(_Hashed(n)), hash("a") == hash("a")


class Channel(str, enum.Enum):
    """As Python's programs name their options: members are strings."""

    RED = "red"
    BLUE = "blue"

    def __str__(self) -> str:
        return self.value


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


@suite.extends("red", "blue", "green")
def members_as_strings(name: str):
    found = name in (Channel.RED, Channel.BLUE), name == Channel.RED, Channel.BLUE != name
    sums = Channel.RED + "dish", len(name + Channel.BLUE)
    return found, sums, Channel.RED == "red", "red" in (Channel.RED, Channel.BLUE)


@suite.extends(3, -1)
def members_as_numbers(n: int):
    return n + Level.HIGH, n > Level.LOW, torch.ones(2) * Level.HIGH, Level.LOW == 1, [5, 6, 7][Level.HIGH]


@suite.extends()
def members_by_value():
    return Level(2).name, Channel("red").value, Mode("slow") == Mode.SLOW


@suite.rejects("cannot call a EnumClass", ours="is not the value of a member")
def no_member_by_value():
    return Level(3).name


@suite.extends(Mode.FAST, Mode.SLOW)
def text_of_a_member(mode: Mode):
    return str(mode), f"{mode} {Mode.SLOW!s}", "{}".format(mode), "%s" % Mode.FAST


@suite.extends(True, False)
def text_that_a_class_defines(red: bool):
    channel = Channel.RED if red else Channel.BLUE
    print(channel)
    return str(channel), f"{Channel.RED!s}", "%s and %s" % (Channel.RED, channel)


@suite.extends((torch.ones(2), 1, 1.5, "a"))
def types_of_values(x: Tensor, n: int, r: float, s: str):
    assert type(x) is Tensor, "no tensor"
    same = type(n) is int, type(n) == type(r), type(s) in (str, bytes), type(n) not in (float, bool), type([n]) is list  # noqa: E721
    return same, type(r)(n), f"{type(x)} {type(n)!s}", type(s).__name__, "%s %s" % (type(r), n), str(type({n: s}))


@suite.extends(torch.ones(2), torch.ones(2, 2))
class TypeOfItself(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(2))

    def forward(self, x: Tensor):
        if x.dim() > 1:
            raise ValueError(f"{self.__class__.__name__} takes vectors, not a {type(x)} of {x.dim()} dimensions")
        of_weight = type(self.weight) is torch.nn.Parameter, type(self.weight.detach()) is Tensor
        return x, type(self).__name__, type(self) is TypeOfItself, of_weight


@suite.rejects("is currently not supported in Torchscript", ours="is not known before it runs")
def type_of_an_optional(x: Optional[int]):
    return type(x) is int
