"""The pickle instructions that archives use, and no others, under their names in Python's `pickletools`."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["PROTOCOL", "Opcode"]

PROTOCOL = 2


class Opcode(IntEnum):
    """One instruction; its operands follow it."""

    MARK = ord("(")
    STOP = ord(".")
    NONE = ord("N")
    NEWTRUE = 0x88
    NEWFALSE = 0x89
    BININT = ord("J")
    BININT1 = ord("K")
    BININT2 = ord("M")
    LONG1 = 0x8A
    BINFLOAT = ord("G")
    BINUNICODE = ord("X")
    EMPTY_LIST = ord("]")
    APPEND = ord("a")
    APPENDS = ord("e")
    LIST = ord("l")
    EMPTY_TUPLE = ord(")")
    TUPLE = ord("t")
    TUPLE1 = 0x85
    TUPLE2 = 0x86
    TUPLE3 = 0x87
    EMPTY_DICT = ord("}")
    DICT = ord("d")
    SETITEM = ord("s")
    SETITEMS = ord("u")
    BINGET = ord("h")
    LONG_BINGET = ord("j")
    BINPUT = ord("q")
    LONG_BINPUT = ord("r")
    GLOBAL = ord("c")
    REDUCE = ord("R")
    NEWOBJ = 0x81
    BUILD = ord("b")
    BINPERSID = ord("Q")
    PROTO = 0x80
