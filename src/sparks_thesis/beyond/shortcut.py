"""Second-order explanations that correct training images: does the network lose its shortcut?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from sparks.checks import whole
from sparks.concepts.layer import Layer
from sparks.concepts.second_order import ExplanationClusters, SecondOrder, repainted
from sparks.data.imageset import ImageSet
from sparks.errors import SparksError
from sparks.models.classifier import Classifier
from sparks.progress import progress
from sparks.protocols import AttributionMethod
from sparks.results import MetricRecorder
from sparks.training import Settings, fit, predict

# Images, clusters, and crops of each cluster that the figure shows.
SHOWN, CLUSTERS, CROPS = 4, 6, 5


class Recipe(NamedTuple):
    """A network from a seed, how it is trained, and where."""

    build: Callable[[int], Classifier]
    training: Settings
    device: str


@dataclass(frozen=True, kw_only=True)
class ShortcutStudy:
    """Settings of the study.

    A network is trained on data with a shortcut, its training images are explained, and what
    explanations mark is clustered. A person is simulated who looks at the clusters once: those
    whose crops show the parts that decide less than places at random do are called irrelevant.
    Cells of these clusters are painted over in all training images with those of other images,
    and a network is trained on these from the same start.

    Beside it: the images as they are; as many clusters at random; clusters of cells taken at random
    instead of by maps; and, as oracle, all that is off the parts painted over.

    Attributes:
        method: that explains the label of each training image.
        second_order: the clusters.
        images: training images, the first ones.
        draws: of random clusters.
        seed: of all that is random.
    """

    method: AttributionMethod
    second_order: SecondOrder
    images: int
    draws: int = 2
    seed: int = 0

    def __post_init__(self) -> None:
        whole(self, 1, "images", "draws")
        whole(self, 0, "seed")

    def run(
        self, recipe: Recipe, layer: str, train: ImageSet, tests: Mapping[str, ImageSet]
    ) -> tuple[MetricRecorder, dict[str, Tensor]]:
        """Train with and without the corrections; return numbers, and pictures for the figure.

        Args:
            recipe: of the networks.
            layer: whose activations embed the cells.
            train: images with a shortcut; the parts that decide are known.
            tests: name → images to measure accuracies on.

        Raises:
            SparksError: when it is not known what decides.
        """
        train = train.subset(range(min(self.images, len(train)))).materialise()
        decides = train.diagnostic()
        if decides is None or train.images is None:
            raise SparksError(
                "shortcut: the data set does not know which parts decide: choose one that does, "
                "such as chimera_biased"
            )
        recorder = MetricRecorder()
        biased = self._trained(recipe, train, tests, recorder, "as they are")
        x = train.batch(slice(None))
        maps = self.method(biased, x, train.labels)
        of_layer = Layer(biased, layer, x[:1])
        found = self.second_order(of_layer, x, maps)
        irrelevant = called_irrelevant(found, decides)
        corrections = self._corrections(found, irrelevant, of_layer, x, decides)
        corrections.append(("parts known", ~(train.truth["parts"] > 0), 0))
        for name, pixels, repeat in progress(corrections, unit="network", description="correct"):
            images = repainted(train.images, pixels, self.seed)
            self._trained(recipe, replace(train, images=images), tests, recorder, name, repeat)
            recorder.add(_agreement(pixels, decides), method=name, repeat=repeat)
        return recorder, self._pictures(found, irrelevant, x, maps, train.labels)

    def _corrections(
        self,
        found: ExplanationClusters,
        irrelevant: Tensor,
        layer: Layer,
        x: Tensor,
        decides: Tensor,
    ) -> list[tuple[str, Tensor, int]]:
        """Return what each correction paints over: its name, pixels (N, H, W), and repetition."""
        made = [("clusters of maps", found.pixels(irrelevant), 0)]
        generator = torch.Generator().manual_seed(self.seed)
        for repeat in range(self.draws):
            chosen = torch.zeros_like(irrelevant)
            order = torch.randperm(len(irrelevant), generator=generator)
            chosen[order[: int(irrelevant.sum())]] = True
            made.append(("random clusters", found.pixels(chosen), repeat))
        noise = torch.rand(len(x), *x.shape[2:], generator=generator)
        anywhere = self.second_order(layer, x, noise)
        pixels = anywhere.pixels(called_irrelevant(anywhere, decides))
        return [*made, ("clusters of random places", pixels, 0)]

    def _trained(
        self,
        recipe: Recipe,
        train: ImageSet,
        tests: Mapping[str, ImageSet],
        recorder: MetricRecorder,
        name: str,
        repeat: int = 0,
    ) -> Classifier:
        """Train a network and record which test images it classifies right."""
        model = recipe.build(self.seed)
        fit(model, train, None, recipe.training, self.seed, recipe.device)
        for split, images in tests.items():
            right = predict(model, images, device=recipe.device).argmax(1) == images.labels
            recorder.add_images({"Accuracy": right}, split=split, method=name, repeat=repeat)
        return model.eval()

    @staticmethod
    def _pictures(
        found: ExplanationClusters, irrelevant: Tensor, x: Tensor, maps: Tensor, labels: Tensor
    ) -> dict[str, Tensor]:
        """Return images with maps and corrections, and crops of the largest irrelevant clusters."""
        sizes = torch.bincount(found.of_marked.flatten(), minlength=found.number)
        largest = torch.where(irrelevant, sizes, -1).argsort(descending=True, stable=True)
        shown = largest[: min(CLUSTERS, int(irrelevant.sum()))]
        side = x.shape[2] // found.grid.cells[0]
        crops = torch.zeros(len(shown), CROPS, x.shape[1], side, side)
        for row, cluster in enumerate(shown):
            images, places = (found.of_marked == cluster).nonzero().T
            for column, image in enumerate(images[:CROPS].tolist()):
                down, across = divmod(int(found.marked[image, places[column]]), found.grid.cells[1])
                rows, columns = (slice(i * side, (i + 1) * side) for i in (down, across))
                crops[row, column] = x[image, :, rows, columns]
        counts = found.of_classes(labels, int(labels.max()) + 1)[shown].float()
        pixels = found.pixels(irrelevant)
        return {
            "images": x[:SHOWN],
            "maps": maps[:SHOWN],
            "pixels": pixels[:SHOWN],
            "repainted": repainted(x, pixels)[:SHOWN],
            "crops": crops,
            "purity": counts.amax(1) / counts.sum(1),
            "clusters": torch.tensor([int(irrelevant.sum()), found.number]),
        }


def called_irrelevant(found: ExplanationClusters, decides: Tensor) -> Tensor:
    """Return the clusters that show deciding parts less than places at random do, bool (k,).

    Args:
        found: the clusters.
        decides: pixels of deciding parts, bool (N, H, W).
    """
    return found.share(decides) < decides.float().mean()


def _agreement(pixels: Tensor, decides: Tensor) -> dict[str, list[float]]:
    """Return the share of pixels that are painted over, of all and of deciding parts."""
    painted = float(pixels.float().mean())
    hidden = float((pixels & decides).sum() / decides.sum())
    return {"PaintedShare": [painted], "PaintedParts": [hidden]}
