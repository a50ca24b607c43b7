"""Methods that `@dataclass` generates, written out as scripts: Python keeps no source of them.

    @dataclass                          def __init__(self, x, n):
    class Point:             ->             self.x = x
        x: Tensor                           self.n = n
        n: int = 3                      def __eq__(self, other): ...

Not among them: `__repr__` and `__hash__`. A parameter whose default comes from a `default_factory` is an optional one;
the factory is called where it is None.
"""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from flambeau import ir
from flambeau.errors import UnsupportedError
from flambeau.frontend import Definition, Signature, parse_source
from flambeau.ir import Argument, ClassType, Source
from flambeau.python.namespaces import namespace_of_class
from flambeau.python.types.annotations import AnnotationReader
from flambeau.python.types.conversion import default_value

_ORDER = {"__lt__": ("<", False), "__le__": ("<", True), "__gt__": (">", False), "__ge__": (">", True)}
"""Comparison of the first fields that differ, and the result where none does."""


class GeneratedMethod(NamedTuple):
    """A method to compile: its text, and the types that the text does not say."""

    name: str
    definition: Definition
    signature: Signature
    defaults: dict[str, object]
    names: Mapping[str, object] = MappingProxyType({})
    """What names mean that only the text uses."""


def generated_methods(cls: type, made: ClassType) -> Iterator[GeneratedMethod]:
    """The methods that the decorator added to a dataclass and that a script can have."""
    for name, generate in _GENERATORS.items():
        member = vars(cls).get(name)
        if member is not None and _is_generated(member):
            yield generate(cls, made, name)


def is_generated(cls: type, name: str) -> bool:
    """Whether a member of a class was added by the decorator."""
    return dataclasses.is_dataclass(cls) and name in vars(cls) and _is_generated(vars(cls)[name])


def _is_generated(member: object) -> bool:
    code = getattr(getattr(member, "__wrapped__", member), "__code__", None)
    # Since Python 3.13 `__replace__` is a function of the module `dataclasses`.
    return code is not None and code.co_filename in ("<string>", dataclasses.__file__)


def _definition(cls: type, text: str) -> Definition:
    source = Source(text, f"<generated for dataclass {cls.__name__}>")
    (node,) = parse_source(source).body
    if not isinstance(node, ast.FunctionDef):
        raise UnsupportedError(f"dataclass '{cls.__name__}' has a field whose name is no identifier")
    return Definition(node, source)


def _init(cls: type, made: ClassType, name: str) -> GeneratedMethod:
    reader = AnnotationReader(namespace_of_class(cls))
    declared = getattr(cls, "__dataclass_fields__", {})
    arguments: list[Argument] = []
    defaults: dict[str, object] = {}
    lines: list[str] = []
    late: list[str] = []
    fields_made = {f.name: f for f in declared.values() if f.default_factory is not dataclasses.MISSING}
    if fields_made:
        # What is first assigned in a branch must be there before.
        for field in dataclasses.fields(cls):
            made.add_attribute(field.name, reader.of_object(field.type))
    for field in declared.values():
        is_initial = isinstance(field.type, dataclasses.InitVar)
        if field.name in fields_made:
            type = reader.of_object(field.type)
            lines += _made_by_factory(field, type)
            if field.init:
                arguments.append(Argument(field.name, ir.optional(type), default=None))
                defaults[field.name] = None
            continue
        if not field.init or "ClassVar" in str(field.type):
            continue
        default = ir.MISSING if field.default is dataclasses.MISSING else default_value(field.default)
        arguments.append(
            Argument(field.name, reader.of_object(field.type.type if is_initial else field.type), default=default)
        )
        if field.default is not dataclasses.MISSING:
            defaults[field.name] = default
        if is_initial:
            late.append(field.name)
        else:
            lines.append(f"self.{field.name} = {field.name}")
    if hasattr(cls, "__post_init__"):
        lines.append(f"self.__post_init__({', '.join(late)})")
    names = ", ".join(["self", *(a.name for a in arguments)])
    definition = _definition(cls, f"def {name}({names}):\n" + "".join(f"    {line}\n" for line in lines or ["pass"]))
    used = {f"__factory_of_{n}": f.default_factory for n, f in fields_made.items()}
    used.update((f"__type_of_{n}", f.type) for n, f in fields_made.items())
    return GeneratedMethod(name, definition, Signature(tuple(arguments), ir.NONE), defaults, used)


def _made_by_factory(field: dataclasses.Field[object], type: ir.Type) -> list[str]:
    """The statements that assign a field with a factory."""
    literals: dict[object, str] = {list: "[]", dict: "{}"}
    value = literals.get(field.default_factory, f"__factory_of_{field.name}()")
    assigned = f"self.{field.name}: __type_of_{field.name} = {value}"
    if not field.init:
        return [assigned]
    if ir.is_subtype(ir.NONE, type):
        raise UnsupportedError(
            f"field '{field.name}' may be None and has a default_factory: a script cannot tell whether it was given"
        )
    return [f"if {field.name} is None:", f"    {assigned}", "else:", f"    self.{field.name} = {field.name}"]


def _comparison(
    cls: type, made: ClassType, name: str, compare: Callable[[str, str], list[str]], unequal: str, otherwise: bool
) -> GeneratedMethod:
    """A comparison field by field. `unequal` is done where one of two optional values is None."""
    reader = AnnotationReader(namespace_of_class(cls))
    lines: list[str] = []
    for field in dataclasses.fields(cls):
        if not field.compare:
            continue
        lines += [f"mine = self.{field.name}", f"theirs = other.{field.name}"]
        compared = compare("mine", "theirs")
        if isinstance(reader.of_object(field.type), ir.OptionalType):
            lines.append("if mine is not None and theirs is not None:")
            lines += [f"    {line}" for line in compared]
            lines += ["elif mine is not None or theirs is not None:", f"    {unequal}"]
        else:
            lines += compared
    # Each field's values are of their own types, so they need names of their own.
    numbered, index = [], -1
    for line in lines:
        index += line.startswith("mine = ")
        numbered.append(line.replace("mine", f"mine{index}").replace("theirs", f"theirs{index}"))
    body = "".join(f"    {line}\n" for line in [*numbered, f"return {otherwise}"])
    definition = _definition(cls, f"def {name}(self, other):\n{body}")
    return GeneratedMethod(name, definition, Signature((Argument("other", made),), ir.BOOL), {})


def _equal(cls: type, made: ClassType, name: str) -> GeneratedMethod:
    def compare(mine: str, theirs: str) -> list[str]:
        return [f"if {mine} != {theirs}: return False"]

    return _comparison(cls, made, name, compare, "return False", True)


def _ordered(cls: type, made: ClassType, name: str) -> GeneratedMethod:
    sign, otherwise = _ORDER[name]

    def compare(mine: str, theirs: str) -> list[str]:
        return [f"if {mine} {sign} {theirs}: return True", f"if {theirs} {sign} {mine}: return False"]

    complaint = f"raise TypeError('Cannot compare {cls.__name__} with None')"
    return _comparison(cls, made, name, compare, complaint, otherwise)


_GENERATORS: dict[str, Callable[[type, ClassType, str], GeneratedMethod]] = {
    "__init__": _init,
    "__eq__": _equal,
    **dict.fromkeys(_ORDER, _ordered),
}
