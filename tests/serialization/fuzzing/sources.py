"""Mutations of the code in an archive: damaged, hostile, deep, without end."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from flambeau.ir import all_operator_names
from tests.serialization.fuzzing.containers import records_of, zipped

_TOKEN = re.compile(r"\w+|\s+|[^\w\s]")
WORDS = (
    *"if else while for in def class return pass and or not is None True False import from try except yield".split(),
    *"async await lambda with as global del assert raise break continue match self torch ops prim aten".split(),
    *"CONSTANTS c0 c999 inf nan infj uninitialized annotate unchecked_cast fork getattr isinstance print".split(),
    *"Tensor int float bool str List Dict Optional Tuple Union Any Future Final Device number NoneType".split(),
    *"__torch__ Module Enum NamedTuple Interface ModuleInterface __setstate__ __getstate__ forward".split(),
    *"0 1 -1 9223372036854775807 9223372036854775808 1e400 1.0737e+09 0x 1_000 07 1j '' \"\"\" ''' \\ ".split(),
    *"( ) [ ] { } : , . = == != < > <= >= + - * / // % ** @ & | ^ ~ << >> -> ; # # type: := * ** ...".split(),
    "\t",
    "\n",
    "\f",
    "\0",
    "\ufeff",
    "é",
    "\u2028",
    "\U0001d400",
    "# type: (int) -> int\n",
    "# type: ignore\n",
    "f'{x}'",
    "[x for x in y]",
    "(yield)",
    "__torch__.does.not.exist",
    "List[int, int]",
    "Dict[Tensor]",
    "Tuple[()]",
    "torch.save(1, '/tmp/flambeau-was-here')",
    "torch.from_file('/tmp/flambeau-was-here', True, 1000)",
    "ops.prim.data(x)",
    "ops.nowhere.nothing(1)",
    "torch.nothing(1)",
    "torch.autograd.grad()",
)

STATEMENTS = (
    "while True:\n      pass",
    "while True:\n      x = torch.ones([1000])",
    "for i in range(9223372036854775807):\n      pass",
    "x = torch.ones([1000000, 1000000])",
    "x = torch.zeros([9223372036854775807])",
    "x = 'a' * 100000000000",
    "x = [0] * 100000000000",
    "x = 1 // 0",
    "x = torch.empty([-1])",
    "ops.prim.RaiseException('no')",
    "assert False",
    "torch.save(1, '/tmp/flambeau-was-here')",
    "x = torch.from_file('/tmp/flambeau-was-here', True, 1000)",
    "self.training = 3",
    "self.nothing = 3",
    "return 1",
    "x = self",
    "self = x",
    "x = __torch__.nothing()",
    "x : List[List[int]] = []",
    "x : int = 'text'",
    "def inner(): pass",
    "class Inner: pass",
    "import os",
    "print('executed')",
    "x = fork(x)",
    "x = CONSTANTS.c0",
    "x = CONSTANTS.c99999999999999999999",
    "x = uninitialized(Tensor)",
    "x = annotate(int, None)",
    "x = unchecked_cast(int, 'text')",
    "x = (self).forward(self, )",
    "x = 2 ** 1000000000",
    "x = 2 ** -1",
    "x = 1 << 1000000000000",
    "x = torch.ones([2], dtype=99)",
    "x = torch.ones([2], dtype=-1)",
    "x = torch.ones([2], layout=99, device=torch.device('nowhere'))",
)

SET_STATE = """
  def __getstate__(self: {name}) -> int:
    return 1
  def __setstate__(self: {name},
    state: int) -> NoneType:
    {statement}
    return None
