"""Feature accentuation: does what one network asks for mean something to another?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from sparks.attribution.gradient import gradient, in_batches
from sparks.checks import between, whole
from sparks.data.imageset import ImageSet
from sparks.errors import SparksError
from sparks.models.classifier import Classifier
from sparks.progress import progress
from sparks.results import ITSELF, MetricRecorder
from sparks.training.predict import predict
from sparks.visualization import Accentuation, Ascent, Crops, ImageStatistics, logits
from sparks.visualization.natural import natural_images
from sparks_thesis.beyond import CHANGES, TOWARDS

KEPT = 3  # images that the figure shows
GRADIENTS = 8  # images at a time whose gradients are taken
HALVINGS = 40  # of the interval in which the length of a change is looked for


@dataclass(frozen=True, kw_only=True)
class AccentuationStudy:
    """Settings of the study.

    Each image is accentuated for the class that the network gives it, and for another class at
    random. Two other changes of the same images have the same root mean square: along the gradient
    of the logit, and the change of the accentuation with the phases of its frequencies shuffled.
    All are scored by the network that they were made with, and by others.

    Attributes:
        images: accentuated, the first ones.
        steps: of each ascent.
        crops: what the network sees in each step.
        penalty: of the distance to the image; see `sparks.visualization.Accentuation`.
        seed: of the other classes, of crops and noise, and of phases.
    """

    images: int
    steps: int
    crops: Crops
    penalty: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        whole(self, 1, "images", "steps")
        whole(self, 0, "seed")
        between(self, 0, torch.inf, "penalty", ends=True)

    def run(
        self, model: Classifier, others: Mapping[str, Classifier], images: ImageSet
    ) -> tuple[MetricRecorder, dict[str, Tensor]]:
        """Change images, and score the changes; return numbers and some pictures.

        Args:
            model: the network that asks for the changes.
            others: name → network of the same classes that scores them too.
            images: of three channels, with two classes or more.

        Returns:
            The numbers, and pictures: "images" (k, C, H, W), the images accentuated for each of
            `TOWARDS`, and the numbers of these classes, "classes" (2, k).

        Raises:
            SparksError: when the images are not in colour, or the network knows one class only.
        """
        images = images.subset(slice(self.images))
        x, device = images.batch(slice(None)), next(model.parameters()).device
        scores = {ITSELF: predict(model, images, device=device)}
        if x.shape[1] != 3 or scores[ITSELF].shape[1] < 2:
            raise SparksError(
                f"accentuation: images of {x.shape[1]} channels, and {scores[ITSELF].shape[1]} "
                "classes: it needs images in colour (the statistics are those of photographs) and "
                "two classes or more"
            )
        scores |= {name: predict(other, images, device=device) for name, other in others.items()}
        classes = self._classes(scores[ITSELF])
        recorder, networks = MetricRecorder(), {ITSELF: model, **others}
        accentuated = self._accentuated(model, x, classes)
        for towards, made, goal in zip(TOWARDS, accentuated, classes, strict=True):
            for change, changed in self._changes(model, x, goal, made).items():
                known = {"objective": towards, "method": change, "target": goal.tolist()}
                recorder.add_images({"PixelChange": size_of(changed - x)}, **known)
                for name, network in networks.items():
                    after = predict(network, changed, device=device)
                    gained = (after - scores[name]).gather(1, goal[:, None])[:, 0]
                    numbers = {"LogitGain": gained, "TargetFirst": (after.argmax(1) == goal)}
                    recorder.add_images(
                        {metric: values.float() for metric, values in numbers.items()},
                        evaluator=name,
                        **known,
                    )
        kept = dict(zip(TOWARDS, (made[:KEPT] for made in accentuated), strict=True))
        return recorder, {"images": x[:KEPT], **kept, "classes": classes[:, :KEPT]}

    def _classes(self, scores: Tensor) -> Tensor:
        """Return the class predicted of each image, and another one at random, int64 (2, N)."""
        generator = torch.Generator().manual_seed(self.seed)
        own, count = scores.argmax(1), scores.shape[1]
        return torch.stack(
            [own, (own + torch.randint(1, count, own.shape, generator=generator)) % count]
        )

    def _accentuated(self, model: Classifier, x: Tensor, classes: Tensor) -> Tensor:
        """Return each image, accentuated for each of its classes, (2, N, C, H, W)."""
        size = (x.shape[2], x.shape[3])
        statistics: ImageStatistics = natural_images().resized(size)
        made = []
        for image, goals in progress(
            list(zip(x, classes.T.tolist(), strict=True)), unit="image", description="accentuation"
        ):
            ascent = Ascent(
                parametrisation=Accentuation(image=image, penalty=self.penalty),
                crops=self.crops,
                steps=self.steps,
            )
            pictures = ascent(logits(model, goals), statistics, size, self.seed)
            made.append(pictures.images)
        return torch.stack(made, dim=1)

    def _changes(
        self, model: Classifier, x: Tensor, goal: Tensor, made: Tensor
    ) -> dict[str, Tensor]:
        """Return the accentuated images, and those changed as much in the other ways."""
        size = size_of(made - x)
        slope = in_batches(model, x, goal, GRADIENTS, partial(gradient, model), looked_into=False)
        shuffled = with_shuffled_phases(made - x, self.seed)
        changed = (made, changed_by(x, slope, size), changed_by(x, shuffled, size))
        return dict(zip(CHANGES, changed, strict=True))


def size_of(change: Tensor) -> Tensor:
    """Return the root mean square of each change (N, C, H, W), (N,)."""
    return change.flatten(1).square().mean(1).sqrt()


def changed_by(x: Tensor, direction: Tensor, size: Tensor) -> Tensor:
    """Go so far along a direction that images, kept in [0, 1], change by a root mean square.

    Args:
        x: images (N, C, H, W) in [0, 1].
        direction: of the same shape; where it is zero, an image stays as it is.
        size: root mean square of each image's change, (N,). Where clipping to [0, 1] does not let
            an image change so much, it changes as much as it can.
    """
    unit = direction / size_of(direction).clamp(min=1e-12)[:, None, None, None]
    low, high = torch.zeros_like(size), torch.full_like(size, 1e4)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        moved = (x + middle[:, None, None, None] * unit).clamp(0, 1)
        enough = size_of(moved - x) >= size
        low, high = torch.where(enough, low, middle), torch.where(enough, middle, high)
    return (x + high[:, None, None, None] * unit).clamp(0, 1)


def with_shuffled_phases(change: Tensor, seed: int) -> Tensor:
    """Return changes (N, C, H, W) with the same spectrum and other phases.

    Phases are those of white noise, the same for all channels, so that colours keep their relation.
    """
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(len(change), 1, *change.shape[2:], generator=generator)
    turned = torch.fft.rfft2(noise)
    turned = turned / turned.abs().clamp(min=1e-12)
    shuffled: Tensor = torch.fft.irfft2(torch.fft.rfft2(change) * turned, s=change.shape[2:])
    return shuffled
