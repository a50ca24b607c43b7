"""Graph layers, losses and metrics: reductions by name, aggregators in tables, optional weights."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import nn

from tests.python.inference.harness import case, rand

EDGES = torch.tensor([[0, 1, 2, 3, 3], [1, 2, 3, 0, 1]])


def scatter(src, index, dim_size=None, reduce="sum"):
    if dim_size is None:
        dim_size = int(index.max()) + 1
    out = src.new_zeros((dim_size,) + src.shape[1:])
    if reduce in ("sum", "add"):
        return out.index_add(0, index, src)
    elif reduce == "mean":
        count = src.new_zeros(dim_size).index_add(0, index, torch.ones_like(index, dtype=src.dtype))
        return out.index_add(0, index, src) / count.clamp(min=1).view(-1, *[1] * (src.dim() - 1))
    raise ValueError(f"bad reduce {reduce}")


@case((rand(4, 3), EDGES), aggr="add")
@case((rand(4, 3), EDGES), aggr="mean")
class GraphConv(nn.Module):
    def __init__(self, aggr, bias=True):
        super().__init__()
        self.aggr = aggr
        self.lin = nn.Linear(3, 3, bias=False)
        if bias:
            self.bias = nn.Parameter(torch.zeros(3))
        else:
            self.register_parameter("bias", None)

    def message(self, x_j, edge_weight=None):
        return x_j if edge_weight is None else edge_weight.view(-1, 1) * x_j

    def propagate(self, edge_index, **kwargs):
        src, dst = edge_index
        x = kwargs.pop("x")
        out = self.message(x[src], **kwargs)
        return scatter(out, dst, x.size(0), reduce=self.aggr)

    def forward(self, x, edge_index, edge_weight=None):
        out = self.propagate(edge_index, x=self.lin(x), edge_weight=edge_weight)
        if self.bias is not None:
            out = out + self.bias
        return out


@case((rand(4, 3), EDGES), examples=True)
class GraphAttention(nn.Module):
    def __init__(self, heads=2, concat=True):
        super().__init__()
        self.heads, self.concat = heads, concat
        self.lin = nn.Linear(3, heads * 2)
        self.att = nn.Parameter(torch.ones(1, heads, 4))

    def forward(self, x, edges, return_weights=None):
        h = self.lin(x).view(-1, self.heads, 2)
        i, j = edges[0], edges[1]
        alpha = (torch.cat([h[i], h[j]], dim=-1) * self.att).sum(-1)
        alpha = torch.exp(F.leaky_relu(alpha, 0.2))
        alpha = alpha / scatter(alpha, j)[j]
        out = scatter(h[i] * alpha.unsqueeze(-1), j, len(x))
        out = out.flatten(1) if self.concat else out.mean(1)
        if isinstance(return_weights, bool):
            return out, alpha
        return out


@case((rand(4, 3), EDGES))
class JumpingKnowledge(nn.Module):
    def __init__(self, mode="cat", layers=3):
        super().__init__()
        self.mode = mode.lower()
        assert self.mode in ["cat", "max"]
        self.convs = nn.ModuleList([GraphConv("add") for _ in range(layers)])

    def combine(self, *xs):
        if self.mode == "max":
            return torch.stack(xs, dim=-1).max(dim=-1)[0]
        return torch.cat(xs, dim=-1)

    def forward(self, x, edges):
        xs = [x]
        for conv in self.convs:
            xs += [F.relu(conv(xs[-1], edges))]
        return self.combine(*xs[1:3]) if False else self.combine(xs[1], xs[-1])


@case((rand(4, 3), torch.tensor([0, 0, 1, 1])))
class GlobalPool(nn.Module):
    pools = {"sum": functools.partial(scatter, reduce="sum"), "mean": functools.partial(scatter, reduce="mean")}

    def __init__(self, names=("sum", "mean")):
        super().__init__()
        self.names = names

    def forward(self, x, batch):
        return torch.cat([self.pools[name](x, batch, 2) for name in self.names], -1)


def reduce_loss(loss, reduction):
    if reduction == "none":
        return loss
    return loss.mean() if reduction == "mean" else loss.sum()


@case((rand(4, 3), torch.tensor([0, 1, 2, 1])), reduction="mean")
@case((rand(4, 3), torch.tensor([0, 1, 2, 1])), reduction="none", alpha=0.25)
class FocalLoss(nn.Module):
    def __init__(self, reduction, alpha=None, gamma=2):
        super().__init__()
        self.alpha, self.gamma, self.reduction = alpha, gamma, reduction

    def forward(self, logits, target, weight=None, avg_factor=None):
        logp = F.log_softmax(logits, dim=-1)
        logp = logp.gather(1, target.unsqueeze(1)).squeeze(1)
        loss = -((1 - logp.exp()) ** self.gamma) * logp
        if self.alpha != None:  # noqa: E711 # as it is often written
            loss = self.alpha * loss
        if weight is not None:
            loss = loss * weight
        if avg_factor is None:
            return reduce_loss(loss, self.reduction)
        return loss.sum() / max(avg_factor, 1)


@case((rand(2, 3, 4, 4), torch.ones(2, 4, 4).long()))
class DiceLoss(nn.Module):
    def __init__(self, smooth=1, ignore_index=None, classes=3):
        super().__init__()
        self.smooth, self.ignore_index, self.classes = smooth, ignore_index, classes

    def per_class(self, p, t):
        num = (p * t).sum() + self.smooth
        return 1 - num / (p.pow(2).sum() + t.pow(2).sum() + self.smooth)

    def forward(self, predict, target):
        target = F.one_hot(target, self.classes).permute(0, 3, 1, 2).float()
        predict = F.softmax(predict, 1)
        total_loss = 0
        for i in range(target.shape[1]):
            if i != self.ignore_index:
                total_loss += self.per_class(predict[:, i], target[:, i])
        return total_loss / target.shape[1]


@case((rand(3, 4), rand(3, 4), rand(3, 4)))
class TripletByMetric(nn.Module):
    metrics = {
        "cosine": lambda a, b: 1 - F.cosine_similarity(a, b),
        "euclidean": lambda a, b: F.pairwise_distance(a, b),
    }

    def __init__(self, metric="cosine", margin=0.5):
        super().__init__()
        self.distance = self.metrics[metric]
        self.margin = margin

    def forward(self, anchor, positive, negative):
        gap = self.distance(anchor, positive) - self.distance(anchor, negative)
        return F.relu(gap + self.margin).mean()


@dataclass
class LossWeights:
    cls: float = 1.0
    box: float = 2.0
    extra: dict = field(default_factory=dict)


@case((rand(2, 3), rand(2, 3)))
class WeightedSum(nn.Module):
    def __init__(self):
        super().__init__()
        self.weights = LossWeights(extra={"l2": 0.1})
        self.names = ["cls", "box"]

    def loss_cls(self, a, b):
        return (a - b).abs().mean()

    def loss_box(self, a, b):
        return F.smooth_l1_loss(a, b)

    def forward(self, a, b):
        losses = {}
        for name in self.names:
            losses[name] = getattr(self, f"loss_{name}")(a, b) * getattr(self.weights, name)
        losses["l2"] = a.pow(2).sum() * self.weights.extra["l2"]
        return losses, sum(losses.values())


@case((rand(2, 3), [rand(2, 3), rand(2, 3)]), (rand(2, 3), [rand(2, 3)]), examples=True)
class DeepSupervision(nn.Module):
    def __init__(self, decay=0.5):
        super().__init__()
        self.decay = decay

    def forward(self, target, outputs):
        if isinstance(outputs, torch.Tensor):
            outputs = [outputs]
        terms = [F.mse_loss(o, target) * self.decay**i for i, o in enumerate(outputs)]
        return sum(terms)


@case((rand(2, 4), torch.tensor([1, 0])))
class ArcMargin(nn.Module):
    def __init__(self, s=30.0, m=0.5, easy=False):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3, 4))
        self.s, self.easy = s, None if not easy else "easy"
        self.trig = {"cos": math.cos(m), "sin": math.sin(m), "th": math.cos(math.pi - m)}

    def forward(self, x, label):
        cosine = F.linear(F.normalize(x), F.normalize(self.weight))
        sine = (1.0 - cosine.pow(2)).clamp(0, 1).sqrt()
        phi = cosine * self.trig["cos"] - sine * self.trig["sin"]
        phi = (
            torch.where(cosine > 0, phi, cosine)
            if self.easy == "easy"
            else torch.where(cosine > self.trig["th"], phi, cosine)
        )
        one_hot = torch.zeros(*cosine.size()).scatter_(1, label.view(-1, 1), 1)
        return self.s * (one_hot * phi + (1.0 - one_hot) * cosine)


@case((rand(3, 5), torch.tensor([0, 4, 1])), topk=(1, 2))
class Accuracy(nn.Module):
    def __init__(self, topk):
        super().__init__()
        self.topk = topk

    def forward(self, output, target):
        maxk = max(self.topk)
        _, pred = output.topk(maxk, 1, True, True)
        correct = pred.t().eq(target.view(1, -1).expand_as(pred.t()))
        res = []
        for k in self.topk:
            res.append(correct[:k].reshape(-1).float().sum(0) * (100.0 / target.size(0)))
        return res if len(res) > 1 else res[0]


@case((rand(2, 3, 4), rand(2, 3, 4)), kinds=("l1", "l2"))
class SumOfLosses(nn.Module):
    def __init__(self, kinds):
        super().__init__()
        self.fns = [{"l1": F.l1_loss, "l2": F.mse_loss}[kind] for kind in kinds]

    def forward(self, a, b):
        return sum(fn(a, b) for fn in self.fns)


@case((rand(2, 8, 3),))
class PointSetAbstraction(nn.Module):
    def __init__(self, npoint=None, mlp=(4, 4)):
        super().__init__()
        self.npoint = npoint
        self.mlp_convs, self.mlp_bns = nn.ModuleList(), nn.ModuleList()
        last = 3
        for out in mlp:
            self.mlp_convs.append(nn.Conv1d(last, out, 1))
            self.mlp_bns.append(nn.BatchNorm1d(out))
            last = out

    def forward(self, xyz, points=None):
        x = xyz if points is None else torch.cat([xyz, points], -1)
        if self.npoint is not None:
            x = x[:, : self.npoint]
        x = x.permute(0, 2, 1)
        for i, conv in enumerate(self.mlp_convs):
            bn = self.mlp_bns[i]
            x = F.relu(bn(conv(x)))
        return torch.max(x, 2)[0]
