"""Tensors: properties, methods, functions of `torch` and its submodules, keyword forms, conversions."""

from typing import Any, Dict, List, Optional, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.language.harness import Suite

suite = Suite("tensors")

_X = torch.arange(6.0).view(2, 3)
_G = torch.ones(2, 2, requires_grad=True)


# Properties.


@suite.accepts(_X, _X.to(torch.complex64))
def numeric_properties(x: Tensor):
    return x.ndim, x.itemsize, x.nbytes, x.numel(), x.dim(), x.element_size()


@suite.accepts(_X, _G)
def flag_properties(x: Tensor):
    return x.is_cuda, x.is_cpu, x.is_sparse, x.is_quantized, x.is_meta, x.is_mkldnn, x.is_leaf, x.requires_grad


@suite.accepts(_X)
def flag_methods(x: Tensor):
    return x.is_floating_point(), x.is_complex(), x.is_contiguous(), x.t().is_contiguous(), x.is_signed()


@suite.accepts(_X)
def view_properties(x: Tensor):
    return x.T, x.mT, x.data, x.real, x.H, x.mH


@suite.accepts((_X, torch.zeros(1, dtype=torch.long)))
def dtype_and_device_properties(x: Tensor, y: Tensor):
    return y.to(x.dtype), y.to(x.device), torch.ones(2, dtype=x.dtype, device=x.device), x.dtype == torch.float32


@suite.accepts(_X)
def layout_property(x: Tensor):
    return x.layout == torch.strided, torch.empty(0, layout=x.layout)


@suite.accepts(_G)
def gradient_property(x: Tensor) -> Optional[Tensor]:
    return x.grad


@suite.accepts(torch.tensor([1 + 2j]))
def complex_properties(x: Tensor):
    return x.real, x.imag, x.abs(), x.conj()


# Sizes.


@suite.accepts(_X)
def sizes(x: Tensor):
    b, c = x.shape
    return b, c, x.size(0), x.size(-1), x.shape[1], len(x.size()), x.stride(0)


@suite.accepts(_X)
def sizes_as_arguments(x: Tensor):
    return torch.zeros(x.shape), torch.zeros(x.size()), x.view(x.shape[0], -1), x.new_zeros(x.shape)


@suite.accepts((_X, 3, 2))
def sizes_of_variables(x: Tensor, a: int, b: int):
    return x.view(a, b), x.reshape([a, b]), x.reshape((a, b)), torch.zeros(a, b), torch.ones([a]), x.expand(2, 3)


@suite.accepts((_X, [3, 2]))
def size_of_list(x: Tensor, s: List[int]):
    return x.view(s), torch.zeros(s), x.reshape(s + [1])


# Casts.


@suite.accepts(_X)
def cast_methods(x: Tensor):
    return x.int(), x.long(), x.double(), x.half(), x.byte(), x.char(), x.short(), x.float()


@suite.extends(_X)
def other_cast_methods(x: Tensor):
    return x.bool(), x.bfloat16()


@suite.accepts(_X)
def to_overloads(x: Tensor):
    return x.to(torch.float64), x.to("cpu"), x.to(torch.device("cpu"), torch.int32), x.to(x.int()), x.type_as(x.long())


@suite.accepts(_X)
def to_keywords(x: Tensor):
    return x.to(dtype=torch.half), x.to(device="cpu"), x.to(torch.float32, non_blocking=True, copy=True)


@suite.accepts(_X)
def cpu_and_contiguous(x: Tensor):
    return x.cpu(), x.t().contiguous(), x.contiguous(memory_format=torch.contiguous_format)


@suite.accepts(torch.ones(1, 2, 2, 2))
def memory_formats(x: Tensor):
    return x.contiguous(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)


@suite.accepts(torch.tensor(2.5), torch.tensor(3))
def item_is_dynamic(x: Tensor):
    return x.item()


@suite.accepts(torch.tensor([1, 2]))
def item_of_two(x: Tensor):
    return x.item()


@suite.accepts(torch.tensor([[1, 2], [3, 4]]))
def tolist(x: Tensor):
    y: List[List[int]] = x.tolist()
    return y


@suite.accepts(torch.tensor([1.5, 2.5]))
def tolist_of_floats(x: Tensor):
    y: List[float] = x.tolist()
    z = torch.jit.annotate(List[float], x.tolist())
    return y + z


@suite.accepts(torch.tensor(2.5), differs="a list of another type than the tensor's is an error")
def tolist_of_other_type(x: Tensor):
    y: int = x.tolist()
    return y


@suite.accepts(torch.tensor(3))
def tolist_of_scalar(x: Tensor):
    y: int = x.tolist()
    return y


