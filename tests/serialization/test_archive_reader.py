"""Reading whole archives: names, types and operators that are there or not, and what is said then."""

from __future__ import annotations

import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import flambeau
from flambeau.errors import ArchiveError, FlambeauError
from flambeau.serialization import Limits, read_archive
from flambeau.serialization.code.token_count import token_count
from tests.serialization.old_archives import Identity, archive_of, module_of, records_of, rewritten, saved, with_forward
from tests.serialization.zoo import seeded
from tests.serialization.zoo.everything import ZOO

pytestmark = pytest.mark.filterwarnings("ignore")

X = torch.ones(2)
FILE = "code/__torch__/tests/serialization/old_archives.py"


def load(data: bytes) -> nn.Module:
    return flambeau.load(io.BytesIO(data))


def with_code(body: str, parameters: str = "x: Tensor", more: dict[str, str] | None = None) -> bytes:
    """An archive whose `forward` has this body, and with further files of code."""
    records = records_of(module_of(10, parameters, body))
    for name, text in (more or {}).items():
        records[f"code/{name}"] = text.encode()
    return archive_of(records)


# --- operators


@pytest.mark.parametrize(
    ("call", "operator"),
    [
        ("torch.no_such_operator(x)", "aten::no_such_operator"),
        ("ops.mine.no_such_operator(x)", "mine::no_such_operator"),
        ("ops.aten.no_such_operator(x)", "aten::no_such_operator"),
        ("ops.prim.no_such_operator(x)", "prim::no_such_operator"),
        ("torch.add(torch.ad(x, 1), 2)", "aten::ad"),
    ],
)
def test_unknown_operators_are_found_when_loading(call: str, operator: str) -> None:
    with pytest.raises(ArchiveError, match=f"Unknown builtin op: {operator}") as raised:
        load(with_code(f"y = torch.neg(x)\nreturn {call}"))
    assert raised.value.record == FILE
    line = 1 + list(records_of(with_code("y = torch.neg(x)\nreturn x"))[FILE].decode().splitlines()).index(
        "    y = torch.neg(x)"
    )
    assert f'File "{FILE}", line {line + 1}' in str(raised.value)
    assert "<--- HERE" in str(raised.value)


def test_similar_operators_are_suggested() -> None:
    with pytest.raises(ArchiveError, match=r"Here are some suggestions: \n *aten::relu"):
        load(with_code("return torch.relux(x)"))


def test_unknown_operators_in_functions_that_are_called() -> None:
    more = {
        "__torch__/a/b.py": "def f(x: Tensor) -> Tensor:\n  return __torch__.c.g(x, )\n",
        "__torch__/c.py": "def g(x: Tensor) -> Tensor:\n  return torch.missing(x)\n",
    }
    with pytest.raises(ArchiveError, match="aten::missing") as raised:
        load(with_code("return __torch__.a.b.f(x, )", more=more))
    assert raised.value.record == "code/__torch__/c.py"


def test_what_nothing_refers_to_may_be_anything() -> None:
    more = {"__torch__/elsewhere.py": "def g(x: Tensor) -> Tensor:\n  return torch.missing(x)\n"}
    assert torch.equal(load(with_code("return x", more=more))(X), X)


def test_operators_in_texts_and_comments_do_not_count() -> None:
    data = with_code('# torch.missing(x)\ny = "torch.missing(x) and ops.mine.missing(x)"\nreturn (x, y)')
    assert load(data)(X)[1].startswith("torch.missing")


def test_operators_of_libraries_are_found() -> None:
    library = torch.library.Library("flambeau_archive_tests", "DEF")
    library.define("twice(Tensor x, int times=1) -> Tensor")
    library.impl("twice", lambda x, times=1: x * 2**times, "CompositeExplicitAutograd")
    module = load(with_code("return ops.flambeau_archive_tests.twice(x, 3)"))
    assert torch.equal(module(X), X * 8)
    assert torch.equal(load(module.save_to_buffer())(X), X * 8)


def test_gradients() -> None:
    body = "y = torch.sum(torch.mul(x, x))\n_0 = torch.autograd.grad([y], [x])\nreturn _0[0]"
    x = torch.tensor([3.0], requires_grad=True)
    data = with_code(body)
    assert torch.equal(load(data)(x), torch.jit.load(io.BytesIO(data))(x))


# --- code


