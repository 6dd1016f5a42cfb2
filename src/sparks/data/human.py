"""Human importance maps from people's marks, and how well people agree.

A mark is a click, an eye fixation, or an ellipse drawn around what matters:

    clicks  float32 (N, people, clicks, 2): x and y in pixels; the centre of the first pixel is 0.5
    marks   float32 (N, people, marks, 6): x and y; half-axes a and b in pixels, 0 for a point; the
            angle of a in radians, from the x axis towards the y axis (down); the weight, 0 where a
            person has fewer marks (or none: he is left out of the image)

Of a person with weights w the map is sum_m w_m k_m / sum_m w_m, where k_m is a Gaussian bump 1 high
at the mark: its covariance is sigma^2 I, plus, of an ellipse, that of its own area (a^2 / 4 and
b^2 / 4 along its axes). The human map of an image is the mean over its people, each of whom counts
the same. Source: ClickMe (Linsley et al., arXiv 1805.08819), as used by the neural harmonizer (Fel
et al., arXiv 2211.04533): clicks of several people on one image are blurred and averaged. The
clicks of `chimera` are simulated, and so are then the maps and the ceiling.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import pad

from sparks.data.imageset import ImageSet
from sparks.errors import SparksError
from sparks.stats import spearman


def marks_of(images: ImageSet) -> Tensor | None:
    """Return the marks that people left on images, or None where a data set has none.

    Args:
        images: of which the truth is looked up.

    Returns:
        Marks, float32 (N, people, marks, 6), or clicks, float32 (N, people, clicks, 2).

    Example:
        >>> from sparks.data import Chimera, Digits
        >>> marks_of(Chimera(n_train=10, n_test=10, size=32)()["test"]).shape  # simulated
        torch.Size([10, 6, 10, 2])
        >>> marks_of(Digits()()["test"]) is None
        True
    """
    found: Tensor | None = images.truth.get("marks", images.truth.get("clicks"))
    return found


def human_maps(marks: Tensor, size: int, sigma: float) -> Tensor:
    """Return the human map of each image: the mean of its people's blurred marks.

    Args:
        marks: clicks (N, people, clicks, 2) or marks (N, people, marks, 6).
        size: side H = W of the maps in pixels.
        sigma: standard deviation of the bump in pixels.

    Returns:
        float32 (N, H, W) in [0, 1]; 0 everywhere for an image without marks.

    Raises:
        SparksError: when `marks` has another shape or a NaN, or `sigma` is not positive.

    Example:
        One person clicks on the middle of pixel (2, 1), row and column.

        >>> clicks = torch.tensor([1.5, 2.5]).view(1, 1, 1, 2)  # x and y
        >>> maps = human_maps(clicks, size=5, sigma=1.0)
        >>> maps.shape, float(maps[0, 2, 1])
        (torch.Size([1, 5, 5]), 1.0)
        >>> bool(maps.max() == maps[0, 2, 1])
        True
    """
    _check(marks, sigma)
    if marks.shape[-1] == 2:
        clicks = marks.float().flatten(1, 2)
        return _of_points(clicks, size, sigma) / clicks.shape[1]
    maps = [own.mean(0) if len(own) else own.sum(0) for own in _of_people(marks, size, sigma)]
    return torch.stack(maps) if maps else torch.zeros(0, size, size)


def centre_map(size: int, spread: float = 0.25) -> Tensor:
    """Return a map with a Gaussian at the centre, a baseline that depends on no image and no model.

    People look at, and photographers place things in, the middle: maps that do not agree with
    people better than this one have shown nothing about the image. The ranks of its pixels, and so
    Spearman's correlation, Dice and IoU with it, are the same whatever its spread.

    Args:
        size: side in pixels.
        spread: standard deviation, in sides of the image.

    Returns:
        float32 (size, size) in (0, 1].

    Raises:
        SparksError: when `spread` is not positive.

    Example:
        >>> centre = centre_map(size=5)
        >>> divmod(int(centre.argmax()), 5), float(centre[2, 2])  # row and column
        ((2, 2), 1.0)
    """
    middle = torch.tensor([[[[size / 2, size / 2]]]])
    return human_maps(middle, size, spread * size)[0]


def human_ceiling(
    marks: Tensor, size: int, sigma: float, repeats: int = 10, seed: int = 0
) -> Tensor:
    """Return how well half of the people agree with the other half, a ceiling for any model.

    The people of each image are split at random into halves A and B; the ceiling is
    mean over `repeats` splits of rho(map of A, map of B), rho being Spearman's rank correlation
    over pixels. The protocol behind the published ceiling of ClickMe (0.65753, the average
    correlation between people) is not known.

    Args:
        marks: clicks (N, people, clicks, 2) or marks (N, people, marks, 6); of an odd number of
            people one is left out.
        size: side of the maps in pixels.
        sigma: standard deviation of the blur in pixels.
        repeats: number of random splits.
        seed: of the splits.

    Returns:
        float64 (N,) in [-1, 1]; its mean is the ceiling of the set. NaN for an image with marks of
        fewer than two people, or where the map of one half is constant.

    Raises:
        SparksError: when there are fewer than two people, or `marks` has another shape or a NaN.

    Example:
        Two people click on the same place of the first image, on opposite corners of the second.

        >>> clicks = torch.tensor([[[2.5, 2.5], [2.5, 2.5]], [[0.5, 0.5], [7.5, 7.5]]])
        >>> ceiling = human_ceiling(clicks.view(2, 2, 1, 2), size=8, sigma=2)
        >>> round(float(ceiling[0]), 2), bool(ceiling[1] < 0)
        (1.0, True)
    """
    _check(marks, sigma, least=2)
    generator = torch.Generator().manual_seed(seed)
    orders = [torch.rand(*marks.shape[:2], generator=generator) for _ in range(repeats)]
    ceilings = []
    for image, own in enumerate(_of_people(_as_marks(marks), size, sigma)):
        half = len(own) // 2
        halves = [
            torch.stack([own[order[:half]].mean(0), own[order[half : 2 * half]].mean(0)])
            for order in (random[image, : len(own)].argsort() for random in orders)
        ]
        ceilings.append(_correlation(*torch.stack(halves).unbind(1)) if half else torch.nan)
    return torch.tensor(ceilings, dtype=torch.float64)


def one_person_ceiling(marks: Tensor, size: int, sigma: float) -> Tensor:
    """Return how well one person agrees with all others.

    It is the mean over people p of rho(map of p, map of the others), rho being Spearman's rank
    correlation over pixels.

    Args:
        marks: clicks (N, people, clicks, 2) or marks (N, people, marks, 6).
        size: side of the maps in pixels.
        sigma: standard deviation of the blur in pixels.

    Returns:
        float64 (N,) in [-1, 1]; NaN for an image with marks of fewer than two people, or where a
        map is constant.

    Raises:
        SparksError: when there are fewer than two people, or `marks` has another shape or a NaN.

    Example:
        Three people who click on the same place agree.

        >>> clicks = torch.tensor([2.5, 2.5]).repeat(1, 3, 1, 1)
        >>> one_person_ceiling(clicks, size=8, sigma=2).round(decimals=2).tolist()
        [1.0]
    """
    _check(marks, sigma, least=2)
    ceilings = []
    for own in _of_people(_as_marks(marks), size, sigma):
        # Sums of the others alone: a difference of sums would lose what is far from all marks.
        others = ((1 - torch.eye(len(own))) @ own.flatten(1)).view_as(own)
        ceilings.append(_correlation(own, others) if len(own) > 1 else torch.nan)
    return torch.tensor(ceilings, dtype=torch.float64)


def _correlation(first: Tensor, second: Tensor) -> float:
    """Return the mean of Spearman's correlation over pairs of maps (K, H, W)."""
    return float(spearman(first.flatten(1), second.flatten(1)).mean())


