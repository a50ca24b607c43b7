"""Graphs of 10,000 and 100,000 nodes: building, printing, parsing, verifying, removing dead code.

Each should cost ten times as much for ten times the nodes; more than about fifteen means that something is not linear.
A third of the nodes are dead, every fiftieth stands in the blocks of a `prim::If`. PyTorch's own graphs, where the
installed torch has them, do the same work for comparison.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from benchmarks.harness import table
from flambeau import ir
from flambeau.passes import eliminate_dead_code

SIZES = (10_000, 100_000)
LINEAR = 15.0
"""A growth above this for ten times the nodes is reported."""


def source(nodes: int) -> str:
    """The text of the graph to build; also what both parsers read."""
    lines = ["graph(%x.0 : Tensor, %c : bool):"]
    live, made = "%x.0", 0
    while made < nodes:
        made += 3
        lines.append(f"  %d.{made} : Tensor = aten::neg({live})")
        lines.append(f"  %t.{made} : Tensor = aten::relu({live})")
        lines.append(f"  %x.{made} : Tensor = aten::mul(%t.{made}, {live})")
        live = f"%x.{made}"
        if made % 150 == 0:
            lines.append(f"  %y.{made} : Tensor = prim::If(%c)")
            for block, kind in enumerate(("sigmoid", "tanh")):
                lines.append(f"    block{block}():")
                lines.append(f"      %b.{made}.{block} : Tensor = aten::{kind}({live})")
                lines.append(f"      -> (%b.{made}.{block})")
            live = f"%y.{made}"
            made += 3
    lines.append(f"  return ({live})")
    return "\n".join(lines) + "\n"


def build(nodes: int) -> ir.Graph:
    """The same graph through the building methods."""
    graph = ir.Graph()
    live, made = graph.add_input("x"), 0
    condition = graph.add_input("c", ir.BOOL)
    while made < nodes:
        made += 3
        graph.insert("aten::neg", [live])
        live = graph.insert("aten::mul", [graph.insert("aten::relu", [live]).output, live]).output
        if made % 150 == 0:
            branch = graph.insert("prim::If", [condition])
            for kind in ("aten::sigmoid", "aten::tanh"):
                block = branch.add_block()
                with graph.inserting_at(block):
                    block.add_output(graph.insert(kind, [live]).output)
            live = branch.output
            made += 3
    graph.add_output(live)
    return graph


def timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def flambeau_seconds(nodes: int) -> dict[str, float]:
    text = source(nodes)
    graphs: list[ir.Graph] = []
    seconds = {
        "build": timed(lambda: graphs.append(build(nodes))),
        "print": timed(lambda: str(graphs[0])),
        "parse": timed(lambda: graphs.append(ir.parse(text))),
        "verify": timed(lambda: ir.verify(graphs[0])),
        "dead code": timed(lambda: eliminate_dead_code(graphs[0])),
    }
    if graphs[0].find_nodes("aten::neg"):
        raise AssertionError("dead nodes are still there")
    return seconds


def torch_seconds(nodes: int) -> dict[str, float]:
    """PyTorch's own, where it has them. Building from Python is left out: it does not offer it."""
    try:
        from torch._C import _jit_pass_dce, parse_ir
    except ImportError:
        return {}
    text = source(nodes)
    graphs: list[object] = []
    parse = timed(lambda: graphs.append(parse_ir(text)))
    graph = graphs[0]
    return {
        "print": timed(lambda: str(graph)),
        "parse": parse,
        "verify": timed(graph.lint),  # type: ignore[attr-defined]
        "dead code": timed(lambda: _jit_pass_dce(graph)),  # type: ignore[arg-type]
    }


def main() -> None:
    ours = [flambeau_seconds(nodes) for nodes in SIZES]
    theirs = [torch_seconds(nodes) for nodes in SIZES]
    rows = []
    for step in ours[0]:
        small, large = (seconds[step] for seconds in ours)
        growth = large / small
        row = [
            step,
            f"{small:.3f}",
            f"{large:.3f}",
            f"{growth:.1f}",
            *(f"{t[step]:.3f}" if step in t else "-" for t in theirs),
        ]
        rows.append([*row, "" if growth < LINEAR else "more than linear"])
    header = ["step", *(f"{nodes:,} s" for nodes in SIZES), "growth", *(f"torch {nodes:,} s" for nodes in SIZES), ""]
    table("Graphs by number of nodes", header, rows)


if __name__ == "__main__":
    main()
