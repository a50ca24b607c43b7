"""The special forms of the language: built-in names whose arguments are more than values.

range, zip, enumerate, reversed, slice      what they return exists at compile time only
isinstance, hasattr, getattr      are decided there, where possible
tuple, list, dict                 take any iterable, and the type that the context declares
annotate, tolist                  are about a type
"""

from __future__ import annotations

import ast
from builtins import range as py_range

from flambeau import ir
from flambeau.errors import ScriptError

from ..assumptions import notes
from ..diagnostics.messages import type_name
from ..emitter import Emitter
from ..folding import known_length, known_value
from ..unrolling import raise_unless_unrolled
from ..values.container_inference import elements_of
from ..values.index_values import FullSlices, IndexList, IndexTuple, parts_of
from ..values.iteration import ENDLESS, RangeValue, ZippedValue, make_range, reversed_range, zipped
from ..values.simple_values import SimpleValue, SliceValue, SugaredTuple
from ..values.special import SpecialForm, special_form
from ..values.sugared import SugaredValue
from .calls import first_class, keyword_arguments
from .comprehensions import emit_dict_comprehension, emit_list_comprehension
from .conditions import Condition, emit_hasattr, emit_if_expression, emit_isinstance
from .container_hints import container_hint
from .literals import dict_type, string_of
from .subscripts import emit_tensor_index


def positional_nodes(emitter: Emitter, node: ast.Call, name: str, least: int, most: int) -> list[ast.expr]:
    """The arguments of a form that takes only positional ones; ScriptError if their number is wrong."""
    if node.keywords:
        raise emitter.error(node, f"{name} does not accept keyword arguments")
    if any(isinstance(arg, ast.Starred) for arg in node.args):
        raise emitter.error(node, f"{name} does not accept starred arguments")
    count = len(node.args)
    if least <= count <= most:
        return node.args
    if least == most:
        plural = "" if least == 1 else "s"
        raise emitter.error(node, f"{name} expected exactly {least} argument{plural} but found {count}")
    bound, limit = ("at least", least) if count < least else ("at most", most)
    raise emitter.error(node, f"{name} expected {bound} {limit} arguments, got {count}")


# --- what loops go through


@special_form("range")
def emit_range(emitter: Emitter, node: ast.Call, form: SpecialForm, hint: ir.Type | None) -> SugaredValue:
    args = [emitter.value(arg) for arg in positional_nodes(emitter, node, "range", 1, 3)]
    range_ = emitter.range(node)
    # A tensor or number with one element counts as an int, as in a call.
    return make_range(range_, [emitter.converted(arg, ir.INT, range_) for arg in args])


@special_form("enumerate")
def emit_enumerate(emitter: Emitter, node: ast.Call, form: SpecialForm, hint: ir.Type | None) -> SugaredValue:
    range_ = emitter.range(node)
    keywords = {keyword.arg: keyword.value for keyword in node.keywords}
    if not keywords.keys() <= {"start"} or len(node.args) + len(keywords) > 2:
        raise emitter.error(node, f"enumerate expected at most 2 arguments, got {len(node.args) + len(keywords)}")
    if not node.args:
        raise emitter.error(node, "enumerate expected at least 1 arguments, got 0")
    first, *rest = [*node.args, *keywords.values()]
    start = emitter.value(rest[0]) if rest else None
    if start is not None and start.type is not ir.INT:
        raise emitter.error(node, f"enumerate's start must be an int, not {type_name(start.type)}")
    end = emitter.constant(ENDLESS, range_)
    iterable = emitter.sugared(first).iterate(emitter, range_)
    if start is not None and not _is_natural(start) and iterable.static_length is None:
        # From a negative number to the end of all ints there are more steps than an int can count.
        end = emitter.builtin(range_, "aten::add", start, iterable.length(emitter, range_))
    return zipped(range_, [RangeValue(end, start, None, iterable.static_length), iterable])


def _is_natural(value: ir.Value) -> bool:
    known = ir.constant_value(value)
    return isinstance(known, int) and known >= 0


@special_form("zip")
def emit_zip(emitter: Emitter, node: ast.Call, form: SpecialForm, hint: ir.Type | None) -> SugaredValue:
    range_ = emitter.range(node)
    if not node.args:
        raise emitter.error(node, "zip expected at least 1 arguments, got 0")
    children = [emitter.sugared(arg).iterate(emitter, range_) for arg in node.args]
    if emitter.infers and any(child.static_length is not None for child in children):
        children = [_with_elements(emitter, child) for child in children]
        return ZippedValue(tuple(children))
    return zipped(range_, children)


