"""From programs to Python source: the code that archives hold and that `.code` shows."""

from __future__ import annotations

from .constant_table import ConstantTable
from .source_printer import SourceFile, SourcePrinter, code_of_function
from .text import Text

__all__ = ["ConstantTable", "SourceFile", "SourcePrinter", "Text", "code_of_function"]
