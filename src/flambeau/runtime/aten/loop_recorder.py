"""Loops as one function of autograd: forward, backward, and operator by operator where higher derivatives are wanted.

The first and the last iteration are recorded as they are. The function stands for those between: of their results there
is nothing but rows of what is joined after the loop, so nobody can hook into gradients of them, ask for these, or write
to them. What the function keeps for its backward pass is what the operators would keep, so a write to what came into
the loop is an error, or not, as without it.

Where gradients have gradients (`create_graph`), the loop runs again, recorded as it is; then all that came into it must
be unchanged. Backward passes are made for the sizes at hand (`flambeau.runtime.steps`), one for each choice of results
of an iteration that have gradients: what is not reached gets no gradient, rather than zeros.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import repeat
from operator import itemgetter
from typing import Any, TypeAlias, final

import torch

from flambeau.errors import ExecutionError, UnsupportedError
from flambeau.passes import results_belong_together
from flambeau.runtime.steps import Key, Step, backward_pass, forward_pass, values_of

__all__ = ["loop_recorder"]

Recorded: TypeAlias = "tuple[Sequence[torch.Tensor], Sequence[Sequence[torch.Tensor]]]"
"""What the loop carries in the end, and what it appends to each list."""

_FEWEST_TRIPS = 4
_MOST_VARIANTS = 8
"""For how many choices of sizes and of what requires gradients backward passes are made."""
_PATIENCE = 16
"""How often a loop is begun in vain before it is left as it is for good."""


def loop_recorder(step: Step) -> Callable[..., Recorded | None]:
    """A function of the number of iterations, lists of rows, what is carried, and what stays. It gives None where the
    loop must run as it is.
    """
    return _Recorder(step).run


@final
class _Recorder:
    def __init__(self, step: Step) -> None:
        self._step = step
        self._plain = forward_pass(step, ())
        self._variants: dict[object, _Variant | None] = {}
        self._in_vain = 0

    def run(self, trips: int, *given: Any) -> Recorded | None:
        if trips < _FEWEST_TRIPS or self._in_vain >= _PATIENCE or torch.is_anomaly_enabled():
            return None
        try:
            recorded = self._run(trips, given)
        except (RuntimeError, ExecutionError, UnsupportedError):  # the loop as it is says what is wrong
            recorded = None
        self._in_vain = self._in_vain + 1 if recorded is None else 0
        return recorded

    def _run(self, trips: int, given: Sequence[Any]) -> Recorded | None:
        step = self._step
        lists = [self._rows(rows, start, trips) for rows, start in zip(given, step.rows, strict=False)]
        stays = given[len(step.rows) + len(step.carried) :]
        # The first iteration, before which not all that is carried may require gradients, and the last one, whose
        # results are known, are recorded operator by operator.
        first = self._once([rows[0] for rows in lists], given[len(step.rows) : len(given) - len(stays)], stays)
        carried: Sequence[torch.Tensor] = [first[o] for o in step.carried]
        variant = self._variant((*[rows[1] for rows in lists], *carried, *stays))
        if variant is None:
            return None
        count, needed = trips - 2, variant.needed
        inner = [rows[1:-1] for rows in lists]
        flat = [row for rows, n in zip(inner, needed, strict=False) if n for row in rows]
        others = [None if n else rows for rows, n in zip(inner, needed, strict=False)]
        outputs: Any = RecordedLoop.apply(variant, count, others, *carried, *stays, *flat)  # type: ignore[no-untyped-call]
        carried, appended = variant.results(outputs, count)
        last = self._once([rows[-1] for rows in lists], carried, stays)
        joined = [[first[o], *a, last[o]] for o, a in zip(step.appended, appended, strict=True)]
        return tuple([last[o] for o in step.carried]), joined

    def _once(self, rows: Sequence[Any], carried: Sequence[Any], stays: Sequence[Any]) -> Sequence[torch.Tensor]:
        results = self._plain(*rows, *carried, *stays)
        return (results,) if isinstance(results, torch.Tensor) else results

    def _variant(self, inputs: Sequence[torch.Tensor]) -> _Variant | None:
        needed = tuple([t.requires_grad for t in inputs])
        key = (needed, tuple([t.shape for t in inputs]))
        if key not in self._variants and len(self._variants) < _MOST_VARIANTS:
            try:
                self._variants[key] = _Variant(self._step, inputs, needed)
            except (RuntimeError, ExecutionError, UnsupportedError):  # then there is none
                self._variants[key] = None
        return self._variants.get(key)

    def _rows(self, rows: Any, start: int, trips: int) -> Sequence[torch.Tensor]:
        if isinstance(rows, torch.Tensor) or len(rows) < start + trips:
            raise UnsupportedError("there are too many rows, or too few")
        found: Sequence[torch.Tensor] = rows if len(rows) == trips else rows[start : start + trips]
        return found


def _picking(places: Sequence[int]) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    """What takes elements of a tuple, as a tuple."""
    match len(places):
        case 0:
            return lambda values: ()
        case 1:
            (place,) = places
            return lambda values: (values[place],)
        case _:
            return itemgetter(*places)


@final
class _Variant:
    """A loop over tensors of certain sizes, some of which require gradients."""

    def __init__(self, step: Step, first: Sequence[torch.Tensor], needed: tuple[bool, ...]) -> None:
        self.step = step
        self.needed = needed
        nodes = {n: i for i, n in enumerate(step.graph.nodes())}
        with torch.no_grad():
            values = {
                (nodes.get(v.node, -1), v.offset): value
                for v, value in values_of(step.graph, [t.detach() for t in first]).items()
                if isinstance(value, torch.Tensor)
            }
            outputs = [(nodes[v.node], v.offset) for v in step.graph.outputs]
            carried = range(len(step.rows), len(step.rows) + len(step.carried))
            if any(values[-1, i].shape != values[outputs[o]].shape for i, o in zip(carried, step.carried, strict=True)):
                raise UnsupportedError("what the loop carries changes its size")
            self._find_passes(values, len(outputs), carried)
        kept = self.passes[tuple(range(len(outputs)))].kept
        self.invariant = [k for k in kept if k[0] < 0 and k[1] >= carried.stop]
        self.kept = [k for k in kept if k not in self.invariant]
        extra = [k for k in self.kept if k[0] >= 0 and k not in outputs]
        self._forward = forward_pass(step, extra)
        self._is_single = len(outputs) + len(extra) == 1
        places = {k: carried.stop + i for i, k in enumerate([*outputs, *extra])}
        self.appended = sorted(set(step.appended))
        # Of the rows, what is carried in, and the results:
        self.keeps = _picking([places.get(k, k[1]) for k in self.kept])
        self.appends = _picking([carried.stop + o for o in self.appended])
        self.carries = _picking([carried.stop + o for o in step.carried])
        fixed = {k: i for i, k in enumerate([*self.invariant, *self.kept])}
        self.reads = {given: _picking([fixed[k] for k in found.kept]) for given, found in self.passes.items()}
        """For each choice of outputs: what the backward pass reads of what is kept."""
        self.last = [o for o in dict.fromkeys(step.carried) if o not in self.appended]
        self.ends = _picking([carried.stop + o for o in self.last])

    def _find_passes(self, values: dict[Key, Any], count: int, carried: range) -> None:
        """The backward pass for each choice of outputs that have gradients. All keep what the one for all keeps."""
        step = self.step
        wanted = [i for i, n in enumerate(self.needed) if n]
        if not all(self.needed[i] for i in carried):
            raise UnsupportedError("what is carried may require gradients in some iterations only")
        if not results_belong_together(step.graph, carried, wanted):
            raise UnsupportedError("a backward pass through one result may leave others their own")
        chosen = [tuple(i for i in range(count) if bits >> i & 1) for bits in range(1, 1 << count)]
        self.passes = {given: backward_pass(step, values, given, wanted) for given in chosen}
        kept = set(self.passes[tuple(range(count))].kept)
        if any(not kept.issuperset(found.kept) for found in self.passes.values()):
            raise UnsupportedError("gradients of some outputs need more than those of all")

    def place(self, output: int, iteration: int, trips: int) -> int:
        """Which result of the function is an output of an iteration; -1 if none is."""
        width = len(self.appended)
        if output in self.appended:
            return iteration * width + self.appended.index(output)
        is_final = iteration == trips - 1 and output in self.last
        return trips * width + self.last.index(output) if is_final else -1

    def results(self, outputs: Sequence[torch.Tensor], trips: int) -> Recorded:
        finals = tuple([outputs[self.place(o, trips - 1, trips)] for o in self.step.carried])
        width = len(self.appended)
        lists = [outputs[self.appended.index(o) : trips * width : width] for o in self.step.appended]
        return finals, lists

    def iterate(self, trips: int, rows: Sequence[Sequence[torch.Tensor]], tensors: Sequence[torch.Tensor]) -> Any:
        """Of one iteration after the other: rows, what is carried in, results."""
        count = len(self.step.carried)
        carried, invariant = tuple(tensors[:count]), tensors[count:]
        forward, carries = self._forward, self.carries
        for of_iteration in zip(*rows, strict=True) if rows else repeat((), trips):
            inputs = of_iteration + carried
            results = forward(*inputs, *invariant)
            values = inputs + (results,) if self._is_single else inputs + results  # noqa: RUF005  # the faster way
            carried = carries(values)
            yield values


class RecordedLoop(torch.autograd.Function):
    """The loop. Inputs that are tensors: what is carried, what stays, and rows that require gradients, list by list."""

    @staticmethod
    def forward(ctx: Any, variant: _Variant, trips: int, rows: list[Any], *tensors: torch.Tensor) -> Any:
        ctx.set_materialize_grads(False)
        count = len(tensors) - trips * sum(r is None for r in rows)
        lists = _complete(rows, tensors[count:], trips)
        kept: list[torch.Tensor] = [tensors[k[1] - len(rows)] for k in variant.invariant]
        outputs: list[torch.Tensor] = []
        keeps, appends, values = variant.keeps, variant.appends, ()
        for values in variant.iterate(trips, lists, tensors[:count]):
            kept += keeps(values)
            outputs += appends(values)
        outputs += variant.ends(values)
        ctx.save_for_backward(*kept)
        ctx.given = variant, trips, rows, tensors, [t._version for t in tensors]
        return tuple(outputs)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor | None) -> Any:
        variant, trips, rows, tensors, versions = ctx.given
        kept = ctx.saved_tensors
        if torch.is_grad_enabled():
            return (None, None, None, *_again(variant, trips, rows, tensors, versions, grads))
        sweep = _Sweep(variant, trips, rows, kept)
        for iteration in reversed(range(trips)):
            sweep.iteration(iteration, grads)
        return (None, None, None, *sweep.carried, *sweep.invariant, *sweep.rows())


def _complete(rows: Sequence[Any], flat: Sequence[torch.Tensor], trips: int) -> list[Sequence[torch.Tensor]]:
    """All lists of rows."""
    pending = iter(range(0, len(flat), trips) if trips else ())
    lists = []
    for r in rows:
        if r is None:
            start = next(pending)
            lists.append(flat[start : start + trips])
        else:
            lists.append(r)
    return lists


@final
class _Sweep:
    """The backward pass, last iteration first."""

    def __init__(self, variant: _Variant, trips: int, rows: Sequence[Any], kept: Sequence[torch.Tensor]) -> None:
        self._variant = variant
        self._trips = trips
        step = variant.step
        self._first = len(step.rows), len(step.rows) + len(step.carried)
        self.carried: list[torch.Tensor | None] = [None] * len(step.carried)
        self.invariant: list[torch.Tensor | None] = [None] * (len(variant.needed) - self._first[1])
        self._is_own = [False] * len(self.invariant)
        self._rows: list[list[torch.Tensor | None] | None] = [[None] * trips if r is None else None for r in rows]
        self._fixed = tuple(kept[: len(variant.invariant)])
        self._kept = kept
        self._width = len(variant.kept)

    def iteration(self, number: int, grads: Sequence[torch.Tensor | None]) -> None:
        variant = self._variant
        of_outputs: dict[int, torch.Tensor] = {}
        for output in (*variant.appended, *variant.last):
            place = variant.place(output, number, self._trips)
            grad = None if place < 0 else grads[place]
            if grad is not None:
                of_outputs[output] = grad
        for output, grad in zip(variant.step.carried, self.carried, strict=True):
            if grad is not None:
                former = of_outputs.get(output)
                of_outputs[output] = grad if former is None else former + grad
        self.carried = [None] * len(self.carried)
        if not of_outputs:
            return
        given = tuple(sorted(of_outputs))
        backward = variant.passes[given]
        start = len(self._fixed) + number * self._width
        kept = (*self._fixed, *self._kept[start : start + self._width])
        found = backward.run(*[of_outputs[o] for o in given], *variant.reads[given](kept))
        for index, grad in zip(backward.inputs, (found,) if len(backward.inputs) == 1 else found, strict=True):
            self._take(index, grad, number)

    def _take(self, index: int, grad: torch.Tensor, number: int) -> None:
        rows, stays = self._first
        if index >= stays:
            index -= stays
            former = self.invariant[index]
            if former is None:
                self.invariant[index] = grad
            elif self._is_own[index]:
                former.add_(grad)
            else:
                self.invariant[index], self._is_own[index] = former + grad, True
        elif index >= rows:
            self.carried[index - rows] = grad
        else:
            row = self._rows[index]
            if row is not None:
                row[number] = grad

    def rows(self) -> list[torch.Tensor | None]:
        return [grad for rows in self._rows if rows is not None for grad in rows]


def _again(
    variant: _Variant,
    trips: int,
    rows: Sequence[Any],
    tensors: Sequence[torch.Tensor],
    versions: Sequence[int],
    grads: Sequence[torch.Tensor | None],
) -> list[torch.Tensor | None]:
    """Gradients that have gradients: of the loop, recorded operator by operator."""
    if any(t._version != v for t, v in zip(tensors, versions, strict=True)):
        raise RuntimeError(
            "one of the variables needed for gradient computation has been modified by an inplace operation: it came"
            " into a loop of a script, which runs again for gradients of gradients"
        )
    with torch.enable_grad():
        copies = [t.view_as(t) if t.requires_grad else t for t in tensors]
        count = len(tensors) - trips * sum(r is None for r in rows)
        outputs: list[torch.Tensor] = []
        values: Any = ()
        for values in variant.iterate(trips, _complete(rows, copies[count:], trips), copies[:count]):
            outputs += variant.appends(values)
        outputs += variant.ends(values)
        pairs = [(o, g) for o, g in zip(outputs, grads, strict=True) if g is not None]
        wanted = [c for c in copies if c.requires_grad]
        found = iter(
            torch.autograd.grad(
                [o for o, _ in pairs], wanted, [g for _, g in pairs], create_graph=True, allow_unused=True
            )
        )
    return [next(found) if c.requires_grad else None for c in copies]
