"""The tables of `docs/language/*.md` as programs.

A row of a table of forms is `| form | example | value | notes |`. The example is one or more lines of code, each in
backquotes, with `<br>` between them; the last line is the result. `value` is what flambeau and plain Python give, or
`raises X`. The note "Python: ..." says what Python gives where TorchScript by its definition gives another value; one
that starts with "not in torch.jit" says that PyTorch's compiler refuses the form. A row of a table of rejections is
`| rejected | example | message | instead |`.

The standing names and definitions are those of `docs/language.md`.
"""

from __future__ import annotations

import ast
import copy
import importlib.util
import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

DOCS = Path(__file__).parents[2] / "docs"
FOLDER = DOCS / "language"
_CODE = re.compile(r"`([^`]+)`")
_CELL = re.compile(r"(?<!\\)\|")
_INDEX = (DOCS / "language.md").read_text()


@dataclass(frozen=True)
class Row:
    """One form: where it stands, its cells, and the lines of its example."""

    subject: str
    section: str
    number: int
    form: str
    lines: tuple[str, ...]
    value: str
    """The value, or for a rejection the message."""
    notes: str
    is_rejected: bool

    def __str__(self) -> str:
        return f"{self.subject}/{self.section}/{self.form}"

    @property
    def function(self) -> str:
        return "f" if self.defines else f"f_{self.number}"

    @property
    def is_extension(self) -> bool:
        return self.notes.startswith("not in torch.jit")

    @property
    def in_python(self) -> str:
        """The value that plain Python gives."""
        found = re.search(r"Python: `([^`]+)`", self.notes)
        return found[1] if found else self.value

    @property
    def defines(self) -> bool:
        """Whether the example is a whole function `f`."""
        return self.lines[0].startswith("def f(")

    @property
    def source(self) -> str:
        """The function that the example makes, with the standing names it uses as parameters."""
        if self.defines:
            return "\n".join(self.lines) + "\n"
        body = list(self.lines)
        if not self.is_rejected:
            body[-1] = f"return {body[-1]}"
        parameters = ", ".join(f"{name}: {STANDING[name][0]}" for name in self.names)
        return f"def {self.function}({parameters}):\n" + textwrap.indent("\n".join(body), "    ") + "\n"

    @property
    def names(self) -> list[str]:
        """The standing names that the example uses, in their order."""
        used = {node.id for node in ast.walk(ast.parse("\n".join(self.lines))) if isinstance(node, ast.Name)}
        return [name for name in STANDING if name in used]


def cells_of(line: str) -> list[str]:
    """The cells of a line of a table; none if it is no such line."""
    if not line.startswith("|"):
        return []
    return [cell.strip().replace("\\|", "|") for cell in _CELL.split(line.strip()[1:-1])]


def _standing() -> dict[str, tuple[str, str]]:
    """Name -> type and value, from the table in the index."""
    table = _INDEX.split("| name | type | value |")[1].split("\n\n")[0]
    rows = [cells_of(line) for line in table.splitlines()[2:]]
    return {row[0].strip("`"): (row[1].strip("`"), row[2].strip("`")) for row in rows}


STANDING = _standing()


def definitions() -> str:
    """The definitions that examples may use."""
    return _INDEX.split("<!-- definitions -->\n```python\n")[1].split("```")[0]


def rows() -> Iterator[Row]:
    """Every row of every table of forms and rejections."""
    for path in sorted(FOLDER.glob("*.md")):
        kind = section = ""
        for number, line in enumerate(path.read_text().splitlines(), 1):
            found = cells_of(line)
            if found and found[0] in ("form", "rejected") and found[1:2] == ["example"]:
                kind = found[0]
            elif not found:
                kind = ""
                section = line.removeprefix("## ") if line.startswith("## ") else section
            elif kind and not found[0].startswith("-"):
                form, example, value, notes = found
                lines = tuple(code for part in example.split("<br>") for code in _CODE.findall(part))
                value = value.strip("`") if kind == "form" else " ".join(_CODE.findall(value)) or value
                yield Row(path.stem, section, number, form, lines, value, notes, kind == "rejected")


def load_row(row: Row, folder: Path) -> ModuleType:
    """A module with the row's function."""
    return load(f"{row.subject}_{row.number}", row.source, folder)


def load(name: str, source: str, folder: Path) -> ModuleType:
    """A module with the definitions and that source, from a file: compilers want to read it."""
    path = folder / f"{name}.py"
    path.write_text(f"{definitions()}\n\n{source}")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def outcome(function: Callable[..., object], row: Row, names: dict[str, object]) -> str:
    """What a call with the standing values gives, as the table writes it."""
    arguments = [copy.deepcopy(eval(STANDING[name][1], names)) for name in row.names]
    try:
        return written(function(*arguments))
    except Exception as error:
        return f"raises {next(cls.__name__ for cls in type(error).__mro__ if cls.__module__ == 'builtins')}"


def written(value: object) -> str:
    """A value on one line."""
    return re.sub(r"\n\s*", " ", repr(value))
