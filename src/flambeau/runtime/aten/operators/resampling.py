"""Resampling as old archives call it, with one number for all dimensions or a list."""

from __future__ import annotations

from typing import TypeAlias

from torch import Tensor
from torch.nn import functional

from flambeau.runtime.registry import implements

Size: TypeAlias = "int | list[int] | None"
Factor: TypeAlias = "float | list[float] | None"


@implements(
    *("aten::__interpolate", "aten::__interpolate.scale_list"),
    *("aten::__interpolate.size_list", "aten::__interpolate.size_list_scale_list"),
)
def interpolate(
    input: Tensor,
    size: Size,
    scale_factor: Factor,
    mode: str,
    align_corners: bool | None,
    recompute_scale_factor: bool | None,
    antialias: bool,
) -> Tensor:
    return functional.interpolate(
        input,
        size,
        scale_factor,
        mode,
        align_corners,
        recompute_scale_factor,
        antialias,
    )


@implements("aten::__upsample", "aten::__upsample.size_list")
def upsample(input: Tensor, size: Size, scale_factor: int | None, mode: str, align_corners: bool | None) -> Tensor:
    return functional.interpolate(input, size, scale_factor, mode, align_corners)


@implements("aten::__upsample_nearest", "aten::__upsample_nearest.size_list")
def upsample_nearest(input: Tensor, size: Size, scale_factor: int | None) -> Tensor:
    return functional.interpolate(input, size, scale_factor, "nearest")


@implements(
    *("aten::__upsample_bilinear", "aten::__upsample_bilinear.size_list"),
    *("aten::__upsample_bilinear.scale_list", "aten::__upsample_bilinear.size_list_scale_list"),
)
def upsample_bilinear(input: Tensor, size: Size, scale_factor: int | list[int] | None) -> Tensor:
    return functional.interpolate(input, size, scale_factor, "bilinear", align_corners=True)
