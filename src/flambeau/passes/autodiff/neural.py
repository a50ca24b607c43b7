"""Derivatives of normalisation, pooling and losses.

What PyTorch's own backward operators want of the forward (means, indices of maxima) is computed again.
"""

from __future__ import annotations

FORMULAS: dict[str, dict[str, str]] = {
    "aten::layer_norm": {
        "input, weight, bias": """
whole = torch.native_layer_norm(input, normalized_shape, weight, bias, eps)
return torch.native_layer_norm_backward(
    grad, input, normalized_shape, whole[1], whole[2], weight, bias, [True, weight is not None, bias is not None]
)
"""
    },
    "aten::batch_norm": {
        "input, weight, bias": """
others = [d for d in range(input.dim()) if d != 1]
mean = torch.mean(input, others)
scale = torch.rsqrt(torch.var(input, others, False) + eps)
return torch.native_batch_norm_backward(
    grad, input, weight, running_mean, running_var, mean, scale, training, eps, [True, True, True]
)
"""
    },
    "aten::max_pool2d": {
        "self": """
indices = torch.max_pool2d_with_indices(self, kernel_size, stride, padding, dilation, ceil_mode)[1]
return torch.max_pool2d_with_indices_backward(
    grad, self, kernel_size, stride, padding, dilation, ceil_mode, indices
)
"""
    },
    "aten::avg_pool2d": {
        "self": """
return torch.avg_pool2d_backward(
    grad, self, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
)
"""
    },
    "aten::adaptive_avg_pool2d": {"self": "torch._adaptive_avg_pool2d_backward(grad, self)"},
    "aten::mse_loss": {
        "self": "torch.mse_loss_backward(grad, self, target, reduction)",
        "target": "-torch.mse_loss_backward(grad, self, target, reduction)",
    },
    "aten::smooth_l1_loss": {"self": "torch.smooth_l1_loss_backward(grad, self, target, reduction, beta)"},
    "aten::binary_cross_entropy": {
        "self": "torch.binary_cross_entropy_backward(grad, self, target, weight, reduction)"
    },
    "aten::nll_loss": {
        "self": """
total = torch.nll_loss_forward(self, target, weight, reduction, ignore_index)[1]
return torch.nll_loss_backward(grad, self, target, weight, reduction, ignore_index, total)
"""
    },
}
