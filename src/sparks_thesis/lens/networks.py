"""Models that the page for one's own image offers: those surveyed, and one that needs no survey."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch

from sparks.concepts.banks import Banks
from sparks.concepts.layer import Layer
from sparks.data.imagenet_names import distinct_names
from sparks.data.imageset import ImageSet
from sparks.data.photographs import PHOTOGRAPHS
from sparks.errors import SparksError
from sparks.models import resolve_device
from sparks.models.classifier import Classifier
from sparks_thesis.lens.every_class import of_every_class
from sparks_thesis.lens.explain import Explainer
from sparks_thesis.lens.folder import Atlas
from sparks_thesis.lens.reference import reference_layer
from sparks_thesis.lens.serve import Example, Loaded, Served

# Offered without a survey too, as it needs neither data nor training.
READY = {"dataset": "imagenette", "model": "efficientnet_lite0", "seed": "0"}
# Parts of the configuration that a network is made of.
KEYS = (
    "model.classifier",
    "model.concept_layer",
    "model.name",
    "model.weights",
    "studies.lens.bank",
    "dataset",
    "device",
)


@dataclass(frozen=True)
class Workflow:
    """Access to what the workflow has made; the page is no job, and reads what it finds.

    Attributes:
        places: templates of paths with the fields dataset, model and seed: "table" and "atlas" of
            a survey, "weights", "test" images; and "concepts", with bank and layer as well.
        datasets: that the configuration knows.
        models: that it knows.
        settings: gives the parts `KEYS` of the configuration for a data set, model and seed.
        build: builds a network of its settings and a seed.
        trained: the same with the weights of a file, on a device.
        banks: reads the concepts beside a table.
    """

    places: Mapping[str, str]
    datasets: Collection[str]
    models: Collection[str]
    settings: Callable[[Mapping[str, str]], Mapping[str, Any]]
    build: Callable[[Mapping[str, Any], int], Classifier]
    trained: Callable[[Mapping[str, Any], str, str], Classifier]
    banks: Callable[[str], Banks]

    def networks(self) -> list[Network]:
        """List the models that have an atlas, and `READY`: first those of ImageNet's classes."""
        found = []
        for table in sorted(Path(self.places["table"].partition("{")[0]).glob("*/*/*.parquet")):
            dataset, model, seed = table.with_suffix("").parts[-3:]
            if dataset in self.datasets and model in self.models:
                names = {"dataset": dataset, "model": model, "seed": seed}
                found.append(Network(names, self.settings(names), True))
        if not any(network.names == READY for network in found):
            found.append(Network(READY, self.settings(READY), False))
        return sorted(found, key=lambda network: network.rows is None)

    def offer(self, network: Network, titles: Mapping[str, str]) -> Served:
        """Describe a network for the page.

        Args:
            network: one of `networks`.
            titles: name of a model or data set → how it is shown.
        """
        dataset, model, seed = network.names.values()
        on, title = titles.get(dataset, dataset), titles.get(model, model)
        if network.rows is None:
            about = f"{title} was trained on {on}; Lens knows the concepts of its classes."
        elif network.surveyed:
            surveyed = len(Atlas(Path(self._place("atlas", network)), dataset, model).classes)
            about = (
                f"{title} knows the 1,000 classes of ImageNet. Lens shows where it sees them, and "
                f"the concepts of the {surveyed} classes that were surveyed ({on})."
            )
        else:
            about = (
                f"{title} knows the 1,000 classes of ImageNet, and Lens shows where it sees them. "
                "No class was surveyed, so that concepts are not shown: README.md says how to."
            )
        where = title if network.rows is not None and not network.surveyed else f"{title} on {on}"
        return Served(f"{dataset}/{model}/{seed}", where, about, lambda: self.load(network))

    def load(self, network: Network) -> Loaded:
        """Make a network ready."""
        dataset = network.parts["dataset"]
        size, channels = dataset["size"], dataset["channels"]
        model, classes, white = self._model(network)
        where = network.parts["model.concept_layer"]
        example = torch.full((1, channels, size, size), 0.5)
        layer = Layer(model, where, example)
        atlas = reference = None
        if network.surveyed:
            bank = network.parts["studies.lens.bank"]
            banks = self.banks(self._place("concepts", network, bank=bank, layer=where))
            atlas = Atlas.beside(self._place("table", network), banks)
            reference = atlas.reference(reference_layer(model, where, example))
        explain = Explainer(model, layer, atlas, classes, network.rows, reference, within=5)
        explain(example)  # the first one is slow
        return Loaded(explain, size, channels, white)

    def _model(self, network: Network) -> tuple[Classifier, tuple[str, ...], float | None]:
        """Return a network, the names of its classes, and the white of its data set."""
        settings, device = network.parts["model.classifier"], network.parts["device"]
        if network.rows is None:
            model = self.trained(settings, self._place("weights", network), device)
            test = ImageSet.load(self._place("test", network))
            return model, test.classes, test.white
        # All of its classes, not only those that the data show.
        model = self.build(of_every_class(settings), 0).to(resolve_device(device)).eval()
        return model, distinct_names(), None

    def _place(self, name: str, network: Network, **more: str) -> str:
        """Return the path of one of a network's artifacts."""
        return self.places[name].format(**network.names, **more)


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


def examples() -> list[Example]:
    """Return the photographs that are installed with the project."""
    return [
        Example(p.shows, p.credit, p.path.read_bytes()) for p in PHOTOGRAPHS if p.path.is_file()
    ]
