"""Tools for tests of programs and passes: FileCheck, and graphs from text."""

from __future__ import annotations

from flambeau.testing.file_check import FileCheck, FileCheckError
from flambeau.testing.graphs import GraphBuilder, graph_of, same_graphs

__all__ = ["FileCheck", "FileCheckError", "GraphBuilder", "graph_of", "same_graphs"]
