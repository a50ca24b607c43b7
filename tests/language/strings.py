"""Methods of strings."""
# ruff: noqa: F524

from typing import List

from tests.language.harness import Suite

suite = Suite("strings")


@suite.accepts("ÀB é", differs="letters are those of ASCII in TorchScript")
def case_of_letters_with_accents(s: str):
    return s.upper(), s.lower(), s.swapcase()


@suite.accepts("Hello World", "", "123", "they're x-1y")
def case(s: str):
    return s.upper(), s.lower(), s.swapcase(), s.capitalize(), s.title()


@suite.accepts("abc", "ABC", "Abc", "123", "  ", "a1", "")
def character_tests(s: str):
    return (
        s.isupper(), s.islower(), s.isdigit(), s.isspace(), s.isalnum(), s.isalpha(), s.isdecimal(), s.isnumeric(),
        s.istitle(), s.isprintable(),
    )  # fmt: skip


@suite.accepts("  x y\t\n", "xxabcxx", "")
def stripping(s: str):
    return s.strip(), s.lstrip(), s.rstrip(), s.strip("x"), s.lstrip("xa"), s.rstrip("x")


@suite.accepts("a,b,,c", "", "abc")
def splitting(s: str):
    return s.split(","), s.split(",", 1), s.rsplit(",", 1)


@suite.accepts(" a  b c ", "abc", "")
def splitting_on_space(s: str):
    return s.split()


@suite.accepts("ab", "1a", "a_1", differs="an identifier is made of letters in TorchScript")
def identifier_test(s: str):
    return s.isidentifier()


@suite.accepts("a\r\nb", "a\n", differs="line ends are single characters in TorchScript")
def splitting_two_character_lines(s: str):
    return s.splitlines(), s.splitlines(True)


@suite.accepts("a\nb", "abc", "a\nb\nc")
def splitting_lines(s: str):
    return s.splitlines()


@suite.accepts((",", ["a", "b"]), ("", ["x"]), ("-", []))
def joining(s: str, parts: List[str]):
    return s.join(parts)


@suite.accepts("banana", "nothing")
def finding(s: str):
    return s.find("an"), s.rfind("an"), s.find("an", 2), s.find("an", 0, 2), s.count("an"), s.count("n", 1, 4)


@suite.accepts("banana", "xyz")
def index_of_part(s: str):
    return s.index("an"), s.rindex("an")


@suite.accepts("banana")
def prefix_and_suffix(s: str):
    return s.startswith("ba"), s.startswith("na", 2), s.endswith("na"), s.endswith("ba", 0, 2)


@suite.accepts("banana")
def replacing(s: str):
    return s.replace("an", "X"), s.replace("a", "", 2), s.replace("q", "z")


@suite.accepts("ab", "-5", "+12")
def padding(s: str):
    return s.ljust(6), s.rjust(6), s.center(7), s.ljust(5, "."), s.rjust(5, "."), s.center(6, "*")


@suite.accepts("ab", "-5", "+12", "12345678", differs="zeros go before the sign in TorchScript")
def zeros(s: str):
    return s.zfill(6)


@suite.accepts("a=b=c", "abc")
def partition(s: str):
    return s.partition("="), s.rpartition("=")


@suite.accepts("a\tbc\td", "")
def tabs(s: str):
    return s.expandtabs(), s.expandtabs(4)


@suite.accepts(("a", "b"), ("", "x"))
def concatenation(a: str, b: str):
    return a + b, a + "-" + b


@suite.accepts((3, 2.5, "x"))
def format_fields(a: int, b: float, c: str):
    return "{} {}".format(a, b), "{}".format(c), "no fields".format(), "{}{}{}".format(c, c, a)


@suite.accepts(3)
def format_with_too_few(a: int):
    return "{} {}".format(a)


@suite.accepts((3, 2.5, "x"))
def percent_fields(a: int, b: float, c: str):
    return "%s" % c, "%d%%" % a, "%s-%s" % (a, c), "%i" % a


@suite.accepts(2.5, 1e10)
def percent_floats(b: float):
    return "%f" % b, "%e" % b


@suite.accepts(65)
def percent_characters(n: int):
    return "%c" % n


@suite.corrects(65, because="the specifier is not known in TorchScript")
def percent_bases(n: int):
    return "%x" % n


@suite.accepts("abc")
def iteration_with_index(s: str):
    found: List[str] = []
    for i, c in enumerate(s):
        found.append(c * 1 if False else c + str(i))
    return found


@suite.accepts(("abc", "abd"))
def comparison(a: str, b: str):
    return a < b, max(len(a), 1), a == b, a[0] == b[0], a[1:] + b[:1]


@suite.rejects("has no attribute or method 'nothing'")
def unknown_method(s: str):
    return s.nothing()


@suite.rejects("")
def encode_method(s: str):
    return s.encode()
