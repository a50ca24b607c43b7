"""Formatted numbers and strings, as functions in TorchScript.

TorchScript has no operator that gives a number a precision, a sign, groups of digits or a base. A script that asks
for one calls these functions, and its archive holds those it calls (`formatting` compiles them from the text of this
file, which is ordinary Python too). They say what Python says to the last digit: a float is a whole number times a
power of two, of which all decimal digits are computed, in limbs of nine; those are then rounded half to even.

Lengths count characters, though strings in TorchScript are bytes: what continues a character of UTF-8 is not counted.
"""

from __future__ import annotations

import math


def repeated(text: str, count: int) -> str:
    """The text that often; nothing for a negative number."""
    result = ""
    for _ in range(count):
        result = result + text
    return result


def length_of(text: str) -> int:
    """The number of characters."""
    count = 0
    for position in range(len(text)):
        if ord(text[position]) // 64 != 2:
            count = count + 1
    return count


def beginning(text: str, count: int) -> str:
    """The first characters."""
    taken = 0
    for position in range(len(text)):
        if ord(text[position]) // 64 != 2:
            if taken == count:
                return text[:position]
            taken = taken + 1
    return text


def aligned(text: str, fill: str, align: str, width: int) -> str:
    """The text among as much fill as makes it that wide; `align` is `<`, `>` or `^`."""
    missing = width - length_of(text)
    before = 0
    if align == ">":
        before = missing
    elif align == "^":
        before = missing // 2
    return repeated(fill, before) + text + repeated(fill, missing - before)


def quoted(text: str) -> str:
    """The text as a literal. Characters beyond U+00FF stand as they are, also those that Python escapes."""
    quote = "'"
    if text.find("'") >= 0 and text.find('"') < 0:
        quote = '"'
    result = ""
    is_first_of_two = False
    for position in range(len(text)):
        byte = text[position]
        code = ord(byte)
        if is_first_of_two:
            is_first_of_two = False
            if code <= 160 or code == 173:
                result = result + "\\x" + digits_of(code, 16)
            else:
                result = result + text[position - 1] + byte
        elif code == 194 and position + 1 < len(text):
            is_first_of_two = True
        elif byte == quote or byte == "\\":
            result = result + "\\" + byte
        elif byte == "\n":
            result = result + "\\n"
        elif byte == "\r":
            result = result + "\\r"
        elif byte == "\t":
            result = result + "\\t"
        elif code < 32 or code == 127:
            result = result + "\\x" + digits_of(code, 16).zfill(2)
        else:
            result = result + byte
    return quote + result + quote


