"""Derivatives of operators that rearrange, select or join elements.

The gradient of a list of tensors, which is what some take or give, is a list: `grads`, where it is the result's.
"""

from __future__ import annotations

_SAME_ELEMENTS = "torch.reshape(grad, self.size())"
_JOINED = "torch.cat(grads, dim)"

FORMULAS: dict[str, dict[str, str]] = {
    "aten::t": {"self": "grad.t()"},
    "aten::transpose.int": {"self": "torch.transpose(grad, dim0, dim1)"},
    "aten::permute": {
        "self": """
order = [0 for d in dims]
for place in range(len(dims)):
    order[dims[place] % len(dims)] = place
return torch.permute(grad, order)
"""
    },
    **{
        f"aten::{name}": {"self": _SAME_ELEMENTS}
        for name in ("view", "reshape", "flatten.using_ints", "squeeze", "squeeze.dim", "squeeze.dims", "view_as")
    },
    "aten::unsqueeze": {"self": "torch.squeeze(grad, dim)"},
    "aten::expand": {"self": "reduced(grad, self)"},
    "aten::expand_as": {"self": "reduced(grad, self)"},
    "aten::_grad_sum_to_size": {"self": "torch.expand_as(grad, self)"},
    "aten::flip": {"self": "torch.flip(grad, dims)"},
    "aten::select.int": {"self": "torch.select_backward(grad, self.size(), dim, index)"},
    "aten::slice.Tensor": {
        "self": """
first = 0 if start is None else start
last = 9223372036854775807 if end is None else end
return torch.slice_backward(grad, self.size(), dim, first, last, step)
"""
    },
    "aten::narrow": {"self": "torch.slice_backward(grad, self.size(), dim, start, start + length, 1)"},
    "aten::index_select": {"self": "torch.index_add(torch.zeros_like(self), dim, index, grad)"},
    "aten::gather": {"self": "torch.scatter_add(torch.zeros_like(self), dim, index, grad)"},
    "aten::embedding": {
        "weight": "torch.embedding_dense_backward(grad, indices, weight.size(0), padding_idx, scale_grad_by_freq)"
    },
    "aten::cat": {"tensors": "torch.split_with_sizes(grad, [t.size(dim) for t in tensors], dim)"},
    "aten::stack": {"tensors": "torch.unbind(grad, dim)"},
    "aten::split.Tensor": {"self": _JOINED},
    "aten::split_with_sizes": {"self": _JOINED},
    "aten::chunk": {"self": _JOINED},
    "aten::unbind.int": {"self": "torch.stack(grads, dim)"},
}