def _with_elements(emitter: Emitter, iterable: SugaredValue) -> SugaredValue:
    """A list whose elements are known, as these elements."""
    if isinstance(iterable, SimpleValue) and isinstance(iterable.value.type, ir.ListType):
        elements = elements_of(emitter, iterable.value)
        if elements is not None:
            return SugaredTuple(tuple(SimpleValue(element) for element in elements))
    return iterable


@special_form("reversed")
def emit_reversed(emitter: Emitter, node: ast.Call, form: SpecialForm, hint: ir.Type | None) -> SugaredValue:
    (arg,) = positional_nodes(emitter, node, "reversed", 1, 1)
    range_ = emitter.range(node)
    given = first_class(emitter, emitter.sugared(arg), range_)
    if isinstance(given, RangeValue):
        return reversed_range(emitter, range_, given)
    iterable = given.iterate(emitter, range_)
    if iterable.static_length is not None:
        last = iterable.static_length - 1
        places = [emitter.constant(last - i, range_) for i in range(iterable.static_length)]
        return SugaredTuple(tuple(iterable.item(emitter, range_, place) for place in places))
    value = iterable.as_value(emitter, range_)
    if isinstance(value.type, ir.TensorType):
        first_dim = emitter.make_list([emitter.constant(0, range_)], ir.INT, range_)
        return emitter.sugar(emitter.builtin(range_, "aten::flip", value, first_dim))
    return emitter.sugar(emitter.builtin(range_, "aten::slice", value, None, None, -1))


@special_form("iter")
def emit_iter(emitter: Emitter, node: ast.Call, form: SpecialForm, hint: ir.Type | None) -> SugaredValue:
    (arg,) = positional_nodes(emitter, node, "iter", 1, 1)
    iterable = emitter.sugared(arg).iterate(emitter, emitter.range(node))
    if iterable.static_length is None:
        raise emitter.error(node, "Python builtin <built-in function iter> is currently not supported in Torchscript")
    return iterable


@special_form("next")
def emit_next(emitter: Emitter, node: ast.Call, form: SpecialForm, hint: ir.Type | None) -> SugaredValue:
    """`next(self.parameters())`: the first of what is gone through, which must be made in the call."""
    arg, *default = positional_nodes(emitter, node, "next", 1, 2)
    range_ = emitter.range(node)
    if not isinstance(arg, ast.Call):
        raise emitter.error(node, "next is supported in TorchScript only of an iterator that its argument makes")
    iterable = emitter.sugared(arg).iterate(emitter, range_)
    if iterable.static_length is None:
        raise emitter.error(node, "next is supported in TorchScript only of what has a known length")
    if iterable.static_length:
        return iterable.item(emitter, range_, emitter.constant(0, range_))
    if default:
        return emitter.sugared(default[0], hint)
    raise emitter.error(node, "next of something empty")


@special_form("slice")
def emit_slice_object(emitter: Emitter, node: ast.Call, form: SpecialForm, hint: ir.Type | None) -> SugaredValue:
    args = positional_nodes(emitter, node, "slice", 1, 3)
    bounds = [None if _is_none(arg) else emitter.value(arg) for arg in args]
    if len(bounds) == 1:
        return SliceValue((None, bounds[0], None))
    return SliceValue((bounds[0], bounds[1], bounds[2] if len(bounds) == 3 else None))


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


# --- tests and attributes


@special_form("isinstance", "hasattr")
def emit_test(emitter: Emitter, node: ast.Call, form: SpecialForm, hint: ir.Type | None) -> SugaredValue:
    condition = emit_isinstance if form.name == "isinstance" else emit_hasattr
    return emitter.sugar(condition(emitter, node).value)


@special_form("callable")
def emit_callable(emitter: Emitter, node: ast.Call, form: SpecialForm, hint: ir.Type | None) -> SugaredValue:
    (arg,) = positional_nodes(emitter, node, "callable", 1, 1)
    given, range_ = emitter.sugared(arg), emitter.range(node)
    if given.is_first_class:
        given_type = given.as_value(emitter, range_).type
        can_be_called = isinstance(given_type, ir.FunctionType)
        if isinstance(given_type, (ir.ClassType, ir.InterfaceType)):
            can_be_called = given.has_attribute(emitter, range_, "__call__") is True
    else:
        can_be_called = type(given).call is not SugaredValue.call
    return emitter.sugar(emitter.constant(can_be_called, range_))


