"""Detection and segmentation heads: lists of feature maps, anchors, boxes, results by name."""

from __future__ import annotations

import math
from itertools import chain

import torch
import torch.nn.functional as F
from torch import nn

from tests.python.inference.harness import case, rand

FEATS = [rand(1, 2, 4, 4), rand(1, 2, 2, 2)]


class Tower(nn.Sequential):
    def __init__(self, channels, depth):
        layers = []
        for _ in range(depth):
            layers.extend([nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU()])
        super().__init__(*layers)


@case((FEATS,), examples=True)
class SharedHead(nn.Module):
    def __init__(self, num_anchors=2, num_classes=3):
        super().__init__()
        self.tower = Tower(2, 2)
        self.logits = nn.Conv2d(2, num_anchors * num_classes, 1)
        self.deltas = nn.Conv2d(2, num_anchors * 4, 1)
        self.num_classes = num_classes

    def flatten(self, x, k):
        n, _, h, w = x.shape
        return x.view(n, -1, k, h, w).permute(0, 3, 4, 1, 2).reshape(n, -1, k)

    def forward(self, features):
        logits, deltas = [], []
        for feature in features:
            t = self.tower(feature)
            logits.append(self.flatten(self.logits(t), self.num_classes))
            deltas.append(self.flatten(self.deltas(t), 4))
        return {"logits": torch.cat(logits, dim=1), "deltas": torch.cat(deltas, dim=1)}


@case((FEATS,), examples=True)
class AnchorGrid(nn.Module):
    def __init__(self, strides=(8, 16), sizes=((16, 32), (32, 64))):
        super().__init__()
        self.strides = strides
        self.sizes = sizes
        self.cache = {}

    def grid(self, feature, stride, sizes):
        h, w = feature.shape[-2:]
        ys, xs = torch.meshgrid(torch.arange(h) * stride, torch.arange(w) * stride, indexing="ij")
        centers = torch.stack([xs, ys, xs, ys], -1).reshape(-1, 1, 4)
        half = torch.tensor([[-s / 2, -s / 2, s / 2, s / 2] for s in sizes])
        return (centers + half[None]).reshape(-1, 4)

    def forward(self, features):
        return [self.grid(f, s, z) for f, s, z in zip(features, self.strides, self.sizes)]


@case((FEATS, rand(3, 4)), examples=True)
class PerLevelScale(nn.Module):
    def __init__(self):
        super().__init__()
        self.scales = nn.ParameterList([nn.Parameter(torch.tensor(1.0 + i)) for i in range(2)])
        self.heads = nn.ModuleList([nn.Conv2d(2, 4, 1), nn.Conv2d(2, 4, 1)])

    def forward(self, feats, extra=None):
        outs = []
        for level, feat in enumerate(feats):
            outs.append(F.relu(self.heads[level](feat) * self.scales[level]))
        if extra is not None:
            outs.append(extra)
        return outs


@case((rand(2, 3, 8, 8),))
class MultiScaleBackbone(nn.Module):
    """Which stages are returned is configuration."""

    out_names = ("res2", "res4")

    def __init__(self):
        super().__init__()
        self.stage_names = []
        for i in range(2, 5):
            name = f"res{i}"
            self.add_module(name, nn.Conv2d(3, 3, 3, stride=2, padding=1))
            self.stage_names.append(name)

    def forward(self, x):
        outputs = {}
        for name in self.stage_names:
            x = getattr(self, name)(x)
            if name in self.out_names:
                outputs[name] = x
        return outputs


@case((rand(4, 4).abs(), rand(3, 4).abs()))
class PairwiseIou(nn.Module):
    def __init__(self, kind="giou"):
        super().__init__()
        self.kind = kind

    @staticmethod
    def area(boxes):
        return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])

    def forward(self, a, b, eps=1e-7):
        b = torch.cat([b[:, :2], b[:, :2] + b[:, 2:]], 1)
        a = torch.cat([a[:, :2], a[:, :2] + a[:, 2:]], 1)
        lt = torch.max(a[:, None, :2], b[:, :2])
        rb = torch.min(a[:, None, 2:], b[:, 2:])
        inter = (rb - lt).clamp(min=0).prod(-1)
        union = self.area(a)[:, None] + self.area(b) - inter
        iou = inter / (union + eps)
        if self.kind == "iou":
            return iou
        elif self.kind == "giou":
            hull = (torch.max(a[:, None, 2:], b[:, 2:]) - torch.min(a[:, None, :2], b[:, :2])).prod(-1)
            return iou - (hull - union) / (hull + eps), iou
        else:
            raise NotImplementedError(self.kind)


