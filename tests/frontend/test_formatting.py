"""Format specs: what a script says is what Python says, for any value and any spec."""

from __future__ import annotations

import io
import linecache
import math
import random
import struct
from collections.abc import Callable, Sequence

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

import flambeau
from flambeau.errors import UnsupportedSyntaxError
from flambeau.frontend.formatting import text_functions

FLOATS = st.one_of(
    st.floats(),
    st.integers(0, 2**64 - 1).map(lambda bits: struct.unpack("d", struct.pack("Q", bits))[0]),
    st.builds(lambda n, digits: n / 10**digits, st.integers(-(10**7), 10**7), st.integers(0, 7)),
    st.integers(-1074, 1023).map(lambda exponent: 2.0**exponent),
    st.builds(lambda n, exponent: n * 0.5**exponent, st.integers(-999, 999), st.integers(0, 9)),
)
INTS = st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-2000, 2000), st.sampled_from([-(2**63), 2**63 - 1]))
TEXTS = st.text(st.one_of(st.characters(max_codepoint=127), st.sampled_from("éß€中😀'\"\\\xa0\xad\x85")), max_size=12)
VALUES = st.one_of(FLOATS, INTS, TEXTS, st.booleans())
_TYPES = {float: "float", int: "int", str: "str", bool: "bool"}


def _either(*options: str) -> st.SearchStrategy[str]:
    return st.sampled_from(("", *options))


SPECS = st.builds(
    lambda *parts: "".join(parts),
    st.one_of(st.just(""), st.builds(str.__add__, _either("*", "0", "é", " "), st.sampled_from("<>=^"))),
    _either("+", "-", " "),
    _either("#"),
    _either("0"),
    _either("1", "6", "13", "40"),
    _either(",", "_"),
    _either(".0", ".1", ".2", ".6", ".17", ".25"),
    _either(*"dbcoxXeEfFgG%s"),
)


def _function(expressions: Sequence[str], parameter: str) -> Callable[[object], list[str]]:
    """`def f(x: parameter)` that returns the values of all expressions."""
    text = f"def f(x: {parameter}):\n    return [{', '.join(expressions)}]\n"
    name = f"<formats {hash(text)}>"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    namespace: dict[str, object] = {"__name__": __name__}
    exec(compile(text, name, "exec"), namespace)
    return namespace["f"]  # type: ignore[return-value]


@settings(max_examples=300, deadline=None)
@given(VALUES, SPECS)
@example(-0.001, ".2f")
@example(2.5, ".0f")
@example(9.9999e22, "g")
@example(5e-324, "<1")
@example(2.0**-44, ">30")
@example(1.7976931348623157e308, "010,")
@example(-(2**63), "_x")
@example(math.nan, "+010.2f")
@example(True, "5")
@example(65, "6c")
@example(65, "*=6c")
@example(65, "06c")
def test_a_spec(value: object, spec: str) -> None:
    """What Python formats, scripts format; what it refuses, they refuse."""
    if not spec:
        return  # that is TorchScript's own text of a value
    function = _function([f'f"{{x:{spec}}}"'], _TYPES[type(value)])
    try:
        expected = format(value, spec)
    except (ValueError, OverflowError):
        if "c" in spec:
            return  # the number may be the one at fault, which only a run tells
        with pytest.raises(UnsupportedSyntaxError):
            flambeau.script(function)
        return
    assert flambeau.script(function)(value) == [expected]


@settings(max_examples=150, deadline=None)
@given(
    VALUES,
    st.builds(
        lambda *parts: "%" + "".join(parts),
        _either("-", "0", "+", " ", "#", "-+", "0+", "#0"),
        _either("1", "7", "30"),
        _either(".0", ".1", ".3", ".17"),
        st.sampled_from("diouxXeEfFgGcrs"),
    ),
)
@example(math.inf, "%05.1f")
@example("é", "%5s")
def test_a_directive_of_percent_formats(value: object, directive: str) -> None:
    function = _function([f'"%-1s|{directive}%%" % (0, x)'], _TYPES[type(value)])
    try:
        expected = function(value)
    except (ValueError, OverflowError, TypeError):
        return
    if isinstance(value, (int, float)) and abs(value) >= 2**63 and directive[-1] in "diu":
        return  # more digits than an int of a script has
    if "." in directive and directive[-1] in "dioxXu":
        with pytest.raises(UnsupportedSyntaxError):
            flambeau.script(function)
        return
    assert flambeau.script(function)(value) == expected


@settings(max_examples=60, deadline=None)
@given(st.one_of(FLOATS, INTS, st.booleans(), TEXTS))
def test_conversions(value: object) -> None:
    function = _function(['f"{x!r}"', 'f"{x!s:>9}"', '"{0!r:^9}{0!s}{{{a}}}".format(x, a=1)'], _TYPES[type(value)])
    assert flambeau.script(function)(value) == function(value)


