"""Are the concepts found the parts that truly decide? Only where parts are known (chimera)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from sparks.concepts.bank import top_crops
from sparks.concepts.crops import Crops
from sparks.metrics.maps import undefined_to_nan
from sparks.stats import spearman


class Scenes(Protocol):
    """Paints images without some of their parts: `sparks.data.Chimera`."""

    def render(self, index: int, split: str = "test", without: Collection[str] = ()) -> Tensor:
        """Return the image `index`, uint8 (C, H, W), without the parts named, all else equal."""


def shown_where(maps: Tensor, size: tuple[int, int], quantile: float = 0.9) -> Tensor:
    """Mark pixels above a quantile of each concept's map over all images.

    The rule by which CRAFT's code draws maps, with its 90 %. Where codes have both signs, so has
    each concept: those with the sign turned follow.

    Args:
        maps: coefficients (N, k, h, w).
        size: of the images, (H, W).
        quantile: of the values that counts as shown.

    Returns:
        bool (N, k or 2 k, H, W).
    """
    if bool((maps < 0).any()):
        maps = torch.cat([maps, -maps], 1)
    large = functional.interpolate(maps.float(), size, mode="bilinear")
    flat = large.movedim(1, 0).flatten(1)
    level = flat.kthvalue(int(quantile * (flat.shape[1] - 1)) + 1, dim=1).values
    return (large >= level[:, None, None]) & (large > 0)


def recovery(shown: Tensor, parts: Tensor, wanted: Sequence[int]) -> dict[str, Tensor]:
    """Match concepts with parts one to one, and say how well they agree.

    Args:
        shown: where each concept is shown, bool (N, k, H, W).
        parts: label map (N, H, W), 0 for no part, p + 1 for part p.
        wanted: parts to match.

    Returns:
        For each wanted part: "IoU", the intersection over union over all images with its concept
        (the matching has the largest sum); "Purity", the share of the concept's area on the part;
        "Coverage", the share of the part's area that the concept covers; "Concept", its number.
    """
    from scipy.optimize import linear_sum_assignment

    truth = torch.stack([parts == part + 1 for part in wanted], 1).float().movedim(1, 0).flatten(1)
    found = shown.float().movedim(1, 0).flatten(1)
    both = truth @ found.T
    area, own = truth.sum(1, keepdim=True), found.sum(1)
    iou = both / (area + own - both).clamp(min=1)
    rows, columns = (torch.from_numpy(i) for i in linear_sum_assignment(-iou.numpy()))
    both = both[rows, columns]
    return {
        "IoU": iou[rows, columns],
        "Purity": both / own[columns].clamp(min=1),
        "Coverage": both / area[rows, 0].clamp(min=1),
        "Concept": columns.float(),
    }


def largest_parts(crops: Crops, parts: Tensor) -> Tensor:
    """Return the part with the largest area in each crop: int64 (M,), -1 where a crop has none.

    Args:
        crops: of N images.
        parts: label maps of these images (N, H, W).
    """
    offsets = torch.arange(crops.side)
    rows, columns = (crops.corner[:, axis, None] + offsets for axis in (0, 1))
    sample_index = crops.sample_index[:, None, None]
    cut = parts[sample_index, rows[:, :, None], columns[:, None, :]].flatten(1).long()
    area = torch.zeros(len(crops), max(1, int(parts.max())) + 1, dtype=torch.int64)
    area.scatter_add_(1, cut, torch.ones_like(cut))
    most, part = area[:, 1:].max(1)
    return torch.where(most > 0, part, -1)


def crops_on_parts(
    codes: Tensor, concepts: Sequence[int], crops: Crops, parts: Tensor, wanted: Sequence[int],
    count: int,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Return the share of a concept's top crops that contain the part which its maps matched.

    Args:
        codes: how much each crop shows each concept, (M, k).
        concepts: of each wanted part, the one matched with it ("Concept" of `recovery`); k + i is
            concept i with the sign turned.
        crops: M of N images.
        parts: label maps of these images (N, H, W).
        wanted: parts.
        count: crops of each concept, those with the largest codes, at most one of each image.

    Returns:
        For each wanted part: the share of these crops in which it is the largest part, 0 for a
        concept that no crop shows; and the same share of all crops, which is chance.
    """
    largest = largest_parts(crops, parts)
    found = []
    for concept, part in zip(concepts, wanted, strict=True):
        k = codes.shape[1]
        own = codes[:, concept] if concept < k else -codes[:, concept - k]
        top = top_crops(own, crops.sample_index, count)
        found.append(((largest[top] == part) & (own[top] > 0)).float().mean())
    chance = [(largest == part).float().mean() for part in wanted]
    return torch.stack(found), torch.stack(chance)


