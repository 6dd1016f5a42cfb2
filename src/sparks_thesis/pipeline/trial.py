"""Build settings and try them on one blank image: the refusals that need PyTorch.

Nothing here costs more than a pass or two through a network. Methods that score masked inputs, and
metrics, run with an engine that makes scores up: their designs and estimators are what settings
can be wrong about. Methods that read a network's layers run on the network itself.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sparks.attribution import EVA, Captum, GradCAM, OnEmbeddings, Saliency
from sparks.attribution.guided_backprop import RectifiedBackward
from sparks.attribution.words import on_words
from sparks.concepts import CraftMaps
from sparks.data.fetch import Published, unreachable
from sparks.engine.memory import available_memory
from sparks.errors import SparksError
from sparks.models import Classifier, load_weights
from sparks.models.anatomy import check_head, footprint
from sparks.models.published import published_weights
from sparks.models.timm_nets import check_published
from sparks.models.weights import read_state
from sparks.protocols import Explanation
from sparks.verification.graph import read
from sparks_thesis.pipeline.checks import REFUSED, TRYING, Unit
from sparks_thesis.pipeline.downloads import publisher
from sparks_thesis.pipeline.factories import build, classifier
from sparks_thesis.pipeline.made_up import MadeUp
from sparks_thesis.sobol.budgets import within

SIDE = 256  # of the images, at most, that settings are tried on which do not depend on the network
CONCEPTS = 10  # whose coefficients methods on concepts are tried on
WORDS = 12  # of the text that methods on words are tried on


def try_units(units: Iterable[Unit]) -> None:
    """Try units one after the other.

    Raises:
        SparksError: of the first that cannot be run: its key, value and the way out, in one line.
    """
    for unit in units:
        match unit.kind:
            case "settings":
                _build_all(unit.where, unit.content)
            case "dataset":
                _try_dataset(unit.where, unit.content)
            case "model":
                _try_model(unit.where, unit.content)
            case "texts":
                _try_texts(unit.where, unit.content)
            case "concepts":
                _try_concepts(unit.where, unit.content)
            case "files":
                _try_files(unit.where, unit.content)


# --- settings --------------------------------------------------------------------------------


def _build_all(where: str, node: Any) -> Any:
    """Build every `_target_` below a node, inner ones first, and return the node's own object."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            _build_all(f"{where}.{key}", value)
        if "_target_" in node:
            with _naming(where, node):
                return build(node)
    elif isinstance(node, list):
        for place, value in enumerate(node):
            _build_all(f"{where}.{place}", value)
    return None


def _try_dataset(where: str, settings: Mapping[str, Any]) -> None:
    """Build a data set, and compare what it says of itself with what the configuration does."""
    builder = _build_all(f"{where}.builder", settings["builder"])
    for key in ("channels", "size", "num_classes"):
        known = getattr(builder, key, None)
        if known is not None and known != settings[key]:
            raise SparksError(f"{where}.{key}={settings[key]}: its images have {known}: set that")


def _try_files(where: str, unit: Mapping[str, Any]) -> None:
    """Refuse files that are neither there nor can be fetched."""
    settings, about = unit["settings"], f" [{unit['about']}]" if "about" in unit else ""
    with _naming(where, about=about):
        if unit["library"]:
            names = (settings["name"], settings["weights"], settings.get("weights_dir"))
            file = published_weights(unit["library"], *names)
            if file.is_there():
                if not file.digest:
                    read_state(file.path)  # says if it is damaged
            elif unit["fetch"]:
                _require_server([file], unit["network"])
            else:
                raise SparksError(
                    f"{file.path} was downloaded, and is gone: put {file.url} there again, or "
                    f"remove results/downloads/weights/{where.rpartition('.')[2]}.json"
                )
            return
        built = _build_all(f"{where}.builder", settings)
        if unit["fetch"] and not built.is_there():
            missing = [file for file in built.published() if not file.is_there()]
            _require_server(missing, unit["network"])
        elif hasattr(built, "require"):
            built.require()


