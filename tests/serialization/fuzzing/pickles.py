"""Mutations of the pickles in an archive, behind the checksums: damaged, hostile, enormous, deep."""

from __future__ import annotations

import os
import pickle
import random
import struct
from collections.abc import Callable

from tests.serialization.fuzzing.containers import records_of, zipped

_OPCODES = b"(.0123FIJKLMNPQRSTUVXacdghijopqrstu}elb)]GC" + bytes(range(0x80, 0x99))


class _Call:
    """Pickles as the call of any function."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.reduced = (function, arguments)

    def __reduce__(self) -> tuple[object, ...]:
        return self.reduced


def _global(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def _text(text: str) -> bytes:
    return struct.pack("<BI", ord("X"), len(text)) + text.encode()


FUNCTIONS = (
    ("os", "system"),
    ("posix", "system"),
    ("nt", "system"),
    ("subprocess", "check_output"),
    ("builtins", "eval"),
    ("builtins", "exec"),
    ("builtins", "getattr"),
    ("builtins", "__import__"),
    ("__builtin__", "eval"),
    ("torch", "load"),
    ("torch.jit", "load"),
    ("torch.hub", "load"),
    ("torch", "Size"),
    ("torch._utils", "_rebuild_parameter"),
    ("torch._utils", "_rebuild_device_tensor_from_numpy"),
    ("torch._tensor", "_rebuild_from_type_v2"),
    ("torch.storage", "_load_from_bytes"),
    ("pickle", "loads"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("collections", "OrderedDict"),
    ("functools", "partial"),
    ("runpy", "run_path"),
    ("webbrowser", "open"),
    ("__torch__", "does_not_exist"),
    ("__torch__.torch.classes.quantized", "LinearPackedParamsBase"),
    ("__torch__.torch.classes.nowhere", "Thing"),
    ("torch.jit._pickle", "build_intlist"),
    ("torch.jit._pickle", "build_tensor_from_id"),
    ("torch.distributed.rpc", "rref"),
)


def _call(function: tuple[str, str], arguments: bytes) -> bytes:
    return _global(*function) + arguments + b"R"


def _hostile_values(chosen: random.Random) -> bytes:
    """Instructions that leave one value, which no archive needs."""
    function = chosen.choice(FUNCTIONS)
    command = _text("touch /tmp/flambeau-was-here")
    arguments = chosen.choice((command + b"\x85", b")", b"(" + command + b"t", b"]", command, b"N", b"(K\1K\2t", b"}"))
    nested = b"(" + _global(*function) + command + b"\x85tR"
    match chosen.randrange(9):
        case 0 | 1 | 2:
            return _call(function, arguments)
        case 3:
            return b"(" + command + b"i" + f"{function[0]}\n{function[1]}\n".encode()  # INST
        case 4:
            return b"(" + _global(*function) + command + b"o"  # OBJ
        case 5:
            return _text(function[0]) + _text(function[1]) + b"\x93" + arguments + b"R"  # STACK_GLOBAL
        case 6:
            return _global("torch._tensor", "_rebuild_from_type_v2") + nested
        case 7:
            return _global(*function) + b")\x81}b"
        case _:
            return bytes((0x82 + chosen.randrange(3),)) + b"\1\0\0\0R"  # EXT


def _tensor(offset: int, sizes: tuple[int, ...], strides: tuple[int, ...], numel: int, device: str = "cpu") -> bytes:
    """Instructions for a tensor over the first storage."""

    def number(value: int) -> bytes:
        return struct.pack("<BBq", 0x8A, 8, value)

    def numbers(values: tuple[int, ...]) -> bytes:
        return b"(" + b"".join(map(number, values)) + b"t"

    storage = b"(" + _text("storage") + _global("torch", "FloatStorage") + _text("0") + _text(device) + number(numel)
    hooks = _global("collections", "OrderedDict") + b")R"
    view = storage + b"tQ" + number(offset) + numbers(sizes) + numbers(strides) + b"\x89" + hooks
    return _global("torch._utils", "_rebuild_tensor_v2") + b"(" + view + b"tR"


def _enormous(chosen: random.Random) -> bytes:
    """Instructions that claim more than there is, or make as much as they can."""
    large = chosen.choice((1 << 31, 1 << 40, 1 << 62, (1 << 63) - 1, -1, -(1 << 63)))
    count = chosen.choice((100_000, 3_000_000))
    options: tuple[Callable[[], bytes], ...] = (
        lambda: b"X" + b"\xff" * 4 + b"abc",
        lambda: b"\x8a\xff" + b"\x7f" * 255,
        lambda: b"\x8b\xff\xff\xff\x7f",
        lambda: b"Nr\xff\xff\xff\xff",
        lambda: b"j\xff\xff\xff\xff",
        lambda: _tensor(0, (large,), (1,), 4),
        lambda: _tensor(large, (1,), (1,), 4),
        lambda: _tensor(0, (2, 2), (large, large), 4),
        lambda: _tensor(0, (1 << 31, 1 << 31), (0, 0), 4),
        lambda: _tensor(0, (1,), (1,), large),
        lambda: _tensor(0, (large,), (1,), large, chosen.choice(("meta", "cuda:0", "nowhere", "cpu:9", ""))),
        lambda: _tensor(0, (1,) * chosen.choice((64, 65, 2000)), (1,) * 64, 4),
        lambda: b"}" * count,
        lambda: b"(" * count,
        lambda: b"]" + b"(" + b"N" * count + b"e",
        lambda: b"]" + b"q\1" + b"(" + b"h\1" * 1000 + b"e",
        lambda: b"(" + b"K\1" * count + b"t",
        lambda: _doubled(chosen.choice((20, 60, 500))),
    )
    return chosen.choice(options)()


def _doubled(times: int) -> bytes:
    """A tuple of two tuples of two tuples: small here, 2 to the power of `times` leaves for who walks over it."""
    made = [b")q\0"]
    for i in range(times):
        index = bytes((i % 256,))
        following = bytes(((i + 1) % 256,))
        made.append(b"0h" + index + b"h" + index + b"\x86q" + following)
    return b"".join(made)


def _deep(chosen: random.Random) -> bytes:
    """A value in a value in a value."""
    depth = chosen.choice((400, 1000, 3000, 9_990, 9_999, 10_000, 10_001, 100_000))
    return chosen.choice(
        (
            b"N" + b"\x85" * depth,
            b"]" * depth + b"a" * (depth - 1),
            b"(" * depth + b"l" * depth,
            b"}" * 1 + b"".join(b"NN\x86" for _ in range(1)) + b"\x85" * depth + b"\x86",
            b"(" * depth + b"N" + b"t" * depth,
        )
    )


def _spliced(content: bytes, value: bytes, chosen: random.Random) -> bytes:
    """A pickle that consists of a value, or has it where another one stood."""
    if chosen.random() < 0.4:
        return b"\x80\x02" + value + b"."
    spots = [i for i, byte in enumerate(content) if byte in b"N\x88\x89)"]
    at = chosen.choice(spots) if spots else len(content) - 1
    return content[:at] + value + content[at + 1 :]


def _byte_changes(content: bytes, chosen: random.Random) -> bytes:
    data = bytearray(content)
    for _ in range(chosen.choice((1, 1, 2, 5))):
        at, length = chosen.randrange(len(data) + 1), chosen.choice((0, 1, 1, 4, 30))
        cut = bytes(data[at : at + length])
        opcodes = bytes(chosen.choice(_OPCODES) for _ in range(chosen.choice((0, 1, 2))))
        data[at : at + length] = chosen.choice((opcodes, cut * chosen.choice((0, 2, 3)), chosen.randbytes(length)))
    return bytes(data)


def _standard(chosen: random.Random) -> bytes:
    """What Python's own pickler makes, of any protocol."""
    value = chosen.choice(
        (
            _Call(os.system, "touch /tmp/flambeau-was-here"),
            _Call(__import__, "os"),
            {"a": [1, 2.5, "x"]},
            [object()],
            2**100,
            {1, 2},
            b"bytes",
            bytearray(b"bytes"),
        )
    )
    return pickle.dumps(value, protocol=chosen.randrange(6))


