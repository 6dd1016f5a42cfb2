"""A model cut at a layer, whatever its activations look like."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from sparks.concepts.dictionary import Dictionary
from sparks.engine.core import Engine
from sparks.engine.inference import device_of, evaluating
from sparks.engine.outputs import class_logits
from sparks.errors import SparksError
from sparks.models.classifier import as_classifier
from sparks.models.device import to_device
from sparks.models.layout import layout_of
from sparks.models.split import affine_start

# Images in one forward pass, and on a CPU numbers in these images; bounds memory only. Larger
# batches of large images are slower on a CPU: what a layer makes of them no longer fits its caches.
BATCH = 128
NUMBERS = 2**21
# Numbers in the reconstructions of each concept alone, held at a time; bounds memory only.
TERMS = 2**24


class Layer:
    """f = h ∘ g at a layer: activations are (N, L, p), p channels at L places.

    Feature maps (N, p, H, W) have L = H W places (so do (N, H, W, p): see `sparks.models.layout`),
    tokens (N, L, p) are as they are, vectors (N, p) have one place.

    Args:
        model: a `Classifier`, or any network of images in [0, 1], used in evaluation mode.
        name: of the layer; see `Classifier.split`.
        example: one image (1, C, H, W), to learn the shape from.

    Raises:
        SparksError: when the network cannot be split at the layer, or its activations are of an
            unknown kind.

    Example:
        >>> layer = Layer(model, "1", images[:1])
        >>> layer.activations(images).shape  # images, places, channels
        torch.Size([6, 196, 4])
        >>> torch.allclose(layer.logits(layer.activations(images)), model(images), atol=1e-5)
        True
    """

    def __init__(self, model: nn.Module, name: str, example: Tensor) -> None:
        if not isinstance(example, Tensor) or example.ndim != 4:
            raise SparksError("Layer: the example is no image of shape (1, C, H, W)")
        model = as_classifier(model, example.shape[1])
        self.name = name
        self.g, self.h = model.split(name)
        self.device = device_of(model, example)
        with evaluating(model), torch.inference_mode():
            activation = self.g(example.to(self.device))
            self.classes: int = class_logits(self.h(activation)).shape[1]
        shape = activation.shape[1:]
        if len(shape) not in (1, 2, 3):
            raise SparksError(f"layer {name!r} gives activations of shape {tuple(shape)}: choose "
                              "one with feature maps, tokens or vectors")  # fmt: skip
        self.shape: tuple[int, ...] = tuple(shape)
        self.layout: str | None = None
        if len(shape) == 3:
            size = (example.shape[2], example.shape[3])
            self.layout = layout_of(model, model.net.get_submodule(name), name, self.shape, size)

    def __repr__(self) -> str:
        return f"Layer({self.name!r}, shape={self.shape})"

    @property
    def channels(self) -> int:
        """P."""
        return self.shape[0] if self.layout == "NCHW" else self.shape[-1]

    def check_class(self, target: int) -> None:
        """Refuse a class that the model does not know.

        Raises:
            SparksError: naming those it knows.
        """
        if not 0 <= target < self.classes:
            raise SparksError(f"the model has no class {target}: choose 0 … {self.classes - 1}")

    @property
    def places(self) -> int:
        """L."""
        return math.prod(self.shape) // self.channels

    @property
    def map_size(self) -> tuple[int, int] | None:
        """Height and width of the grid that places form; None where they form none."""
        if len(self.shape) == 3:
            height, width = self.shape[:2] if self.layout == "NHWC" else self.shape[1:]
            return height, width
        side = math.isqrt(self.shape[0]) if len(self.shape) == 2 else 0
        return (side, side) if side and side**2 == self.shape[0] else None

    def flat(self, raw: Tensor) -> Tensor:
        """Convert the layer's raw output to activations (N, L, p) at L places."""
        if len(self.shape) == 3:
            return raw.flatten(2).mT if self.layout == "NCHW" else raw.flatten(1, 2)
        return raw if len(self.shape) == 2 else raw[:, None]

    def raw(self, activations: Tensor) -> Tensor:
        """Convert activations (N, L, p) back to the shape that the layer outputs."""
        if len(self.shape) == 3:
            ordered = activations.mT if self.layout == "NCHW" else activations
            return ordered.reshape(len(activations), *self.shape)
        return activations if len(self.shape) == 2 else activations[:, 0]

    def activations(self, x: Tensor) -> Tensor:
        """Return the activations (N, L, p) of images, on the CPU, batch after batch."""
        return self._batched(x, lambda part: self.flat(self.g(part)))

    def pooled(self, x: Tensor) -> Tensor:
        """Return the mean activations (N, p) over places."""
        return self._batched(x, lambda part: self.flat(self.g(part)).mean(1))

    def at_places(self, x: Tensor, count: int, seed: int = 0) -> Tensor:
        """Return the activations of some places of each image, drawn at random.

        They are the same places in every layer that has as many.

        Args:
            x: images (N, C, H, W).
            count: places of each image, at most.
            seed: of the draw.

        Returns:
            (N * count, p), image by image.
        """
        generator = torch.Generator().manual_seed(seed)
        drawn = torch.rand(len(x), self.places, generator=generator).argsort(1)[:, :count]
        a = self.activations(x)
        return a.gather(1, drawn[:, :, None].expand(-1, -1, a.shape[2])).flatten(0, 1)

    def logits(self, activations: Tensor) -> Tensor:
        """Return the logits (N, classes) of activations (N, L, p)."""
        return self._batched(activations, lambda part: self.h(self.raw(part)))

    @torch.no_grad()  # Not inference mode: what comes out may be differentiated.
    def _batched(self, x: Tensor, compute: Callable[[Tensor], Tensor]) -> Tensor:
        size = BATCH
        if self.device.type == "cpu" and len(x):
            size = min(BATCH, max(1, NUMBERS // x[0].numel()))
        with evaluating(nn.ModuleList([self.g, self.h])):
            parts = [
                compute(to_device(part, self.device)).float().cpu() for part in torch.split(x, size)
            ]
        return torch.cat(parts)


class ConceptHead(nn.Module):
    """Coefficients (N, k, L) at every place → logits: the model from concepts on, s(u) = h(u V).

    Any attribution method explains it, and any metric scores the explanations: a concept is a
    feature with a number for each place.
    """

    def __init__(self, layer: Layer, dictionary: Dictionary) -> None:
        super().__init__()
        self.layer = layer
        self.h = layer.h
        self.atoms = dictionary.atoms.to(layer.device)
        self.offset = dictionary.offset.to(layer.device)

    def forward(self, u: Tensor) -> Tensor:
        """Return the logits (N, classes) of coefficients (N, k, L)."""
        atoms, offset = self.atoms.to(u), self.offset.to(u)
        if self.layer.layout == "NCHW":
            # Channels first, as feature maps are: no transposed copies, several times as fast.
            raw = (atoms.T @ u + offset[:, None]).reshape(len(u), *self.layer.shape)
        else:
            raw = self.layer.raw(u.mT @ atoms + offset)
        logits: Tensor = self.h(raw)
        return logits


class ConceptSum(nn.Module):
    """`ConceptHead` as a function of a sum over concepts: s(u) = rest(c + Σ_i T u_i).

    u V is a sum over concepts, and stays one as far as h is affine: to the logits, if h is a mean
    over places and a linear layer. An image's terms T u_i are computed once, and each of its masks
    is a sum of them (`engine.perturbations.Sum`), not a u V and a pass through all of h.

    Args:
        layer: where concepts are; its model in evaluation mode.
        dictionary: of that layer.
    """

    def __init__(self, layer: Layer, dictionary: Dictionary) -> None:
        super().__init__()
        self.layer = layer
        self.start, self.rest = affine_start(layer.h)
        self.atoms = dictionary.atoms.to(layer.device)
        nothing = torch.zeros(1, layer.places, layer.channels, device=layer.device)
        self.origin = self._started(nothing)
        self.constant = self._started(nothing + dictionary.offset.to(nothing))

    @property
    def images(self) -> int:
        """Return the number of images whose terms are held in memory at a time."""
        return max(1, TERMS // (len(self.atoms) * math.prod(self.layer.shape)))

    def terms(self, u: Tensor) -> Tensor:
        """T u_i, (N, k, D), of coefficients (N, k, L); without gradients."""
        alone = u.to(self.atoms)[..., None] * self.atoms[:, None]
        started = self._started(alone.flatten(0, 1)) - self.origin
        return started.reshape(*u.shape[:2], -1).to(u)

    def sized(self, engine: Engine) -> Engine:
        """Return the engine with a batch size scaled so that batches hold as many numbers.

        Sums of concept terms are smaller than activations.
        """
        if not isinstance(engine.batch_size, int):
            return engine
        times = max(1, math.prod(self.layer.shape) // self.constant.numel())
        return replace(engine, batch_size=engine.batch_size * times)

    def forward(self, sums: Tensor) -> Tensor:
        """Return the logits (N, classes) of sums of terms (N, D)."""
        logits: Tensor = self.rest(sums.reshape(-1, *self.constant.shape[1:]) + self.constant)
        return logits

    @torch.no_grad()
    def _started(self, activations: Tensor) -> Tensor:
        """Return the output of `start` for activations (N, L, p)."""
        started: Tensor = self.start(self.layer.raw(activations))
        return started


class ConceptScores(nn.Module):
    """Images (N, C, H, W) → mean coefficients (N, k): a classifier whose classes are concepts.

    Any attribution method explains where a concept is seen: its map. Derivatives pass through the
    KKT conditions of the non-negative least squares (`sparks.concepts.nnls`), then through g. CAM
    methods find the activation as layer "activation".

    Args:
        layer: where concepts are.
        dictionary: of that layer.
        pool: encode the mean activation, as the dictionary was fitted; else each place by itself.

    Example:
        The pixels that drive the second atom, by any method.

        >>> from sparks.attribution import Saliency
        >>> from sparks.concepts import PCA, Layer
        >>> layer = Layer(model, "1", images[:1])
        >>> dictionary = PCA(concepts=2).fit(layer.activations(images).flatten(0, 1))
        >>> atom = torch.ones(len(images), dtype=torch.int64)
        >>> Saliency()(ConceptScores(layer, dictionary), images, atom).shape
        torch.Size([6, 16, 16])
    """

    def __init__(self, layer: Layer, dictionary: Dictionary, pool: bool = False) -> None:
        super().__init__()
        self.layer = layer
        self.layout = layer.layout
        self.g = layer.g
        self.activation = nn.Identity()
        self.dictionary = dictionary
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        """Return the mean coefficients (N, k)."""
        activations = self.layer.flat(self.activation(self.g(x)))
        if self.pool:
            return self.dictionary.encode(activations.mean(1))
        return self.dictionary.encode(activations).mean(1)
