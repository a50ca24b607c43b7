"""Types as annotations spell them, and the values they hold."""

import collections
import enum
import typing
from typing import Any, Dict, List, NamedTuple, Optional, Tuple, Union

import torch
from torch import Tensor
from torch._jit_internal import BroadcastingList1, BroadcastingList2

from tests.language.harness import Suite

suite = Suite("types")


@suite.accepts(torch.ones(2))
def unannotated_is_tensor(x):
    return x + 1


@suite.accepts((torch.ones(2), 3, 2.5, True, "s", 1 + 2j))
def every_scalar(t: torch.Tensor, i: int, f: float, b: bool, s: str, c: complex):
    return t, i, f, b, s, c


@suite.accepts(torch.ones(2, dtype=torch.long))
def long_tensor_is_tensor(x: torch.LongTensor) -> torch.Tensor:
    return x * 2


@suite.accepts(torch.ones(2, dtype=torch.bool), torch.zeros(2))
def other_tensor_classes(x: torch.BoolTensor) -> torch.FloatTensor:
    return x.float()


@suite.accepts(2**62, -(2**62))
def int_is_64_bits(x: int) -> int:
    return x + 4611686018427387903


@suite.accepts(2**62, differs="TorchScript's int wraps around at 64 bits")
def int_wraps_around(x: int) -> int:
    return x + x + x


@suite.accepts((2**40, 2**40), (-(2**63), -1), differs="TorchScript's int wraps around at 64 bits")
def product_wraps_around(x: int, y: int) -> int:
    return x * y


@suite.accepts()
def none_result() -> None:
    return None


@suite.accepts()
def none_without_return() -> None:
    pass


@suite.accepts(1)
def nothing_annotated_returns_none(x: int):
    x + 1


@suite.accepts(1, "s", (None,), 2.5, (torch.ones(1),), ([1, 2],), ({"a": 1},))
def anything(x: Any) -> Any:
    return x


@suite.accepts("cpu")
def device_from_string(x: str):
    return torch.device(x)


@suite.extends((1, "cpu"), (1, None), (1, torch.device("cpu")))
def device_from_any_of_its_names(n: int, device: Union[str, torch.device, None] = None):
    return torch.ones(n, device=device)


@suite.extends((1, "cpu"), (1, None), (1, "no such device"))
def device_from_optional_string(n: int, device: Optional[str] = None):
    return torch.ones(n, device=device)


@suite.accepts(torch.device("cpu"), torch.device("cuda:1"))
def device_attributes(x: torch.device):
    return x.type, x.index


@suite.accepts(torch.device("cpu"), torch.device("meta"))
def device_comparison(x: torch.device) -> bool:
    return x == torch.device("cpu")


@suite.accepts(torch.float64, torch.int32)
def dtype_argument(x: torch.dtype):
    return torch.zeros(2, dtype=x)


@suite.accepts(torch.ones(2), torch.ones(2, dtype=torch.long), differs="a dtype is a number in TorchScript")
def dtype_result(x: Tensor):
    return x.dtype


@suite.accepts(torch.float32)
def dtype_comparison(x: torch.dtype) -> Tuple[bool, bool]:
    return x == torch.float32, x != torch.float64


@suite.accepts(torch.ones(2, 3), differs="a size is a list in TorchScript")
def size_result(x: Tensor):
    return x.shape


@suite.accepts(([1, 2],), ([],))
def list_of_ints(x: List[int]) -> List[int]:
    return x + [1]


@suite.accepts(([1, 2],))
def lower_case_list(x: list[int]) -> list[int]:
    return x + [1]


@suite.accepts(([[1], [2, 3]],))
def list_of_lists(x: List[List[int]]) -> int:
    return x[1][0]


@suite.accepts({"a": 1, "b": 2})
def dict_of_ints(x: Dict[str, int]) -> int:
    return x["a"] + x["b"]


@suite.accepts({"a": [1.5]})
def lower_case_dict(x: dict[str, list[float]]) -> float:
    return x["a"][0]


@suite.accepts({1: "a", 2: "b"})
def dict_int_keys(x: Dict[int, str]) -> str:
    return x[1] + x[2]


@suite.accepts({1.5: "a"})
def dict_float_keys(x: Dict[float, str]) -> str:
    return x[1.5]


@suite.accepts({True: 1, False: 2})
def dict_bool_keys(x: Dict[bool, int]) -> int:
    return x[True] - x[False]


@suite.accepts({1 + 1j: 1})
def dict_complex_keys(x: Dict[complex, int]) -> int:
    return x[1 + 1j]