def test_code_that_is_no_python() -> None:
    with pytest.raises(ArchiveError, match="HERE") as raised:
        load(with_code("return (x"))
    assert raised.value.record == FILE


@pytest.mark.parametrize(
    "body",
    [
        "return " + "(" * 5000 + "x" + ")" * 5000,
        "return " + "-" * 20000 + "1",
        "return " + "torch.neg(" * 900 + "x" + ")" * 900,
        "return " + "+".join(["x"] * 5000),
        "\n".join(f"{'  ' * i}if True:" for i in range(95)) + "\n" + "  " * 95 + "return x",
    ],
    ids=["parentheses", "signs", "calls", "sum", "blocks"],
)
def test_code_of_any_depth(body: str) -> None:
    """It runs, or is refused, when loaded or when called: never a crash or Python's own recursion error."""
    try:
        load(with_code(body))(X)
    except FlambeauError as error:
        assert "RecursionError" not in str(error)  # noqa: PT017  # either outcome is right


@pytest.mark.parametrize("body", ["a = 1\n" * 300_000, "a;" * 600_000 + "a\n", f"a = [{'1,' * 600_000}]\n"])
def test_code_that_would_take_a_gigabyte_to_parse(body: str) -> None:
    with pytest.raises(ArchiveError, match="the code has more than 1048576 tokens") as raised:
        load(with_code(f"{body}return x"))
    assert raised.value.record == FILE


def test_limits_of_code_are_those_of_all_files_together() -> None:
    data = with_code("return x", more={"__torch__/other.py": "def f(x: Tensor) -> Tensor:\n  return x\n"})
    text = records_of(data)[FILE].decode()
    tokens = token_count(text)
    assert flambeau.load(io.BytesIO(data), limits=Limits(code_tokens=tokens))(X) is not None
    with pytest.raises(ArchiveError, match=f"more than {tokens - 1} tokens"):
        flambeau.load(io.BytesIO(data), limits=Limits(code_tokens=tokens - 1))
    calls_other = with_code(
        "return __torch__.other.f(x)", more={"__torch__/other.py": "def f(x: Tensor) -> Tensor:\n  return x\n"}
    )
    both = sum(token_count(records_of(calls_other)[name].decode()) for name in (FILE, "code/__torch__/other.py"))
    assert flambeau.load(io.BytesIO(calls_other), limits=Limits(code_tokens=both))(X) is not None
    with pytest.raises(ArchiveError, match=f"more than {both - 1} tokens"):
        flambeau.load(io.BytesIO(calls_other), limits=Limits(code_tokens=both - 1))


@pytest.mark.parametrize(
    ("text", "count"), [("", 0), ("a = 1\n", 4), ("f(é, _b2)\n", 7), ("x.y[0] # of it", 9), ("'a b'", 4)]
)
def test_counting_tokens(text: str, count: int) -> None:
    assert token_count(text) == count


def test_deep_code_with_a_type_comment() -> None:
    with pytest.raises(FlambeauError):
        load(with_code("# type: (Tensor) -> Tensor\nreturn " + "(" * 5000 + "x" + ")" * 5000))(X)


def test_unknown_names() -> None:
    with pytest.raises(ArchiveError, match=r"the archive does not define '__torch__.a.missing'"):
        load(with_code("return __torch__.a.missing(x, )"))(X)
    with pytest.raises(ArchiveError, match="the archive has no constant 'c7'"):
        load(with_code("return CONSTANTS.c7"))(X)
    with pytest.raises(ArchiveError, match="undefined value mystery"):
        load(with_code("return mystery"))(X)


def test_unknown_types() -> None:
    data = rewritten(saved(torch.jit.script(Identity())), 10, lambda c: c.replace("x: Tensor", "x: __torch__.Missing"))
    with pytest.raises(ArchiveError, match=r"Unknown type name '__torch__\.Missing'"):
        load(data)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("training : int\n  training : int", "already defined"),
        ("x : Nonsense", "Unknown type name 'Nonsense'"),
        ("x = 3", "unexpected statement in a class"),
        ("__forward_hooks__ = ['nothing', ]", "the class has no hook 'nothing'"),
        ("__parameters__ = [1, ]", "expected a list of names"),
        ("k : Final[int] = -'a'", "expected a constant here"),
        ("k : Final[int] = f(1)", "expected a constant here"),
        ("k : Final[int] = CONSTANTS.c9", "the archive has no constant 'c9'"),
        ("raise x", "unexpected statement in a class"),
    ],
)
def test_classes_that_cannot_be(line: str, problem: str) -> None:
    data = rewritten(
        saved(torch.jit.script(Identity())), 10, lambda code: code.replace("  training : bool", f"  {line}")
    )
    with pytest.raises(ArchiveError, match=problem) as raised:
        load(data)
    assert raised.value.record == FILE


