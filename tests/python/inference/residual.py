"""Convolutional classifiers: residual blocks with optional parts, stages by name, features on demand."""

from __future__ import annotations

import functools
from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import nn

from tests.python.inference.harness import case, rand


def conv3x3(cin, cout, stride=1):
    return nn.Conv2d(cin, cout, 3, stride=stride, padding=1, bias=False)


class SqueezeExcite(nn.Module):
    def __init__(self, channels, ratio=2):
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels // ratio, 1)
        self.fc2 = nn.Conv2d(channels // ratio, channels, 1)

    def forward(self, x):
        s = F.adaptive_avg_pool2d(x, 1)
        return x * torch.sigmoid(self.fc2(F.relu(self.fc1(s))))


class BasicBlock(nn.Module):
    def __init__(self, cin, cout, stride=1, use_se=False, act=F.relu, pre_norm=False):
        super().__init__()
        self.conv1 = conv3x3(cin, cout, stride)
        self.bn1 = nn.BatchNorm2d(cin if pre_norm else cout)
        self.conv2 = conv3x3(cout, cout)
        self.act = act
        self.pre_norm = pre_norm
        if use_se:
            self.se = SqueezeExcite(cout)
        if stride != 1 or cin != cout:
            self.shortcut = nn.Conv2d(cin, cout, 1, stride)

    def forward(self, x):
        identity = x
        if self.pre_norm:
            out = self.conv1(self.act(self.bn1(x)))
        else:
            out = self.act(self.bn1(self.conv1(x)))
        out = self.conv2(out)
        if hasattr(self, "se"):
            out = self.se(out)
        if hasattr(self, "shortcut"):
            identity = self.shortcut(identity)
        return self.act(out + identity)


@case(rand(1, 3, 8, 8))
@case(rand(1, 3, 8, 8), use_se=True)
class StagesByName(nn.Module):
    def __init__(self, use_se=False, depth=3):
        super().__init__()
        self.depth = depth
        width = 3
        for i in range(depth):
            setattr(self, f"layer{i + 1}", BasicBlock(width, 4 * (i + 1), 1 + i % 2, use_se=use_se))
            width = 4 * (i + 1)

    def forward(self, x):
        for i in range(self.depth):
            x = getattr(self, "layer%d" % (i + 1) if False else f"layer{i + 1}")(x)
        return x


@case((rand(1, 3, 8, 8),), examples=True)
class FeatureTaps(nn.Module):
    """Returns what chosen layers give, by layer number."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(conv3x3(3, 4), nn.ReLU(), conv3x3(4, 4), nn.ReLU(), nn.MaxPool2d(2))
        self.taps = {1: "low", 3: "high"}

    def forward(self, x):
        outs = []
        for i, layer in enumerate(self.features):
            x = layer(x)
            if i in self.taps:
                outs.append((self.taps[i], x))
        return outs


@case(rand(1, 3, 8, 8), stop_at=2)
@case(rand(1, 3, 8, 8), stop_at=3)
class StopEarly(nn.Module):
    def __init__(self, stop_at):
        super().__init__()
        self.layers = nn.ModuleList([conv3x3(3, 3) for _ in range(4)])
        self.stop_at = stop_at

    def forward(self, x):
        for i, layer in enumerate(self.layers):
            if i == self.stop_at:
                break
            x = F.relu(layer(x))
        return x


@case(rand(1, 3, 8, 8))
class SkipSome(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([conv3x3(3, 3) for _ in range(4)])
        self.dropped = (1, 2)

    def forward(self, x):
        for i, layer in enumerate(self.layers):
            if i in self.dropped:
                continue
            x = x + layer(x)
        return x


ACTIVATIONS = {"relu": F.relu, "tanh": torch.tanh, "gelu": F.gelu}


@case(rand(2, 3, 6, 6), activation="tanh")
@case(rand(2, 3, 6, 6), activation="gelu")
class ActivationFromTable(nn.Module):
    def __init__(self, activation):
        super().__init__()
        self.activation = activation
        self.conv = conv3x3(3, 3)

    def forward(self, x):
        return ACTIVATIONS[self.activation](self.conv(x))


@case(rand(2, 3, 6, 6))
class NormLayerFactory(nn.Module):
    def __init__(self, norm=functools.partial(nn.BatchNorm2d, eps=1e-3)):
        super().__init__()
        self.norm_layer = norm
        self.conv = conv3x3(3, 4)
        self.norm = norm(4)
        self.groups = None

    def _normed(self, x, groups=None):
        if groups is not None:
            return F.group_norm(x, groups)
        return self.norm(x)

    def forward(self, x):
        return self._normed(self.conv(x), self.groups)


@case(rand(1, 3, 8, 8), depth=2)
@case(rand(1, 3, 8, 8), depth=5)
class DenseConcat(nn.Module):
    def __init__(self, depth, growth=2):
        super().__init__()
        self.layers = nn.ModuleList([conv3x3(3 + i * growth, growth) for i in range(depth)])

    def forward(self, x):
        return torch.cat(self.collect(x), dim=1)

    def collect(self, features):
        if not isinstance(features, (list, tuple)):
            features = [features]
        if len(features) > len(self.layers):
            return features
        i = len(features) - 1
        new = F.relu(self.layers[i](torch.cat(features, 1)))
        return [*features, new]


class ConvNormAct(nn.Module):
    def __init__(self, cin, cout, norm=True, act=True, drop=0.0):
        super().__init__()
        self.conv = conv3x3(cin, cout)
        self.bn = nn.BatchNorm2d(cout) if norm else None
        self.act = nn.ReLU() if act else None
        self.drop = nn.Dropout(drop) if drop else None

    def forward(self, x):
        x = self.conv(x)
        for part in (self.bn, self.act, self.drop):
            if part is not None:
                x = part(x)
        return x


@case(rand(1, 3, 8, 8))
class OptionalParts(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([ConvNormAct(3, 3), ConvNormAct(3, 3, norm=False), ConvNormAct(3, 3, act=False)])

    def forward(self, x):
        total = 0
        for block in self.blocks:
            y = block(x)
            total = total + y
        return total


@case(rand(2, 3, 8, 8))
@case(rand(2, 3, 8, 8), num_classes=0)
class HeadOrFeatures(nn.Module):
    def __init__(self, num_classes=5):
        super().__init__()
        self.body = BasicBlock(3, 4)
        self.fc = nn.Linear(4, num_classes) if num_classes > 0 else None
        self.num_classes = num_classes

    def forward(self, x):
        x = self.body(x)
        if not self.num_classes:
            return [x, x.mean((2, 3))]
        x = torch.flatten(F.adaptive_avg_pool2d(x, 1), 1)
        return self.fc(x)


@case(rand(2, 3, 8, 8))
class PooledInManyWays(nn.Module):
    pool_types = ("avg", "max", "avgmax")

    def __init__(self):
        super().__init__()
        self.conv = conv3x3(3, 4)

    def pool(self, x, kind="avg"):
        if kind == "avg":
            return x.mean(dim=(2, 3))
        elif kind == "max":
            return x.amax(dim=(2, 3))
        elif kind == "avgmax":
            return x.mean(dim=(2, 3)), x.amax(dim=(2, 3))
        raise ValueError(f"unknown {kind}")

    def forward(self, x):
        x = self.conv(x)
        avg, peak = self.pool(x, "avgmax")
        return torch.cat([self.pool(x), self.pool(x, kind="max"), avg, peak], -1)


@case(rand(1, 4, 8, 8))
class ShuffleUnit(nn.Module):
    def __init__(self, groups=2):
        super().__init__()
        self.groups = groups
        self.conv = nn.Conv2d(4, 4, 1, groups=groups)

    def forward(self, x):
        x = self.conv(x)
        n, c, *spatial = x.shape
        x = x.view(n, self.groups, c // self.groups, *spatial)
        return x.transpose(1, 2).reshape(n, c, *spatial)


class Parent(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = conv3x3(3, 3)

    def features(self, x):
        return self.conv(x)

    def forward(self, x):
        return self.features(x)


@case(rand(1, 3, 5, 5))
class ChildOfParent(Parent):
    def __init__(self):
        super().__init__()
        self.extra = conv3x3(3, 3)

    def features(self, x):
        return self.extra(super().features(x))

    def forward(self, x):
        out = super().forward(x)
        return out + Parent.features(self, x)


@case(rand(1, 3, 5, 5))
class ChildrenInOrder(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(OrderedDict([("conv", conv3x3(3, 3)), ("act", nn.ReLU())]))
        self.tail = conv3x3(3, 3)

    def forward(self, x):
        outs = {}
        for name, child in self.named_children():
            x = child(x)
            if name == "tail":
                outs["out"] = x
            else:
                outs[name] = x
        return outs, len(list(self.children()))


@case(rand(1, 3, 5, 5))
class LambdaLayer(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = conv3x3(3, 3)
        self.fn = lambda x: x * 2 + 1

    def forward(self, x):
        return self.fn(self.conv(x))