@suite.accepts()
def dict_tensor_keys() -> int:
    key = torch.ones(1)
    d = {key: 3}
    return d[key]


@suite.accepts(((1, "a", 2.0),))
def tuple_of_three(x: Tuple[int, str, float]) -> Tuple[float, int]:
    return x[2], x[0]


@suite.accepts(((1, (2, "x")),))
def lower_case_tuple(x: tuple[int, tuple[int, str]]) -> str:
    return x[1][1]


@suite.accepts()
def empty_tuple() -> Tuple[()]:
    return ()


@suite.accepts(1, (None,))
def optional_int(x: Optional[int]) -> int:
    if x is None:
        return -1
    return x


@suite.accepts(1, (None,))
def optional_by_bar(x: int | None) -> int:
    if x is None:
        return -1
    return x


@suite.accepts(1, (None,))
def optional_by_union(x: Union[int, None]) -> int:
    return 0 if x is None else x + 1


@suite.accepts((), 5)
def optional_with_default(x: Optional[int] = None) -> int:
    if x is not None:
        return x
    return 7


@suite.accepts(1, "x")
def union_of_two(x: Union[int, str]) -> str:
    if isinstance(x, int):
        return str(x + 1)
    return x + "!"


@suite.accepts(1, "x", 1.5)
def union_by_bar(x: int | str | float) -> str:
    if isinstance(x, int):
        return "int"
    elif isinstance(x, str):
        return "str"
    else:
        return "float"


@suite.accepts(1, (None,), ([1, 2],))
def union_with_none_and_list(x: Union[int, List[int], None]) -> int:
    if x is None:
        return 0
    if isinstance(x, int):
        return x
    return x[0]


@suite.accepts()
def union_variable() -> str:
    x: Union[int, str] = 1
    x = "a"
    if isinstance(x, str):
        return x
    return "no"


@suite.accepts()
def annotated_empty_containers() -> Tuple[List[int], Dict[int, List[str]]]:
    a: List[int] = []
    b: Dict[int, List[str]] = {}
    a.append(1)
    b[1] = ["x"]
    return a, b


@suite.accepts()
def annotate_call() -> List[float]:
    a = torch.jit.annotate(List[float], [])
    a.append(1.0)
    return a


@suite.accepts()
def annotate_none() -> Optional[int]:
    a = torch.jit.annotate(Optional[int], None)
    return a


@suite.accepts((torch.ones(1), 2))
def type_comment(x, y):
    # type: (Tensor, int) -> Tensor
    return x + y


@suite.accepts((torch.ones(1), 2))
def type_comment_per_argument(
    x,  # type: Tensor
    y,  # type: int
):
    # type: (...) -> Tensor
    return x + y


@suite.extends(2)
def type_comment_on_first_assignment(x: int) -> Optional[int]:
    y = None  # type: Optional[int]
    if x > 1:
        y = x
    return y


@suite.accepts((torch.ones(1), [1, 2], "k"))
def typing_by_module_name(x: torch.Tensor, y: typing.List[int], z: "str") -> typing.Tuple[Tensor, int]:
    return x, y[0]


class Point(NamedTuple):
    x: int
    y: float = 2.5


@suite.accepts(1, 4)
def named_tuple_of_constants(n: int) -> Tuple[int, Point]:
    p = Point(n, 2.0) if n > 2 else Point(3, 0.5)
    return n, p


@suite.accepts()
def named_tuple_of_constants_alone() -> Point:
    return Point(3, 0.5)


Pair = collections.namedtuple("Pair", ["first", "second"])


@suite.accepts(3)
def named_tuple_construction(x: int) -> Point:
    return Point(x, y=1.5)


@suite.accepts(3)
def named_tuple_default(x: int) -> Tuple[int, float]:
    p = Point(x)
    return p.x, p[1]


@suite.accepts(Point(1, 2.0))
def named_tuple_argument(p: Point) -> float:
    a, b = p
    return a + b + p.y


@suite.accepts(torch.ones(2))
def collections_named_tuple(x: Tensor):
    p = Pair(x, x + 1)
    return p.first + p.second


@suite.accepts(Point(1, 2.0))
def named_tuple_equality(p: Point) -> Tuple[int, float]:
    q = Point(x=p.x, y=p.y)
    return q.x, q.y


class Color(enum.Enum):
    RED = 1
    GREEN = 2


class Name(enum.Enum):
    A = "a"
    B = "b"


class Weight(enum.Enum):
    LIGHT = 0.5
    HEAVY = 2.5