@suite.rejects("Expected type hint for result of tolist()")
def tolist_without_hint(x: Tensor):
    return x.tolist()


@suite.accepts(_X)
def implicit_conversions(x: Tensor) -> Tuple[float, int]:
    y: float = float(x.sum())
    return y, int(x.max())


# Creation.


@suite.accepts()
def creation():
    return torch.zeros(2), torch.ones(2, 3), torch.full([2], 7), torch.arange(4), torch.arange(1, 2, 0.5), torch.eye(2)


@suite.accepts()
def creation_with_types():
    return (
        torch.zeros(2, dtype=torch.long), torch.ones([1], dtype=torch.bool), torch.empty(0, device="cpu"),
        torch.linspace(0, 1, 3), torch.full((2, 2), 1.5, dtype=torch.double), torch.zeros_like(torch.ones(2)),
    )  # fmt: skip


@suite.accepts((2, 2.5, True))
def tensor_of_scalars(a: int, b: float, c: bool):
    return torch.tensor(a), torch.tensor(b), torch.tensor(c), torch.tensor(a, dtype=torch.float64)


@suite.accepts(([1, 2], [[1.5], [2.5]]))
def tensor_of_lists(a: List[int], b: List[List[float]]):
    return torch.tensor(a), torch.tensor(b), torch.tensor([True, False]), torch.as_tensor(a), torch.tensor([a, a])


@suite.corrects(1 + 2j, because="lists of complex numbers are not known")
def tensor_of_complex_list(a: complex):
    return torch.tensor([a, a])


@suite.accepts(1 + 2j)
def tensor_of_complex(a: complex):
    return torch.tensor(a)


@suite.accepts()
def tensor_with_requires_grad():
    x = torch.tensor([1.0], requires_grad=True)
    return x.requires_grad, (x * 2).requires_grad


@suite.accepts()
def random_numbers():
    torch.manual_seed(5)
    return (
        torch.rand(2),
        torch.randn(2, 2),
        torch.randint(0, 10, [3]),
        torch.randperm(4),
        torch.rand_like(torch.ones(2)),
    )


# Operations.


@suite.accepts(_X)
def reductions(x: Tensor):
    return x.sum(), x.sum(0), x.sum(dim=1, keepdim=True), x.mean(), x.mean([0, 1]), x.prod(), x.std(), x.var(0)


@suite.accepts(_X)
def reductions_with_several_results(x: Tensor):
    values, indices = x.max(1)
    m = x.min(dim=0)
    s, i = torch.sort(x, descending=True)
    return values, indices, m[0], m[1], s, i


@suite.accepts(_X)
def named_results(x: Tensor):
    m = torch.max(x, dim=1)
    return m.values, m.indices, torch.topk(x, 2).indices


@suite.accepts(_X, differs="results lose their names in TorchScript")
def named_results_returned(x: Tensor):
    return torch.max(x, 1)


@suite.accepts(_X)
def shapes(x: Tensor):
    return (
        x.t(), x.permute(1, 0), x.permute([1, 0]), x.transpose(0, 1), x.unsqueeze(0), x[None].squeeze(0), x.flatten(),
        x.narrow(1, 0, 2), x.repeat(2, 1), x.expand([2, 2, 3]), x.roll(1), x.flip([0]), x.movedim(0, 1),
    )  # fmt: skip


@suite.accepts(_X)
def splitting(x: Tensor):
    a, b = x.chunk(2)
    c, d = x.split([1, 2], dim=1)
    e, f = torch.split(x, 1)
    return a, b, c, d, e, f


@suite.accepts(_X, differs="several tensors come as a list in TorchScript")
def several_tensors(x: Tensor):
    return x.split(1), x.chunk(2, 1), x.unbind(), torch.where(x > 2)


@suite.accepts((_X, _X + 1))
def joining(x: Tensor, y: Tensor):
    return (
        torch.cat([x, y]),
        torch.cat((x, y), dim=1),
        torch.stack([x, y], -1),
        torch.hstack((x, y)),
        torch.vstack([x, y]),
    )


@suite.accepts((_X, _X.t()))
def products(x: Tensor, y: Tensor):
    return x @ y, x.mm(y), torch.matmul(x, y), torch.einsum("ij,jk->ik", x, y), torch.einsum("ij,ij->", [x, x])


@suite.accepts(_X)
def masks(x: Tensor):
    return torch.where(x > 2, x, -x), x.masked_fill(x > 2, 0.0), x.masked_select(x > 2), x.clamp(1, 3)


@suite.accepts((_X, torch.tensor([[0, 1], [1, 0]])))
def gathering(x: Tensor, i: Tensor):
    return x.gather(1, i), x.index_select(1, i[0]), x.scatter(1, i, 5.0), torch.take(x, i)


