"""What the compiler assumes about a definition that does not compile as it stands.

A definition is first compiled by TorchScript's own rules. If that fails it is compiled again by wider ones
(`Assumptions.inferring`), and where these hit on something that a declaration at an earlier place would have settled,
that place raises `Reconsider`: compilation starts over with one more assumption.

    sizes = []              Reconsider: this literal is a List[int]
    sizes.append(n)
    for i in range(4):      Reconsider: this loop is unrolled
        x = getattr(self, f"conv{i}")(x)

So what TorchScript accepts keeps its meaning, and a program that needs no assumption costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias, final

from flambeau.errors import ScriptError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flambeau import ir

Subject: TypeAlias = (
    "tuple[Literal['literal', 'loop', 'loop facts', 'loop exits', 'late', 'variable', 'read', 'result'], object]"
)
"""What an assumption is about: a literal, a loop or a variable, and where it stands. Of a loop that is not unrolled it
may be that nothing is known of attributes where it begins ('loop facts'), or that a variable which its body assigns is
there before ('late'); of one that is, that only a run decides how its rounds end ('loop exits').
"""

ATTEMPTS = 40
"""How often one definition is compiled at most."""


@final
@dataclass(slots=True)
class Assumptions:
    """What holds while one definition is compiled."""

    inferring: bool = False
    """Whether TorchScript's own rules were tried before, and failed."""
    unwraps: bool = False
    """Whether optional values that are used as values may be taken for such, to be checked when they are read."""
    trusts_annotations: bool = True
    """Whether an annotation that is no type, or not that of the value, is an error: in Python it is none."""
    types: dict[Subject, ir.Type | None] = field(default_factory=dict)
    """The types of literals and variables; None for what has none (a loop that is to be unrolled)."""

    def add(self, subject: Subject, type: ir.Type | None) -> bool:
        """Take an assumption in; False if it is there already, so that it does not help."""
        if subject in self.types and self.types[subject] == type:
            return False
        self.types[subject] = type
        return True

    def without(self, subject: Subject) -> Assumptions:
        """The same but for one."""
        types = {s: type for s, type in self.types.items() if s != subject}
        return Assumptions(self.inferring, self.unwraps, self.trusts_annotations, types)


class Reconsider(ScriptError):
    """The definition does not compile, but may do so under one more assumption.

    As an error it says what is wrong without the assumption; it is that error if the assumption does not help.
    """

    def __init__(
        self,
        problem: ScriptError,
        subject: Subject,
        type: ir.Type | None = None,
        along: Mapping[Subject, ir.Type | None] | None = None,
    ) -> None:
        super().__init__(problem.message, problem.range, problem.calls)
        self.subject = subject
        self.along = along or {}
        """More of that kind with their types, of which only some may be needed."""
        self.type = type

    def as_error(self) -> ScriptError:
        """The problem itself."""
        return ScriptError(self.message, self.range, self.calls)


@final
@dataclass(slots=True)
class Notes:
    """What was noticed in compilations since the notes were last cleared.

    TorchScript reads a number out of a tensor that is assigned to a variable which holds a number, and loses its
    gradient. A program that TorchScript accepts keeps that meaning; any other has Python's.
    """

    went_beyond: bool = False
    """Whether something was accepted that TorchScript's own compiler refuses."""
    read_optionals: bool = False
    """Whether a statement failed that reads optional values which nobody declared to be so."""
    read_numbers: bool = False
    """Whether a tensor was assigned to a variable that holds a number."""


notes = Notes()
