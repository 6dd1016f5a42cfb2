"""Second-order explanations: what many explanations have in common, over a whole data set.

Zeng et al. 2023, "SOXAI: second-order explainability" (arXiv 2306.08611): what an attribution
method marks in each image is cut out, embedded and clustered, so that a person looks at a few
clusters instead of thousands of maps, and corrects the training images where a cluster shows what
should not matter.

    N  images        c  cells of an image, c a side        k  clusters
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from sparks.checks import whole
from sparks.concepts.layer import Layer
from sparks.engine.maskers import Grid
from sparks.errors import SparksError
from sparks.short_repr import short_repr

# Images whose activations are held at a time; bounds memory only.
BATCH = 256


@dataclass(frozen=True, eq=False)
class ExplanationClusters:
    """Clusters of the cells that explanations mark, and of all other cells of the same images.

    Attributes:
        marked: int64 (N, n), the cells of each image with the most of its map.
        cluster: int64 (N, cells), the cluster of every cell.
        number: k.
        grid: the cells.
    """

    marked: Tensor
    cluster: Tensor
    number: int
    grid: Grid

    __repr__ = short_repr

    @property
    def of_marked(self) -> Tensor:
        """Cluster of each cell that an explanation marks, int64 (N, n)."""
        return self.cluster.gather(1, self.marked)

    def share(self, truth: Tensor) -> Tensor:
        """Return the mean share of true pixels in each cluster's marked cells, (k,).

        NaN for a cluster without any.

        Args:
            truth: bool (N, H, W).
        """
        area = self.grid.sums(torch.ones_like(truth[:1], dtype=torch.float32))
        shares = (self.grid.sums(truth.float()) / area).gather(1, self.marked).flatten()
        clusters = self.of_marked.flatten()
        total = torch.zeros(self.number).index_add_(0, clusters, shares)
        return total / torch.bincount(clusters, minlength=self.number)

    def of_classes(self, labels: Tensor, classes: int) -> Tensor:
        """Count the marked cells of each cluster in images of each class, int64 (k, classes)."""
        pairs = self.of_marked * classes + labels[:, None]
        return torch.bincount(pairs.flatten(), minlength=self.number * classes).view(-1, classes)

    def pixels(self, chosen: Tensor) -> Tensor:
        """Return the pixels of all cells of the chosen clusters, bool (N, H, W).

        Args:
            chosen: bool (k,).
        """
        return self.grid.expand(chosen[self.cluster].float())[:, 0] > 0.5


@dataclass(frozen=True, kw_only=True)
class SecondOrder:
    """Clusters of the cells that explanations mark, embedded by the network that is explained.

    The paper cuts out what a map marks, and embeds it by a trained encoder. Here images are cut
    into cells, the cells with the most of a map are taken, and the embedding of a cell is the mean
    and the standard deviation of each channel of a layer in it, scaled to length 1. K-means of the
    marked cells makes the clusters; every other cell belongs to the nearest, so that what a cluster
    shows is known in all of the data.

    Attributes:
        cells: a side of an image.
        marked: cells taken of each image.
        clusters: k.
        seed: of K-means.

    Raises:
        SparksError: when a setting is out of its range; when called, for fewer marked cells than
            clusters, or maps that do not fit the images.

    Example:
        >>> from sparks.concepts import Layer
        >>> layer = Layer(model, "1", images[:1])
        >>> maps = torch.rand(len(images), 16, 16)
        >>> found = SecondOrder(cells=4, marked=2, clusters=3)(layer, images, maps)
        >>> found.of_marked.shape, found.cluster.shape
        (torch.Size([6, 2]), torch.Size([6, 16]))
    """

    cells: int = 8
    marked: int = 8
    clusters: int = 50
    seed: int = 0

    def __post_init__(self) -> None:
        whole(self, 1, "cells", "marked")
        whole(self, 2, "clusters")
        whole(self, 0, "seed")
        if self.marked > self.cells**2:
            raise SparksError(
                f"SecondOrder: marked={self.marked} cells of an image that has {self.cells**2}"
            )

    def __call__(self, layer: Layer, x: Tensor, maps: Tensor) -> ExplanationClusters:
        """Cluster what maps (N, H, W) mark in images x (N, C, H, W)."""
        if maps.shape != (len(x), *x.shape[2:]):
            raise SparksError(f"maps {tuple(maps.shape)} do not fit images {tuple(x.shape)}")
        if len(x) * self.marked < self.clusters:
            raise SparksError(
                f"SecondOrder: {len(x)} images with {self.marked} marked cells each make no "
                f"{self.clusters} clusters: give more images, or ask for fewer clusters"
            )
        from sklearn.cluster import KMeans

        grid = Grid((self.cells, self.cells), (x.shape[2], x.shape[3]))
        marked = grid.sums(maps.float()).topk(self.marked, 1).indices
        embedded = self.embed(layer, x)
        index = marked[..., None].expand(-1, -1, embedded.shape[2])
        fitted = KMeans(self.clusters, n_init=1, random_state=self.seed)
        fitted.fit(embedded.gather(1, index).flatten(0, 1).numpy())
        cluster = torch.from_numpy(fitted.predict(embedded.flatten(0, 1).numpy())).long()
        return ExplanationClusters(marked, cluster.view(len(x), -1), self.clusters, grid)

    def embed(self, layer: Layer, x: Tensor) -> Tensor:
        """Return the embeddings of all cells of images x (N, C, H, W), (N, cells, 2 channels).

        Raises:
            SparksError: when the layer has no maps of features.
        """
        if layer.map_size is None:
            raise SparksError(f"layer {layer.name!r} has no places: choose one with feature maps")
        embedded = []
        for part in torch.split(x, BATCH):
            maps = layer.activations(part).mT.reshape(len(part), -1, *layer.map_size)
            mean, square = (
                functional.adaptive_avg_pool2d(values, self.cells).flatten(2).mT
                for values in (maps, maps**2)
            )
            spread = (square - mean**2).clamp(min=0).sqrt()
            embedded.append(functional.normalize(torch.cat([mean, spread], 2), dim=2))
        return torch.cat(embedded)


def repainted(images: Tensor, pixels: Tensor, seed: int = 0) -> Tensor:
    """Return images whose marked pixels are those of another image at the same places.

    The images are in one cycle of random order, each takes its pixels from the next: what the
    pixels show no longer goes with the rest of the image.

    Args:
        images: (N, C, H, W), of any type.
        pixels: which are replaced, bool (N, H, W).
        seed: of the order.

    Example:
        >>> two = torch.stack([torch.zeros(1, 1, 2), torch.ones(1, 1, 2)])
        >>> repainted(two, torch.tensor([[[True, False]], [[False, False]]])).flatten(1)
        tensor([[1., 0.],
                [1., 1.]])
    """
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))
    partner = torch.empty_like(order)
    partner[order] = order.roll(-1)
    return torch.where(pixels[:, None], images[partner], images)