@suite.accepts(torch.zeros(2, 3))
def in_place(x: Tensor):
    x.add_(1).mul_(3)
    x.fill_(2) if x.dim() == 3 else x.sub_(1)
    x[0].zero_()
    x.clamp_(min=0.5)
    return x


@suite.accepts((_X, torch.empty(2, 3)))
def out_argument(x: Tensor, y: Tensor):
    torch.add(x, 1, out=y)
    torch.mul(y, 2, out=y)
    return y


@suite.accepts(_X)
def keyword_arguments(x: Tensor):
    return (
        torch.sum(input=x, dim=0),
        torch.add(x, other=x, alpha=2),
        torch.clamp(x, max=2.5),
        x.div(2, rounding_mode="floor"),
    )


@suite.accepts(_X)
def optional_arguments(x: Tensor):
    return torch.clamp(x, None, 2), x.sum(dim=None), F.interpolate(x[None], size=None, scale_factor=[2.0])


@suite.accepts((_X, 0.5, 3))
def scalar_arguments(x: Tensor, a: float, b: int):
    return torch.add(x, a), torch.mul(x, b), x.pow(b), torch.pow(a, x), torch.lerp(x, x + 1, a), torch.full([b], a)


@suite.accepts(_X)
def namespaces(x: Tensor):
    return torch.linalg.norm(x), torch.fft.rfft(x), torch.special.expit(x), torch.nn.functional.relu(x), torch.relu(x)


@suite.accepts(_X)
def operators_by_name(x: Tensor):
    return torch.ops.aten.add(x, x), torch.ops.aten.sum(x, [0])


@suite.extends(_X)
def operators_by_overload(x: Tensor):
    return torch.ops.aten.sum.dim_IntList(x, [0]), torch.ops.aten.mul.Tensor(x, x)


@suite.accepts(_X)
def nested_functions_of_torch(x: Tensor):
    return torch.sqrt(torch.sum(torch.square(x), dim=-1, keepdim=True) + 1e-6)


@suite.accepts((_X, _X > 2))
def logic(x: Tensor, m: Tensor):
    return m.any(), m.all(), torch.logical_and(m, x > 3), torch.logical_not(m), m.any(dim=0), torch.isnan(x), ~m


@suite.accepts(torch.ones(2), torch.zeros(2), torch.ones(1))
def truth(x: Tensor):
    return bool(x), not x


@suite.accepts((torch.ones(2, 3), torch.ones(4, 3)))
def shape_error(x: Tensor, y: Tensor):
    return x + y


@suite.accepts(_X)
def equality_functions(x: Tensor):
    return torch.equal(x, x), torch.allclose(x, x + 1e-9), x.eq(x).all().item()


@suite.accepts(_G)
def gradients(x: Tensor):
    y = (x * x).sum()
    (g,) = torch.autograd.grad([y], [x])
    return g


@suite.accepts(_G)
def detaching(x: Tensor):
    y = (x * 3).detach()
    z = x.clone().requires_grad_(False) if not x.is_leaf else y
    return y.requires_grad, z


@suite.accepts(torch.ones(2, requires_grad=True))
def backward(x: Tensor) -> Optional[Tensor]:
    (x * 2).sum().backward()
    return x.grad


# torch.nn.functional.


@suite.accepts(_X)
def activations(x: Tensor):
    return (
        F.relu(x), F.gelu(x), F.softmax(x, dim=-1), F.log_softmax(x, 1), F.leaky_relu(x, 0.2), F.elu(x), F.silu(x),
        F.hardtanh(x), F.sigmoid(x), F.tanh(x), F.softplus(x), F.relu6(x), F.glu(x[:, :2]), F.hardswish(x), F.celu(x),
    )  # fmt: skip


@suite.accepts((_X, torch.ones(4, 3), torch.ones(4)))
def linear(x: Tensor, w: Tensor, b: Tensor):
    return F.linear(x, w, b), F.linear(x, w), F.linear(x, w, bias=None)


@suite.accepts((torch.arange(16.0).view(1, 1, 4, 4), torch.ones(1, 1, 2, 2)))
def convolutions(x: Tensor, w: Tensor):
    return (
        F.conv2d(x, w),
        F.conv2d(x, w, stride=2),
        F.conv2d(x, w, None, (1, 2), 1),
        F.conv_transpose2d(x, w, padding=1),
    )


@suite.accepts(torch.arange(16.0).view(1, 1, 4, 4))
def pooling(x: Tensor):
    return F.max_pool2d(x, 2), F.avg_pool2d(x, (2, 2)), F.adaptive_avg_pool2d(x, 1), F.adaptive_max_pool2d(x, [2, 2])


