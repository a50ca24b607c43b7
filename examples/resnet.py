"""ResNet-18, the image classifier of He et al. (2015), as one would write it for eager PyTorch.

Nothing here knows of flambeau: `flambeau.script(resnet18())` compiles it as it is. What makes it a good first example
is what its class does at construction: blocks with and without a projection on their shortcut share one class, so
compiling it means following module attributes that are sometimes None, and unrolling `nn.Sequential`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around which the input takes a shortcut; `project` fits the shortcut where shapes change."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, kernel_size=3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, kernel_size=3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.project: nn.Module | None = None
        if stride != 1 or inputs != outputs:
            self.project = nn.Sequential(
                nn.Conv2d(inputs, outputs, kernel_size=1, stride=stride, bias=False),
                nn.BatchNorm2d(outputs),
            )

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x
        if self.project is not None:
            shortcut = self.project(x)
        y = F.relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        return F.relu(y + shortcut)


class ResNet(nn.Module):
    """A stem, four groups of residual blocks (each but the first halves height and width), and a linear classifier."""

    def __init__(self, blocks: tuple[int, int, int, int], classes: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 64, kernel_size=7, stride=2, padding=3, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2, padding=1),
        )
        groups = []
        channels = 64
        for index, count in enumerate(blocks):
            width = 64 << index
            first = ResidualBlock(channels, width, stride=1 if index == 0 else 2)
            groups.append(nn.Sequential(first, *(ResidualBlock(width, width, stride=1) for _ in range(count - 1))))
            channels = width
        self.groups = nn.Sequential(*groups)
        self.classify = nn.Linear(channels, classes)

    def forward(self, images: Tensor) -> Tensor:
        features = self.groups(self.stem(images))
        pooled = torch.flatten(F.adaptive_avg_pool2d(features, (1, 1)), 1)
        return self.classify(pooled)


def resnet18(classes: int = 1000) -> ResNet:
    """Eighteen layers with weights: one in the stem, sixteen in eight blocks, the classifier. Weights are random."""
    return ResNet((2, 2, 2, 2), classes)