@special_form("getattr")
def emit_getattr(emitter: Emitter, node: ast.Call, form: SpecialForm, hint: ir.Type | None) -> SugaredValue:
    target, selector, *default = positional_nodes(emitter, node, "getattr", 2, 3)
    range_ = emitter.range(node)
    owner = emitter.sugared(target)
    name = _known_text(emitter, selector)
    if name is None:
        raise emitter.error(node, "getattr's second argument must be a string literal")
    is_there = owner.has_attribute(emitter, range_, name) if default else True
    if isinstance(is_there, ir.Value):
        found = owner.attribute(emitter, range_, name)
        return emitter.sugar(
            emit_if_expression(
                emitter,
                range_,
                Condition(is_there),
                lambda: found.as_value(emitter, range_),
                lambda: emitter.value(default[0], hint),
                hint,
            )
        )
    return owner.attribute(emitter, range_, name) if is_there else emitter.sugared(default[0], hint)


def _known_text(emitter: Emitter, node: ast.expr) -> str | None:
    """A string that is known at compile time: a literal, an f-string of constants, arithmetic on such."""
    if isinstance(node, ast.Constant):
        return string_of(emitter, node) if isinstance(node.value, str) else None
    value = emitter.value(node)
    text = known_value(emitter, value)
    if not isinstance(text, str):
        raise_unless_unrolled(emitter, emitter.error(node, "getattr's second argument must be a string literal"))
    return text if isinstance(text, str) else None


# --- containers


@special_form("tuple")
def emit_tuple_call(emitter: Emitter, node: ast.Call, form: SpecialForm, hint: ir.Type | None) -> SugaredValue:
    args = positional_nodes(emitter, node, "tuple", 0, 1)
    range_ = emitter.range(node)
    if not args:
        return emitter.sugar(emitter.make_tuple([], range_))
    given = emitter.sugared(args[0])
    if isinstance(given, IndexTuple):
        return given
    if isinstance(given, IndexList):
        return given.frozen()
    iterable = given if isinstance(given, SimpleValue) else given.iterate(emitter, range_)
    if isinstance(iterable, SimpleValue):
        return (
            emitter.sugar(iterable.value)
            if isinstance(iterable.value.type, ir.TupleType)
            else _unpacked(emitter, iterable, range_)
        )
    if iterable.static_length is None:
        raise ScriptError("cannot statically infer the expected size of a list in this context", range_)
    parts = [iterable.item(emitter, range_, emitter.constant(i, range_)) for i in range(iterable.static_length)]
    if any(isinstance(part, SliceValue) for part in parts):
        return SugaredTuple(tuple(parts))
    return emitter.sugar(emitter.make_tuple([part.as_value(emitter, range_) for part in parts], range_))


def _unpacked(emitter: Emitter, value: SimpleValue, range: ir.SourceRange) -> SugaredValue:
    if emitter.infers and isinstance(value.value.type, ir.ListType):
        elements = elements_of(emitter, value.value)
        if elements is not None:
            return emitter.sugar(emitter.make_tuple(elements, range))
        length = known_length(emitter, value.value)
        if length is not None:
            items = [emitter.builtin(range, "aten::__getitem__", value.value, index) for index in py_range(length)]
            return emitter.sugar(emitter.make_tuple(items, range))
        # How many there are only a run tells, so that a list has to do.
        return emitter.sugar(emitter.builtin(range, "aten::list", value.value))
    parts = value.as_tuple(emitter, range)
    return emitter.sugar(emitter.make_tuple([part.as_value(emitter, range) for part in parts], range))


@special_form("list")
def emit_list_call(emitter: Emitter, node: ast.Call, form: SpecialForm, hint: ir.Type | None) -> SugaredValue:
    args = positional_nodes(emitter, node, "list", 0, 1)
    range_ = emitter.range(node)
    if not args:
        wanted = container_hint(hint, ir.ListType, range_, lambda _: True)
        return emitter.sugar(emitter.make_list([], ir.TENSOR if wanted is None else wanted.element, range_))
    if isinstance(args[0], ast.GeneratorExp):
        return emit_list_comprehension(emitter, args[0], hint)
    given = first_class(emitter, emitter.sugared(args[0]), range_)
    found = parts_of(emitter, given, range_) if not given.is_first_class else None
    if found is not None and any(isinstance(part, (SliceValue, FullSlices)) for part in found):
        return IndexList(found, emitter.environment.frame, [])
    if isinstance(given, SimpleValue) and _is_list_or_string(given.value.type):
        return emitter.sugar(emitter.builtin(range_, "aten::list", given.value))
    each = ast.ListComp(_name("$element", node), _each_of(emitter, given, node, "$element"))
    return emit_list_comprehension(emitter, ast.copy_location(each, node), hint)


