"""The rules of the house as functions from source text to findings; `test_house.py` applies them to the tree.

Every checker reads syntax trees only: nothing of the code under examination is executed. What they cannot see (a name
built from pieces at run time) is left to the run with PyTorch's entry points poisoned.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "flambeau"

LADDER = (
    {"cli", "compat"},
    {"testing"},
    {"python", "mobile"},
    {"serialization"},
    {"api"},
    {"runtime"},
    {"codegen"},
    {"passes"},
    {"frontend"},
    {"ir"},
    {"generated"},
    {"errors", "settings"},
)
"""Rooms from the top down. A room imports from lower steps only, never from its own step."""
STEP = {room: index for index, rooms in enumerate(LADDER) for room in rooms}

INNER_DOORS = frozenset({"flambeau.runtime.aten", "flambeau.passes.autodiff"})
"""Packages inside a room that others may import: in `runtime` what needs torch, in `passes` what needs `frontend`."""

FORBIDDEN = re.compile(
    r"""torch\.jit\b
    |
    torch\._C\.(_jit_|parse_|_?import_ir_module|_create_(function|method)_from_|_tracer|_freeze_module|_get_graph_executor)
    | torch\._C\.(_get_tracing_state|_set_tracing_state|fork|wait)\b |
    torch\._C\.(Graph|Block|Node|Value|Use|Code|Gradient|GraphExecutorState|ExecutionPlan|AliasDb|CompilationUnit)\b |
    torch\._C\.(ScriptModule|ScriptFunction|ScriptMethod|ScriptObject|LiteScriptModule|ScriptModuleSerializer)\b |
    torch\._C\.(ConcreteModuleType|ConcreteModuleTypeBuilder|CallStack|ErrorReport|FileCheck|_jit_tree_views)\b |
    torch\._jit_internal\. | torch\.utils\.mobile_optimizer\b
    """,
    re.VERBOSE,
)
"""What belongs to PyTorch's own JIT, as dotted names."""

READ_AS_DATA = {
    "torch._jit_internal.boolean_dispatched": "table: which function of a pair a boolean argument selects",
    "torch._jit_internal._overloaded_fns": "table: overloads that user code declared for functions",
    "torch._jit_internal._overloaded_methods": "table: overloads that user code declared for methods",
    "torch._jit_internal._overloaded_method_class_fileno": "table: which class those methods belong to",
    "torch._jit_internal.FunctionModifiers": "the names of the markers that user code carries",
    "torch._jit_internal.BroadcastingListCls": "marker class of annotations such as BroadcastingList2[int]",
    "torch._jit_internal.Final": "annotation marker",
    "torch._jit_internal.Future": "annotation marker",
    "torch._jit_internal._Await": "annotation marker",
    "torch._jit_internal.RRef": "annotation marker",
}
"""The exceptions: tables and markers, which are read and never called."""

REPLACED_BY_NAME = {"compat/installation.py": frozenset({"torch.jit"})}
"""The drop-in names what it puts its replacements into; it calls nothing of it."""

TORCH_FREE = ("ir", "generated", "frontend", "passes", "serialization", "mobile", "api", "runtime")
"""Rooms that work without torch and llvmlite."""
NEEDS_TORCH = ("flambeau.runtime.aten",)
"""Packages inside those rooms for which this does not hold."""

_BY_STRING = frozenset({"getattr", "hasattr", "setattr", "import_module", "__import__", "find_spec", "attrgetter"})


@dataclass(frozen=True)
class Finding:
    """Something at a line of a file."""

    file: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}"


def sources() -> list[Path]:
    """Every Python file of the package."""
    return sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    """The path as the tests report it: relative to the package where it is inside, the file name elsewhere."""
    return path.relative_to(PACKAGE).as_posix() if path.is_relative_to(PACKAGE) else path.name


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(("flambeau", *(parts[:-1] if parts[-1] == "__init__" else parts)))


