"""Derivatives of sums, means and the like. `restored` gives back the dimensions that a reduction took away."""

from __future__ import annotations

_CENTRED = "(self - torch.mean(self, dim, True))"

FORMULAS: dict[str, dict[str, str]] = {
    "aten::sum": {"self": "grad.expand(self.size())"},
    "aten::sum.dim_IntList": {"self": "restored(grad, self, dim, keepdim).expand(self.size())"},
    "aten::mean": {"self": "grad.expand(self.size()) / self.numel()"},
    "aten::mean.dim": {"self": "restored(grad, self, dim, keepdim).expand(self.size()) / reduced_count(self, dim)"},
    "aten::var": {
        "self": "grad * (self - self.mean()) * 2 / (self.numel() - (1 if unbiased else 0))",
    },
    "aten::var.dim": {
        "self": f"""
spread = restored(grad, self, dim, keepdim) * {_CENTRED}
return spread * 2 / (reduced_count(self, dim) - (1 if unbiased else 0))
"""
    },
    "aten::std": {
        "self": "grad / result * (self - self.mean()) / (self.numel() - (1 if unbiased else 0))",
    },
    "aten::std.dim": {
        "self": f"""
spread = restored(grad / result, self, dim, keepdim) * {_CENTRED}
return spread / (reduced_count(self, dim) - (1 if unbiased else 0))
"""
    },
    "aten::logsumexp": {
        "self": "restored(grad, self, dim, keepdim) * torch.exp(self - restored(result, self, dim, keepdim))"
    },
    "aten::amax": {
        "self": """
chosen = (self == restored(result, self, dim, keepdim)).type_as(self)
return restored(grad, self, dim, keepdim) * chosen / torch.sum(chosen, dim, True)
"""
    },
    "aten::amin": {
        "self": """
chosen = (self == restored(result, self, dim, keepdim)).type_as(self)
return restored(grad, self, dim, keepdim) * chosen / torch.sum(chosen, dim, True)
"""
    },
    "aten::cumsum": {"self": "torch.flip(torch.cumsum(torch.flip(grad, [dim]), dim), [dim])"},
    "aten::softmax.int": {"self": "torch._softmax_backward_data(grad, result, dim, result.dtype)"},
    "aten::log_softmax.int": {"self": "torch._log_softmax_backward_data(grad, result, dim, result.dtype)"},
}