"""


def _tokens(text: str, chosen: random.Random) -> str:
    tokens = _TOKEN.findall(text)
    for _ in range(chosen.choice((1, 1, 1, 2, 5))):
        if not tokens:
            break
        i, j = chosen.randrange(len(tokens)), chosen.randrange(len(tokens))
        match chosen.randrange(5):
            case 0:
                tokens[i], tokens[j] = tokens[j], tokens[i]
            case 1:
                del tokens[i]
            case 2:
                tokens.insert(i, tokens[j])
            case 3:
                tokens[i] = chosen.choice(WORDS)
            case _:
                tokens.insert(i, chosen.choice(WORDS))
    return "".join(tokens)


def _names(text: str, chosen: random.Random) -> str:
    """Names for names, numbers for numbers, operators for operators: what stays syntactically right."""
    found = list(re.finditer(r"\b(?:torch\.\w+|[A-Za-z_]\w*|\d[\d.e+-]*)\b", text))
    operators = [f"torch.{name.partition('::')[2]}" for name in all_operator_names() if name.startswith("aten::")]
    for match in sorted(chosen.sample(found, min(len(found), chosen.choice((1, 1, 2, 8)))), key=_start, reverse=True):
        word = match[0]
        if word.startswith("torch."):
            replacement = chosen.choice(operators)
        elif word[0].isdigit():
            replacement = chosen.choice(("0", "-1", "2.5", "9223372036854775807", "None", "True", "'x'", "[1, 2]", "x"))
        else:
            replacement = chosen.choice((chosen.choice(found)[0], chosen.choice(WORDS)))
        text = text[: match.start()] + replacement + text[match.end() :]
    return text


def _start(match: re.Match[str]) -> int:
    return match.start()


def _lines(text: str, chosen: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    i, j = chosen.randrange(len(lines) + 1), chosen.randrange(len(lines) + 1)
    match chosen.randrange(4):
        case 0:
            del lines[i : i + 1]
        case 1:
            lines.insert(i, lines[j - 1] if lines else "x\n")
        case 2:
            lines = lines[:i]
        case _:
            lines.insert(i, f"    {chosen.choice(STATEMENTS)}\n")
    return "".join(lines)


def _statement(text: str, chosen: random.Random) -> str:
    """A statement at the start of a function's body."""
    heads = [m.end() for m in re.finditer(r"\) -> [^\n]*:\n", text)]
    if not heads:
        return _tokens(text, chosen)
    at = chosen.choice(heads)
    return text[:at] + f"    {chosen.choice(STATEMENTS)}\n" + text[at:]


def _set_state(text: str, chosen: random.Random) -> str:
    """Classes whose objects set their state by code that goes wrong, whatever the pickle has."""
    name = re.search(r"self: (__torch__[\w.]*)", text)
    statement = chosen.choice(STATEMENTS)
    if "def __setstate__" in text:
        return re.sub(r"(def __setstate__[^\n]*\n[^\n]*:\n)", lambda m: f"{m[1]}    {statement}\n", text)
    if name is None:
        return _tokens(text, chosen)
    return text.rstrip("\n") + SET_STATE.format(name=name[1], statement=statement)


def _deep(text: str, chosen: random.Random) -> str:
    depth = chosen.choice((50, 90, 200, 1000, 5000, 100_000))
    few = min(depth, 1000)
    deep = chosen.choice(
        (
            lambda: "(" * depth + "1" + ")" * depth,
            lambda: "[" * depth + "]" * depth,
            lambda: "-" * depth + "1",
            lambda: "not " * depth + "x",
            lambda: "x" + ".y" * depth,
            lambda: "x" + "[0]" * depth,
            lambda: "x" + "()" * depth,
            lambda: "1" + " + 1" * depth,
            lambda: "x" + " if y else x" * depth,
            lambda: "lambda: " * depth + "1",
            lambda: "1  # type: int\n    x = " + "-" * depth + "1",
            lambda: "annotate(" + "List[" * depth + "int" + "]" * depth + ", [])",
            lambda: "'" + "a" * depth * 10 + "'",
            lambda: "9" * depth,
            lambda: ", ".join(["x"] * depth),
            lambda: "1" + "".join(f"\n{' ' * (4 + i)}if x:\n{' ' * (5 + i)}x = 1" for i in range(few)),
            lambda: "1" + "".join(f"\n    y{i} = x" for i in range(min(depth, 20_000))),
            lambda: "1" + "".join("\n    x = (x, x)" for i in range(min(depth, 200))),
        )
    )()
    heads = [m.end() for m in re.finditer(r"\) -> [^\n]*:\n", text)]
    if not heads or chosen.random() < 0.2:
        return f"{text}\nx : {deep}\n"
    at = chosen.choice(heads)
    return f"{text[:at]}    x = {deep}\n{text[at:]}"


