"""What TorchScript rejects, row by row: where its golden message is, or the test that runs what flambeau accepts.

Evidence is `rejected: section/program` (a program of this folder, whose message is in `tests/golden/rejections`),
`form: expression` (of `forms.txt` there), `object: case` (of `objects.txt`), `case: title` (of
`tests/frontend/golden/errors.case`), or, where flambeau accepts what torch.jit rejects, `accepted: section/program` or
`accepted: rule of docs/language.md`.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.language.test_language import PROGRAMS
from tests.language.test_refused_objects import golden
from tests.language.test_rejected_forms import entries
from tests.python.language_reference import DOCS

ROWS = {
    # Types.
    "tuple of any length": "rejected: types/variadic_tuple",
    "Set": "rejected: types/set_annotation",
    "bare List": "rejected: types/bare_list",
    "bare Dict": "rejected: types/bare_dict",
    "bare Tuple": "rejected: types/bare_tuple",
    "bare Optional": "rejected: types/bare_optional",
    "bare Union": "rejected: types/bare_union",
    "Callable": "rejected: types/callable_annotation",
    "TypeVar": "rejected: types/type_variable",
    "Literal": "accepted: types/literal_annotation",
    "Iterable": "rejected: refused/iterable_annotation",
    "type as an annotation": "rejected: refused/type_annotation",
    "array of numpy as an annotation": "rejected: refused/array_annotation",
    "keys of an Enum": "rejected: refused/keys_of_an_enum",
    "values of several types in an Enum": "rejected: types/enum_with_values_of_several_types",
    "prefix of a type comment": "rejected: refused/prefix_of_type_comment",
    "unknown name in an annotation of the body": "rejected: types/undefined_annotation_in_body",
    # Statements.
    "def inside a function": "accepted: local functions",
    "*args": "accepted: variadic parameters",
    "*args that no call shows": "rejected: functions/variadic",
    "**kwargs that no call shows": "rejected: functions/variadic_keywords",
    "default of a keyword-only parameter": "accepted: keyword-only defaults",
    "annotation without a value": "accepted: annotations without a value",
    "annotation of an attribute outside __init__": "rejected: modules/AnnotatedOutsideInit",
    "another type in a branch": "rejected: assignments/retyped_in_branch",
    "another type in a loop": "rejected: loops/loop_changes_type",
    "annotated again in an inner block": "accepted: refused/annotated_again_in_a_branch",
    "function bound again in a branch": "rejected: assignments/function_rebound",
    "//= and @=": "accepted: floor division in place",
    "+= of an object without __iadd__": "rejected: classes/in_place_without_method",
    "too many values": "rejected: assignments/too_few_targets",
    "too few values": "rejected: assignments/too_many_targets",
    "two stars": "case: two stars",
    "a star alone": "rejected: refused/star_alone",
    "defined in one branch": "accepted: branches/defined_in_one_branch",
    "two types in branches": "rejected: branches/different_types_in_branches",
    "else of a loop": "accepted: else of loops",
    "loop variable after the loop": "accepted: loops/loop_variable_after_loop",
    "name of a loop's body after the loop": "accepted: variables of loops",
    "name read before a loop assigns it": "rejected: loops/name_read_before_a_loop_assigns_it",
    "loop over an int": "rejected: loops/loop_over_int",
    "break and continue in unrolled loops": "accepted: break and continue in unrolled loops",
    "return of another type": "rejected: types/wrong_return_type",
    "returns of two types": "rejected: exits/return_types_differ",
    "missing return": "accepted: paths without a result",
    "bare raise": "rejected: refused/bare_raise",
    "raise of a value": "rejected: exits/raise_a_value",
    "del of a slice": "accepted: slices of lists are assigned",
    "del of a slice of a dict": "rejected: assignments/delete_slice_of_a_dict",
    "use of a deleted name": "rejected: assignments/use_of_deleted_name",
    "with of an object without __enter__": "rejected: classes/no_context_manager",
    "__exit__ with too few arguments": "rejected: classes/exit_with_too_few_arguments",
    "__exit__ with types": "rejected: refused/exit_with_types",
    "torch.inference_mode": "accepted: modes of gradients",
    "global": "rejected: statements/global_statement",
    "nonlocal": "rejected: refused/nonlocal_variable",
    "try": "rejected: statements/try_block",
    "import": "accepted: statements/import_statement",
    "from import": "accepted: statements/import_from_statement",
    "lambda": "accepted: lambda",
    "yield": "rejected: statements/yield_expression",
    "async": "rejected: refused/async_function",
    "class inside a function": "rejected: statements/nested_class",
    "match": "accepted: match",
    # Expressions.
    "bytes": "rejected: expressions/bytes_literal",
    "set": "rejected: expressions/set_literal",
    "keys of two types": "rejected: types/dict_with_mixed_keys",
    "dict expansion": "accepted: expressions/dict_expansion",
    "order of tuples": "form: (1, 2) < (1, 3)",
    "conversions in f-strings": "accepted: conversions in f-strings",
    "formats in f-strings": "accepted: formats in f-strings",
    "~ of an int": "rejected: expressions/invert_int",
    "unary plus": "accepted: unary plus",
    "sides of two types": "rejected: expressions/ternary_type_mismatch",
    "keyword expansion": "rejected: expressions/keyword_expansion",
    "keyword expansion of a dict with known keys": "accepted: keyword dictionaries",
    "unrefined Optional": "rejected: refinement/unrefined_optional",
    "unrefined Union": "rejected: refinement/union_unrefined",
    "tuple index out of range": "rejected: subscripts/tuple_index_out_of_range",
    "tuple index that is no constant": "rejected: subscripts/tuple_variable_index",
    "two ellipses": "rejected: subscripts/two_ellipses",
    "tensor behind an ellipsis": "rejected: subscripts/ellipsis_then_tensor",
    "several indices of a list": "rejected: subscripts/list_multi_index",
    "assignment to a slice of a list": "accepted: slices of lists are assigned",
    "assignment to a slice of a dict": "rejected: subscripts/slice_assignment_of_a_dict",
    "several generators": "accepted: several generators in list comprehensions",
    "conditions in comprehensions": "accepted: conditions in list comprehensions",
    "set comprehension": "rejected: expressions/set_comprehension",
    "walrus": "accepted: walrus",
    "starred elements": "accepted: starred lists",
    "str times int": "rejected: expressions/string_times_int",
    "int plus str": "rejected: expressions/int_plus_string",
    "names that start with __jit": "rejected: expressions/reserved_name",
    # Functions of Python.
    "getattr of a name that is not known": "rejected: builtins/getattr_of_variable",
    "hasattr of a name that is not known": "form: hasattr(q, s)",
    "hasattr of a number": "rejected: refused/hasattr_of_a_number",
    "range as a value": "rejected: builtins/range_as_value",
    "reversed of modules": "accepted: reversed module lists",
    "map": "accepted: map",
    "filter": "rejected: refused/filter_function",
    "iter": "rejected: builtins/iter_function",
    "next": "accepted: next",
    "open": "rejected: builtins/open_function",
    "input": "form: input()",
    "eval": "rejected: builtins/eval_function",
    "exec": 'form: exec("1")',
    "type": "rejected: builtins/type_function",
    "super": "accepted: super",
    "vars": "rejected: refused/vars_function",
    "repr": "rejected: refused/repr_function",
    "sorted with a key": "rejected: builtins/sorted_by_key",
    "math.prod": "accepted: functions of libraries",
    **{f"math.{name}": f"form: math.{name}" for name in "comb perm dist hypot isclose trunc lcm isqrt".split()},
    "legacy constructors": "rejected: refused/legacy_constructor_of_a_string",
    # Tensors.
    "grad_fn": "rejected: tensors/grad_fn",
    "names of dimensions": "form: x.names",
    "tolist without a type": "rejected: tensors/tolist_without_hint",
    "unknown method of a tensor": "rejected: tensors/unknown_method",
    "new_tensor": "form: x.new_tensor([1])",
    "numpy": "rejected: tensors/numpy_method",
    "register_hook": "form: x.register_hook(None)",
    # Constants, functions, modules, classes.
    "constants of other types": "rejected: modules/BadConstant",
    "Final of other types": "rejected: modules/FinalObject",
    "numbers of the file": "accepted: global constants",
    "overload without implementation": "rejected: refused/overload_without_implementation",
    "overloads with other defaults": "rejected: refused/overloads_with_other_defaults",
    "overload that no call matches": "rejected: functions/overload_without_match",
    "saving a call of Python": "object: saving_a_call_of_python",
    "running an unused function": "object: running_an_unused_function",
    "named_parameters": "accepted: submodules/NamedParameters",
    "module chosen by a number": "accepted: module chosen by a number",
    "interface with a body": "object: an_interface_with_a_body",
    "interface without return type": "object: an_interface_without_return_type",
    "module that is not of its interface": "rejected: submodules/InterfaceMismatch",
    "hook of another signature": "rejected: modules/BadHook",
    "hook of a taken name": "rejected: refused/HookOfATakenName",
    "class with a base": "object: a_class_with_a_base",
    "attribute of a base class": "rejected: refused/attribute_of_a_base_class",
    "attribute that __init__ does not assign": "rejected: classes/attribute_outside_init",
    "class that contains itself": "rejected: classes/recursive_class",
    "class attribute": "rejected: classes/class_attribute",
    "order of a dataclass without order": "rejected: refused/order_of_a_dataclass_without_order",
    "factories of dataclass fields": "accepted: factories of dataclass fields",
    "method of a named tuple": "rejected: refused/method_of_a_named_tuple",
    "self.__class__": "accepted: classes/TypeOfItself",
    "text that imports": "object: a_text_that_imports",
    # Scripting and resolving names.
    "class of modules": "object: a_class_of_modules",
    "a number scripted": "object: a_number",
    "lambda scripted": "accepted: lambda",
    "function without source": "object: a_function_without_source",
    "recursion": "rejected: functions/recursion",
    "unknown name": "rejected: expressions/undefined_name",
    "too many arguments": "rejected: expressions/too_many_arguments",
    "missing argument": "rejected: expressions/missing_argument",
    "unknown keyword": "rejected: expressions/unknown_keyword",
    "argument of another type": "rejected: expressions/argument_of_wrong_type",
    "unknown operator": "rejected: tensors/unknown_operator",
    "unknown function of torch": "rejected: tensors/unknown_function_of_torch",
    "int for float": "accepted: int for float",
    "attribute that is a set": "rejected: modules/SetAttribute",
    "attribute that is an empty list": "accepted: attributes that change their type",
    "missing attribute": "rejected: modules/MissingAttribute",
    "new attribute": "rejected: modules/NewAttribute",
    "attribute of another type": "rejected: modules/AttributeOfOtherType",
    "module without super().__init__()": "rejected: modules/Uninitialized",
    "lazy module": "rejected: refused/Lazy",
    # Tracing.
    "tracing a method": "object: tracing_a_method",
    "tracing a string": "object: tracing_a_string",
    "tracing to a dict": "object: tracing_to_a_dict",
    "tracing to a number": "object: tracing_to_a_number",
    "tracing with backward hooks": "object: tracing_with_backward_hooks",
}
"""Row -> evidence."""

_GOLDEN = Path(__file__).parents[1] / "golden" / "rejections"
_CASES = Path(__file__).parents[1] / "frontend" / "golden" / "errors.case"


def _forms() -> set[str]:
    """Expressions, and the functions that they call."""
    return {name for form in entries() for name in (form, form.partition("(")[0])}


def _accepted() -> set[str]:
    """Programs that only flambeau compiles, and the rules that `test_language_examples` runs an example of."""
    rules = re.findall(r"^\| ([^|]+) \| .*\|$", (DOCS / "language.md").read_text(), re.MULTILINE)
    return {program.name for program in PROGRAMS if program.extension} | set(rules)


def _rejected() -> set[str]:
    texts = (path.read_text(encoding="utf-8") for path in _GOLDEN.glob("*.txt"))
    return {name for text in texts for name in re.findall(r"^=== (\w+/\w+)$", text, re.MULTILINE)}


def _cases() -> set[str]:
    return set(re.findall(r"^# case: (.*)$", _CASES.read_text(encoding="utf-8"), re.MULTILINE))


_KNOWN = {"rejected": _rejected, "form": _forms, "object": lambda: set(golden()), "case": _cases, "accepted": _accepted}


@pytest.mark.parametrize("kind", _KNOWN)
def test_every_row_has_its_evidence(kind: str) -> None:
    named = {evidence.partition(": ")[2] for evidence in ROWS.values() if evidence.startswith(f"{kind}: ")}
    assert named
    assert named <= _KNOWN[kind]()


def test_every_row_says_what_kind_of_evidence_it_has() -> None:
    assert {evidence.partition(": ")[0] for evidence in ROWS.values()} == set(_KNOWN)


def test_every_rejected_program_has_a_golden_message() -> None:
    assert {program.name for program in PROGRAMS if program.rejection is not None} == _rejected()
