"""U-Nets, pyramids and other encoders with decoders: computed indices, lists of feature maps."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from tests.python.inference.harness import case, rand


def block(cin, cout):
    return nn.Sequential(nn.Conv2d(cin, cout, 3, padding=1), nn.ReLU(inplace=False))


@case(rand(1, 3, 16, 16), depth=2)
@case(rand(1, 3, 16, 16), depth=3)
class UNet(nn.Module):
    def __init__(self, depth=3, width=4):
        super().__init__()
        self.depth = depth
        self.down_path = nn.ModuleList([block(3 if i == 0 else width * i, width * (i + 1)) for i in range(depth)])
        self.up_path = nn.ModuleList()
        for i in reversed(range(depth - 1)):
            self.up_path.append(nn.ConvTranspose2d(width * (i + 2), width * (i + 1), 2, 2))
            self.up_path.append(block(2 * width * (i + 1), width * (i + 1)))
        self.last = nn.Conv2d(width, 2, 1)

    def forward(self, x):
        blocks = []
        for i, down in enumerate(self.down_path):
            x = down(x)
            if i != len(self.down_path) - 1:
                blocks.append(x)
                x = F.max_pool2d(x, 2)
        for i in range(self.depth - 1):
            x = self.up_path[2 * i](x)
            x = self.up_path[2 * i + 1](torch.cat([x, blocks[-i - 1]], 1))
        return self.last(x)


@case(rand(1, 2, 8, 8))
class UpsampleSkip(nn.Module):
    """Sizes follow the skip connection's."""

    def __init__(self, levels=3):
        super().__init__()
        self.levels = levels
        for level in range(levels):
            self.add_module(f"enc_{level}", block(2, 2))
            self.add_module(f"dec_{level}", block(4, 2))

    def forward(self, x):
        skips = ()
        for level in range(self.levels):
            x = getattr(self, "enc_" + str(level))(x)
            skips = skips + (x,)
            x = F.avg_pool2d(x, 2)
        for level in range(self.levels - 1, -1, -1):
            skip = skips[level]
            if x.shape[-2:] != skip.shape[-2:]:
                x = F.interpolate(x, size=skip.shape[-2:], mode="nearest")
            x = getattr(self, f"dec_{level}")(torch.cat((x, skip), dim=1))
        return x


@case(([rand(1, 2, 8, 8), rand(1, 3, 4, 4), rand(1, 4, 2, 2)],), examples=True)
class FeaturePyramid(nn.Module):
    def __init__(self, channels=(2, 3, 4), out=2):
        super().__init__()
        self.lateral = nn.ModuleList([nn.Conv2d(c, out, 1) for c in channels])
        self.output = nn.ModuleList([nn.Conv2d(out, out, 3, padding=1) for _ in channels])

    def forward(self, inputs):
        assert len(inputs) == len(self.lateral)
        laterals = [conv(inputs[i]) for i, conv in enumerate(self.lateral)]
        used = len(laterals)
        for i in range(used - 1, 0, -1):
            laterals[i - 1] = laterals[i - 1] + F.interpolate(laterals[i], size=laterals[i - 1].shape[2:])
        outs = [self.output[i](laterals[i]) for i in range(used)]
        return tuple(outs)


@case(([rand(1, 2, 4, 4), rand(1, 3, 2, 2)],), examples=True)
class LateralsByZip(nn.Module):
    def __init__(self):
        super().__init__()
        self.convs = nn.ModuleList([nn.Conv2d(2, 2, 1), nn.Conv2d(3, 2, 1)])

    def forward(self, feats):
        return [conv(f) for conv, f in zip(self.convs, feats)]


@case((rand(1, 2, 8, 8), 1), (rand(1, 2, 8, 8), 0), (rand(1, 2, 8, 8), -1), examples=True)
class StageChosenAtRunTime(nn.Module):
    """Progressive growing: which block ends the network is an argument."""

    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([block(2, 2) for _ in range(3)])
        self.to_rgb = nn.ModuleList([nn.Conv2d(2, 3, 1) for _ in range(3)])

    def forward(self, x, stage):
        for i, layer in enumerate(self.blocks):
            if i <= stage:
                x = layer(x)
        return self.to_rgb[stage](x)