def character(code: int) -> str:
    """The character of that number, in UTF-8."""
    if code < 0 or code > 1114111:
        raise OverflowError("%c arg not in range(0x110000)")
    if code < 128:
        return chr(code)
    if code < 2048:
        return chr(192 + code // 64) + chr(128 + code % 64)
    if code < 65536:
        return chr(224 + code // 4096) + chr(128 + code // 64 % 64) + chr(128 + code % 64)
    return chr(240 + code // 262144) + chr(128 + code // 4096 % 64) + chr(128 + code // 64 % 64) + chr(128 + code % 64)


def sign_of(is_negative: bool, option: str) -> str:
    """What stands before a number; `option` is what stands before one that is not negative."""
    if is_negative:
        return "-"
    return option


def grouped(digits: str, separator: str, size: int, width: int) -> str:
    """Digits in groups, with zeros before them until they are that wide; what has no digits has no groups."""
    if len(separator) == 0 or len(digits) == 0:
        return repeated("0", width - len(digits)) + digits
    while len(digits) + (len(digits) - 1) // size < width:
        digits = "0" + digits
    result = ""
    while len(digits) > size:
        result = separator + digits[len(digits) - size :] + result
        digits = digits[: len(digits) - size]
    return digits + result


def completed(lead: str, whole: str, rest: str, fill: str, align: str, width: int, separator: str, size: int) -> str:
    """A number from its parts: sign and prefix, the digits before the point, and all that follows them."""
    least = 0
    if fill == "0" and align == "=":
        least = width - len(lead) - len(rest)
    whole = grouped(whole, separator, size, least)
    if align == "=":
        return lead + repeated(fill, width - len(lead) - len(whole) - len(rest)) + whole + rest
    return aligned(lead + whole + rest, fill, align, width)


def digits_of(value: int, base: int) -> str:
    """The digits of a number without its sign."""
    result = ""
    if value < 0:
        # The smallest int has no positive counterpart: its last digit goes first.
        last = (base - value % base) % base
        result = "0123456789abcdef"[last]
        value = -((value + last) // base)
    while value > 0:
        result = "0123456789abcdef"[value % base] + result
        value = value // base
    if len(result) == 0:
        return "0"
    return result


def int_text(
    value: int, base: int, upper: bool, sign: str, prefix: str, fill: str, align: str, width: int, separator: str
) -> str:
    """An int to a base."""
    digits = digits_of(value, base)
    if upper:
        digits = digits.upper()
    size = 3
    if base != 10:
        size = 4
    return completed(sign_of(value < 0, sign) + prefix, digits, "", fill, align, width, separator, size)


def decimal(significand: int, exponent: int) -> str:
    """The digits of significand * 2**exponent. If the exponent is -n, the last n of them stand after the point."""
    limbs: list[int] = []
    while significand > 0:
        limbs.append(significand % 1000000000)
        significand = significand // 1000000000
    prime = 2
    step = 29
    if exponent < 0:
        # Half of something is five tenths of it.
        prime = 5
        step = 12
    left = abs(exponent)
    while left > 0:
        factor = 1
        for _ in range(min(left, step)):
            factor = factor * prime
        left = left - step
        carry = 0
        for place in range(len(limbs)):
            product = limbs[place] * factor + carry
            limbs[place] = product % 1000000000
            carry = product // 1000000000
        if carry > 0:
            limbs.append(carry)
    result = str(limbs[len(limbs) - 1])
    for place in range(1, len(limbs)):
        result = result + str(limbs[len(limbs) - 1 - place]).zfill(9)
    return result


def incremented(digits: str) -> str:
    """The next number; one digit more after nines only."""
    kept = digits.rstrip("9")
    zeros = repeated("0", len(digits) - len(kept))
    if len(kept) == 0:
        return "1" + zeros
    last = len(kept) - 1
    return kept[:last] + str(int(kept[last]) + 1) + zeros


def rounds_up(digits: str, count: int) -> bool:
    """Whether a number is rounded up if its first digits are kept."""
    rest = digits[count:]
    half = "5" + repeated("0", len(rest) - 1)
    if rest == half:
        return count > 0 and int(digits[count - 1]) % 2 == 1
    return rest > half


def rounded(digits: str, count: int) -> str:
    """The first digits of a number, half to even: all there are, if there are not that many; or one more, a carry."""
    if count >= len(digits):
        return digits
    if count < 0:
        return ""
    if rounds_up(digits, count):
        return incremented(digits[:count])
    return digits[:count]


def shortest(significand: int, exponent: int) -> tuple[str, int]:
    """The fewest digits that no other float is nearer to, and the place of the point among them.

    What lies between this float and the middle to its neighbours is read as this float; so are the middles themselves
    if the significand is even. Below a power of two the neighbour is only half as far.
    """
    below = 2
    if significand == 4503599627370496 and exponent > -1074:
        below = 1
    high = decimal(4 * significand + 2, exponent - 2)
    low = decimal(4 * significand - below, exponent - 2).zfill(len(high))
    exact = decimal(4 * significand, exponent - 2).zfill(len(high))
    closed = significand % 2 == 0
    count = 0
    found = exact
    is_found = False
    while not is_found:
        count = count + 1
        zeros = repeated("0", len(exact) - count)
        down = exact[:count] + zeros
        up = incremented(exact[:count]) + zeros
        down_fits = down > low or (closed and down == low)
        up_fits = len(up) == len(high) and (up < high or (closed and up == high))
        is_found = down_fits or up_fits
        if up_fits and (not down_fits or rounds_up(exact, count)):
            found = up
        elif down_fits:
            found = down
    point = len(found) - max(0, 2 - exponent)
    stripped = found.lstrip("0")
    return stripped.rstrip("0"), point - (len(found) - len(stripped))


def float_digits(value: float, kind: str, precision: int) -> tuple[str, int]:
    """The digits of a finite float that is not negative, and the place of the point among (or before) them."""
    if value == 0.0:
        return "0", 1
    mantissa, power = math.frexp(value)
    exponent = max(power - 53, -1074)
    significand = int(math.ldexp(mantissa, power - exponent))
    if kind == "r":
        return shortest(significand, exponent)
    while exponent < 0 and significand % 2 == 0:
        significand = significand // 2
        exponent = exponent + 1
    exact = decimal(significand, exponent)
    point = len(exact) - max(0, -exponent)
    count = precision
    if kind == "f":
        count = point + precision
    elif kind == "e":
        count = 1 + precision
    digits = rounded(exact, count)
    if len(digits) == 0:
        return "0", 1
    if len(digits) > count:
        point = point + 1
        if kind != "f":
            digits = digits[:count]
    return digits, point


def float_parts(value: float, kind: str, precision: int, alternate: bool, is_plain: bool) -> tuple[str, str]:
    """What stands before the point, and the point with all that follows, of a finite float that is not negative."""
    digits, point = float_digits(value, kind, precision)
    decimals = precision
    scientific = kind == "e"
    if kind == "g" or kind == "r":
        limit = 16
        decimals = 0
        if kind == "g":
            limit = precision
            if is_plain:
                limit = limit - 1
            digits = digits.rstrip("0")
            if alternate or len(digits) == 0:
                digits = digits + repeated("0", max(precision, 1) - len(digits))
            if not alternate and value == 0.0:
                digits = "0"
        scientific = point <= -4 or point > limit
        if is_plain and not scientific:
            decimals = 1
    ending = ""
    if scientific:
        ending = "e" + sign_of(point < 1, "+") + digits_of(point - 1, 10).zfill(2)
        point = 1
    if point < 1:
        digits = repeated("0", 1 - point) + digits
        point = 1
    digits = digits + repeated("0", point + decimals - len(digits))
    fraction = digits[point:]
    if len(fraction) > 0 or alternate:
        ending = "." + fraction + ending
    return digits[:point], ending


def float_text(
    value: float,
    kind: str,
    precision: int,
    alternate: bool,
    is_plain: bool,
    upper: bool,
    suffix: str,
    sign: str,
    fill: str,
    align: str,
    width: int,
    separator: str,
) -> str:
    """A float. `kind` is `e`, `f`, `g`, or `r` for the fewest digits; `is_plain`: a whole number shows a point."""
    is_negative = math.copysign(1.0, value) < 0.0
    whole, rest = "", ""
    if math.isnan(value):
        is_negative = False
        rest = "nan"
    elif math.isinf(value):
        rest = "inf"
    else:
        whole, rest = float_parts(abs(value), kind, precision, alternate, is_plain)
    if upper:
        rest = rest.upper()
    return completed(sign_of(is_negative, sign), whole, rest + suffix, fill, align, width, separator, 3)