@settings(max_examples=300, deadline=None)
@given(FLOATS)
def test_the_fewest_digits(value: float) -> None:
    assert text_functions.float_text(value, "r", 0, False, True, False, "", "", " ", ">", 0, "") == repr(value)


def _many_specs(accepts: object) -> list[str]:
    rng = random.Random(0)
    found = []
    while len(found) < 25:
        align = rng.choice(["", "<", "*>", "0=", "é^"])
        width = rng.choice(["", "", "9", "012", "21"])
        precision = rng.choice(["", "", ".0", ".1", ".3", ".18"])
        kind = rng.choice(["", "", *"dboxXeEfgG%s"])
        spec = f"{align}{rng.choice(['', '+', '#'])}{width}{rng.choice(['', ',', '_'])}{precision}{kind}"
        try:
            format(accepts, spec)
        except ValueError:
            continue
        found.append(spec)
    return found


_SAMPLES: dict[str, list[object]] = {
    "float": [
        0.0, -0.0, 1.0, -2.5, 0.1, 1e16, 123456789.125, 1e22, -9.995, 1e-5, 5e-324, 2.0**-44, 1.7976931348623157e308,
        2.0**-1022, math.inf, -math.inf, math.nan, 4.35, 0.5, 1.5,
    ],
    "int": [0, 1, -1, 255, -256, 1234567, 2**63 - 1, -(2**63)],
    "str": ["", "a", "banana", "über", "it's", "€\n", "a much longer text than all the widths are"],
    "bool": [True, False],
}  # fmt: skip


@pytest.mark.parametrize("parameter", _SAMPLES)
def test_archives_in_pytorch(parameter: str) -> None:
    samples = _SAMPLES[parameter]
    specs = _many_specs(samples[1])
    function = _function([*(f'f"{{x:{spec}}}"' for spec in specs), 'f"{x!r}"'], parameter)
    saved = flambeau.script(function).save_to_buffer()
    theirs, ours = torch.jit.load(io.BytesIO(saved)), flambeau.load(io.BytesIO(saved))
    for value in samples:
        assert theirs(value) == ours(value) == function(value)


def _of_tensor(x):
    return f"{x:.3f} {x:>12.2e}|" + "%.1f|%d" % (x, x) + "{:g}".format(x.item())


@pytest.mark.parametrize("value", [2.0, 7, True, -1.23456])
def test_tensors(value: float) -> None:
    x = torch.tensor(value)
    scripted = flambeau.script(_of_tensor)
    assert scripted(x) == _of_tensor(x)
    with pytest.raises(TypeError, match=r"unsupported format string passed to Tensor\.__format__"):
        scripted(torch.ones(1))
    with pytest.raises(TypeError, match=r"unsupported format string passed to Tensor\.__format__"):
        _of_tensor(torch.ones(1))


def test_specs_whose_parts_are_known() -> None:
    def padded(x: float, s: str):
        width = 9
        return [f"{x:{width}.{width - 7}f}|{s:>{width}}" for _ in range(2)]

    assert flambeau.script(padded)(1.25, "ab") == padded(1.25, "ab")


@pytest.mark.parametrize(
    ("expression", "parameter", "message"),
    [
        ('f"{x:{len(x)}}"', "str", "the format must be known"),
        ('f"{x:.2f}"', "str", "'.2f' of a value of type str"),
        ('f"{x:n}"', "int", "'n' of a value of type int"),
        ('f"{x:5}"', "List[int]", "'5' of a value of type int[]"),
        ('f"{x!a}"', "str", "!a of a value of type str"),
        ('f"{x!r}"', "List[int]", "!r of a value of type int[]"),
        ('"{0[0]:2}".format(x)', "str", "attributes or elements"),
        ('"{:{}}".format(x, 3)', "str", "fields in the format"),
        ('"{0} {}".format(x)', "str", "numbered fields"),
        ('"{:2} {a}".format(x)', "str", "a place for a, which is not given"),
        ('"%5s %s" % x', "str", "not enough arguments"),
        ('"%5s" % (x, x)', "str", "not all arguments"),
        ('"%5.2f" % x', "str", "'%5.2f' of a value of type str"),
        ('"%.3d" % x', "int", "'%.3d' of a value of type int"),
    ],
)
def test_what_is_refused(expression: str, parameter: str, message: str) -> None:
    function = _function([expression.replace("List", "list")], parameter.replace("List", "list"))
    with pytest.raises(flambeau.errors.ScriptError, match=message.replace("[", r"\[")) as caught:
        flambeau.script(function)
    assert "HERE" in str(caught.value)


def test_text_that_is_not_known_is_the_operators_matter() -> None:
    def joined(text: str, x: int):
        return text.format(x), text % x

    scripted = flambeau.script(joined)
    assert "torch.format(text, x)" in scripted.code
    assert scripted("%s", 3) == ("%s", "3")
