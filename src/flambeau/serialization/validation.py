"""`validate`: everything in an archive that could go wrong later is tried now. Needs no PyTorch, runs nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from flambeau.errors import ArchiveError, FlambeauError
from flambeau.ir import ClassType, Function

from .archive_reader import ArchiveCode
from .archive_values import PlainValues
from .code.debug_records import original_ranges
from .code.importer import blamed_on_archive
from .container.reader import ArchiveReader, ArchiveSource
from .limits import DEFAULT_LIMITS, Limits
from .pickles.records import read_traced_inputs

__all__ = ["validate"]


def validate(source: ArchiveSource, *, limits: Limits = DEFAULT_LIMITS) -> tuple[ArchiveError, ...]:
    """Every problem of an archive, each as the error that loading or running it would end in; empty if it is sound.

    Checksums of all records are compared, all pickles read, all types defined, and all functions compiled. Operators of
    libraries other than PyTorch are problems, since only PyTorch with that library loaded knows what they take. What
    `__setstate__` methods do is not tried.
    """
    problems: list[ArchiveError] = []

    def check(action: Callable[[], object]) -> bool:
        try:
            action()
        except ArchiveError as error:
            problems.append(error)
        except FlambeauError as error:
            problems.append(blamed_on_archive(error))
        except RecursionError:
            problems.append(ArchiveError("the archive's types or values are nested too deeply"))
        else:
            return True
        return False

    opened: list[ArchiveReader] = []
    if not check(lambda: opened.append(ArchiveReader(source, limits))) or not check(opened[0].require_script):
        return tuple(problems)
    reader = opened[0]
    sound = {name for name in reader.records() if check(lambda name=name: reader.read(name))}  # type: ignore[misc]
    code = ArchiveCode(reader, PlainValues(), limits, run_setstate=False)
    check(code.root)
    check(lambda: code.constants)
    check(lambda: read_traced_inputs(reader))
    for name in sorted(sound):
        if name.endswith(".debug_pkl"):
            check(lambda name=name: original_ranges(reader.read_pickle(name), limits, record=name))  # type: ignore[misc]
        elif name.startswith("code/") and name.endswith(".py"):
            qualifier = name[len("code/") : -len(".py")].replace("/", ".")
            check(lambda qualifier=qualifier: _compile_all(code, qualifier, check))  # type: ignore[misc]
    unique = {str(problem): problem for problem in problems}
    return tuple(unique.values())


def _compile_all(code: ArchiveCode, qualifier: str, check: Callable[[Callable[[], object]], bool]) -> None:
    for name in code.importer.names_in(qualifier):
        found = code.importer.find(f"{qualifier}.{name}")
        for function in _functions_of(found):
            check(lambda function=function: function.graph)  # type: ignore[misc]


def _functions_of(found: object) -> Iterator[Function]:
    if isinstance(found, Function):
        yield found
    elif isinstance(found, ClassType):
        yield from found.methods.values()
        yield from found.static_methods.values()
