"""Loading of artifacts, shared by the scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from hydra.errors import InstantiationException
from hydra.utils import instantiate

from sparks.errors import SparksError

if TYPE_CHECKING:
    from torch import Tensor

    from sparks.data import ImageSet
    from sparks.models import Classifier
    from sparks.protocols import AttributionMethod, Metric

T = TypeVar("T")


class Trained(NamedTuple):
    """A network with its weights, its model's name in config/model, and its seed."""

    model: str
    seed: int
    network: Classifier

    @property
    def name(self) -> str:
        """Name in tables, such as "convnet, seed 1"."""
        return f"{self.model}, seed {self.seed}"


def build(settings: Mapping[str, Any]) -> Any:
    """Build the object that `_target_` names, its arguments as plain lists and dicts.

    Raises:
        SparksError: the library's own, which Hydra wraps.
    """
    try:
        return instantiate(settings, _convert_="all")
    except InstantiationException as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, SparksError):
            cause = cause.__cause__
        raise cause or error from None


def classifier(settings: Mapping[str, Any], seed: int) -> Classifier:
    """Build a model with seeded initial weights."""
    from sparks.models import seeded

    with seeded(seed):
        model: Classifier = build(settings)
    return model


def trained(settings: Mapping[str, Any], weights: str, device: str) -> Classifier:
    """Build a model with the weights of an artifact, ready to predict."""
    import torch

    from sparks.models import load_weights, resolve_device
    from sparks.models.folded import channels_last_weights

    model = classifier(settings, seed=0)
    load_weights(model, weights)
    there = resolve_device(device)
    if there.type == "cpu":
        channels_last_weights(model)
    else:  # the same command gives the same bytes (see `sparks.models.device.repeatable`)
        torch.backends.cudnn.deterministic = True
    return model.to(there).eval()


def networks(files: Sequence[str], device: str) -> list[Trained]:
    """Build the networks of several artifacts of weights, each as its training described it."""
    from sparks.io import tensor_provenance

    found = []
    for weights in files:
        made = tensor_provenance(weights)
        model = trained(made["config"]["model.classifier"], weights, device)
        found.append(Trained(made["job"]["model"], int(made["job"]["seed"]), model))
    return found


def explained(path: str, model: Classifier, target: str) -> tuple[Tensor, Tensor]:
    """Read the images to explain, and the class to explain of each.

    Args:
        path: an image set.
        model: whose predictions are explained.
        target: "predicted" (the model's own class) or "label" (the true one).
    """
    from sparks.data import ImageSet

    images = ImageSet.load(path)
    return images.batch(range(len(images))), targets(images, model, target, path)


def targets(images: ImageSet, model: Classifier, target: str, path: str) -> Tensor:
    """Return the class to explain of each image, int64 (N,); images are read batch by batch.

    Args:
        images: which are explained.
        model: whose predictions are explained.
        target: "predicted" (the model's own class) or "label" (the true one).
        path: of the images, for an error.
    """
    from sparks.training import predict

    if len(images) == 0:
        return images.labels
    logits = predict(model, images, device=next(model.parameters()).device)
    if wrong := (~logits.isfinite().all(1)).nonzero().flatten().tolist():
        raise SparksError(
            f"the model's output for image {wrong[0]} of {path} holds NaN or infinite values "
            f"({len(wrong)} of {len(logits)} images): check its weights, or train it again"
        )
    return images.labels if target == "label" else logits.argmax(1)


def of_shard(n: int, size: int | None, shard: str | None) -> slice:
    """Rows of n images that a job explains: all of them, or those of one shard of `size` images.

    A shard after the last image has none.
    """
    if size is None or shard is None:
        return slice(0, n)
    start = min(n, int(shard) * size)
    return slice(start, min(n, start + size))


def concept_layers(known: Mapping[str, list[str]], model: str, layer: str | None) -> list[str]:
    """List the layers at which a model's concepts are found, from input to output."""
    layers = known.get(model) or ([layer] if layer else [])
    if not layers:
        raise SparksError(
            f"model {model!r} has no layer with concepts: name some in studies.craft.layers.{model}"
        )
    return list(layers)


def build_method(settings: Mapping[str, Any]) -> AttributionMethod:
    """Build an attribution method, its option's name in the errors."""
    try:
        method: AttributionMethod = build(settings["method"])
    except Exception as error:
        raise SparksError(f"attribution {settings['name']} cannot be built: {error}") from error
    return method


def build_methods(explainers: Mapping[str, Any]) -> dict[str, AttributionMethod]:
    """Build methods from what `methods.listed_methods` gives: label → settings."""
    return {
        label: build_method({"name": label, "method": settings})
        for label, settings in explainers.items()
    }


def build_metric(settings: Mapping[str, Any]) -> Metric:
    """Build a metric of attribution maps."""
    metric: Metric = build(settings)
    return metric


def build_as(kind: type[T], settings: Mapping[str, Any]) -> T:
    """Build an object of a class.

    Raises:
        SparksError: as `build` and `of_kind`.
    """
    return of_kind(kind, build(settings))


def of_kind(kind: type[T], made: object) -> T:
    """Return an object once it is known to be of a class.

    Raises:
        SparksError: when the configuration names another class than a script can work with.
    """
    if isinstance(made, kind):
        return made
    name = type(made)
    raise SparksError(
        f"{name.__module__}.{name.__qualname__} is no {kind.__name__}, which this job needs: "
        "name a class that is one in `_target_`"
    )


def run_names(wildcards: Mapping[str, str]) -> dict[str, str]:
    """Name a job's network in its table of results: data set, model and seed, as far as given."""
    return {key: wildcards[key] for key in ("dataset", "model", "seed") if key in wildcards}


def harmonized(loss: Mapping[str, Any] | None, model: str) -> dict[str, Any]:
    """Name what harmonized networks, X_lambda_L, differ in: architecture X and weight λ.

    Args:
        loss: settings of the model's loss.
        model: its name.

    Returns:
        columns of results; none for networks without a harmonizer.
    """
    if loss is None or loss["_target_"] != "sparks.alignment.Harmonizer":
        return {}
    weight = float(loss["weight"])
    return {
        "harmonizer_weight": weight,
        "architecture": model.removesuffix(f"_lambda_{weight:g}"),
    }