@case(rand(1, 2, 8, 8))
class SlicesOfBlocks(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([block(2, 2) for _ in range(6)])
        self.split = 4

    def run(self, blocks, x):
        for layer in blocks:
            x = layer(x)
        return x

    def forward(self, x):
        half = len(self.blocks) // 2
        x = self.run(self.blocks[:half], x)
        y = self.run(self.blocks[half : self.split], x)
        return self.run(self.blocks[self.split :], x) + y


@case(rand(1, 3, 8, 8))
class AsppBranches(nn.Module):
    def __init__(self, rates=(1, 2, 3)):
        super().__init__()
        self.rates = rates
        for rate in rates:
            setattr(self, "aspp%d" % rate, nn.Conv2d(3, 2, 3, padding=rate, dilation=rate))
        self.project = nn.Conv2d(2 * len(rates) + 3, 2, 1)

    def forward(self, x):
        outs = [getattr(self, "aspp%d" % rate)(x) for rate in self.rates]
        pooled = F.adaptive_avg_pool2d(x, 1).expand(-1, -1, *x.shape[2:])
        return self.project(torch.cat([*outs, pooled], dim=1))


@case(rand(2, 3, 4, 4), bilinear=True)
@case(rand(2, 3, 4, 4), bilinear=False)
class UpOrTransposed(nn.Module):
    def __init__(self, bilinear):
        super().__init__()
        self.bilinear = bilinear
        if bilinear:
            self.up = lambda t: F.interpolate(t, scale_factor=2, mode="bilinear", align_corners=True)
        else:
            self.up_conv = nn.ConvTranspose2d(3, 3, 2, stride=2)

    def forward(self, x):
        if self.bilinear:
            return self.up(x)
        return self.up_conv(x)


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.stages = nn.ModuleList([block(3, 3), block(3, 4)])

    def forward(self, x, return_features=False):
        feats = []
        for stage in self.stages:
            x = stage(x)
            feats.append(x)
        if return_features:
            return feats
        return x


@case(rand(1, 3, 6, 6))
class ReturnsFeaturesOnDemand(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = Encoder()

    def forward(self, x):
        low, high = self.encoder(x, return_features=True)
        return torch.cat([low, high, self.encoder(x)], 1)


@case(rand(1, 3, 7, 9))
class PadToMultiple(nn.Module):
    def __init__(self, multiple=4):
        super().__init__()
        self.multiple = multiple
        self.net = block(3, 3)

    def pad(self, x, mode="constant"):
        h, w = x.shape[-2:]
        m = self.multiple
        pad = (0, (m - w % m) % m, 0, (m - h % m) % m)
        return F.pad(x, pad, mode), (h, w)

    def forward(self, x):
        padded, (h, w) = self.pad(x, "reflect")
        out = self.net(padded)
        return out[..., :h, :w]


@case(rand(1, 2, 8, 8), aux=True)
@case(rand(1, 2, 8, 8), aux=False)
@case(rand(1, 2, 8, 8), aux=True, training=True)
class AuxiliaryHead(nn.Module):
    def __init__(self, aux):
        super().__init__()
        self.body = block(2, 2)
        self.head = nn.Conv2d(2, 3, 1)
        self.aux_head = nn.Conv2d(2, 3, 1) if aux else None

    def forward(self, x):
        feats = self.body(x)
        out = self.head(feats)
        if self.training and self.aux_head:
            return out, self.aux_head(feats)
        return out


@case(rand(1, 2, 8, 8))
class NestedUNet(nn.Module):
    """Nodes of a grid by name."""

    def __init__(self, depth=3):
        super().__init__()
        self.depth = depth
        nodes = {}
        for i in range(depth):
            for j in range(depth - i):
                nodes[f"x_{i}_{j}"] = block(2 if j == 0 else 2 * (j + 1), 2)
        self.nodes = nn.ModuleDict(nodes)

    def forward(self, x):
        grid = {}
        for i in range(self.depth):
            grid[f"x_{i}_0"] = self.nodes[f"x_{i}_0"](x)
            x = F.max_pool2d(grid[f"x_{i}_0"], 2)
        for j in range(1, self.depth):
            for i in range(self.depth - j):
                below = F.interpolate(grid[f"x_{i + 1}_{j - 1}"], scale_factor=2)
                row = [grid[f"x_{i}_{k}"] for k in range(j)]
                grid[f"x_{i}_{j}"] = self.nodes[f"x_{i}_{j}"](torch.cat(row + [below], 1))
        return grid[f"x_0_{self.depth - 1}"]


@case(rand(1, 2, 4, 4))
class PixelShuffleTail(nn.Module):
    def __init__(self, scale=4):
        super().__init__()
        layers = []
        while scale > 1:
            layers += [nn.Conv2d(2, 8, 3, padding=1), nn.PixelShuffle(2)]
            scale //= 2
        self.tail = nn.Sequential(*layers)
        self.counts = {"conv": 0}

    def forward(self, x, *unused, **options):
        for module in self.tail.children():
            x = module(x)
        return x
