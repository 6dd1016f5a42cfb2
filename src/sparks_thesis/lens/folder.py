"""Atlases on disk: a folder with one file a class, and what classes have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sparks.concepts.bank import ConceptBank, Concepts
from sparks.concepts.banks import Banks
from sparks.concepts.layer import Layer
from sparks.errors import SparksError
from sparks.io import atomic_folder, load_table, load_tensors, save_table
from sparks.results import MetricRecorder
from sparks_thesis.lens.atlas import ClassAtlas
from sparks_thesis.lens.links import SimilarConcepts
from sparks_thesis.lens.reference import Reference

if TYPE_CHECKING:
    import pandas as pd

# Classes whose images tell how far another one is, at most, about.
CLASSES = 100
_CLASSES, _ALIKE = "classes.parquet", "alike.parquet"


# Content of the column `dictionary` in rows of concepts that point nowhere.
SHUFFLED = "shuffled atoms"


def write_atlas(
    path: str | Path,
    classes: Iterable[ClassAtlas],
    banks: Callable[[int], ConceptBank],
    alike: SimilarConcepts | None = None,
) -> MetricRecorder:
    """Write classes to a folder, as they come, and return the numbers of their statistics.

    Rows "ConceptImportance", "Prevalence", "Reliability", "Dominated", "OwnCosine" and
    "OwnAligned" are of concepts, by their rank; where `dictionary` is `SHUFFLED`, of the control.
    "Strategies", "Images" and "SimilarConcepts" are of classes, "DominantRank" of images.

    Args:
        path: of the folder.
        classes: to write.
        banks: gives the concepts of a class, which are an artifact of their own.
        alike: finds similar concepts of other classes.

    Raises:
        SparksError: when the folder cannot be written.
    """
    import pandas as pd

    recorder, known, atoms = MetricRecorder(), [], []
    with atomic_folder(path) as folder:
        for one in classes:
            one.save(folder / _file(one.target))
            known.append((one.target, one.name, one.k, int(one.tensors["strategies"])))
            atoms.append(one.atoms(banks(one.target)))
            _count(one, recorder)
        columns = ["target", "name", "concepts", "strategies"]
        save_table(folder / _CLASSES, pd.DataFrame(known, columns=columns))
        links = (alike or SimilarConcepts())([row[0] for row in known], atoms)
        save_table(folder / _ALIKE, links)
    similar = Counter(links["target"])
    for target, name, *_ in known:
        found = {"SimilarConcepts": [float(similar[target])]}
        recorder.add(found, target=target, method="CRAFT", class_name=name)
    return recorder


def _count(one: ClassAtlas, recorder: MetricRecorder) -> None:
    tensors = one.tensors
    of_concepts = {
        "ConceptImportance": tensors["importance"],
        "Prevalence": tensors["prevalence"],
        "Reliability": tensors["reliability"],
        "Dominated": tensors["counts"],
        "OwnCosine": tensors["own_cosine"],
        "OwnAligned": (tensors["aligned"][:, 0] == one.target).float(),
    }
    known = {"method": "CRAFT", "class_name": one.name}
    recorder.add(of_concepts, rank=range(1, one.k + 1), **known)
    of_shuffled = {
        "ConceptImportance": tensors["shuffled_importance"],
        "Prevalence": tensors["shuffled_prevalence"],
        "Dominated": tensors["shuffled_counts"],
        "OwnAligned": (tensors["shuffled_aligned"] == one.target).float(),
    }
    recorder.add(of_shuffled, rank=range(1, one.k + 1), dictionary=SHUFFLED, **known)
    of_class: dict[str, Tensor | list[float]] = {
        "Strategies": tensors["strategies"][None],
        "Images": [float(len(tensors["dominant"]))],
    }
    recorder.add(of_class, target=one.target, **known)
    of_images = {"DominantRank": tensors["dominant"] + 1}
    recorder.add(of_images, image=tensors["index"], **known)


def _file(target: int) -> str:
    return f"class-{target:05d}.safetensors"


@dataclass(frozen=True)
class Atlas:
    """An atlas on disk; classes are read one at a time.

    Attributes:
        path: its folder.
        dataset: name of the data set.
        model: name of the model.
        banks: the concepts of its classes; None for who needs none.
        model_title: the model, as shown; its name if not given.
        dataset_title: the data set, as shown; its name if not given.
    """

    path: Path
    dataset: str
    model: str
    banks: Banks | None = None
    model_title: str = ""
    dataset_title: str = ""

    @staticmethod
    def beside(
        table: str | Path, banks: Banks | None = None, titles: Mapping[str, str] | None = None
    ) -> Atlas:
        """Return the atlas that lies beside its table, DATA SET/MODEL/SEED.parquet.

        Args:
            table: of the numbers of its classes.
            banks: the concepts of these.
            titles: name → how a model or a data set is shown.
        """
        folder, titles = Path(table).with_suffix(""), titles or {}
        dataset, model, _ = folder.parts[-3:]
        shown = titles.get(model, ""), titles.get(dataset, "")
        return Atlas(folder, dataset, model, banks, *shown)

    @property
    def title(self) -> str:
        """The model, as shown."""
        return self.model_title or self.model

    @property
    def on(self) -> str:
        """The data set, as shown."""
        return self.dataset_title or self.dataset

    @cached_property
    def classes(self) -> pd.DataFrame:
        """Columns target, name, concepts and strategies."""
        return load_table(self.path / _CLASSES)

    @cached_property
    def names(self) -> dict[int, str]:
        """Number → name of the classes that are here."""
        return {int(row["target"]): str(row["name"]) for _, row in self.classes.iterrows()}

    @cached_property
    def alike(self) -> pd.DataFrame:
        """Similar concepts of other classes; see `SimilarConcepts`."""
        return load_table(self.path / _ALIKE)

    def load(self, target: int) -> ClassAtlas:
        """Read one class."""
        return ClassAtlas.load(self.path / _file(target))

    def __iter__(self) -> Iterator[ClassAtlas]:
        """Read one class after the other."""
        return map(self.load, self.names)

    def bank(self, target: int) -> ConceptBank:
        """Read the concepts of one class, in the order in which they were fitted.

        Raises:
            SparksError: when the atlas was opened without them.
        """
        if self.banks is None:
            raise SparksError(f"the atlas {self.path} was opened without concepts: give `banks`")
        return self.banks.load(target)

    def concepts(self, one: ClassAtlas, layer: Layer) -> Concepts:
        """Return the concepts of a class at their layer, in the order of the atlas."""
        return one.concepts(self.bank(one.target), layer)

    def reference(self, layer: Layer) -> Reference:
        """Return what tells how far an image is from those surveyed.

        Args:
            layer: where the features of the atlas were taken, see `reference_layer`.
        """
        names = ["features", "held_out"]
        some = list(self.names)[:: max(1, len(self.names) // CLASSES)]
        known = [load_tensors(self.path / _file(target), names) for target in some]
        surveyed, held_out = (torch.cat([t[name] for t in known]) for name in names)
        return Reference.of(layer, surveyed, held_out)