def _require_server(missing: Sequence[Published], network: bool) -> None:
    """Refuse files that are to be fetched from a server which does not answer."""
    if not missing or not network:
        return
    if reason := unreachable(missing[0].url):
        place = missing[0].path.absolute()
        raise SparksError(
            f"{' and '.join(file.path.name for file in missing)} cannot be downloaded "
            f"({reason}): put {', '.join(file.url for file in missing)} "
            + (f"into {place.parent}" if len(missing) > 1 else f"at {place}")
        )


@contextmanager
def _naming(where: str, settings: Any = None, about: str = "") -> Iterator[None]:
    """Turn what is raised in a block into one line that names a key of the configuration."""
    try:
        yield
    except Exception as error:
        reason = _reason(error)
        keys = settings if isinstance(settings, Mapping) else {}
        name = str(keys.get("_target_", "")).rpartition(".")[2]
        for own in (name, where.rpartition(".")[2]):  # which says its name itself
            reason = reason.removeprefix(f"{own}: ")
        opening = re.match(r"(\w+)\b", reason)
        if reason.startswith(f"{where}."):
            line = reason
        elif opening and opening[1] in keys:
            line = f"{where}.{reason}"
        else:
            target = f" ({keys['_target_']})" if "_target_" in keys else ""
            line = f"{where}{target}: {reason}"
        raise SparksError(line + about) from None


def _reason(error: BaseException) -> str:
    """Return the first error of a chain in one line, with its type unless it is a SparksError."""
    while error.__cause__ is not None and not isinstance(error, SparksError):
        error = error.__cause__
    text = " ".join(str(error).split())
    return text if isinstance(error, SparksError) else f"{type(error).__name__}: {text}"


# --- models, and what is done to them --------------------------------------------------------


def _try_model(where: str, unit: Mapping[str, Any]) -> None:
    on = f" [dataset={unit['dataset']}]"
    shape, classes = tuple(unit["shape"]), unit["classes"]
    model = _built(where, unit, on)
    _require_memory(where, model, shape, on)
    x = torch.rand(1, *shape, generator=torch.Generator().manual_seed(0))
    for key, settings in unit["settings"].items():
        _build_all(key, settings)
    # Of next to no cost: the mean colour of an image, to logits.
    blank = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(shape[0], classes))
    small = x[..., :SIDE, :SIDE]  # what suits such images suits larger ones
    for key, settings in unit["metrics"].items():
        _try_metric(key, settings, blank, small, on)
    methods = {key: _build_all(key, settings) for key, settings in unit["methods"].items()}
    for key, method in methods.items():
        if not _reads_layers(method):
            _try_method(key, unit["methods"][key], method, blank, small, on)
    _try_budgets(unit["settings"].get("studies.budget"), methods, small, on)
    logits = _passed(where, model, x, on)
    with _naming(f"{where}.classifier", about=on):
        if not isinstance(logits, Tensor) or logits.shape != (1, classes):
            got = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
            raise SparksError(
                f"it returns {got} for one image, not logits (1, {classes}): give it as many "
                "outputs as the data set has classes"
            )
    _try_own_layers(where, unit, model, x, on)
    for key, layers in unit["layers"].items():
        for layer in layers:
            _try_cut(key, model, layer, x, on)
    for key, method in methods.items():
        if _reads_layers(method):
            _try_method(key, unit["methods"][key], method, model, x, on)