def _changed(data: bytes, chosen: random.Random, change: Callable[[bytes], bytes]) -> bytes:
    records = records_of(data)
    pickles = [i for i, (name, _) in enumerate(records) if name.endswith("pkl")]
    weights = [8 if records[i][0].endswith("data.pkl") else 2 for i in pickles]
    i = chosen.choices(pickles, weights)[0]
    records[i] = (records[i][0], change(records[i][1]))
    return zipped(records)


def damage_pickle(data: bytes, chosen: random.Random) -> bytes:
    return _changed(data, chosen, lambda content: _byte_changes(content, chosen))


def hostile_pickle(data: bytes, chosen: random.Random) -> bytes:
    return _changed(data, chosen, lambda content: _spliced(content, _hostile_values(chosen), chosen))


def enormous_pickle(data: bytes, chosen: random.Random) -> bytes:
    return _changed(data, chosen, lambda content: _spliced(content, _enormous(chosen), chosen))


def deep_pickle(data: bytes, chosen: random.Random) -> bytes:
    return _changed(data, chosen, lambda content: _spliced(content, _deep(chosen), chosen))


def standard_pickle(data: bytes, chosen: random.Random) -> bytes:
    return _changed(data, chosen, lambda _: _standard(chosen))


MUTATIONS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    damage_pickle,
    damage_pickle,
    hostile_pickle,
    enormous_pickle,
    deep_pickle,
    standard_pickle,
)