def room_of(module: str) -> str:
    """The room that a dotted name below `flambeau` belongs to; empty for the package itself."""
    return module.split(".")[1] if "." in module else ""


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


# --- PyTorch's own JIT
# -------------------------------------------------------------------------------------------------


class _Names(ast.NodeVisitor):
    """Follows what names in a file stand for, as dotted names, and keeps the forbidden ones."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.stands_for: dict[str, str] = {}
        self.findings: list[Finding] = []

    def found(self, node: ast.AST, dotted: str | None) -> None:
        if dotted is None or not FORBIDDEN.match(dotted):
            return
        if any(dotted == allowed or dotted.startswith(f"{allowed}.") for allowed in READ_AS_DATA):
            return
        if dotted in REPLACED_BY_NAME.get(self.file, ()):
            return
        self.findings.append(Finding(self.file, getattr(node, "lineno", 0), dotted))

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.found(node, alias.name)
            if alias.asname is not None:
                self.stands_for[alias.asname] = alias.name
            else:
                self.stands_for[alias.name.split(".")[0]] = alias.name.split(".")[0]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            dotted = f"{node.module}.{alias.name}"
            self.found(node, dotted)
            self.stands_for[alias.asname or alias.name] = dotted

    def visit_Assign(self, node: ast.Assign) -> None:
        self.generic_visit(node)
        dotted = self.dotted(node.value)
        for target in node.targets:
            if isinstance(target, ast.Name) and dotted is not None:
                self.stands_for[target.id] = dotted

    def visit_Attribute(self, node: ast.Attribute) -> None:
        dotted = self.dotted(node)
        if dotted is None:
            self.generic_visit(node)
        else:
            self.found(node, dotted)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self.found(node, self.stands_for.get(node.id))

    def visit_Call(self, node: ast.Call) -> None:
        """Names given as strings: `getattr(torch, "jit")`, `import_module("torch.jit")`, `attrgetter("jit.script")`."""
        self.generic_visit(node)
        if self.called(node) not in _BY_STRING:
            return
        strings = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        owner = self.dotted(node.args[0]) if node.args else None
        for text in strings:
            for dotted in (text, f"torch.{text}", f"{owner}.{text}"):
                self.found(node, dotted)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        """`sys.modules["torch.jit"]`, `vars(torch)["jit"]`, `torch.__dict__["jit"]`."""
        self.generic_visit(node)
        if not (isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str)):
            return
        text, owner = node.slice.value, node.value
        if isinstance(owner, ast.Call) and self.called(owner) == "vars" and owner.args:
            self.found(node, f"{self.dotted(owner.args[0])}.{text}")
        dotted = self.dotted(owner)
        if dotted is not None and dotted.endswith(".__dict__"):
            self.found(node, f"{dotted.removesuffix('.__dict__')}.{text}")
        elif dotted == "sys.modules":
            self.found(node, text)

    def dotted(self, node: ast.expr) -> str | None:
        """The dotted name that an expression stands for, or None where it is not one."""
        if isinstance(node, ast.Name):
            return self.stands_for.get(node.id)
        if isinstance(node, ast.Attribute):
            owner = self.dotted(node.value)
            return None if owner is None else f"{owner}.{node.attr}"
        if isinstance(node, ast.Call) and self.called(node) == "getattr" and len(node.args) >= 2:
            owner, name = self.dotted(node.args[0]), node.args[1]
            if owner is not None and isinstance(name, ast.Constant) and isinstance(name.value, str):
                return f"{owner}.{name.value}"
        if isinstance(node, ast.Call) and self.called(node) in ("import_module", "__import__") and node.args:
            name = node.args[0]
            return name.value if isinstance(name, ast.Constant) and isinstance(name.value, str) else None
        return None

    @staticmethod
    def called(node: ast.Call) -> str:
        if isinstance(node.func, ast.Attribute):
            return node.func.attr
        return node.func.id if isinstance(node.func, ast.Name) else ""


def uses_of_pytorch_jit(path: Path) -> list[Finding]:
    """Every use of PyTorch's own JIT in a file, except reading the tables and markers of `READ_AS_DATA`."""
    names = _Names(name_of(path))
    names.visit(tree_of(path))
    return list(dict.fromkeys(names.findings))


