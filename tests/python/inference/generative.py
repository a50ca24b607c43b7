"""Autoencoders, GANs, flows and diffusion: mode flags, schedules, networks in networks."""

from __future__ import annotations

import enum
import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from tests.python.inference.harness import case, rand


class Mode(enum.Enum):
    MEAN = "mean"
    SAMPLE = "sample"


@case((rand(2, 6),), mode=Mode.MEAN)
@case((rand(2, 6),), mode=Mode.SAMPLE)
class Vae(nn.Module):
    def __init__(self, mode, latent=3):
        super().__init__()
        self.mode = mode
        self.enc = nn.Linear(6, 2 * latent)
        self.dec = nn.Linear(latent, 6)

    def reparameterize(self, mu, logvar):
        if self.mode == Mode.MEAN:
            return mu
        std = torch.exp(0.5 * logvar)
        return mu + std * torch.randn_like(std)

    def encode(self, x):
        return self.enc(x).chunk(2, -1)

    def forward(self, x, return_all=True):
        mu, logvar = self.encode(x)
        out = self.dec(self.reparameterize(mu, logvar))
        return dict(out=out, mu=mu) if self.mode == Mode.MEAN else [out, mu, logvar]


@case((rand(2, 4),), conditional=False)
@case((rand(2, 4), torch.tensor([0, 2])), conditional=True)
class Generator(nn.Module):
    def __init__(self, conditional):
        super().__init__()
        self.conditional = conditional
        self.fc = nn.Linear(4 + (3 if conditional else 0), 5)
        self.embed = nn.Embedding(3, 3) if conditional else None

    def forward(self, z, labels=None):
        if self.conditional:
            z = torch.cat((z, self.embed(labels)), dim=1)
        return torch.tanh(self.fc(z)), [*z.shape]


@case((rand(2, 3, 8, 8),), norm="batch", n_layers=2)
@case((rand(2, 3, 8, 8),), norm="none", n_layers=1, get_interm=True)
class PatchDiscriminator(nn.Module):
    def __init__(self, norm, n_layers, get_interm=False):
        super().__init__()
        self.n_layers, self.get_interm = n_layers, get_interm
        width = 3
        for n in range(n_layers):
            layers = [nn.Conv2d(width, 4, 3, 2, 1)]
            if norm == "batch":
                layers.append(nn.BatchNorm2d(4))
            setattr(self, "model" + str(n), nn.Sequential(*layers, nn.LeakyReLU(0.2)))
            width = 4

    def forward(self, x):
        res = [x]
        for n in range(self.n_layers):
            model = getattr(self, "model" + str(n))
            res.append(model(res[-1]))
        if self.get_interm:
            return res[1:]
        return res[-1]


@case((rand(2, 4),), reverse=False)
@case((rand(2, 4),), reverse=True)
class Coupling(nn.Module):
    def __init__(self, reverse, layers=3):
        super().__init__()
        self.nets = nn.ModuleList([nn.Linear(2, 4) for _ in range(layers)])
        self.reverse = reverse

    def step(self, i, x, reverse=False):
        a, b = x.chunk(2, dim=-1)
        if i % 2:
            a, b = b, a
        s, t = self.nets[i](a).chunk(2, -1)
        s = torch.tanh(s)
        b = (b - t) * torch.exp(-s) if reverse else b * torch.exp(s) + t
        out = torch.cat([b, a] if i % 2 else [a, b], -1)
        return (out, None) if reverse else (out, s.sum(-1))

    def forward(self, x):
        logdet = 0.0
        order = range(len(self.nets))
        for i in reversed(order) if self.reverse else order:
            x, ld = self.step(i, x, self.reverse)
            if ld is not None:
                logdet = logdet + ld
        return x, logdet


def timestep_embedding(t, dim, max_period=10000):
    half = dim // 2
    freqs = torch.exp(-math.log(max_period) * torch.arange(half, dtype=torch.float32) / half)
    args = t[:, None].float() * freqs[None]
    out = torch.cat([torch.cos(args), torch.sin(args)], dim=-1)
    if dim % 2:
        out = torch.cat([out, torch.zeros_like(out[:, :1])], dim=-1)
    return out


