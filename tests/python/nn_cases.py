"""Modules of `torch.nn` with example inputs, for tests that script them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Case:
    """A module and the arguments of one call; `train` leaves it in training mode (nothing random may happen then)."""

    make: Callable[[], nn.Module]
    inputs: Callable[[], tuple[object, ...]]
    train: bool = False


def x(*sizes: int) -> Callable[[], tuple[Tensor]]:
    return lambda: (torch.randn(*sizes),)


def xs(*shapes: tuple[int, ...]) -> Callable[[], tuple[Tensor, ...]]:
    return lambda: tuple(torch.randn(*shape) for shape in shapes)


def positive(*shapes: tuple[int, ...]) -> Callable[[], tuple[Tensor, ...]]:
    return lambda: tuple(torch.rand(*shape) * 0.9 + 0.05 for shape in shapes)


def classes(n: int, c: int) -> Callable[[], tuple[Tensor, Tensor]]:
    return lambda: (torch.randn(n, c), torch.randint(0, c, (n,)))


def signs(*shape: int) -> Tensor:
    return torch.randint(0, 2, shape).float() * 2 - 1


CASES: dict[str, Case] = {
    # linear
    "Identity": Case(nn.Identity, x(2, 3)),
    "Linear": Case(lambda: nn.Linear(3, 4), x(2, 3)),
    "Linear without bias": Case(lambda: nn.Linear(3, 4, bias=False), x(2, 3)),
    "Bilinear": Case(lambda: nn.Bilinear(3, 4, 5), xs((2, 3), (2, 4))),
    # convolutions
    "Conv1d": Case(lambda: nn.Conv1d(3, 4, 3), x(2, 3, 8)),
    "Conv2d": Case(lambda: nn.Conv2d(3, 4, 3, stride=2, padding=1, groups=1), x(2, 3, 8, 8)),
    "Conv2d padding same": Case(lambda: nn.Conv2d(3, 4, 3, padding="same"), x(2, 3, 8, 8)),
    "Conv2d reflect": Case(lambda: nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect"), x(2, 3, 8, 8)),
    "Conv3d": Case(lambda: nn.Conv3d(2, 3, 2), x(1, 2, 4, 4, 4)),
    "ConvTranspose1d": Case(lambda: nn.ConvTranspose1d(3, 4, 3), x(2, 3, 8)),
    "ConvTranspose2d": Case(lambda: nn.ConvTranspose2d(3, 4, 3, stride=2, output_padding=1), x(2, 3, 5, 5)),
    "ConvTranspose3d": Case(lambda: nn.ConvTranspose3d(2, 3, 2), x(1, 2, 3, 3, 3)),
    "Fold": Case(lambda: nn.Fold((4, 5), (2, 2)), x(1, 12, 12)),
    "Unfold": Case(lambda: nn.Unfold((2, 2)), x(1, 3, 4, 5)),
    # normalisation
    "BatchNorm1d": Case(lambda: nn.BatchNorm1d(4), x(3, 4)),
    "BatchNorm1d training": Case(lambda: nn.BatchNorm1d(4), x(3, 4), train=True),
    "BatchNorm2d": Case(lambda: nn.BatchNorm2d(3), x(2, 3, 4, 4)),
    "BatchNorm2d cumulative": Case(lambda: nn.BatchNorm2d(3, momentum=None), x(2, 3, 4, 4), train=True),
    "BatchNorm3d": Case(lambda: nn.BatchNorm3d(3), x(2, 3, 2, 2, 2)),
    "LayerNorm": Case(lambda: nn.LayerNorm((4,)), x(2, 3, 4)),
    "RMSNorm": Case(lambda: nn.RMSNorm(4), x(2, 3, 4)),
    "GroupNorm": Case(lambda: nn.GroupNorm(2, 4), x(2, 4, 3)),
    "InstanceNorm1d": Case(lambda: nn.InstanceNorm1d(3), x(2, 3, 5)),
    "InstanceNorm2d": Case(lambda: nn.InstanceNorm2d(3, affine=True, track_running_stats=True), x(2, 3, 4, 4)),
    "LocalResponseNorm": Case(lambda: nn.LocalResponseNorm(2), x(2, 4, 5, 5)),
    # pooling
    "MaxPool1d": Case(lambda: nn.MaxPool1d(2), x(2, 3, 8)),
    "MaxPool2d": Case(lambda: nn.MaxPool2d(2, stride=1, padding=1), x(2, 3, 8, 8)),
    "MaxPool2d with indices": Case(lambda: nn.MaxPool2d(2, return_indices=True), x(2, 3, 8, 8)),
    "MaxPool3d": Case(lambda: nn.MaxPool3d(2), x(1, 2, 4, 4, 4)),
    "MaxUnpool2d": Case(
        lambda: nn.MaxUnpool2d(2), lambda: nn.functional.max_pool2d(torch.randn(1, 2, 4, 4), 2, return_indices=True)
    ),
    "AvgPool1d": Case(lambda: nn.AvgPool1d(2), x(2, 3, 8)),
    "AvgPool2d": Case(lambda: nn.AvgPool2d(3, stride=2), x(2, 3, 8, 8)),
    "AvgPool3d": Case(lambda: nn.AvgPool3d(2), x(1, 2, 4, 4, 4)),
    "LPPool1d": Case(lambda: nn.LPPool1d(2, 3), positive((2, 3, 9))),
    "LPPool2d": Case(lambda: nn.LPPool2d(2, 2), positive((2, 3, 4, 4))),
    "AdaptiveAvgPool1d": Case(lambda: nn.AdaptiveAvgPool1d(3), x(2, 3, 8)),
    "AdaptiveAvgPool2d": Case(lambda: nn.AdaptiveAvgPool2d((3, 4)), x(2, 3, 8, 5)),
    "AdaptiveMaxPool2d": Case(lambda: nn.AdaptiveMaxPool2d(3), x(2, 3, 8, 8)),
    "AdaptiveMaxPool2d with indices": Case(lambda: nn.AdaptiveMaxPool2d(3, return_indices=True), x(2, 3, 8, 8)),
    # padding
    "ConstantPad1d": Case(lambda: nn.ConstantPad1d(2, 3.5), x(2, 3, 4)),
    "ConstantPad2d": Case(lambda: nn.ConstantPad2d((1, 2, 3, 4), 1.0), x(1, 2, 3, 3)),
    "ReflectionPad1d": Case(lambda: nn.ReflectionPad1d(2), x(1, 2, 4)),
    "ReflectionPad2d": Case(lambda: nn.ReflectionPad2d((1, 1, 2, 0)), x(1, 2, 4, 4)),
    "ReplicationPad2d": Case(lambda: nn.ReplicationPad2d(1), x(1, 2, 3, 3)),
    "ZeroPad2d": Case(lambda: nn.ZeroPad2d((1, 0, 2, 1)), x(1, 2, 3, 3)),
    "CircularPad2d": Case(lambda: nn.CircularPad2d(1), x(1, 2, 3, 3)),
    # activations
    "ELU": Case(nn.ELU, x(3, 4)),
    "CELU": Case(nn.CELU, x(3, 4)),
    "SELU": Case(nn.SELU, x(3, 4)),
    "GELU": Case(nn.GELU, x(3, 4)),
    "GELU tanh": Case(lambda: nn.GELU("tanh"), x(3, 4)),
    "GLU": Case(nn.GLU, x(3, 4)),
    "Hardshrink": Case(nn.Hardshrink, x(3, 4)),
    "Hardsigmoid": Case(nn.Hardsigmoid, x(3, 4)),
    "Hardswish": Case(nn.Hardswish, x(3, 4)),
    "Hardtanh": Case(lambda: nn.Hardtanh(-0.5, 0.5), x(3, 4)),
    "LeakyReLU": Case(nn.LeakyReLU, x(3, 4)),
    "LogSigmoid": Case(nn.LogSigmoid, x(3, 4)),
    "LogSoftmax": Case(lambda: nn.LogSoftmax(dim=1), x(3, 4)),
    "Mish": Case(nn.Mish, x(3, 4)),
    "PReLU": Case(nn.PReLU, x(3, 4)),
    "ReLU": Case(nn.ReLU, x(3, 4)),
    "ReLU in place": Case(lambda: nn.ReLU(inplace=True), x(3, 4)),
    "ReLU6": Case(nn.ReLU6, x(3, 4)),
    "RReLU": Case(nn.RReLU, x(3, 4)),
    "Sigmoid": Case(nn.Sigmoid, x(3, 4)),
    "SiLU": Case(nn.SiLU, x(3, 4)),
    "Softmax": Case(lambda: nn.Softmax(dim=-1), x(3, 4)),
    "Softmax2d": Case(nn.Softmax2d, x(1, 3, 2, 2)),
    "Softmin": Case(lambda: nn.Softmin(dim=1), x(3, 4)),
    "Softplus": Case(nn.Softplus, x(3, 4)),
    "Softshrink": Case(nn.Softshrink, x(3, 4)),
    "Softsign": Case(nn.Softsign, x(3, 4)),
    "Tanh": Case(nn.Tanh, x(3, 4)),
    "Tanhshrink": Case(nn.Tanhshrink, x(3, 4)),
    "Threshold": Case(lambda: nn.Threshold(0.1, 20.0), x(3, 4)),
    # dropout
    "Dropout": Case(lambda: nn.Dropout(0.5), x(3, 4)),
    "Dropout1d": Case(lambda: nn.Dropout1d(0.5), x(2, 3, 4)),
    "Dropout2d": Case(lambda: nn.Dropout2d(0.5), x(2, 3, 4, 4)),
    "AlphaDropout": Case(lambda: nn.AlphaDropout(0.5), x(3, 4)),
    "FeatureAlphaDropout": Case(lambda: nn.FeatureAlphaDropout(0.5), x(2, 3, 4, 4)),
    # sparse
    "Embedding": Case(lambda: nn.Embedding(7, 3, padding_idx=0), lambda: (torch.tensor([[1, 2, 0], [6, 3, 3]]),)),
    "Embedding with max_norm": Case(lambda: nn.Embedding(7, 3, max_norm=1.0), lambda: (torch.tensor([1, 2]),)),
    "EmbeddingBag": Case(
        lambda: nn.EmbeddingBag(7, 3, mode="sum"), lambda: (torch.tensor([1, 2, 4, 5]), torch.tensor([0, 2]))
    ),
    # shapes
    "Flatten": Case(nn.Flatten, x(2, 3, 4)),
    "Unflatten": Case(lambda: nn.Unflatten(1, (3, 2)), x(2, 6)),
    "PixelShuffle": Case(lambda: nn.PixelShuffle(2), x(1, 4, 3, 3)),
    "PixelUnshuffle": Case(lambda: nn.PixelUnshuffle(2), x(1, 1, 4, 4)),
    "ChannelShuffle": Case(lambda: nn.ChannelShuffle(2), x(1, 4, 3, 3)),
    "Upsample nearest": Case(lambda: nn.Upsample(scale_factor=2.0), x(1, 2, 3, 3)),
    "Upsample bilinear": Case(lambda: nn.Upsample(size=(5, 7), mode="bilinear", align_corners=True), x(1, 2, 3, 3)),
    "UpsamplingNearest2d": Case(lambda: nn.UpsamplingNearest2d(scale_factor=2), x(1, 2, 3, 3)),
    # distance
    "CosineSimilarity": Case(nn.CosineSimilarity, xs((3, 4), (3, 4))),
    "PairwiseDistance": Case(nn.PairwiseDistance, xs((3, 4), (3, 4))),
    # losses
    "L1Loss": Case(nn.L1Loss, xs((3, 4), (3, 4))),
    "MSELoss": Case(lambda: nn.MSELoss(reduction="sum"), xs((3, 4), (3, 4))),
    "SmoothL1Loss": Case(nn.SmoothL1Loss, xs((3, 4), (3, 4))),
    "HuberLoss": Case(nn.HuberLoss, xs((3, 4), (3, 4))),
    "NLLLoss": Case(nn.NLLLoss, classes(3, 4)),
    "NLLLoss with weights": Case(lambda: nn.NLLLoss(weight=torch.rand(4)), classes(3, 4)),
    "CrossEntropyLoss": Case(lambda: nn.CrossEntropyLoss(label_smoothing=0.1), classes(3, 4)),
    "BCELoss": Case(nn.BCELoss, positive((3,), (3,))),
    "BCEWithLogitsLoss": Case(lambda: nn.BCEWithLogitsLoss(pos_weight=torch.ones(4)), positive((3, 4), (3, 4))),
    "KLDivLoss": Case(lambda: nn.KLDivLoss(reduction="batchmean"), positive((3, 4), (3, 4))),
    "PoissonNLLLoss": Case(nn.PoissonNLLLoss, positive((3, 4), (3, 4))),
    "GaussianNLLLoss": Case(nn.GaussianNLLLoss, positive((3, 4), (3, 4), (3, 4))),
    "HingeEmbeddingLoss": Case(nn.HingeEmbeddingLoss, lambda: (torch.randn(3, 4), signs(3, 4))),
    "MarginRankingLoss": Case(nn.MarginRankingLoss, lambda: (torch.randn(3), torch.randn(3), signs(3))),
    "SoftMarginLoss": Case(nn.SoftMarginLoss, lambda: (torch.randn(3, 4), signs(3, 4))),
    "MultiMarginLoss": Case(nn.MultiMarginLoss, classes(3, 4)),
    "MultiLabelMarginLoss": Case(
        nn.MultiLabelMarginLoss, lambda: (torch.randn(2, 4), torch.tensor([[3, 0, -1, 1], [0, 1, -1, 2]]))
    ),
    "MultiLabelSoftMarginLoss": Case(nn.MultiLabelSoftMarginLoss, positive((3, 4), (3, 4))),
    "CosineEmbeddingLoss": Case(nn.CosineEmbeddingLoss, lambda: (torch.randn(3, 4), torch.randn(3, 4), signs(3))),
    "TripletMarginLoss": Case(nn.TripletMarginLoss, xs((3, 4), (3, 4), (3, 4))),
    "CTCLoss": Case(
        nn.CTCLoss,
        lambda: (
            torch.randn(6, 2, 5).log_softmax(2),
            torch.randint(1, 5, (2, 3)),
            torch.tensor([6, 6]),
            torch.tensor([3, 2]),
        ),
    ),
    # recurrent
    "RNNCell": Case(lambda: nn.RNNCell(3, 4), x(2, 3)),
    "LSTMCell": Case(lambda: nn.LSTMCell(3, 4), x(2, 3)),
    "GRUCell": Case(lambda: nn.GRUCell(3, 4), x(2, 3)),
    "RNN": Case(lambda: nn.RNN(3, 4), x(5, 2, 3)),
    "LSTM": Case(lambda: nn.LSTM(3, 4, 2, bidirectional=True), x(5, 2, 3)),
    "LSTM batch first": Case(lambda: nn.LSTM(3, 4, batch_first=True, proj_size=2), x(2, 5, 3)),
    "GRU": Case(lambda: nn.GRU(3, 4, 2), x(5, 2, 3)),
    # attention
    "MultiheadAttention": Case(lambda: nn.MultiheadAttention(8, 2), xs((3, 2, 8), (3, 2, 8), (3, 2, 8))),
    "MultiheadAttention with other key": Case(
        lambda: nn.MultiheadAttention(8, 2, kdim=4, vdim=6, bias=False), xs((3, 2, 8), (3, 2, 4), (3, 2, 6))
    ),
    "TransformerEncoderLayer": Case(lambda: nn.TransformerEncoderLayer(8, 2, 16), x(3, 2, 8)),
    "TransformerDecoderLayer": Case(lambda: nn.TransformerDecoderLayer(8, 2, 16), xs((3, 2, 8), (4, 2, 8))),
    "TransformerEncoder": Case(
        lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16), 2, enable_nested_tensor=False), x(3, 2, 8)
    ),
    "Transformer": Case(lambda: nn.Transformer(8, 2, 1, 1, 16), xs((3, 2, 8), (4, 2, 8))),
    # containers
    "Sequential": Case(lambda: nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)), x(2, 3)),
}