def test_inheritance() -> None:
    code = "class Identity(Other):\n  training : bool\n"
    with pytest.raises(ArchiveError, match="does not support class inheritance"):
        load(rewritten(saved(torch.jit.script(Identity())), 10, lambda _: code))


# --- values


def test_attributes_that_are_missing() -> None:
    data = rewritten(
        saved(torch.jit.script(Identity())), 10, lambda code: code.replace("  training", "  more : int\n  training")
    )
    with pytest.raises(ArchiveError, match=r"attribute 'more' of .*Identity' is missing.*data\.pkl"):
        load(data)


@pytest.mark.parametrize(
    ("declared", "problem"),
    [
        ("int", None),
        ("bool", None),
        ("float", None),
        ("Tensor", "a value of type bool stands where 'Tensor' is declared"),
        ("str", "a value of type bool stands where 'str' is declared"),
        ("List[int]", "a value of type bool stands where 'List"),
        ("Tuple[int, int]", "a value of type bool stands where 'Tuple"),
        ("Dict[str, int]", "a value of type bool stands where 'Dict"),
        ("Optional[str]", "a value of type bool stands where"),
        ("Union[str, int]", None),
        ("Any", None),
    ],
)
def test_attributes_of_other_types(declared: str, problem: str | None) -> None:
    data = rewritten(
        saved(torch.jit.script(Identity())), 10, lambda code: code.replace("training : bool", f"training : {declared}")
    )
    if problem is None or declared == "float":
        if declared == "float":
            with pytest.raises(ArchiveError, match="a value of type bool stands where 'float'"):
                load(data)
            return
        assert load(data).training in (True, 1)
        return
    with pytest.raises(ArchiveError, match=problem) as raised:
        load(data)
    assert "attribute 'training'" in str(raised.value)
    assert raised.value.record == "data.pkl"


def test_states_that_a_setstate_method_refuses() -> None:
    data = saved(torch.jit.script(seeded(ZOO["language OwnState"])))

    def raising(code: str) -> str:
        return code.replace("    self.w = (state)[0]\n", "    self.w = torch.view((state)[0], [99])\n")

    assert raising(records_of(data)["code/__torch__/tests/serialization/zoo/language.py"].decode()).count("[99]") == 1
    with pytest.raises(ArchiveError, match="__setstate__' fails"):
        load(rewritten(data, 10, raising))


def test_fields_that_a_setstate_method_leaves_out() -> None:
    data = saved(torch.jit.script(seeded(ZOO["language OwnState"])))

    def forgetting(code: str) -> str:
        return "\n".join(line for line in code.splitlines() if "self.derived = " not in line) + "\n"

    message = "The field 'derived' was left uninitialized after '__setstate__', but expected a value of type 'Tensor'"
    with pytest.raises(ArchiveError, match=message):
        load(rewritten(data, 10, forgetting))


def test_objects_of_classes_that_nobody_has() -> None:
    data = saved(torch.jit.script(seeded(ZOO["quantized linear"])))
    edited = archive_of(
        {
            name: content.replace(b"LinearPackedParamsBase", b"LinearPackedParamsBasE")
            for name, content in records_of(data).items()
        }
    )
    with pytest.raises(ArchiveError, match=r"the C\+\+ class '.*quantized\.LinearPackedParamsBasE' cannot be made"):
        load(edited)


# --- types


def test_classes_that_refer_to_each_other() -> None:
    more = {
        "__torch__/a.py": "class A:\n  b : Optional[__torch__.b.B]\n"
        "  def other(self: __torch__.a.A) -> __torch__.b.B:\n    return torch._unwrap_optional(self.b)\n",
        "__torch__/b.py": "class B:\n  a : Optional[__torch__.a.A]\n  n : int\n",
    }
    data = with_code("return (__torch__.a.A.__new__(__torch__.a.A), 1)", more=more)
    code = load(data).code
    assert "__torch__.a.A.__new__" in code


