"""Python syntax to graphs: one compiler for live Python functions and for the source text in archives.

`compile_definition` is the way in. It asks a `Resolver` what free names mean; names mean `SugaredValue`s.
"""

from __future__ import annotations

from flambeau.frontend.annotations import broadcast_length, dotted_name, parse_annotation
from flambeau.frontend.assumptions import notes
from flambeau.frontend.compiler import compile_definition
from flambeau.frontend.definition import ClassDefinition, Definition, definitions_in, parse_source, range_of
from flambeau.frontend.diagnostics.messages import type_name
from flambeau.frontend.diagnostics.suggestions import similar
from flambeau.frontend.emitter import Emitter, wider_type
from flambeau.frontend.environment import widened
from flambeau.frontend.expressions.choices import Choice
from flambeau.frontend.folding import known_value
from flambeau.frontend.inlining import inline_call
from flambeau.frontend.matching.builtin_functions import builtin_functions_named
from flambeau.frontend.matching.conversions import convert
from flambeau.frontend.matching.operator_calls import emit_operator_call, has_method
from flambeau.frontend.matching.schema_matching import MatchedCall, accepts, match_call, pack_results
from flambeau.frontend.resolver import Resolver
from flambeau.frontend.signatures import Signature, default_fits, evaluate_default, signature_of, type_of_default
from flambeau.frontend.syntax_trees import expression_tree, syntax_tree
from flambeau.frontend.unrolling import raise_unless_unrolled
from flambeau.frontend.values.attribute_writes import forget_written
from flambeau.frontend.values.builtins import BUILTINS
from flambeau.frontend.values.callables import (
    BuiltinFunction,
    CastValue,
    ExceptionClass,
    ExceptionInstance,
    FunctionValue,
    MagicMethod,
    MethodValue,
    OperatorOverload,
    PrintValue,
    TensorCast,
    TensorTest,
)
from flambeau.frontend.values.class_values import ClassValue, EnumClass, NamedTupleConstructor
from flambeau.frontend.values.iteration import RangeValue, ZippedValue
from flambeau.frontend.values.keywords import KeywordsValue
from flambeau.frontend.values.late_attributes import LateAttribute
from flambeau.frontend.values.namespaces import (
    CMATH_FUNCTIONS,
    MATH_FUNCTIONS,
    SERIALIZED_NAMES,
    MathModule,
    OperatorNamespace,
    OperatorNamespaces,
)
from flambeau.frontend.values.simple_values import ConstantValue, SimpleValue, SliceValue, SugaredTuple, constant_slice
from flambeau.frontend.values.special import SpecialForm, special_form
from flambeau.frontend.values.sugared import Arg, SugaredFactory, SugaredValue
from flambeau.frontend.values.value_attributes import contains_class, no_attribute

__all__ = [
    "BUILTINS",
    "CMATH_FUNCTIONS",
    "MATH_FUNCTIONS",
    "SERIALIZED_NAMES",
    "Arg",
    "BuiltinFunction",
    "CastValue",
    "Choice",
    "ClassDefinition",
    "ClassValue",
    "ConstantValue",
    "Definition",
    "Emitter",
    "EnumClass",
    "ExceptionClass",
    "ExceptionInstance",
    "FunctionValue",
    "KeywordsValue",
    "LateAttribute",
    "MagicMethod",
    "MatchedCall",
    "MathModule",
    "MethodValue",
    "NamedTupleConstructor",
    "OperatorNamespace",
    "OperatorNamespaces",
    "OperatorOverload",
    "PrintValue",
    "RangeValue",
    "Resolver",
    "Signature",
    "SimpleValue",
    "SliceValue",
    "SpecialForm",
    "SugaredFactory",
    "SugaredTuple",
    "SugaredValue",
    "TensorCast",
    "TensorTest",
    "ZippedValue",
    "accepts",
    "broadcast_length",
    "builtin_functions_named",
    "compile_definition",
    "constant_slice",
    "contains_class",
    "convert",
    "default_fits",
    "definitions_in",
    "dotted_name",
    "emit_operator_call",
    "evaluate_default",
    "expression_tree",
    "forget_written",
    "has_method",
    "inline_call",
    "known_value",
    "match_call",
    "no_attribute",
    "notes",
    "pack_results",
    "parse_annotation",
    "parse_source",
    "raise_unless_unrolled",
    "range_of",
    "signature_of",
    "similar",
    "special_form",
    "syntax_tree",
    "type_name",
    "type_of_default",
    "widened",
    "wider_type",
]