class TimestepBlock(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(5, 2)
        self.conv = nn.Conv2d(2, 2, 1)

    def forward(self, x, emb):
        return self.conv(x) + self.fc(emb)[..., None, None]


class TimestepSequential(nn.Sequential):
    """Hands the embedding to the children that want it."""

    def forward(self, x, emb, context=None):
        for layer in self:
            if isinstance(layer, TimestepBlock):
                x = layer(x, emb)
            else:
                x = layer(x)
        return x


@case((rand(2, 2, 4, 4), torch.tensor([1, 5])))
class Denoiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([TimestepSequential(TimestepBlock(), nn.SiLU()), TimestepSequential(nn.Tanh())])
        self.dim = 5

    def forward(self, x, timesteps, y=None, **kwargs):
        emb = timestep_embedding(timesteps, self.dim)
        for module in self.blocks:
            x = module(x, emb, **kwargs)
        return x


@case((rand(2, 3), torch.tensor([0, 2])))
class NoiseSchedule(nn.Module):
    def __init__(self, steps=4):
        super().__init__()
        betas = np.linspace(1e-3, 0.2, steps)
        self.register_buffer("alphas", torch.tensor(np.cumprod(1 - betas), dtype=torch.float32))
        self.num_timesteps = int(betas.shape[0])
        self.loss_type = "l2"

    @staticmethod
    def extract(a, t, shape):
        return a.gather(-1, t).reshape(t.shape[0], *((1,) * (len(shape) - 1)))

    def forward(self, x, t, noise=None):
        noise = torch.zeros_like(x) if noise is None else noise
        a = self.extract(self.alphas, t, x.shape)
        noisy = a.sqrt() * x + (1 - a).sqrt() * noise
        if self.loss_type == "l1":
            return F.l1_loss(noisy, x, reduction="none")
        elif self.loss_type == "l2":
            return F.mse_loss(noisy, x)
        else:
            raise NotImplementedError()


@case((rand(2, 4),))
class StyleMapping(nn.Module):
    def __init__(self, num_layers=3, num_ws=2):
        super().__init__()
        self.num_layers = num_layers
        self.num_ws = num_ws
        self.w_avg_beta = None
        for idx in range(num_layers):
            setattr(self, f"fc{idx}", nn.Linear(4, 4))

    def forward(self, z, truncation_psi=1, skip_w_avg_update=False):
        x = z * (z.square().mean(dim=1, keepdim=True) + 1e-8).rsqrt()
        for idx in range(self.num_layers):
            layer = getattr(self, f"fc{idx}")
            x = F.leaky_relu(layer(x), 0.2)
        if self.w_avg_beta is not None and self.training and not skip_w_avg_update:
            self.w_avg.copy_(x.detach().mean(dim=0).lerp(self.w_avg, self.w_avg_beta))
        if self.num_ws is not None:
            x = x.unsqueeze(1).repeat([1, self.num_ws, 1])
        if truncation_psi != 1:
            x = x * truncation_psi
        return x


@case((rand(2, 3, 4, 4), rand(2, 3, 4, 4)))
class PerceptualTaps(nn.Module):
    """Distance between the features of two inputs, at chosen layers."""

    layer_ids = (0, 2)

    def __init__(self):
        super().__init__()
        self.slices = nn.ModuleList([nn.Conv2d(3, 3, 3, padding=1) for _ in range(4)])
        self.weights = [1.0, 0.5]

    def features(self, x):
        outs = []
        for i, layer in enumerate(self.slices):
            x = torch.relu(layer(x))
            if i in self.layer_ids:
                outs.append(x)
            if i >= max(self.layer_ids):
                break
        return outs

    def forward(self, a, b):
        loss = 0
        for w, fa, fb in zip(self.weights, self.features(a), self.features(b)):
            loss += w * (fa - fb).abs().mean()
        return loss


@case((rand(2, 6),), training=True)
@case((rand(2, 6),))
class Quantizer(nn.Module):
    def __init__(self, codes=4, decay=None):
        super().__init__()
        self.codebook = nn.Embedding(codes, 6)
        self.decay = decay

    def forward(self, z):
        d = (z[:, None] - self.codebook.weight[None]).pow(2).sum(-1)
        index = d.argmin(-1)
        q = self.codebook(index)
        if self.decay is None:
            loss = F.mse_loss(q, z.detach()) + 0.25 * F.mse_loss(q.detach(), z)
        else:
            loss = self.decay * F.mse_loss(q.detach(), z)
        q = z + (q - z).detach()
        if self.training:
            return q, loss
        return q


@case((rand(1, 2, 4, 4),), upsample="nearest")
@case((rand(1, 2, 4, 4),), upsample="pixelshuffle")
class Upsampler(nn.Module):
    def __init__(self, upsample):
        super().__init__()
        if upsample == "pixelshuffle":
            self.up = nn.Sequential(nn.Conv2d(2, 8, 1), nn.PixelShuffle(2))
        elif upsample == "nearest":
            self.up = lambda x: F.interpolate(x, scale_factor=2, mode="nearest")

    def forward(self, x, times=1):
        return self.up(x) * times


@case((rand(2, 4),))
class AlternateForwards(nn.Module):
    """One network with several faces, chosen by a word."""

    def __init__(self):
        super().__init__()
        self.net = nn.Linear(4, 4)
        self.faces = ("encode", "decode")

    def run(self, x, what="encode", **options):
        if what == "encode":
            return self.net(x), options.get("scale", 1.0)
        if what == "decode":
            return F.linear(x, self.net.weight.t())
        raise ValueError(what)

    def forward(self, x):
        code, scale = self.run(x, scale=2.0)
        return self.run(code, what="decode") * scale
