"""The whole zoo."""

from __future__ import annotations

from tests.python.nn_cases import CASES, Case
from tests.python.test_torch_nn import OVERLOADED, Unary
from tests.serialization.zoo import language, prepared, quantized
from tests.serialization.zoo.specimen import Specimen


def _of(name: str, case: Case) -> Specimen:
    def make():
        module = case.make().train(case.train)
        return Unary(module) if name in OVERLOADED else module

    return Specimen(make, lambda: [("forward", case.inputs())])


NN = {f"nn {name}": _of(name, case) for name, case in CASES.items()}
ZOO: dict[str, Specimen] = {
    **{f"language {name}": specimen for name, specimen in language.SPECIMENS.items()},
    **NN,
    **quantized.SPECIMENS,
    **prepared.SPECIMENS,
}
REFUSED_BY_PYTORCH = {
    "nn MaxUnpool2d": "an internal assertion of the installed version",
    "nn GaussianNLLLoss": "the installed version has a comprehension with a condition in it",
    "nn MultiheadAttention with other key": "the installed version asks the dtype of an optional attribute",
}
"""What `torch.jit.script` cannot compile, though it is in the list of what flambeau can."""
