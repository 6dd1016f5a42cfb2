"""Scores of pictures: how much they look like data to a network, and whether they are about it.

The MACO paper compares methods by plausibility, FID and transferability. Its networks, counts and
exact definitions were not available: each docstring says what is computed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from sparks.concepts.bank import Concepts
from sparks.concepts.metrics import frechet, out_of_distribution
from sparks.concepts.observer import Histograms
from sparks.concepts.planted import CONCEPTS, galleries, texture
from sparks.errors import SparksError
from sparks.training.predict import predict
from sparks.visualization.crops import resize


def plausibility(reference: Tensor, held_out: Tensor, pictures: Tensor, k: int = 5) -> Tensor:
    """Return how much farther pictures lie from real features than real images do, (n,).

    Ratio of distances to the k-th nearest of `reference`, on features of length one: 1 where a
    picture is as near to real images as they are to each other. Lower is better.

    Args:
        reference: features of real images (N, p), such as `Layer.pooled`.
        held_out: of other real images (M, p).
        pictures: of pictures (n, p).
        k: of the nearest neighbours.
    """
    _check_features(reference, held_out, pictures)
    return out_of_distribution(reference, held_out, pictures, k)


def fid(real: Tensor, pictures: Tensor) -> float:
    """Return the Fréchet distance of Gaussians fitted to features (Heusel et al. 2017).

    |μ₁ - μ₂|² + tr(Σ₁ + Σ₂ - 2 (Σ₁ Σ₂)^½). Lower is better. Comparable only between sets of equal
    size: few pictures give a larger distance.
    """
    _check_features(real, pictures)
    if min(len(real), len(pictures)) < 2:
        raise SparksError("FID needs at least 2 real images and 2 pictures: it fits covariances")
    return frechet(real, pictures) * float(torch.cov(real.double().T).trace())


def transferability(
    models: Mapping[str, nn.Module], images: Tensor, classes: Tensor, size: tuple[int, int]
) -> dict[str, Tensor]:
    """Return whether other models predict the class a picture was made for: name → (n,), 1 or 0.

    Args:
        models: classifiers of the same classes.
        images: pictures (n, C, H, W), resized to the models' input.
        classes: of each picture, int64 (n,).
        size: height and width of the models' input.
    """
    x = resize(images, size)
    found = {}
    for name, model in models.items():
        device = next(model.parameters()).device
        logits = predict(model, x, device=device)
        if not bool(logits.isfinite().all()):
            raise SparksError(f"model {name!r} answers NaN or infinity: check its weights")
        found[name] = (logits.argmax(1) == classes).float()
    return found


def concept_responses(concepts: Concepts, pictures: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the response of each concept to each picture, (n, k), relative to its mean on crops.

    Coefficients of concepts have no common scale, hence the units: the mean over the crops that
    the concepts were found in. (Whole images are no measure: a concept of crops may be hidden by
    others in all of them.) NaN for a dead concept, which no crop shows.

    Args:
        concepts: of a class.
        pictures: (n, C, H, W), resized to the model's input.
        size: height and width of the model's input.
    """
    usual = concepts.codes.mean(0)
    shown = concepts.dictionary.encode(concepts.layer.pooled(resize(pictures, size)))
    return shown / torch.where(usual > 0, usual, torch.nan)


def selective(responses: Tensor) -> Tensor:
    """Return whether picture i activates concept i most, bool (k,), of responses (k, k).

    A dead concept (NaN) is no rival; its own picture does not pass.
    """
    if responses.ndim != 2 or responses.shape[0] != responses.shape[1]:
        raise SparksError(f"one picture for each concept is needed, not {tuple(responses.shape)}")
    own = responses.diagonal()
    rivals = responses.nan_to_num(nan=-torch.inf).clone().fill_diagonal_(-torch.inf)
    return own > rivals.max(1).values


def observer_choices(
    pictures: Tensor,
    queries: Tensor,
    responses: Tensor,
    trials: int,
    generator: torch.Generator,
    size: tuple[int, int],
) -> Tensor:
    """Return whether an observer picks the image that a feature prefers, (n, trials), 1 or 0.

    The task given to people, answered by a machine that knows nothing of the network: of two real
    images, one among the tenth that a feature responds to most and one among the tenth it responds
    to least, it picks the one whose histograms of colours and edges are more like the picture's.
    Chance is 1/2.

    Args:
        pictures: of n features, (n, C, H, W), resized to `size`.
        queries: real images (N, C, h, w).
        responses: of the features to them, (N, n).
        trials: for each feature.
        generator: of the pairs.
        size: height and width of real images.
    """
    embed = Histograms()
    seen, known = embed(resize(pictures, size)), embed(resize(queries, size))
    tenth = max(1, len(queries) // 10)
    order = responses.argsort(dim=0, descending=True, stable=True)
    picks = torch.randint(tenth, (2, trials), generator=generator)
    most, least = order[:tenth][picks[0]], order[-tenth:][picks[1]]  # (trials, n)
    alike = seen @ known.T  # (n, N)
    return (alike.gather(1, most.T) > alike.gather(1, least.T)).float()


def planted_choices(
    images: Tensor, opacities: Sequence[float], trials: int, seed: int
) -> dict[float, Tensor]:
    """Return `observer_choices` where the answer is known by construction: opacity → (n · trials,).

    The picture of a concept is its texture, and images show the concept as a patch of this texture
    (`sparks.concepts.planted`), at some opacity. At 0 the observer is at chance, 1/2.

    Args:
        images: real ones (N, C, H, W).
        opacities: of the patches.
        trials: for each concept.
        seed: of images, places and pairs.
    """
    size = (images.shape[2], images.shape[3])
    pictures = torch.stack([texture(c, images.shape[1], size) for c in range(CONCEPTS)])
    found = {}
    for opacity in opacities:
        groups = galleries(images, opacity, seed)
        shows = torch.cat([torch.full((len(g),), c) for c, g in enumerate(groups)])
        responses = functional.one_hot(shows, CONCEPTS).float()
        # Images that do not show a concept are equal: which ones are asked about is random.
        generator = torch.Generator().manual_seed(seed)
        responses += 0.5 * torch.rand(responses.shape, generator=generator)
        right = observer_choices(pictures, torch.cat(groups), responses, trials, generator, size)
        found[opacity] = right.flatten()
    return found


def _check_features(*features: Tensor) -> None:
    widths = {x.shape[1] for x in features}
    if len(widths) != 1 or not all(bool(x.isfinite().all()) for x in features):
        raise SparksError(f"features must be finite and of one network; their widths are {widths}")
