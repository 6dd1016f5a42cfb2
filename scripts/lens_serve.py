"""Serve a local page that explains an image of one's own: `make lens-serve`.

It offers every model that was surveyed for Lens, and opens with the one that the command line names
(`dataset=chimera model=convnet`), else with a network of ImageNet's classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sparks.errors import SparksError
from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.job import serve
from sparks_thesis.pipeline.selection import part

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from sparks_thesis.lens.serve import Example, Loaded, Served

# Shown without a survey too, as it needs neither data nor training.
READY = {"dataset": "imagenette", "model": "efficientnet_lite0", "seed": "0"}
KEYS = (
    "model.classifier",
    "model.concept_layer",
    "model.name",
    "model.weights",
    "studies.lens.bank",
    "dataset",
    "device",
)


class Network(NamedTuple):
    """A model that can be served, and what is known of it.

    Attributes:
        names: its data set, model and seed.
        parts: of the configuration, see `KEYS`.
        surveyed: whether it has an atlas.
    """

    names: Mapping[str, str]
    parts: Mapping[str, Any]
    surveyed: bool

    @property
    def rows(self) -> list[int] | None:
        """ImageNet classes that its data show, for a network that knows all of these; else None."""
        published = self.parts["model.weights"] == "included"
        rows: list[int] | None = self.parts["dataset"].get("imagenet_classes")
        return rows if published else None

    def place(self, template: str, **more: str) -> Path:
        """Return the path of one of its artifacts."""
        return Path(template.format(**self.names, **more))


def run(config: DictConfig, named: Mapping[str, str]) -> None:
    """Serve until interrupted."""
    import contextlib

    from sparks_thesis.lens.serve import create_app
    from sparks_thesis.lens.server import make_server, names_of
    from sparks_thesis.lens.upload import Limits
    from sparks_thesis.pipeline.factories import build_as

    settings = part(config, ["studies.lens.serve"])["studies.lens.serve"]
    titles = part(config, ["studies.lens.titles"])["studies.lens.titles"]
    served = [offer(network, titles) for network in choose(networks(config), named)]
    host, port = settings["host"], settings["port"]
    names, addresses = names_of(host)
    app = create_app(served, build_as(Limits, settings["limits"]), names, addresses, examples())
    server = make_server(host, port, app)
    shown = names[-1] if addresses else f"[{host}]" if ":" in host else host
    print(f"Lens explains your images at http://{shown}:{server.port}/ (Ctrl-C ends)", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()


def networks(config: DictConfig) -> list[Network]:
    """List the models that have an atlas, and `READY`: first those of ImageNet's classes."""
    found = []
    for table in sorted(Path(paths.LENS.partition("{")[0]).glob("*/*/*.parquet")):
        names = dict(
            zip(("dataset", "model", "seed"), table.with_suffix("").parts[-3:], strict=True)
        )
        if names["dataset"] in config.datasets and names["model"] in config.models:
            found.append(Network(names, part(config, KEYS, **names), True))
    if not any(network.names == READY for network in found):
        found.append(Network(READY, part(config, KEYS, **READY), False))
    return sorted(found, key=lambda network: network.rows is None)


def choose(found: list[Network], named: Mapping[str, str]) -> list[Network]:
    """Put the networks that the command line names first.

    Raises:
        SparksError: when there is none of that name.
    """
    fit = [n for n in found if all(n.names[key] == value for key, value in named.items())]
    if not fit:
        asked = " ".join(f"{key}={value}" for key, value in named.items())
        known = ", ".join("dataset={dataset} model={model}".format(**n.names) for n in found)
        raise SparksError(
            f"no model {asked} was surveyed: choose one of these: {known}; or add it to "
            "studies.lens and run `./sparks snakemake --cores all lens`"
        )
    return fit + [network for network in found if network not in fit]


def offer(network: Network, titles: Mapping[str, str]) -> Served:
    """Describe a network for the page."""
    from sparks_thesis.lens import Atlas
    from sparks_thesis.lens.serve import Served

    dataset, model, seed = network.names.values()
    on, title = titles.get(dataset, dataset), titles.get(model, model)
    if network.rows is None:
        about = f"{title} was trained on {on}; Lens knows the concepts of its classes."
    elif network.surveyed:
        surveyed = len(Atlas(network.place(paths.LENS_ATLAS), dataset, model).classes)
        about = (
            f"{title} knows the 1,000 classes of ImageNet. Lens shows where it sees them, and the "
            f"concepts of the {surveyed} classes that were surveyed ({on})."
        )
    else:
        about = (
            f"{title} knows the 1,000 classes of ImageNet, and Lens shows where it sees them. No "
            "class was surveyed, so that concepts are not shown: README.md says how to."
        )
    key = f"{dataset}/{model}/{seed}"
    where = title if network.rows is not None and not network.surveyed else f"{title} on {on}"
    return Served(key, where, about, lambda: load(network))


def load(network: Network) -> Loaded:
    """Make a network ready."""
    import torch

    from sparks.concepts.layer import Layer
    from sparks.data import ImageSet
    from sparks.data.imagenet_names import distinct_names
    from sparks.models import resolve_device
    from sparks_thesis.lens import Atlas, Explainer
    from sparks_thesis.lens.reference import reference_layer
    from sparks_thesis.lens.serve import Loaded
    from sparks_thesis.pipeline.classes import banks_beside
    from sparks_thesis.pipeline.factories import classifier, concept_layers, trained

    parts, rows = network.parts, network.rows
    settings, device = parts["model.classifier"], parts["device"]
    size, channels = parts["dataset"]["size"], parts["dataset"]["channels"]
    white = None
    if rows is None:
        model = trained(settings, str(network.place(paths.WEIGHTS)), device)
        test = ImageSet.load(network.place(paths.TEST))
        classes, white = test.classes, test.white
    else:  # all of its classes, not only those that the data show
        net = settings["net"] | {"classes": None, "num_classes": 1000}
        model = classifier(settings | {"net": net}, 0).to(resolve_device(device)).eval()
        classes = distinct_names()
    (where,) = concept_layers({}, parts["model.name"], parts["model.concept_layer"])
    example = torch.full((1, channels, size, size), 0.5)
    layer = Layer(model, where, example)
    atlas = reference = None
    if network.surveyed:
        dataset, name, _ = network.names.values()
        fitted = network.place(paths.CONCEPTS, bank=parts["studies.lens.bank"], layer=where)
        atlas = Atlas(network.place(paths.LENS_ATLAS), dataset, name, banks_beside(fitted))
        reference = atlas.reference(reference_layer(model, where, example))
    explain = Explainer(model, layer, atlas, classes, rows, reference, within=5)
    explain(example)  # the first one is slow
    return Loaded(explain, size, channels, white)


def examples() -> list[Example]:
    """Return the photographs that are installed with the project."""
    from sparks.data.photographs import PHOTOGRAPHS
    from sparks_thesis.lens.serve import Example

    return [
        Example(p.shows, p.credit, p.path.read_bytes()) for p in PHOTOGRAPHS if p.path.is_file()
    ]


if __name__ == "__main__":
    serve(run)