def _built(where: str, unit: Mapping[str, Any], on: str) -> Classifier:
    """Build the network with its checkpoint, or with random weights instead of published ones."""
    settings, weights = unit["classifier"], unit["weights"]
    net = settings.get("net", {})
    if library := publisher(net):
        if library == "timm":
            with _naming(f"{where}.classifier.net", about=on):
                check_published(net["name"], unit["shape"][-1])
        settings = settings | {"net": net | {"weights": None}}  # published ones may not be here yet
    with _naming(f"{where}.classifier", about=on):
        model = classifier(settings, seed=0).eval()
    if weights not in (None, "included"):
        with _naming(f"{where}.weights={weights}", about=on):
            if not Path(weights).is_file():
                raise SparksError("there is no such file: check the path, or set null to train")
            load_weights(model, weights)
    return model


def _require_memory(where: str, model: Classifier, shape: tuple[int, ...], on: str) -> None:
    """Refuse images of which not even one can be passed through a network."""
    needed, there = footprint(model, (1, *shape)), available_memory()
    if needed and there and needed > there:
        raise SparksError(
            f"{where}: one image of {shape[1]} x {shape[2]} pixels takes more than "
            f"{needed / 1e9:.0f} GB in this network, and this machine has {there / 1e9:.0f} GB "
            f"left: make the images of the data set smaller{on}"
        )


def _passed(where: str, model: Classifier, x: Tensor, on: str) -> Any:
    """Return the model's output for one image; a failure is reported as one of the image's size."""
    height, width = x.shape[2:]
    try:
        with torch.no_grad():
            return model(x)
    except SparksError as error:
        raise SparksError(f"{where}.classifier: {error}{on}") from None
    except Exception as error:
        raise SparksError(
            f"{where}: this network cannot take images of {height} x {width} pixels "
            f"({_reason(error)}): set the size of the data set to another one{on}"
        ) from None


def _try_own_layers(
    where: str, unit: Mapping[str, Any], model: Classifier, x: Tensor, on: str
) -> None:
    """Look at the layers that stand in a model's file."""
    if unit["layer"] is not None:
        with _naming(f"{where}.layer={unit['layer']}", about=on):
            GradCAM(unit["layer"]).check(model, x)
    if unit["concept_layer"] is not None and unit["classes"] > 1:  # else nothing to tell apart
        _try_cut(f"{where}.concept_layer", model, unit["concept_layer"], x, on)
    if unit["head"] is not None:
        with _naming(f"{where}.head={unit['head']}", about=on):
            check_head(model, unit["head"], x)


def _try_cut(where: str, model: Any, layer: str | None, x: Tensor, on: str) -> None:
    """Cut a model at a layer, as the chapters on concepts do."""
    from sparks.concepts.layer import Layer

    with _naming(f"{where}={layer}", about=on):
        if layer is None:
            raise SparksError("this model has no layer with concepts: name one, or leave it out")
        Layer(model, layer, x)


def _try_budgets(
    study: Mapping[str, Any] | None, methods: Mapping[str, Any], x: Tensor, on: str
) -> None:
    """Give the methods of the budget study every budget, if that study is made."""
    where = "studies.budget.explainers."
    budgets = study["forwards"] if study else []
    for key, method in methods.items():
        if key.startswith(where):
            for forwards in budgets:
                with _naming(f"studies.budget.forwards={forwards} for {key}", about=on):
                    within(method, forwards, min(x.shape[2:]))


def _reads_layers(method: Any) -> bool:
    """Return whether a method needs the network itself, not only its outputs and gradients.

    A method, the user's as well, may have `check(model, x)`, which refuses what it cannot explain.
    """
    reads = GradCAM | RectifiedBackward | EVA | Captum | CraftMaps | OnEmbeddings
    return isinstance(method, reads) or callable(getattr(method, "check", None))


def _try_method(
    where: str, settings: Any, method: Any, model: nn.Module, x: Tensor, on: str
) -> None:
    """Explain one blank image, as far as that costs next to nothing."""
    target = torch.zeros(len(x), dtype=torch.int64)
    with _naming(where, settings, on):
        match method:
            case CraftMaps():
                _try_cut(f"{where}.layer", model, method.layer, x, on)
            case EVA():
                _try_bounds(method, model, x)
            case _ if callable(getattr(method, "check", None)):
                method.check(model, x)
            case _ if _has_engine(method):
                _require_finite(replace(method, engine=MadeUp())(model, x, target))
            case _ if _cheap(method):
                _require_finite(method(model, x, target))


