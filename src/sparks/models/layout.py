"""Layout of a layer's feature maps (NCHW or NHWC): stated by the network, never guessed.

Tokens (N, T, C) of a transformer are feature maps as well ("NTC"): those of the patches come last,
row by row, after those without a place, such as a class token.
"""

from __future__ import annotations

from math import isqrt
from typing import Any

from torch import Tensor, nn

from sparks.errors import SparksError

LAYOUTS = ("NCHW", "NHWC")
EXTRA = 8  # tokens without a place, at most: a class token, one of distillation, a few registers


# Modules whose output is NCHW by definition, and those that keep what they are given.
_FIRST = (
    *(nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d, nn.InstanceNorm2d, nn.GroupNorm),
    *(nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d, nn.Dropout2d),
)
_KEEPING = (nn.ReLU, nn.ReLU6, nn.GELU, nn.SiLU, nn.Hardswish, nn.Dropout, nn.Identity)


class Convolutional(nn.Module):
    """Base class of networks whose feature maps are all (N, C, H, W)."""

    layout = "NCHW"


def layout_of(
    model: Any, module: Any, layer: str, shape: tuple[int, ...], size: tuple[int, int]
) -> str:
    """Return "NCHW", "NHWC" or "NTC", the layout of a layer's feature maps.

    Args:
        model: its attribute `layout`, where it has one that is not None, decides (an argument of
            `sparks.models.Classifier`).
        module: the layer; a convolution, for instance, is NCHW by definition.
        layer: its name, for the error.
        shape: of one input's feature maps, three numbers; or of its tokens, two.
        size: height and width of the image.

    Raises:
        SparksError: when neither says, and the maps are not plainly NCHW: their last two axes in
            the proportions of the image, and their first two not; or when tokens form no grid.
    """
    if len(shape) == 2:
        grid_of(shape[0], size)
        return "NTC"
    said: str | None = getattr(model, "layout", None)
    if said is not None:
        if said not in LAYOUTS:
            raise SparksError(f"layout {said!r} of the model is not one of {', '.join(LAYOUTS)}")
        return said
    if _is_first(module) or (proportional(shape[1:], size) and not proportional(shape[:2], size)):
        return "NCHW"
    raise SparksError(
        f"the feature maps of layer {layer!r}, {tuple(shape)} for an image of {size[0]} x "
        f"{size[1]}, do not tell which axis is channels: say layout: NCHW or layout: NHWC "
        "(channels last, as in Swin) in the model's classifier, or set model.layout"
    )


def channels_first(maps: Tensor, layout: str, size: tuple[int, int] | None = None) -> Tensor:
    """Return feature maps with the channels first, (N, C, h, w), as a view.

    Args:
        maps: feature maps (N, C, h, w) or (N, h, w, C), or tokens (N, T, C).
        layout: as `layout_of` returns it.
        size: height and width of the image, which tokens are arranged by.
    """
    if layout == "NTC":
        assert size is not None
        height, width = grid_of(maps.shape[1], size)
        patches = maps[:, maps.shape[1] - height * width :]
        return patches.reshape(len(maps), height, width, -1).permute(0, 3, 1, 2)
    return maps.permute(0, 3, 1, 2) if layout == "NHWC" else maps


def grid_of(tokens: int, size: tuple[int, int]) -> tuple[int, int]:
    """Return rows and columns of the patches of an image, from the number of tokens.

    It is the largest grid in the image's proportions that leaves at most `EXTRA` tokens without a
    place.

    Args:
        tokens: their number.
        size: height and width of the image.

    Raises:
        SparksError: when there is none.
    """
    for patches in range(tokens, max(0, tokens - EXTRA - 1), -1):
        rows = isqrt(patches * size[0] // size[1])
        if rows and patches % rows == 0 and rows * size[1] == patches // rows * size[0]:
            return rows, patches // rows
    raise SparksError(
        f"{tokens} tokens form no grid in the proportions of an image of {size[0]} x {size[1]}"
    )


def _is_first(module: Any) -> bool:
    """Return whether a module, or the last one in a sequence that changes the layout, is NCHW."""
    if isinstance(module, nn.Sequential):
        changing = [m for m in module if not isinstance(m, _KEEPING)]
        return bool(changing) and _is_first(changing[-1])
    return isinstance(module, _FIRST)


def proportional(places: tuple[int, ...], size: tuple[int, int]) -> bool:
    """Return whether h x w places have an image's proportions, but for places cut at borders."""
    (h, w), (height, width) = places, size
    if height == width:
        return h == w
    # A kernel without padding takes the same off both sides: some places, whatever the side.
    return abs(h * width - w * height) <= 2 * max(height, width)
