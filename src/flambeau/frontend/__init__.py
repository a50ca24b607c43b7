"""Python syntax to graphs: one compiler for live Python functions and for the source text in archives.

`compile_definition` is the way in. It asks a `Resolver` what free names mean; names mean `SugaredValue`s.
"""

from __future__ import annotations

from flambeau.frontend.compiler import Signature, compile_definition, signature_of
from flambeau.frontend.definition import ClassDefinition, Definition, definitions_in, parse_source, range_of
from flambeau.frontend.resolver import Resolver
from flambeau.frontend.sugared import Arg, SugaredFactory, SugaredValue

__all__ = [
    "Arg",
    "ClassDefinition",
    "Definition",
    "Resolver",
    "Signature",
    "SugaredFactory",
    "SugaredValue",
    "compile_definition",
    "definitions_in",
    "parse_source",
    "range_of",
    "signature_of",
]
