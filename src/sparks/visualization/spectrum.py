"""Statistics of a data set's images: covariance of colours, and mean power at each frequency.

Fitted to the images that a model was trained on, in two passes over batches of any number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from sparks.errors import SparksError
from sparks.short_repr import short_repr
from sparks.visualization.colours import Colours
from sparks.visualization.crops import resize


@dataclass(frozen=True, eq=False)
class ImageStatistics:
    """Colours and mean spectrum of a set of images in [0, 1], (N, C, H, W).

    Attributes:
        colours: of all pixels.
        magnitude: r = E|F(z)| of decorrelated images, each without its own mean, hence 0 at
            frequency 0; (C, H, W // 2 + 1) as `torch.fft.rfft2` lays frequencies out.
        width: W, which the shape of the magnitude alone does not determine.
        frequencies: of `power`, in cycles per pixel, (B,).
        power: mean radial power of the images x, (B,); see `radial_power`.
        count: N.

    Example:
        >>> statistics.count, statistics.channels, statistics.size
        (8, 3, (16, 16))
        >>> statistics.resized((32, 48)).magnitude.shape
        torch.Size([3, 32, 25])
    """

    colours: Colours
    magnitude: Tensor
    width: int
    frequencies: Tensor
    power: Tensor
    count: int

    __repr__ = short_repr

    @property
    def size(self) -> tuple[int, int]:
        """Height H and width W, pixels."""
        return self.magnitude.shape[1], self.width

    @property
    def channels(self) -> int:
        """Number of channels C."""
        return self.magnitude.shape[0]

    def resized(self, size: tuple[int, int]) -> ImageStatistics:
        """Return the statistics of a canvas of another size: as much power at each frequency.

        Bilinear in cycles per pixel; magnitudes grow with the root of the number of pixels.

        Args:
            size: height and width, pixels.
        """
        if size == self.size:
            return self
        growth = (size[0] * size[1] / (self.size[0] * self.size[1])) ** 0.5
        magnitude = growth * _resampled(self.magnitude, self.size, size)
        return replace(self, magnitude=magnitude, width=size[1])

    def tensors(self) -> dict[str, Tensor]:
        """Return the statistics as tensors by name, for a file; `of_tensors` reads them."""
        return {
            "mean": self.colours.mean,
            "covariance": self.colours.covariance,
            "magnitude": self.magnitude,
            "width": torch.tensor(self.width),
            "frequencies": self.frequencies,
            "power": self.power,
            "count": torch.tensor(self.count),
        }

    @staticmethod
    def of_tensors(tensors: Mapping[str, Tensor]) -> ImageStatistics:
        """Return the statistics whose method `tensors` returned these."""
        return ImageStatistics(
            colours=Colours(tensors["mean"], tensors["covariance"]),
            magnitude=tensors["magnitude"],
            width=int(tensors["width"]),
            frequencies=tensors["frequencies"],
            power=tensors["power"],
            count=int(tensors["count"]),
        )


def image_statistics(
    batches: Callable[[], Iterable[Tensor]], size: tuple[int, int] | None = None
) -> ImageStatistics:
    """Fit the statistics of a set of images, of which one batch at a time is in memory.

    Args:
        batches: called twice; returns an iterable over batches (B, C, H, W) in [0, 1].
        size: to which images are resized first (bilinear, antialiased); as they are if not given.

    Raises:
        SparksError: when there are no images, they hold NaN, differ in size or are all one colour.

    Example:
        >>> fitted = image_statistics(lambda: torch.split(images, 4))  # two batches
        >>> fitted.count
        8
        >>> torch.allclose(fitted.colours.mean, images.mean((0, 2, 3)))
        True
    """
    colours = _fitted_colours(_checked(batches(), size))
    count, magnitude, power = 0, torch.zeros(()), torch.zeros(())
    for x in _checked(batches(), size):
        z = colours.decorrelate(x)
        z = z - z.mean((2, 3), keepdim=True)
        count += len(x)
        magnitude = magnitude + torch.fft.rfft2(z).abs().sum(0, dtype=torch.float64)
        power = power + _power_of(x).sum(0, dtype=torch.float64)
        width = x.shape[3]
    magnitude = magnitude / count
    magnitude[:, 0, 0] = 0
    frequencies, rings = _rings((power / count)[None])
    return ImageStatistics(
        colours=Colours(colours.mean.float(), colours.covariance.float()),
        magnitude=_symmetric(magnitude, width).float(),
        width=width,
        frequencies=frequencies,
        power=rings[0].float(),
        count=count,
    )


def _fitted_colours(batches: Iterable[Tensor]) -> Colours:
    count, total, square = 0, torch.zeros(()), torch.zeros(())
    for x in batches:
        pixels = x.double().movedim(1, 0).flatten(1)
        count, total, square = (
            count + pixels.shape[1],
            total + pixels.sum(1),
            square + pixels @ pixels.T,
        )
    if count == 0:
        raise SparksError("there are no images to take a spectrum of: the set is empty")
    mean = total / count
    covariance = square / count - mean[:, None] * mean
    if not float(covariance.trace()) > 1e-12:
        raise SparksError("all pixels have one colour: such images have no spectrum to draw with")
    return Colours(mean, covariance)


def radial_power(images: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean power |F|² / (H W) of images on rings of equal frequency, channels averaged.

    White noise of variance σ² has power σ² everywhere. Rings are 1 / min(H, W) cycles per pixel
    wide and go up to 0.5; an image's mean (frequency 0) is left out, and so are the corners.

    Args:
        images: (N, C, H, W).

    Returns:
        Frequencies (B,) in cycles per pixel, and power (N, B).

    Example:
        A wave of 8 pixels has all its power at the frequency 1/8.

        >>> wave = torch.cos(2 * torch.pi * torch.arange(32) / 8).expand(1, 3, 32, 32)
        >>> frequencies, power = radial_power(wave)
        >>> frequencies[power[0].argmax()]
        tensor(0.1250)
    """
    return _rings(_power_of(images))


def high_frequency_share(images: Tensor, above: float = 0.2) -> Tensor:
    """Return the share of an image's power at high frequencies, without its mean.

    Args:
        images: (N, C, H, W).
        above: frequency in cycles per pixel above which power counts, in [0, 0.5].

    Returns:
        (N,), in [0, 1]; NaN for an image of one colour.

    Example:
        Waves of 8 and of 4 pixels have the frequencies 1/8 and 1/4.

        >>> periods = torch.tensor([8.0, 4.0]).view(2, 1, 1, 1)
        >>> waves = torch.cos(2 * torch.pi * torch.arange(32) / periods).expand(2, 3, 32, 32)
        >>> high_frequency_share(waves, above=0.2).round(decimals=4)
        tensor([0., 1.])
    """
    power = _power_of(images).flatten(1)
    high = (_radius(*images.shape[2:]) > above).flatten().to(images.device)
    share: Tensor = power[:, high].sum(1) / power.sum(1)
    return share


def spectrum_distance(images: Tensor, statistics: ImageStatistics) -> Tensor:
    """Return the distance of pictures' radial power from that of the data set, in decades.

    Root mean square over rings of the difference of log₁₀ power. The mean difference is taken off,
    so that contrast has no influence: 0 where power depends on frequency in the same way. Lower is
    better.

    Args:
        images: (N, C, H, W).
        statistics: of the data set.

    Returns:
        (N,), not negative.

    Raises:
        SparksError: when pictures are too small to share a ring with the data set.

    Example:
        Half the contrast changes nothing.

        >>> distance = spectrum_distance(images, statistics)
        >>> torch.allclose(spectrum_distance(images / 2, statistics), distance, atol=1e-4)
        True
    """
    frequencies, power = radial_power(images)
    known = statistics.frequencies
    if not len(frequencies) or frequencies[-1] < known[0]:
        raise SparksError(f"pictures of {tuple(images.shape[2:])} pixels are too small to compare")
    there = (frequencies >= known[0]) & (frequencies <= known[-1])
    floor = torch.finfo(torch.float32).tiny
    natural = _interpolated(frequencies[there], known, statistics.power.clamp(min=floor))
    gap = power[:, there].clamp(min=floor).log10() - natural.log10().to(power)
    distance: Tensor = (gap - gap.mean(1, keepdim=True)).square().mean(1).sqrt()
    return distance


def magnitude_error(images: Tensor, statistics: ImageStatistics) -> Tensor:
    """Return how far pictures' magnitudes are from the data set's, ‖|F(z)| - r‖ / ‖r‖.

    z are decorrelated colours, before the sigmoid that brings pictures to (0, 1): 0 for pictures of
    `MACO`, which have r exactly.

    Args:
        images: (N, C, H, W) in (0, 1).
        statistics: of the data set, taken to the size of the pictures.

    Returns:
        (N,), not negative.

    Example:
        >>> bool((magnitude_error(pictures.images, statistics) < 1e-4).all())
        True
        >>> grey = torch.full((1, 3, 16, 16), 0.5)  # has no frequency but 0
        >>> magnitude_error(grey, statistics).round(decimals=4)
        tensor([1.], dtype=torch.float64)
    """
    there = statistics.resized((images.shape[2], images.shape[3]))
    z = there.colours.unsquash(images.double())
    found = torch.fft.rfft2(z - z.mean((2, 3), keepdim=True)).abs()
    wanted = there.magnitude.to(found)
    error: Tensor = (found - wanted).flatten(1).norm(dim=1) / wanted.norm()
    return error


def _interpolated(at: Tensor, frequencies: Tensor, power: Tensor) -> Tensor:
    """Return the power at other frequencies: straight lines between logarithms of both."""
    import numpy as np

    lines = np.interp(at.log().numpy(), frequencies.log().numpy(), power.log().cpu().numpy())
    return torch.from_numpy(lines).exp()


def _power_of(images: Tensor) -> Tensor:
    centred = images - images.mean((2, 3), keepdim=True)
    power: Tensor = torch.fft.fft2(centred, norm="ortho").abs().square().mean(1)
    return power


def _rings(power: Tensor) -> tuple[Tensor, Tensor]:
    """Return frequencies (B,), and means over rings (N, B) of power (N, H, W) in `fft2` layout."""
    height, width = power.shape[1:]
    side = min(height, width)
    ring = (_radius(height, width) * side).round().long().flatten().to(power.device)
    sums = power.new_zeros(len(power), int(ring.max()) + 1)
    sums = sums.index_add(1, ring, power.flatten(1))
    sizes = torch.bincount(ring, minlength=sums.shape[1])
    kept = slice(1, side // 2 + 1)
    return torch.arange(sums.shape[1])[kept] / side, (sums / sizes)[:, kept]


def _radius(height: int, width: int) -> Tensor:
    """Return the frequency of each coefficient of `fft2` in cycles per pixel, (H, W), float64."""
    down, across = (torch.fft.fftfreq(n, dtype=torch.float64) for n in (height, width))
    return torch.hypot(down[:, None], across[None])


def _checked(batches: Iterable[Tensor], size: tuple[int, int] | None) -> Iterable[Tensor]:
    first: tuple[int, ...] | None = None
    for x in batches:
        if x.ndim != 4 or (first is not None and tuple(x.shape[1:]) != first):
            raise SparksError(
                f"images must all have one shape (C, H, W): {tuple(x.shape)}, {first}"
            )
        if not bool(x.isfinite().all()):
            raise SparksError("an image holds NaN or infinite values: check how it is read")
        first = tuple(x.shape[1:])
        yield x if size is None else resize(x, size)


def _resampled(magnitude: Tensor, old: tuple[int, int], new: tuple[int, int]) -> Tensor:
    """Return bilinear interpolation of (C, H, W // 2 + 1) in cycles per pixel, 0 at frequency 0."""
    around = magnitude.clone()
    # Frequencies below the lowest known one get its magnitude, not that of the mean.
    around[:, 0, 0] = magnitude[:, [0, 1 % old[0], -1], [1 % magnitude.shape[2], 0, 0]].mean(1)
    rows = torch.fft.fftshift(around, dim=1)
    rows = torch.cat([rows, rows[:, :1]], 1)  # +½ is -½
    down = torch.fft.fftfreq(new[0]) * old[0] + old[0] // 2
    across = torch.fft.rfftfreq(new[1]) * old[1]
    x = (2 * across / max(rows.shape[2] - 1, 1) - 1).expand(len(down), -1)
    y = (2 * down / (rows.shape[1] - 1) - 1)[:, None].expand_as(x)
    grid = torch.stack([x, y], -1)
    found = functional.grid_sample(
        rows[None], grid[None], padding_mode="border", align_corners=True
    )[0]
    found[:, 0, 0] = 0
    return _symmetric(found, new[1])


def _symmetric(magnitude: Tensor, width: int) -> Tensor:
    """Make |F(k)| = |F(-k)| hold where both are among the coefficients, as for any real image."""
    magnitude = magnitude.clone()
    for column in range(magnitude.shape[-1])[self_conjugate(width)]:
        values = magnitude[..., column]
        magnitude[..., column] = (values + mirrored(values)) / 2
    return magnitude


def self_conjugate(width: int) -> slice:
    """Return columns of `rfft2` that hold both k and -k: the first, and the last for an even width.

    A slice, as a list of columns would be copied to a GPU, which is then waited for.
    """
    return slice(0, None, width // 2) if width % 2 == 0 else slice(0, 1)


def mirrored(column: Tensor) -> Tensor:
    """Return the values at -k of a column (..., H) of values at k."""
    return column.flip(-1).roll(1, -1)