@suite.accepts(torch.arange(16.0).view(1, 1, 4, 4))
def pooling_with_indices(x: Tensor):
    y, i = F.max_pool2d(x, 2, return_indices=True)
    return y, i, F.max_unpool2d(y, i, 2)


@suite.accepts(torch.arange(16.0).view(1, 1, 4, 4))
def interpolation(x: Tensor):
    return (
        F.interpolate(x, scale_factor=2.0), F.interpolate(x, size=[2, 2], mode="bilinear", align_corners=False),
        F.pad(x, [1, 1]), F.pad(x, (1, 0, 0, 1), mode="reflect"), F.pad(x, [1, 1], "constant", 5.0),
    )  # fmt: skip


@suite.accepts((_X, torch.ones(3), torch.zeros(3)))
def normalization(x: Tensor, w: Tensor, b: Tensor):
    return F.layer_norm(x, [3], w, b), F.normalize(x, dim=1), F.batch_norm(x, b, w, training=False)


@suite.accepts((_X, torch.tensor([0, 2])))
def losses(x: Tensor, y: Tensor):
    return (
        F.cross_entropy(x, y), F.nll_loss(F.log_softmax(x, 1), y), F.mse_loss(x, x + 1),
        F.l1_loss(x, x, reduction="sum"), F.smooth_l1_loss(x, x + 2),
        F.binary_cross_entropy_with_logits(x, torch.ones_like(x)),
    )  # fmt: skip


@suite.accepts((torch.tensor([[1, 2], [0, 1]]), torch.arange(12.0).view(3, 4)))
def embeddings(i: Tensor, w: Tensor):
    return F.embedding(i, w), F.one_hot(i, 3), F.embedding(i, w, padding_idx=0)


@suite.accepts(_X)
def dropout(x: Tensor):
    return F.dropout(x, 0.5, training=False), F.dropout(x, 0.5, True)


@suite.accepts((torch.ones(1, 2, 3, 4), torch.ones(1, 2, 3, 4)))
def attention(q: Tensor, k: Tensor):
    return F.scaled_dot_product_attention(q, k, k), F.scaled_dot_product_attention(q, k, k, is_causal=True)


@suite.accepts(_X)
def functional_attribute_paths(x: Tensor):
    return nn.functional.relu(x), torch.nn.functional.cosine_similarity(x, x + 1, dim=1)


@suite.accepts((torch.tensor([3, 2]), _X))
def norms_of_nn(lengths: Tensor, x: Tensor):
    packed = torch.nn.utils.rnn.pad_sequence([x[0], x[1]], batch_first=True)
    return packed, torch.norm(x), torch.norm(x, dim=1), torch.norm(x, p=1, dim=0)


# Refused.


@suite.rejects("has no attribute or method 'nothing'")
def unknown_method(x: Tensor):
    return x.nothing()


@suite.rejects("has no attribute or method 'grad_fn'")
def grad_fn(x: Tensor):
    return x.grad_fn


@suite.rejects("")
def numpy_method(x: Tensor):
    return x.numpy()


@suite.rejects("")
def unknown_function_of_torch(x: Tensor):
    return torch.no_such_function(x)


@suite.rejects("Unknown builtin op: aten::no_such_operator")
def unknown_operator(x: Tensor):
    return torch.ops.aten.no_such_operator(x)


@suite.rejects("Arguments for call are not valid")
def argument_of_wrong_type(x: Tensor):
    return torch.add(x, "a")


@suite.rejects("")
def keyword_nobody_knows(x: Tensor):
    return torch.relu(x, nonsense=3)


@suite.rejects("Expected a value of type")
def tensor_for_list(x: Tensor):
    return torch.cat(x)


@suite.rejects("")
def string_for_tensor(x: str):
    return torch.relu(x)


@suite.rejects("")
def tensor_attribute_assignment(x: Tensor):
    x.note = 3
    return x


@suite.accepts(_X)
def any_tensor(x: Any):
    assert isinstance(x, Tensor)
    return x + 1


@suite.accepts({"a": _X, "b": _X + 1})
def dict_of_tensors(x: Dict[str, Tensor]):
    return torch.stack([x[k] for k in x]), torch.cat(list(x.values()))


@suite.extends(torch.tensor([[3.0, 4.0], [0.0, 1.0]]))
def norm_along_a_dimension(x: Tensor):
    return x.norm(dim=1), x.norm(dim=(0, 1)), x.norm(dim=-1, keepdim=True), x.norm(dim=0, dtype=torch.float64)


@suite.accepts(torch.tensor([[3.0, 4.0], [0.0, 1.0]]))
def norms(x: Tensor):
    return x.norm(), x.norm(1), x.norm(2, dim=1), x.norm(p=2, dim=[0], keepdim=True)