@case((rand(5, 4), rand(5)))
class TopK(nn.Module):
    def __init__(self, limits=(2, 3)):
        super().__init__()
        self.limits = dict(zip(("pre", "post"), limits))

    def forward(self, boxes, scores):
        keep = min(self.limits["pre"], scores.shape[0])
        values, index = scores.topk(keep)
        boxes = boxes[index]
        result = dict(boxes=boxes, scores=values)
        for name, box in zip(("first", "last"), (boxes[0], boxes[-1])):
            result[name] = box
        return {name: value for name, value in result.items() if name != "last"}, keep


@case((rand(1, 6, 3, 3),))
class YoloLayer(nn.Module):
    def __init__(self, anchors=((10, 13), (16, 30)), num_classes=None):
        super().__init__()
        self.anchors = anchors
        self.na = len(anchors)
        self.no = 3 if num_classes is None else num_classes + 5
        self.grid = [torch.zeros(1)] * 2
        self.export = False

    def forward(self, x):
        bs, _, ny, nx = x.shape
        x = x.view(bs, self.na, self.no, ny, nx).permute(0, 1, 3, 4, 2)
        if self.export:
            return x
        parts = []
        for i, (w, h) in enumerate(self.anchors):
            parts.append(x[:, i] * torch.tensor([w, h, 1.0]))
        return torch.stack(parts, 1), (ny, nx)


@case((rand(1, 2, 4, 4),), training=True)
@case((rand(1, 2, 4, 4),), training=False)
class LossesOrDetections(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Conv2d(2, 3, 1)

    def forward(self, x, targets=None):
        out = self.head(x)
        if self.training:
            losses = {}
            losses["cls"] = out.pow(2).mean()
            losses.update({"reg": out.abs().mean()})
            return losses
        scores, labels = out.softmax(1).max(1)
        return scores, labels


@case((FEATS,), examples=True)
class BiFpnNode(nn.Module):
    def __init__(self, num=2, eps=1e-4):
        super().__init__()
        self.w = nn.Parameter(torch.ones(num))
        self.eps = eps
        self.conv = nn.Conv2d(2, 2, 1)

    def fuse(self, *maps):
        size = maps[0].shape[-2:]
        w = F.relu(self.w)
        w = w / (w.sum() + self.eps)
        out = 0
        for i, m in enumerate(maps):
            out = out + w[i] * F.interpolate(m, size=size)
        return self.conv(out)

    def forward(self, feats):
        a, b = feats
        return self.fuse(a, b), self.fuse(b, a), self.fuse(a)


@case((rand(1, 2, 6, 6), [torch.tensor([[0, 0, 3, 3], [1, 1, 4, 5]])]), examples=True)
class CropPool(nn.Module):
    def __init__(self, output_size=2):
        super().__init__()
        self.output_size = (output_size, output_size) if isinstance(output_size, int) else output_size

    def forward(self, x, boxes):
        crops = []
        for i, per_image in enumerate(boxes):
            for x0, y0, x1, y1 in per_image:
                crop = x[i : i + 1, :, int(y0) : int(y1), int(x0) : int(x1)]
                crops.append(F.adaptive_max_pool2d(crop, self.output_size))
        return torch.cat(crops)


@case((rand(1, 2, 4, 4),))
class InitializedByPrior(nn.Module):
    def __init__(self, prior=0.01):
        super().__init__()
        self.cls = nn.Conv2d(2, 3, 1)
        self.reg = nn.Conv2d(2, 4, 1)
        for m in chain([self.cls], self.reg.modules()):
            nn.init.constant_(m.bias, -math.log((1 - prior) / prior))
        self.outputs = {"cls": self.cls, "reg": self.reg}
        self.order = ["cls", "reg"]

    def forward(self, x):
        return tuple(getattr(self, name)(x) for name in self.order)


@case((rand(1, 3, 4, 4), (8, 8)), (rand(1, 3, 4, 4), None), examples=True)
class ResizeTo(nn.Module):
    modes = {"bilinear": False, "nearest": None}

    def forward(self, x, size=None, mode="bilinear"):
        if size is None:
            return x
        return F.interpolate(x, size=size, mode=mode, align_corners=self.modes["bilinear"])