def _is_list_or_string(given: ir.Type) -> bool:
    return isinstance(given, ir.ListType) or given is ir.STRING


def _each_of(emitter: Emitter, given: SugaredValue, node: ast.expr, *names: str) -> list[ast.comprehension]:
    """`for names in given`, for something that was evaluated already."""
    source = f"$iter{node.col_offset}"
    emitter.environment.assign(source, given, emitter.range(node))
    targets: list[ast.expr] = [ast.Name(name, ast.Store()) for name in names]
    target = targets[0] if len(targets) == 1 else ast.Tuple(targets, ast.Store())
    loop = ast.comprehension(target, ast.Name(source, ast.Load()), [], 0)
    for part in ast.walk(loop):
        if isinstance(part, ast.expr):
            ast.copy_location(part, node)
    return [loop]


def _name(name: str, node: ast.expr) -> ast.Name:
    return ast.copy_location(ast.Name(name, ast.Load()), node)


@special_form("dict")
def emit_dict_call(emitter: Emitter, node: ast.Call, form: SpecialForm, hint: ir.Type | None) -> SugaredValue:
    range_ = emitter.range(node)
    if len(node.args) > 1:
        raise emitter.error(node, f"dict expected at most 1 argument, got {len(node.args)}")
    keywords = keyword_arguments(emitter, node.keywords)
    entries: list[ir.Value] = []
    for keyword in keywords:
        entries += [emitter.constant(keyword.name, keyword.range), keyword.value(emitter)]
    if not node.args:
        types = [entry.type for entry in entries]
        type = dict_type(hint, tuple(types[::2]), tuple(types[1::2]), range_)
        return emitter.sugar(emitter.insert("prim::DictConstruct", entries, (type,), range_).output)
    made = _dict_of(emitter, node.args[0], hint, range_)
    for key, value in zip(entries[::2], entries[1::2], strict=True):
        emitter.builtin(range_, "aten::_set_item", made, key, value)
    return emitter.sugar(made)


def _dict_of(emitter: Emitter, node: ast.expr, hint: ir.Type | None, range: ir.SourceRange) -> ir.Value:
    """A new dict with the entries of a dict, or with the pairs that an iterable gives."""
    if isinstance(node, ast.DictComp):
        return emit_dict_comprehension(emitter, node, hint).as_value(emitter, range)
    if (
        isinstance(node, (ast.ListComp, ast.GeneratorExp))
        and isinstance(node.elt, ast.Tuple)
        and len(node.elt.elts) == 2
    ):
        key, value = node.elt.elts
        made = ast.copy_location(ast.DictComp(key, value, node.generators), node)
        return emit_dict_comprehension(emitter, made, hint).as_value(emitter, range)
    if isinstance(node, (ast.List, ast.Tuple)) and not node.elts:
        wanted = dict_type(hint, (), (), range)
        return emitter.insert("prim::DictConstruct", (), (wanted,), range).output
    given = first_class(emitter, emitter.sugared(node), range)
    if isinstance(given, SimpleValue) and isinstance(given.value.type, ir.DictType):
        return emitter.builtin(range, "aten::dict", given.value)
    each = _each_of(emitter, given, node, "$key", "$value")
    made = ast.copy_location(ast.DictComp(_name("$key", node), _name("$value", node), each), node)
    return emit_dict_comprehension(emitter, made, hint).as_value(emitter, range)


# --- about types


@special_form("annotate")
def emit_annotate(emitter: Emitter, node: ast.Call, form: SpecialForm, hint: ir.Type | None) -> SugaredValue:
    type_node, value_node = positional_nodes(emitter, node, "annotate", 2, 2)
    range_ = emitter.range(node)
    wanted = emitter.resolve_type(type_node)
    value = emitter.converted(emitter.value(value_node, wanted), wanted, range_)
    if not ir.is_subtype(value.type, wanted):
        raise emitter.error(
            value_node, f"expected an expression of type {type_name(wanted)} but found {type_name(value.type)}"
        )
    if isinstance(wanted, ir.OptionalType) and value.type is ir.NONE:
        # The None remembers what it is an Optional of.
        value = emitter.constant(None, range_, wanted)
    return emitter.sugar(value)


