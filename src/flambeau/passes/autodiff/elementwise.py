"""Derivatives of functions of one tensor, element by element.

An entry names an operator and, for each argument that has a derivative, an expression in TorchScript for the gradient:
`grad` is the result's gradient, `result` the result, all else are arguments of the call. The formulas are those of
calculus; where a kink has no derivative, the one that PyTorch's backward operators choose is taken.
"""

from __future__ import annotations

_CONSTANT = dict.fromkeys(("aten::ceil", "aten::floor", "aten::round", "aten::trunc", "aten::sign"), "zero(grad)")
"""Piecewise constant functions."""

FORMULAS: dict[str, dict[str, str]] = {
    **{name: {"self": text} for name, text in _CONSTANT.items()},
    "aten::abs": {"self": "grad * torch.sign(self)"},
    "aten::acos": {"self": "-grad * torch.rsqrt(1 - self * self)"},
    "aten::acosh": {"self": "grad * torch.rsqrt(self * self - 1)"},
    "aten::asin": {"self": "grad * torch.rsqrt(1 - self * self)"},
    "aten::asinh": {"self": "grad * torch.rsqrt(self * self + 1)"},
    "aten::atan": {"self": "grad / (self * self + 1)"},
    "aten::atanh": {"self": "grad / (1 - self * self)"},
    "aten::cos": {"self": "-grad * torch.sin(self)"},
    "aten::cosh": {"self": "grad * torch.sinh(self)"},
    "aten::erf": {"self": "grad * torch.exp(-self * self) * 1.1283791670955126"},
    "aten::erfc": {"self": "grad * torch.exp(-self * self) * -1.1283791670955126"},
    "aten::exp": {"self": "grad * result"},
    "aten::exp2": {"self": "grad * result * 0.6931471805599453"},
    "aten::expm1": {"self": "grad * (result + 1)"},
    "aten::frac": {"self": "grad"},
    "aten::log": {"self": "grad / self"},
    "aten::log10": {"self": "grad / (self * 2.302585092994046)"},
    "aten::log1p": {"self": "grad / (self + 1)"},
    "aten::log2": {"self": "grad / (self * 0.6931471805599453)"},
    "aten::neg": {"self": "-grad"},
    "aten::reciprocal": {"self": "-grad * result * result"},
    "aten::rsqrt": {"self": "grad * result * result * result * -0.5"},
    "aten::sin": {"self": "grad * torch.cos(self)"},
    "aten::sinh": {"self": "grad * torch.cosh(self)"},
    "aten::sqrt": {"self": "grad / (result * 2)"},
    "aten::square": {"self": "grad * self * 2"},
    "aten::tan": {"self": "grad * (result * result + 1)"},
    "aten::tanh": {"self": "torch.tanh_backward(grad, result)"},
    # Activations
    "aten::sigmoid": {"self": "torch.sigmoid_backward(grad, result)"},
    "aten::log_sigmoid": {"self": "grad * torch.sigmoid(-self)"},
    "aten::relu": {"self": "torch.threshold_backward(grad, result, 0)"},
    "aten::relu6": {"self": "torch.hardtanh_backward(grad, self, 0, 6)"},
    "aten::silu": {"self": "torch.silu_backward(grad, self)"},
    "aten::mish": {"self": "torch.mish_backward(grad, self)"},
    "aten::gelu": {"self": "torch.gelu_backward(grad, self, approximate=approximate)"},
    "aten::elu": {"self": "torch.elu_backward(grad, alpha, scale, input_scale, False, self)"},
    "aten::hardswish": {"self": "torch.hardswish_backward(grad, self)"},
    "aten::hardsigmoid": {"self": "torch.hardsigmoid_backward(grad, self)"},
    "aten::hardtanh": {"self": "torch.hardtanh_backward(grad, self, min_val, max_val)"},
    "aten::hardshrink": {"self": "torch.hardshrink_backward(grad, self, lambd)"},
    "aten::softshrink": {"self": "torch.softshrink_backward(grad, self, lambd)"},
    "aten::leaky_relu": {"self": "torch.leaky_relu_backward(grad, self, negative_slope, False)"},
    "aten::softplus": {"self": "torch.softplus_backward(grad, self, beta, threshold)"},
    "aten::threshold": {"self": "torch.threshold_backward(grad, self, threshold)"},
    # Limits
    "aten::clamp": {
        "self": """
if min is not None:
    grad = torch.where(self >= min, grad, zero(grad))
if max is not None:
    grad = torch.where(self <= max, grad, zero(grad))
return grad
"""
    },
    "aten::clamp_min": {"self": "torch.where(self >= min, grad, zero(grad))"},
    "aten::clamp_max": {"self": "torch.where(self <= max, grad, zero(grad))"},
    # Conversions
    "aten::contiguous": {"self": "grad"},
    "aten::clone": {"self": "grad"},
    "aten::type_as": {"self": "torch.type_as(grad, self)"},
    "aten::to.dtype": {"self": "grad.to(self.dtype)"},
    "aten::dropout": {"input": "grad"},
    "aten::masked_fill.Scalar": {"self": "torch.masked_fill(grad, mask, 0)"},
}
