"""Modules quantized in eager mode, whose weights are objects of C++ classes."""

import warnings

import torch
from torch import Tensor, nn
from torch.ao import quantization

from tests.serialization.zoo.specimen import Specimen


def _static(module: nn.Module, *inputs: Tensor) -> nn.Module:
    module = module.eval()
    module.qconfig = quantization.get_default_qconfig("fbgemm" if "fbgemm" in _engines() else "qnnpack")
    prepared = quantization.prepare(module)
    prepared(*inputs)
    return quantization.convert(prepared)


def _engines() -> list[str]:
    return torch.backends.quantized.supported_engines


class Stubbed(nn.Module):
    """Quantizes what comes in, and back at the end."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.quant = quantization.QuantStub()
        self.inner = inner
        self.dequant = quantization.DeQuantStub()

    def forward(self, x: Tensor) -> Tensor:
        return self.dequant(self.inner(self.quant(x)))


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 2, 3, padding=1)
        self.add = torch.ao.nn.quantized.FloatFunctional()

    def forward(self, x: Tensor) -> Tensor:
        return self.add.add(self.conv(x), x)


def _fused() -> nn.Module:
    module = nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU()).eval()
    return quantization.fuse_modules(module, [["0", "1"]])


def _statically(make, *shape: int):
    def made() -> nn.Module:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.manual_seed(4)
            return _static(Stubbed(make()), torch.randn(*shape))

    return Specimen(made, lambda: [("forward", (torch.randn(*shape),))])


def _dynamically(make, *inputs_shape: int, dtype: torch.dtype = torch.qint8):
    def made() -> nn.Module:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.manual_seed(4)
            kinds = {nn.Linear, nn.LSTM, nn.GRU, nn.LSTMCell, nn.GRUCell, nn.RNNCell}
            return quantization.quantize_dynamic(make().eval(), kinds, dtype=dtype)

    return Specimen(made, lambda: [("forward", (torch.randn(*inputs_shape),))])


class Recurrent(nn.Module):
    def __init__(self, cls: type) -> None:
        super().__init__()
        self.inner = cls(3, 4)

    def forward(self, x: Tensor):
        return self.inner(x)


SPECIMENS = {
    "quantized linear": _statically(lambda: nn.Linear(3, 4), 2, 3),
    "quantized linear without bias": _statically(lambda: nn.Linear(3, 4, bias=False), 2, 3),
    "quantized linear and relu": _statically(lambda: nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)), 2, 3),
    "quantized conv1d": _statically(lambda: nn.Conv1d(2, 3, 3), 1, 2, 8),
    "quantized conv2d": _statically(lambda: nn.Conv2d(2, 3, 3, stride=2, padding=1), 1, 2, 6, 6),
    "quantized conv2d in groups": _statically(lambda: nn.Conv2d(4, 4, 3, groups=2), 1, 4, 5, 5),
    "quantized conv3d": _statically(lambda: nn.Conv3d(2, 3, 2), 1, 2, 4, 4, 4),
    "quantized conv and relu": _statically(_fused, 1, 2, 6, 6),
    "quantized residual": _statically(Residual, 1, 2, 5, 5),
    "quantized layer norm": _statically(lambda: nn.LayerNorm(3), 2, 3),
    "quantized activations": _statically(lambda: nn.Sequential(nn.Hardswish(), nn.ELU(), nn.Sigmoid()), 2, 3),
    "quantized pooling": _statically(lambda: nn.Sequential(nn.MaxPool2d(2), nn.AdaptiveAvgPool2d(1)), 1, 2, 4, 4),
    "dynamic linear": _dynamically(lambda: nn.Sequential(nn.Linear(3, 4)), 2, 3),
    "dynamic linear in half precision": _dynamically(lambda: nn.Sequential(nn.Linear(3, 4)), 2, 3, dtype=torch.float16),
    "dynamic linears": _dynamically(lambda: nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)), 2, 3),
    "dynamic lstm": _dynamically(lambda: Recurrent(nn.LSTM), 5, 2, 3),
    "dynamic gru": _dynamically(lambda: Recurrent(nn.GRU), 5, 2, 3),
    "dynamic lstm cell": _dynamically(lambda: Recurrent(nn.LSTMCell), 2, 3),
    "dynamic gru cell": _dynamically(lambda: Recurrent(nn.GRUCell), 2, 3),
}
