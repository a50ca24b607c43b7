"""From programs to Python source: the code that archives hold and that `.code` shows."""

from __future__ import annotations

from .constant_table import ConstantTable
from .source_printer import CUSTOM_CLASSES, SourceFile, SourcePrinter, code_of_function
from .text import Text

__all__ = ["CUSTOM_CLASSES", "ConstantTable", "SourceFile", "SourcePrinter", "Text", "code_of_function"]
