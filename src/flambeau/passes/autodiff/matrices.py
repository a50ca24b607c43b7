"""Derivatives of products of vectors and matrices, and of convolutions."""

from __future__ import annotations

_CONVOLUTION = {
    "input, weight": """
found = torch.convolution_backward(
    grad, input, weight, None, stride, padding, dilation, {transposed}, {output_padding}, groups, [True, True, False]
)
return found[0], found[1]
""",
    "bias": "torch.sum(grad, [d for d in range(grad.dim()) if d != 1])",
}


def _convolution(transposed: str, output_padding: str) -> dict[str, str]:
    return {
        names: text.format(transposed=transposed, output_padding=output_padding) for names, text in _CONVOLUTION.items()
    }


FORMULAS: dict[str, dict[str, str]] = {
    "aten::mm": {"self": "torch.mm(grad, mat2.t())", "mat2": "torch.mm(self.t(), grad)"},
    "aten::bmm": {
        "self": "torch.bmm(grad, mat2.transpose(1, 2))",
        "mat2": "torch.bmm(self.transpose(1, 2), grad)",
    },
    "aten::mv": {"self": "torch.outer(grad, vec)", "vec": "torch.mv(self.t(), grad)"},
    "aten::dot": {"self": "grad * tensor", "tensor": "grad * self"},
    "aten::outer": {"self": "torch.mv(grad, vec2)", "vec2": "torch.mv(grad.t(), self)"},
    "aten::addmm": {
        "self": "reduced(grad if beta == 1 else grad * beta, self)",
        "mat1": "torch.mm(grad if alpha == 1 else grad * alpha, mat2.t())",
        "mat2": "torch.mm(mat1.t(), grad if alpha == 1 else grad * alpha)",
    },
    "aten::baddbmm": {
        "self": "reduced(grad * beta, self)",
        "batch1": "torch.bmm(grad, batch2.transpose(1, 2)) * alpha",
        "batch2": "torch.bmm(batch1.transpose(1, 2), grad) * alpha",
    },
    "aten::matmul": {
        "self": """
if self.dim() == 1 and other.dim() == 1:
    return grad * other
if self.dim() == 1:
    return reduced(torch.matmul(other, grad.unsqueeze(-1)).squeeze(-1), self)
if other.dim() == 1:
    return grad.unsqueeze(-1) * other
return reduced(torch.matmul(grad, other.transpose(-1, -2)), self)
""",
        "other": """
if self.dim() == 1 and other.dim() == 1:
    return grad * self
if other.dim() == 1:
    return reduced(torch.matmul(self.transpose(-1, -2), grad.unsqueeze(-1)).squeeze(-1), other)
if self.dim() == 1:
    return self.unsqueeze(-1) * grad.unsqueeze(-2)
return reduced(torch.matmul(self.transpose(-1, -2), grad), other)
""",
    },
    "aten::linear": {
        "input": "torch.matmul(grad.unsqueeze(-1) if weight.dim() == 1 else grad, torch.atleast_2d(weight))",
        "weight": """
rows = grad.reshape(-1) if weight.dim() == 1 else grad.reshape(-1, weight.size(0)).t()
return torch.matmul(rows, input.reshape(-1, input.size(-1)))
""",
        "bias": "torch.sum(grad.reshape(-1, grad.size(-1)), [0])",
    },
    **dict.fromkeys(("aten::conv1d", "aten::conv2d", "aten::conv3d"), _convolution("False", "[0]")),
    "aten::convolution": _convolution("transposed", "output_padding"),
}
