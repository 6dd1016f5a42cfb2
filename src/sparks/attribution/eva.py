"""EVA: what a cell adds to the worst that can happen, proved (Fel et al. 2023, CVPR).

The adversarial overlap of a set B of inputs is the largest margin of another class over the class
explained; verification bounds it from above. EVA of a cell is by how much the bound falls when the
cell is frozen: it holds all inputs of B, not some samples of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sparks.engine.inference import Model, asked, device_of, evaluating
from sparks.engine.maskers import Features, cells_of
from sparks.engine.outputs import adversarial_margin
from sparks.engine.seeds import generators
from sparks.errors import SparksError
from sparks.models.classifier import Classifier
from sparks.models.split import split_at, trace
from sparks.verification.bounding import bound_outputs
from sparks.verification.graph import Network, read
from sparks.verification.memory import COMBINED, at_once, engines_of
from sparks.verification.regions import Balls, Boxes, Region

SAMPLED = "sampled"
_BATCH = 64  # inputs of the hybrid's first layers at a time
_CHOICES = {
    "norm": ("inf", "2"),
    "side": ("both", "add", "remove"),
    "overlap": ("margin", "interval"),
    "precision": ("float32", "float64"),
}


@dataclass(frozen=True, kw_only=True)
class EVA:
    """Drop of the certified adversarial overlap when a cell is frozen, never negative.

    Attributes:
        epsilon: radius of the ball, in units of the images in [0, 1]: 0.5 is the paper's on MNIST
            and CIFAR-10, its 5 of 255 grey levels on ImageNet is 0.02.
        grid: cells a side (the paper's 12), at most one a pixel; where it does not divide the
            side, cells differ by a pixel. Vectors have one feature a coordinate.
        bound: engines of `sparks.verification.bounding`, or "sampled": the overlap is then the
            largest of `samples` inputs of each set, as an ablation.
        norm: of the ball, "inf" or "2".
        side: "both"; "add", with changes upwards only; or "remove", downwards only (norm "inf").
        overlap: "margin" bounds the difference of two logits as one number, "interval" each logit
            by itself, as the paper writes it, which is looser.
        toward: the one other class c' that counts; None for any.
        layer: for the hybrid, where verification begins: the set of activations there is the box
            around those of `samples` inputs, so nothing is proved.
        samples: inputs drawn of each set, for the hybrid and for "sampled".
        clip: keep inputs in [0, 1] (norm "inf"): nothing else is an image. False for the
            ball as the paper writes it.
        shared: hidden layers of all sets have the forms of the whole ball (see `bounding`): many
            times faster, and looser.
        precision: of the bounds' arithmetic; with "float32" rounding widens them more.
        resize: how the values of cells become a map.
        seed: of the samples.

    Example:
        Bounds of a linear model are exact: a feature moves the margin by weight times epsilon.

        >>> EVA(epsilon=0.5)(linear, x, target)
        tensor([[0.5000, 0.0000, 1.0000]])
    """

    epsilon: float = 0.5
    grid: int = 12
    bound: str = COMBINED
    norm: str = "inf"
    side: str = "both"
    overlap: str = "margin"
    toward: int | None = None
    layer: str | None = None
    samples: int = 32
    clip: bool = True
    shared: bool = True
    precision: str = "float64"
    resize: str = "nearest"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.bound != SAMPLED:
            engines_of(self.bound)
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise SparksError(f"EVA: {name}={getattr(self, name)!r} is not one of {allowed}")
        if self.norm == "2" and (self.side != "both" or self.clip or self._draws):
            raise SparksError("EVA: norm '2' has no side, needs clip=False, and takes no samples")

    @property
    def _draws(self) -> bool:
        return self.bound == SAMPLED or self.layer is not None

    def __call__(self, model: Model, x: Tensor, target: Tensor) -> Tensor:
        """Return maps (N, H, W), or (N, d) for vectors, not negative, for classes `target` (N,)."""
        bounds = self.overlaps(model, x, target)
        return self._features(x).to_map(bounds[:, :1] - bounds[:, 1:])

    def certificate(self, model: Model, x: Tensor, target: Tensor) -> Tensor:
        """Return the certified overlap of the ball, (N,): 0 or less proves that no input flips.

        Raises:
            SparksError: where nothing is proved: for samples, and for the hybrid.
        """
        if self._draws:
            raise SparksError(
                "EVA: samples prove nothing: a certificate needs a bound from the input"
            )
        return self.overlaps(model, x, target)[:, 0]

    def overlaps(self, model: Model, x: Tensor, target: Tensor) -> Tensor:
        """Return bounds of the overlap on the ball, then with each cell frozen, (N, 1 + cells).

        Raises:
            SparksError: when epsilon does not fit images, a layer has no rule or is not what it
                seems (see `sparks.verification.graph.read`), or the network is too large for the
                memory that bounds may take.
        """
        if self.epsilon <= 0 or (x.ndim == 4 and self.epsilon > 1):
            raise SparksError(
                f"EVA: epsilon={self.epsilon} is no distance between images in [0, 1]: "
                "one in grey levels is divided by 255 (the paper's 5 is 0.02)"
            )
        if not isinstance(model, nn.Module):
            raise SparksError("EVA reads the layers of a network: give it a torch.nn.Module")
        classes = asked(model, x, target)
        if classes is None:
            raise SparksError("EVA needs the class of each input: name it (target)")
        device = device_of(model, x)
        with torch.no_grad(), evaluating(model):
            return self._overlaps(model, x.to(device), classes.to(device)).to(x.device)

    def _overlaps(self, model: nn.Module, x: Tensor, target: Tensor) -> Tensor:
        features = self._features(x)
        cells = features.expand(torch.eye(features.d, device=x.device))
        free = torch.cat([torch.ones_like(cells[:1]), 1 - cells]).expand(-1, *x.shape[1:])
        if self.bound == SAMPLED:
            return self._sampled(model, x, target, free)
        first, last = (None, model) if self.layer is None else _cut(model, self.layer)
        network = self._read(first, last, x)
        number = torch.finfo(getattr(torch, self.precision)).bits // 8
        # Too large a network is refused before its sets take memory.
        at_once(network, len(free), self.bound, True, self.shared, x.device, number)
        found = []
        for image, c, generator in zip(x, target.tolist(), generators(x, self.seed), strict=True):
            if first is None:
                region = self._region(image[None], free)
            else:
                region = self._activations(first, image[None], free, generator)
            found.append(self._bound(network, region, c))
        return torch.stack(found).to(x.dtype)

    def _read(self, first: nn.Module | None, last: nn.Module, x: Tensor) -> Network:
        """Read what is verified, and compare it with the network at a point of every ball."""
        whole = torch.ones_like(x[:1])
        for images in torch.split(x, 8):
            drawn = [
                self._region(image[None], whole).draw(1, seed) for seed, image in enumerate(images)
            ]
            points = torch.cat(drawn)
            network = read(last, points if first is None else first(points.to(x)))
        return network.to(getattr(torch, self.precision))

    def _features(self, x: Tensor) -> Features:
        return cells_of(x, min([self.grid, *x.shape[2:]]), resize=self.resize)

    def _bound(self, network: Network, region: Region, c: int) -> Tensor:
        """Bound the overlap over every set of a region, (M,)."""
        eye = torch.eye(network.outputs)
        others = [k for k in range(network.outputs) if k != c]
        if self.toward is not None:
            others = [k for k in others if k == self.toward]
        if not others:
            raise SparksError(
                f"EVA: the class to go to, {self.toward}, is none of the other classes of an "
                f"image of class {c}, 0 … {network.outputs - 1}"
            )
        if self.overlap == "interval":
            low, high = bound_outputs(network, region, self.bound, True, self.shared)
            return (high[:, others] - low[:, c : c + 1]).amax(1)
        margins = network.then(eye[others] - eye[c])
        _, high = bound_outputs(margins, region, self.bound, True, self.shared, "upper")
        return high.amax(1)

    def _region(self, x: Tensor, free: Tensor) -> Region:
        """Return the ball around an input, then the ball with each cell frozen, as one region."""
        dtype = getattr(torch, self.precision)
        x, free = x.to(dtype), free.to(dtype)
        if self.norm == "2":
            return Balls(x, self.epsilon, free)
        down, up = self._reach(x)
        if torch.equal(-down, up):
            return Boxes(x, up * free)
        return Boxes.between(x + down * free, x + up * free)

    def _reach(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the largest change of every element downwards (≤ 0) and upwards (≥ 0)."""
        down = torch.full_like(x, 0.0 if self.side == "add" else -self.epsilon)
        up = torch.full_like(x, 0.0 if self.side == "remove" else self.epsilon)
        if self.clip:
            down, up = torch.maximum(down, -x).clamp(max=0), torch.minimum(up, 1 - x).clamp(min=0)
        return down, up

    # --- by samples ----------------------------------------------------------------------------

    def _points(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Draw changes of an input, uniform in the ball, the first of them none: (samples, ...)."""
        share = torch.rand(self.samples, *x.shape[1:], generator=generator).to(x)
        down, up = self._reach(x)
        moves = torch.lerp(down, up, share)
        moves[0] = 0
        return moves

    def _activations(
        self, first: nn.Module, x: Tensor, free: Tensor, generator: torch.Generator
    ) -> Region:
        """Return boxes around the activations of samples of each set; the first holds all others.

        A set with a frozen cell lies within the whole ball, so its box is cut to the ball's.
        """
        moves = self._points(x, generator)
        low, high = [], []
        for some in torch.split(free, max(1, _BATCH // self.samples)):
            points = (moves[None] * some[:, None]).flatten(0, 1)
            activations = torch.cat([first(x + part) for part in torch.split(points, _BATCH)])
            activations = torch.unflatten(activations, 0, (len(some), self.samples))
            low.append(activations.amin(1))
            high.append(activations.amax(1))
        dtype = getattr(torch, self.precision)
        lower, upper = torch.cat(low).to(dtype), torch.cat(high).to(dtype)
        return Boxes.between(torch.maximum(lower, lower[:1]), torch.minimum(upper, upper[:1]))

    def _sampled(self, model: nn.Module, x: Tensor, target: Tensor, free: Tensor) -> Tensor:
        """Return the largest overlap of samples of each set, at most the ball's."""
        found = []
        for image, c, generator in zip(x, target, generators(x, self.seed), strict=True):
            moves = self._points(image[None], generator)
            logits = torch.cat(
                [
                    model(image + (moves[None] * some[:, None]).flatten(0, 1))
                    for some in torch.split(free, max(1, 512 // self.samples))
                ]
            )
            toward = None if self.toward is None else c.new_full((len(logits),), self.toward)
            most = adversarial_margin(logits, c.expand(len(logits)), toward)
            most = most.view(len(free), self.samples).amax(1)
            found.append(most.clamp(max=most[0]))
        return torch.stack(found)


def _cut(model: nn.Module, layer: str) -> tuple[nn.Module, nn.Module]:
    """Return the network up to a layer, and the rest of it."""
    if isinstance(model, Classifier):
        return model.split(layer)
    return split_at(trace(model), layer)