def _types(text: str, chosen: random.Random) -> str:
    """Classes with attributes of types that are deep, circular, or missing."""
    found = re.search(r"^class (\w+)[^\n]*:\n", text, re.MULTILINE)
    if found is None:
        return _lines(text, chosen)
    depth = chosen.choice((10, 100, 1000, 10_000))
    prefix = "__torch__."
    declared = chosen.choice(
        (
            "List[" * depth + "int" + "]" * depth,
            "Tuple[" + "int, " * depth + "]",
            "Dict[str, " * depth + "int" + "]" * depth,
            f"{prefix}{found[1]}",
            "__torch__.Missing",
            "__torch__." + "a." * depth + "B",
            "__torch__.torch.classes.nowhere.Thing",
            "Final[int]",
            "3",
            "torch.Tensor",
            "Optional[" * depth + "int" + "]" * depth,
            "Union[" + ", ".join(f"Tuple[int, {'int, ' * i}]" for i in range(min(depth, 300))) + "]",
        )
    )
    chain = "".join(f"class K{i}(Module):\n  a : __torch__.K{i + 1}\n" for i in range(depth))
    match chosen.randrange(3):
        case 0:
            return text[: found.end()] + f"  extra : {declared}\n" + text[found.end() :]
        case 1:
            return re.sub(r"^(  \w+ : )[^\n]*", lambda m: f"{m[1]}{declared}", text, count=1, flags=re.MULTILINE)
        case _:
            return chain + text


def _changed(data: bytes, chosen: random.Random, change: Callable[[str], str]) -> bytes:
    records = records_of(data)
    sources = [i for i, (name, _) in enumerate(records) if name.endswith(".py")]
    for i in chosen.sample(sources, min(len(sources), chosen.choice((1, 1, 2, 5)))):
        text = change(records[i][1].decode())
        records[i] = (records[i][0], text.encode(errors="replace"))
    return zipped(records)


def change_tokens(data: bytes, chosen: random.Random) -> bytes:
    return _changed(data, chosen, lambda text: _tokens(text, chosen))


def change_names(data: bytes, chosen: random.Random) -> bytes:
    return _changed(data, chosen, lambda text: _names(text, chosen))


def change_lines(data: bytes, chosen: random.Random) -> bytes:
    return _changed(data, chosen, lambda text: _lines(text, chosen))


def insert_statement(data: bytes, chosen: random.Random) -> bytes:
    return _changed(data, chosen, lambda text: _statement(text, chosen))


def change_set_state(data: bytes, chosen: random.Random) -> bytes:
    return _changed(data, chosen, lambda text: _set_state(text, chosen))


def deep_source(data: bytes, chosen: random.Random) -> bytes:
    return _changed(data, chosen, lambda text: _deep(text, chosen))


def change_types(data: bytes, chosen: random.Random) -> bytes:
    return _changed(data, chosen, lambda text: _types(text, chosen))


def no_text(data: bytes, chosen: random.Random) -> bytes:
    """Bytes that are no text."""
    records = records_of(data)
    i = chosen.choice([i for i, (name, _) in enumerate(records) if name.endswith(".py")])
    content = chosen.choice((b"\xff\xfe", b"", b"\0", chosen.randbytes(100), records[i][1].decode().encode("utf-16")))
    records[i] = (records[i][0], content)
    return zipped(records)


MUTATIONS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    change_tokens,
    change_names,
    change_names,
    change_lines,
    insert_statement,
    change_set_state,
    deep_source,
    change_types,
    no_text,
)