def _require_finite(maps: Tensor) -> None:
    if not maps.isfinite().all():
        raise SparksError("its maps are NaN or infinite with these settings: give it more samples")


def _cheap(method: Any) -> bool:
    """Return whether a call costs few passes; a search by attacks, or user code, may cost more."""
    return type(method).__module__.startswith("sparks.") and not hasattr(method, "rounds")


def _has_engine(built: Any) -> bool:
    return is_dataclass(built) and any(f.name == "engine" for f in fields(built))


def _try_bounds(method: EVA, model: nn.Module, x: Tensor) -> None:
    """Read the part of a network that EVA verifies."""
    from sparks.attribution.eva import SAMPLED, _cut

    if method.bound != SAMPLED:
        first, last = (None, model) if method.layer is None else _cut(model, method.layer)
        with torch.no_grad():
            read(last, x if first is None else first(x))


def _try_metric(where: str, settings: Any, model: nn.Module, x: Tensor, on: str) -> None:
    """Score a made-up map of one blank image."""
    metric = _build_all(where, settings)
    if not type(metric).__module__.startswith("sparks."):
        return
    if _has_engine(metric):
        metric = replace(metric, engine=MadeUp())
    size = x.shape[:1] + (x.shape[2:] if x.ndim == 4 else x.shape[1:])
    maps = torch.rand(size, generator=torch.Generator().manual_seed(1))
    target = torch.zeros(len(x), dtype=torch.int64)
    with _naming(where, settings, on):
        metric(Explanation(model, x, target, maps, maps > 0.5, Saliency()))


def _try_texts(where: str, unit: Mapping[str, Any]) -> None:
    """Try the methods and metrics on words, on one made-up text."""
    x = torch.arange(WORDS)[None] % unit["classifier"].get("vocabulary", WORDS)
    with _naming(where, unit["classifier"]):
        model = classifier(unit["classifier"], seed=0).eval()
        model(x)
    removal = build(unit["removal"])
    for key, settings in unit["methods"].items():
        method = on_words(_build_all(key, settings), removal)
        _try_method(key, settings, method, model, x, "")
    for key, settings in unit["metrics"].items():
        _try_metric(key, settings, model, x, "")


def _try_concepts(where: str, methods: Mapping[str, Any]) -> None:
    """Try methods on the coefficients of concepts of one image, before a layer to logits."""
    u = torch.rand(1, CONCEPTS, generator=torch.Generator().manual_seed(0))
    head, target = nn.Linear(CONCEPTS, 2), torch.zeros(1, dtype=torch.int64)
    about = " [it gets coefficients of concepts, (N, k), there: name it in no list of that study]"
    for label, settings in methods.items():
        method = _build_all(f"{where}.{label}", settings)
        if isinstance(method, RectifiedBackward):
            continue  # left out by the study where no ReLU follows
        if _has_engine(method):
            method = replace(method, engine=MadeUp())
        with _naming(f"{where}.{label}", settings, about):
            maps = method(head, u, target)
            if maps.shape != u.shape:
                raise SparksError(f"its maps are {tuple(maps.shape)}, not {tuple(u.shape)}")
            _require_finite(maps)


# --- the process -----------------------------------------------------------------------------


def main() -> None:
    """Try the units on standard input; say on standard output what is refused."""
    for unit in (Unit(*each) for each in json.load(sys.stdin)):
        print(f"\n{TRYING}{unit.where}", flush=True)
        try:
            try_units([unit])
        except SparksError as error:
            print(f"\n{REFUSED}{error}", flush=True)
            if unit.kind != "files":
                return


if __name__ == "__main__":
    main()