@special_form("tolist")
def emit_tolist(emitter: Emitter, node: ast.Call, form: SpecialForm, hint: ir.Type | None) -> SugaredValue:
    positional_nodes(emitter, node, "tolist", 0, 0)
    range_ = emitter.range(node)
    if hint is None:
        raise ScriptError("Expected type hint for result of tolist()", range_)
    if form.self_value is None:
        raise ScriptError("tolist must be called on a tensor", range_)
    element, dim = hint, 0
    while isinstance(element, ir.ListType):
        element, dim = element.element, dim + 1
    if element not in _TOLIST_TYPES:
        raise ScriptError(
            f"{type_name(element)} is not one of the supported element types for tolist: int, float, complex, bool",
            range_,
        )
    inputs = [
        form.self_value,
        emitter.constant(dim, range_),
        emitter.constant(_TOLIST_TYPES[element], range_),
    ]
    return emitter.sugar(emitter.insert("prim::tolist", inputs, (hint,), range_).output)


_TOLIST_TYPES: dict[ir.Type, int] = {ir.INT: 0, ir.FLOAT: 1, ir.BOOL: 2, ir.COMPLEX: 3}
"""Element types, with the numbers that the operator knows them by."""


@special_form("is_integer")
def emit_is_integer(emitter: Emitter, node: ast.Call, form: SpecialForm, hint: ir.Type | None) -> SugaredValue:
    """`number.is_integer()` of a float; False of infinities and NaN, whose remainder is NaN."""
    range_ = emitter.range(node)
    number = _object_of_call(emitter, node, form, "is_integer", "a float")
    remainder = emitter.builtin(range_, "aten::remainder", number, 1.0)
    return emitter.sugar(emitter.builtin(range_, "aten::eq", remainder, 0.0))


@special_form("numel")
def emit_numel_of_sizes(emitter: Emitter, node: ast.Call, form: SpecialForm, hint: ir.Type | None) -> SugaredValue:
    """`sizes.numel()` of a `torch.Size`, which is a list to scripts: the product."""
    range_ = emitter.range(node)
    numbers = _object_of_call(emitter, node, form, "numel", "sizes")
    sizes = emitter.builtin(range_, "aten::tensor", numbers, dtype=int(ir.ScalarType.Long))
    return emitter.sugar(emitter.builtin(range_, "aten::Int", emitter.builtin(range_, "aten::prod", sizes)))


def _object_of_call(emitter: Emitter, node: ast.Call, form: SpecialForm, name: str, what: str) -> ir.Value:
    """What a method without arguments is called on, which `torch.jit` does not have."""
    positional_nodes(emitter, node, name, 0, 0)
    notes.went_beyond = True
    if form.self_value is None:
        raise emitter.error(node, f"{name} must be called on {what}")
    return form.self_value


@special_form("__getitem__")
def emit_getitem_call(emitter: Emitter, node: ast.Call, form: SpecialForm, hint: ir.Type | None) -> SugaredValue:
    """`tensor.__getitem__(indices)`."""
    (index,) = positional_nodes(emitter, node, "__getitem__", 1, 1)
    if form.self_value is None:
        raise emitter.error(node, "__getitem__ must be called on a tensor")
    indices = index.elts if isinstance(index, ast.Tuple) else [index]
    return emitter.sugar(emit_tensor_index(emitter, emitter.range(node), form.self_value, indices))


@special_form("unchecked_cast")
def emit_unchecked_cast(emitter: Emitter, node: ast.Call, form: SpecialForm, hint: ir.Type | None) -> SugaredValue:
    type_node, value_node = positional_nodes(emitter, node, "unchecked_cast", 2, 2)
    wanted = emitter.resolve_type(type_node)
    value = emitter.value(value_node)
    if value.node.kind == "prim::unchecked_cast" and value.type == wanted:
        return emitter.sugar(value)
    return emitter.sugar(emitter.unchecked_cast(value, wanted, emitter.range(node)))


@special_form("uninitialized")
def emit_uninitialized(emitter: Emitter, node: ast.Call, form: SpecialForm, hint: ir.Type | None) -> SugaredValue:
    (type_node,) = positional_nodes(emitter, node, "uninitialized", 1, 1)
    return emitter.sugar(emitter.uninitialized(emitter.resolve_type(type_node), emitter.range(node)))


@special_form("is_scripting")
def emit_is_scripting(emitter: Emitter, node: ast.Call, form: SpecialForm, hint: ir.Type | None) -> SugaredValue:
    positional_nodes(emitter, node, "is_scripting", 0, 0)
    return emitter.sugar(emitter.constant(True, emitter.range(node)))