@suite.accepts(Color.RED, Color.GREEN)
def enum_argument(c: Color) -> bool:
    return c == Color.RED


@suite.accepts(Color.RED, Color.GREEN)
def enum_name_and_value(c: Color) -> Tuple[str, int]:
    return c.name, c.value


@suite.accepts()
def enum_values_of_other_types() -> Tuple[str, float, str]:
    return Name.A.value, Weight.HEAVY.value, Weight.LIGHT.name


@suite.corrects(Color.RED, Color.GREEN, because="members that come from outside are identical to none")
def enum_identity(c: Color) -> Tuple[bool, bool, bool]:
    return c is Color.RED, c is not Color.RED, c != Color.GREEN


@suite.accepts()
def enum_iteration() -> List[int]:
    found: List[int] = []
    for c in Color:
        found.append(c.value)
    return found


@suite.accepts(Color.GREEN)
def enum_result(c: Color) -> Color:
    return c


@suite.accepts(([Color.GREEN, Color.RED],))
def enum_in_list(cs: List[Color]) -> int:
    total = 0
    for c in cs:
        total = total * 10 + c.value
    return total


@suite.accepts(1.5, 3)
def number_like(x: Union[int, float, complex]):
    return x


@suite.extends(torch.Size([1, 2, 3]))
def size_argument(x: torch.Size) -> int:
    return x[0] + len(x)


@suite.accepts((torch.ones(1), 2), (torch.ones(1), 2.0))
def any_in_tuple(x: Tensor, y: Any) -> Tuple[Tensor, Any]:
    return x, y


@suite.accepts()
def generator_argument() -> Tensor:
    g = torch.Generator()
    g.manual_seed(3)
    return torch.rand(2, generator=g)


@suite.accepts(([1, 2],))
def broadcasting_list(x: BroadcastingList2[int], y: BroadcastingList1[int] = 3) -> List[int]:
    return x


def _sizes(x: BroadcastingList2[int]) -> int:
    return x[0] * 10 + x[1]


@suite.accepts((), differs="a number in a list's place is repeated in TorchScript")
def broadcasting_list_repeats() -> Tuple[int, int]:
    return _sizes([1, 2]), _sizes(5)


@suite.accepts((1, 2), (3.5, 2), ("a", 2))
def any_isinstance(x: Any, y: int) -> int:
    if isinstance(x, int):
        return x + y
    if isinstance(x, (float, str)):
        return -1
    return 0


# What is not a type.


@suite.rejects("Unknown type constructor Set")
def set_annotation(x: typing.Set[int]) -> int:
    return 1


@suite.rejects("Attempted to use List without a contained type")
def bare_list(x: List):
    return x


@suite.rejects("Attempted to use Dict without contained types")
def bare_dict(x: Dict):
    return x


@suite.rejects("Attempted to use Tuple without a contained type")
def bare_tuple(x: Tuple):
    return x


@suite.rejects("Attempted to use Optional without a contained type")
def bare_optional(x: Optional):
    return x


@suite.rejects("Unknown type")
def callable_annotation(f: typing.Callable[[int], int]) -> int:
    return f(1)


@suite.rejects("Unknown type")
def type_variable(x: typing.TypeVar("T")):
    return x


@suite.extends("a", "b")
def literal_annotation(x: typing.Literal["a", "b"], n: typing.Literal[1, 2] = 1):
    return x, n + 1


@suite.rejects("tuple")
def variadic_tuple(x: Tuple[int, ...]):
    return x


@suite.rejects("Unknown type")
def undefined_annotation_in_body(x: int) -> int:
    y: Unheard = x  # noqa: F821
    return y


@suite.rejects("Dict keys must contain only a single type")
def dict_with_mixed_keys():
    return {"a": 1, 2: 3}


@suite.accepts(1)
def variable_changes_type_in_its_own_block(x: int) -> str:
    y = x
    y = "a"
    return y


@suite.rejects("of type")
def wrong_initial_value() -> int:
    x: int = "a"
    return x


@suite.rejects("Return value was annotated as having type")
def wrong_return_type(x: int) -> str:
    return x


@suite.rejects("object has no attribute or method")
def optional_is_not_refined(x: Optional[Tensor]):
    return x.sum()


@suite.rejects("Attempted to use Union without a contained type")
def bare_union(x: Union):
    return x


class _Mixed(enum.Enum):
    A = 1
    B = "b"


@suite.rejects("", ours="have values of several types", marked=None)
def enum_with_values_of_several_types(n: int):
    return _Mixed.A.value
