"""Derivatives of arithmetic on two or three tensors, which are broadcast to each other.

`reduced(grad, like)` sums over the dimensions that broadcasting had added to `like`.
"""

from __future__ import annotations

_EXTREMUM = "torch.where(self == other, grad / 2, torch.where(self {} other, grad, zero(grad)))"


def _extremum(wins: str, loses: str) -> dict[str, str]:
    """Where both are equal, each gets half of the gradient."""
    return {
        "self": f"reduced({_EXTREMUM.format(wins)}, self)",
        "other": f"reduced({_EXTREMUM.format(loses)}, other)",
    }


FORMULAS: dict[str, dict[str, str]] = {
    "aten::add.Tensor": {
        "self": "reduced(grad, self)",
        "other": "reduced(grad if alpha == 1 else grad * alpha, other)",
    },
    "aten::add.Scalar": {"self": "grad"},
    "aten::sub.Tensor": {
        "self": "reduced(grad, self)",
        "other": "reduced(-grad if alpha == 1 else -grad * alpha, other)",
    },
    "aten::sub.Scalar": {"self": "grad"},
    "aten::rsub.Tensor": {
        "self": "reduced(-grad if alpha == 1 else -grad * alpha, self)",
        "other": "reduced(grad, other)",
    },
    "aten::rsub.Scalar": {"self": "-grad if alpha == 1 else -grad * alpha"},
    "aten::mul.Tensor": {"self": "reduced(grad * other, self)", "other": "reduced(grad * self, other)"},
    "aten::mul.Scalar": {"self": "grad * other"},
    "aten::div.Tensor": {
        "self": "reduced(grad / other, self)",
        "other": "reduced(-grad * result / other, other)",
    },
    "aten::div.Scalar": {"self": "grad / other"},
    "aten::pow.Tensor_Scalar": {
        "self": """
if float(exponent) == 0.0:
    return zero(grad)
return grad * torch.pow(self, exponent - 1) * exponent
"""
    },
    "aten::pow.Tensor_Tensor": {
        "self": """
slope = exponent * torch.pow(self, exponent - 1)
return reduced(torch.where(exponent == 0, zero(grad), grad * slope), self)
""",
        "exponent": """
undefined = torch.logical_and(self == 0, exponent >= 0)
return reduced(torch.where(undefined, zero(grad), grad * result * torch.log(self)), exponent)
""",
    },
    "aten::pow.Scalar": {"exponent": "grad * result * torch.log(torch.full_like(result, self))"},
    "aten::fmod.Scalar": {"self": "grad"},
    "aten::remainder.Scalar": {"self": "grad"},
    "aten::atan2": {
        "self": "reduced(grad * other / (self * self + other * other), self)",
        "other": "reduced(-grad * self / (self * self + other * other), other)",
    },
    "aten::addcmul": {
        "self": "reduced(grad, self)",
        "tensor1": "reduced(grad * tensor2 * value, tensor1)",
        "tensor2": "reduced(grad * tensor1 * value, tensor2)",
    },
    "aten::addcdiv": {
        "self": "reduced(grad, self)",
        "tensor1": "reduced(grad / tensor2 * value, tensor1)",
        "tensor2": "reduced(-grad * tensor1 / (tensor2 * tensor2) * value, tensor2)",
    },
    "aten::lerp.Scalar": {
        "self": "reduced(grad * (1 - weight), self)",
        "end": "reduced(grad * weight, end)",
    },
    "aten::lerp.Tensor": {
        "self": "reduced(grad * (1 - weight), self)",
        "end": "reduced(grad * weight, end)",
        "weight": "reduced(grad * (end - self), weight)",
    },
    "aten::where.self": {
        "self": "reduced(torch.where(condition, grad, zero(grad)), self)",
        "other": "reduced(torch.where(condition, zero(grad), grad), other)",
    },
    "aten::max.other": _extremum(">", "<"),
    "aten::maximum": _extremum(">", "<"),
    "aten::min.other": _extremum("<", ">"),
    "aten::minimum": _extremum("<", ">"),
}
