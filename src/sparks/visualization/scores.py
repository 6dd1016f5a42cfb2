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
        pictures: features of pictures (n, p).
        k: number of nearest neighbours, at most N.

    Raises:
        SparksError: when features are not finite, or differ in length.

    Example:
        Pictures that are real images are as far away as these, on average.

        >>> features = torch.rand(50, 4)
        >>> reference, held_out = features[:25], features[25:]
        >>> round(float(plausibility(reference, held_out, pictures=held_out).mean()), 4)
        1.0
    """
    _check_features(reference, held_out, pictures)
    return out_of_distribution(reference, held_out, pictures, k)


def fid(real: Tensor, pictures: Tensor) -> float:
    """Return the Fréchet distance of Gaussians fitted to features (Heusel et al. 2017).

    |μ₁ - μ₂|² + tr(Σ₁ + Σ₂ - 2 (Σ₁ Σ₂)^½). Lower is better. Comparable only between sets of equal
    size: few pictures give a larger distance.

    Args:
        real: features of real images (N, p), such as `Layer.pooled`, N at least 2.
        pictures: features of pictures (n, p), n at least 2.

    Raises:
        SparksError: when features are not finite or differ in length, or there are too few.

    Example:
        Features that differ by 1 in each of four coordinates: the means are apart, nothing else.

        >>> features = torch.rand(50, 4)
        >>> round(fid(features, features + 1), 2)
        4.0
    """
    _check_features(real, pictures)
    if min(len(real), len(pictures)) < 2:
        raise SparksError("FID needs at least 2 real images and 2 pictures: it fits covariances")
    return frechet(real, pictures) * float(torch.cov(real.double().T).trace())


def transferability(
    models: Mapping[str, nn.Module], images: Tensor, classes: Tensor, size: tuple[int, int]
) -> dict[str, Tensor]:
    """Return whether other models predict the class a picture was made for.

    Args:
        models: classifiers of the same classes, by name.
        images: pictures (n, C, H, W), resized to the models' input.
        classes: class each picture was made for, int64 (n,).
        size: height and width of the models' input.

    Returns:
        Name of the model → 1 or 0 for each picture, float32 (n,).

    Raises:
        SparksError: when a model's output is not finite.

    Example:
        >>> predicted = model(images).argmax(1)
        >>> transferability({"itself": model}, images, predicted, (16, 16))
        {'itself': tensor([1., 1., 1., 1., 1., 1., 1., 1.])}
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
    """Return the response of each concept to each picture, relative to its mean on crops.

    Coefficients of concepts have no common scale, hence the units: the mean over the crops that
    the concepts were fitted on. (Whole images are no measure: a concept of crops may be hidden by
    others in all of them.)

    Args:
        concepts: the k concepts of a class, at a layer.
        pictures: (n, C, H, W), resized to the model's input.
        size: height and width of the model's input.

    Returns:
        (n, k); NaN for a dead concept, which no crop shows.

    Example:
        >>> from sparks.concepts import NMF, Extractor
        >>> fitted = Extractor(dictionary=NMF(concepts=3)).fit(layer, images, target=0)
        >>> concept_responses(fitted.at(layer), images[:2], (16, 16)).shape
        torch.Size([2, 3])
    """
    usual = concepts.codes.mean(0)
    shown = concepts.dictionary.encode(concepts.layer.pooled(resize(pictures, size)))
    return shown / torch.where(usual > 0, usual, torch.nan)


def selective(responses: Tensor) -> Tensor:
    """Return whether picture i activates concept i more than any other concept.

    A dead concept (NaN) is no rival; its own picture does not pass.

    Args:
        responses: of k pictures, one for each concept, to the k concepts, (k, k); see
            `concept_responses`.

    Returns:
        bool (k,).

    Raises:
        SparksError: when there is not one picture for each concept.

    Example:
        The second picture responds more to the first concept than to its own.

        >>> selective(torch.tensor([[2.0, 1.0], [3.0, 1.0]]))
        tensor([ True, False])
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
    """Return whether a simulated observer picks the image that a feature prefers.

    The task given to people, answered by a rule that knows nothing of the network: of two real
    images, one among the tenth that a feature responds to most and one among the tenth it responds
    to least, it picks the one whose histograms of colours and edges (`sparks.concepts.Histograms`)
    are more like the picture's. Chance is 1/2.

    Args:
        pictures: of n features, (n, C, H, W), resized to `size`.
        queries: real images (N, C, h, w), resized to `size`.
        responses: of the features to them, (N, n).
        trials: number of pairs for each feature.
        generator: of the pairs.
        size: height and width at which images are compared.

    Returns:
        1 where the observer is right, else 0, float32 (n, trials).

    Example:
        The feature is brightness, and its picture is white.

        >>> queries = torch.linspace(0, 1, 20).view(20, 1, 1, 1).expand(20, 3, 16, 16)
        >>> brightness = queries.mean((1, 2, 3))[:, None]
        >>> white, generator = torch.ones(1, 3, 16, 16), torch.Generator().manual_seed(0)
        >>> observer_choices(white, queries, brightness, 5, generator, (16, 16))
        tensor([[1., 1., 1., 1., 1.]])
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