# --- imports
# -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Import:
    """One module imported by a file: `type_checking` where only type checkers see it, `local` inside a function."""

    line: int
    module: str
    type_checking: bool
    local: bool


def imports(path: Path) -> list[Import]:
    """What a file imports, from the package or elsewhere."""
    package = module_of(path) if path.name == "__init__.py" else module_of(path).rpartition(".")[0]
    return list(_imports(tree_of(path), package, type_checking=False, local=False))


def _imports(node: ast.AST, package: str, type_checking: bool, local: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(child.lineno, alias.name, type_checking, local)
        elif isinstance(child, ast.ImportFrom):
            for alias in child.names:
                yield Import(child.lineno, _imported(child, alias.name, package), type_checking, local)
        elif isinstance(child, ast.If) and ast.unparse(child.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            for statement in child.body:
                yield from _imports(ast.Module([statement], []), package, True, local)
            for statement in child.orelse:
                yield from _imports(ast.Module([statement], []), package, type_checking, local)
        else:
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _imports(child, package, type_checking, local or inside)


def _imported(node: ast.ImportFrom, name: str, package: str) -> str:
    """The module that `from M import name` needs: `M.name` where that is a module and not one of M's own names."""
    base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
    module = ".".join([*base, *([node.module] if node.module else [])])
    inner = PACKAGE.parent.joinpath(*f"{module}.{name}".split("."))
    is_module = inner.with_suffix(".py").is_file() or inner.is_dir()
    return f"{module}.{name}" if is_module and name not in _public_names(inner.parent / "__init__.py") else module


@cache
def _public_names(door: Path) -> frozenset[str]:
    """The names in a package's `__all__`."""
    if not door.is_file() or door.parent == PACKAGE:
        return frozenset()
    for statement in tree_of(door).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__all__":
            return frozenset(ast.literal_eval(statement.value))
    return frozenset()


def broken_layers(path: Path) -> list[Finding]:
    """Imports of the package that point up or sideways, or pass by a front door, or hide in a function."""
    here = module_of(path)
    room = room_of(here)
    findings = []
    for imported in imports(path):
        if imported.module.split(".")[0] != "flambeau" or not room:
            continue
        other = room_of(imported.module)
        if other != room and (not other or STEP[other] <= STEP[room]):
            findings.append(
                Finding(name_of(path), imported.line, f"{room} imports {imported.module}, which is above it")
            )
        elif other != room and imported.module.count(".") > 1 and imported.module not in INNER_DOORS:
            findings.append(Finding(name_of(path), imported.line, f"{imported.module} is not a front door"))
        if imported.local:
            findings.append(Finding(name_of(path), imported.line, f"{imported.module} is imported inside a function"))
    return findings


def tensor_imports(path: Path) -> list[Finding]:
    """Imports of torch or llvmlite that happen at run time."""
    return [
        Finding(name_of(path), imported.line, f"imports {imported.module}")
        for imported in imports(path)
        if imported.module.split(".")[0] in ("torch", "llvmlite") and not imported.type_checking
    ]


# --- budgets
# -----------------------------------------------------------------------------------------------------------


def line_count(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def function_sizes(path: Path) -> dict[str, int]:
    """Lines of each function by qualified name, docstring included, decorators not."""
    return dict(_function_sizes(tree_of(path), ""))


def _function_sizes(node: ast.AST, prefix: str) -> Iterator[tuple[str, int]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield prefix + child.name, (child.end_lineno or child.lineno) - child.lineno + 1
        inner = f"{prefix}{child.name}." if isinstance(child, ast.ClassDef | ast.FunctionDef) else prefix
        yield from _function_sizes(child, inner)