def _as_marks(marks: Tensor) -> Tensor:
    """Return clicks as marks without extent, each of weight 1."""
    return marks if marks.shape[-1] == 6 else pad(pad(marks.float(), (0, 3)), (0, 1), value=1.0)


def _of_points(points: Tensor, size: int, sigma: float, weights: Tensor | None = None) -> Tensor:
    """Sum the bumps at points (..., K, 2), by their weights (..., K): (..., H, W)."""
    centres = torch.arange(size, dtype=torch.float32) + 0.5
    # A Gaussian is a product over x and y: (K, W) and (K, H) suffice for K points.
    across, down = torch.exp(-((points[..., None] - centres) ** 2) / (2 * sigma**2)).unbind(-2)
    if weights is not None:
        down = down * weights[..., None]
    return torch.einsum("...kx,...ky->...yx", across, down)


def _of_people(marks: Tensor, size: int, sigma: float) -> Iterator[Tensor]:
    """Yield the maps of each image's people who marked something, float32 (people, H, W)."""
    for own in marks.float():
        present = own[own[:, :, 5].sum(1) > 0]
        if present[..., 2:4].any():
            maps = torch.stack([_of_ellipses(person, size, sigma) for person in present])
        else:
            maps = _of_points(present[..., :2], size, sigma, present[..., 5])
        yield maps / present[..., 5].sum(1)[:, None, None]


def _of_ellipses(marks: Tensor, size: int, sigma: float) -> Tensor:
    """Sum the bumps of one person's marks (marks, 6), by their weights: (H, W)."""
    centres = torch.arange(size, dtype=torch.float32) + 0.5
    x, y, a, b, angle, weight = (column[:, None, None] for column in marks.unbind(-1))
    dx, dy = centres - x, centres[:, None] - y
    along = angle.cos() * dx + angle.sin() * dy
    across = angle.cos() * dy - angle.sin() * dx
    squared = along**2 / (sigma**2 + a**2 / 4) + across**2 / (sigma**2 + b**2 / 4)
    return (weight * torch.exp(-squared / 2)).sum(0)


def _check(marks: Tensor, sigma: float, least: int = 1) -> None:
    """Refuse marks of another shape or of fewer than `least` people, and values that are none."""
    if marks.ndim != 4 or marks.shape[-1] not in (2, 6) or 0 in marks.shape[1:3]:
        raise SparksError(
            f"clicks have shape {tuple(marks.shape)}: give (N, people, clicks, 2), or marks "
            "(N, people, marks, 6)"
        )
    if not torch.isfinite(marks).all():
        bad = int((~torch.isfinite(marks)).flatten(1).any(1).nonzero()[0])
        raise SparksError(f"a mark on image {bad} is not a finite number: remove that image")
    if marks.shape[-1] == 6 and bool((marks[..., [2, 3, 5]] < 0).any()):
        bad = int((marks[..., [2, 3, 5]] < 0).flatten(1).any(1).nonzero()[0])
        raise SparksError(f"a mark on image {bad} has a negative half-axis or weight")
    if sigma <= 0:
        raise SparksError(f"sigma is {sigma}: it must be above 0 pixels")
    if marks.shape[1] < least:
        raise SparksError(f"the ceiling needs at least {least} people an image")