def test_compiling_in_many_threads() -> None:
    """Functions are compiled by whoever calls them first; types are defined once."""
    data = saved(torch.jit.script(seeded(ZOO["language NamedTuples"])))
    for _ in range(20):
        module = load(data)
        with ThreadPoolExecutor(8) as pool:
            calls = [pool.submit(lambda own: (load(data) if own else module)(X[:1]), i % 2 == 1) for i in range(8)]
        results = [call.result() for call in calls]
        assert all(repr(result) == repr(results[0]) for result in results)


# --- debug records


def test_damaged_debug_records_hide_nothing() -> None:
    records = records_of(with_code("return torch.view(x, [7])"))
    records[f"{FILE}.debug_pkl"] = b"nonsense"
    module = load(archive_of(records))
    with pytest.raises(RuntimeError, match="shape"):
        module(X)


def test_debug_records_are_read_when_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    from flambeau.serialization import archive_reader

    read: list[str] = []
    real = archive_reader.original_ranges

    def noting(data, limits, *, record, code):
        read.append(record)
        return real(data, limits, record=record, code=code)

    monkeypatch.setattr(archive_reader, "original_ranges", noting)
    module = load(saved(torch.jit.script(Raising())))
    assert torch.equal(module(X), X)
    assert read == []
    with pytest.raises(ValueError, match=r"test_archive_reader\.py"):
        module(torch.ones(3))
    assert len(read) == 1


class Raising(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        if x.size(0) == 3:
            raise ValueError("three")
        return x


# --- without PyTorch


WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
from flambeau.serialization import read_archive
from flambeau.api import Module, walk_modules
archive = read_archive(sys.argv[1])
module = Module(archive.root, archive.unit)
for name, part in walk_modules(archive.root):
    for method in part.type.methods.values():
        method.graph
print(module.code)
module.save(sys.argv[2])
"""


@pytest.mark.parametrize(
    "name", ["language Containers", "language Hooks", "nn LSTM", "nn Conv2d", "language Accents", "traced conv net"]
)
def test_without_pytorch(name: str, tmp_path: Path) -> None:
    """Types, code, graphs and values can be read, printed and written."""
    file, again = tmp_path / "m.pt", tmp_path / "again.pt"
    module = seeded(ZOO[name])
    scripted = module if ZOO[name].prepared else torch.jit.script(module)
    file.write_bytes(saved(scripted))
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, str(file), str(again)], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.stdout.strip() == flambeau.load(file).code.strip()
    theirs, mine = torch.jit.load(str(file)), torch.jit.load(str(again))
    assert list(theirs.state_dict()) == list(mine.state_dict())
    assert all(torch.equal(v, mine.state_dict()[k]) for k, v in theirs.state_dict().items())


def test_plain_values() -> None:
    archive = read_archive(saved(torch.jit.script(nn.Linear(2, 3))))
    weight = archive.root.get("weight")
    assert (weight.sizes, weight.dtype.dtype_name) == ((3, 2), "float32")
    assert archive.unit.find_type(archive.root.type.qualified_name) is archive.root.type
    assert archive.version == 3


def test_with_forward_builds_what_it_says() -> None:
    code = records_of(saved(torch.jit.script(Identity())))[FILE].decode()
    assert with_forward(code, "x: Tensor", "return x", "Tensor").splitlines() == code.splitlines()


class Shape(Enum):
    ROUND = 1
    SQUARE = 2


class ShapeTexts(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.shape = Shape.SQUARE

    def forward(self, n: int) -> tuple[str, str]:
        chosen = Shape.ROUND if n == 1 else self.shape
        return str(chosen), f"{chosen}"


def test_members_of_enums_are_shown_as_pytorch_shows_them() -> None:
    """What PyTorch compiled gives PyTorch's text; what flambeau compiles gives Python's, in both loaders."""
    theirs, ours = (io.BytesIO(), io.BytesIO())
    torch.jit.save(torch.jit.script(ShapeTexts()), theirs)
    flambeau.save(flambeau.script(ShapeTexts()), ours)
    for archive, text in ((theirs, "Enum<Shape.{}>"), (ours, "Shape.{}")):
        for load in (torch.jit.load, flambeau.load):
            archive.seek(0)
            module = load(archive)
            for n, member in ((1, "ROUND"), (2, "SQUARE")):
                assert module(n) == (text.format(member),) * 2