def ceiling(parts: Tensor, wanted: Sequence[int], places: tuple[int, int]) -> Tensor:
    """Return maps (N, parts, h, w) of the true parts at a layer's resolution, the best possible."""
    truth = torch.stack([parts == part + 1 for part in wanted], 1).float()
    return functional.adaptive_avg_pool2d(truth, places)


def effects(
    model: nn.Module, scenes: Scenes, indices: Sequence[int], parts: Tensor, names: Sequence[str],
    target: int,
) -> Tensor:  # fmt: skip
    """Return the causal effect of each part: the image's logit minus its logit without the part.

    Args:
        model: images → logits.
        scenes: paints the images anew.
        indices: of the images, in the split "test".
        parts: their label maps (N, H, W).
        names: of all parts.
        target: the class whose logit is meant.

    Returns:
        (N, parts), NaN where an image does not show a part.
    """
    device = next(model.parameters()).device
    result = torch.full((len(indices), len(names)), torch.nan)
    for row, index in enumerate(indices):
        present = [p for p in range(len(names)) if bool((parts[row] == p + 1).any())]
        left_out = [(), *((names[p],) for p in present)]
        images = [scenes.render(index, without=names_out) for names_out in left_out]
        with torch.inference_mode():
            batch = torch.stack(images).to(device).float() / 255
            logits = model(batch)[:, target].float().cpu()
        result[row, present] = logits[0] - logits[1:]
    return result


def importance_of_parts(importance: Tensor, maps: Tensor, parts: Tensor, count: int) -> Tensor:
    """Hand the importance of concepts on to the parts they lie on.

    A concept's |importance| is shared among parts as its |map| is; what lies on no part is left.

    Args:
        importance: (N, k).
        maps: coefficients (N, k, h, w).
        parts: label maps (N, H, W).
        count: number of parts.

    Returns:
        (N, count).
    """
    size = (parts.shape[1], parts.shape[2])
    mass = functional.interpolate(maps.abs(), size, mode="bilinear").flatten(2)
    labels = functional.one_hot(parts.long(), count + 1).flatten(1, 2).float()
    share = (mass @ labels) / mass.sum(2, keepdim=True).clamp(min=1e-12)
    return torch.einsum("nk,nkp->np", importance.abs(), share)[:, 1:]


def causal_agreement(
    given: Tensor, effect: Tensor, diagnostic: Collection[int]
) -> dict[str, Tensor]:
    """Compare the importance of parts with their causal effects, image by image.

    Args:
        given: importance of parts (N, P).
        effect: causal effects (N, P), NaN for parts that are absent.
        diagnostic: parts that decide the class.

    Returns:
        "CausalSpearman" (N,), over the parts an image shows; "DiagnosticShare" (N,), of the
        importance of its parts, on those that decide; "DiagnosticEffect" (N,), the same of effects.
        NaN where parts have no order, or no importance or effect at all.
    """
    rho = torch.stack(
        [
            spearman(g[None, ~e.isnan()], e[None, ~e.isnan()])[0].float()
            for g, e in zip(given, effect, strict=True)
        ]
    )
    there = ~effect.isnan()
    deciding = torch.zeros(effect.shape[1], dtype=torch.bool)
    deciding[list(diagnostic)] = True

    def share(values: Tensor) -> Tensor:
        size = torch.where(there, values.abs(), 0)
        return (size * deciding).sum(1) / size.sum(1)

    equal, none = "they show parts of equal importance or effect only", "none of their parts counts"
    values = {
        "CausalSpearman": (rho, equal),
        "DiagnosticShare": (share(given), none),
        "DiagnosticEffect": (share(effect), none),
    }
    return {k: undefined_to_nan(v, v.isnan(), k, why) for k, (v, why) in values.items()}
