"""Data of figures: the arrays of one artifact, and their provenance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from sparks.io import load_tensors, tensor_provenance


@dataclass(frozen=True)
class FigureData:
    """The arrays of one artifact, with the job that made them.

    Attributes:
        dataset: name of the data set; empty where the arrays belong to none.
        model: name of the model; empty where the arrays belong to none.
        arrays: name → array.
        metadata: the provenance of the artifact, and what its script wrote beside the arrays, such
            as the names of classes.
        seed: of the model.
        method: label of the attribution method; empty where the arrays belong to none.
    """

    dataset: str
    model: str
    arrays: Mapping[str, NDArray[Any]]
    metadata: Mapping[str, Any]
    seed: int = 0
    method: str = ""

    @classmethod
    def load(cls, path: str | Path) -> FigureData:
        """Read a tensor artifact.

        Raises:
            SparksError: as `sparks.io.load_tensors`.
        """
        made = tensor_provenance(path)
        job = made["job"]
        return cls(
            dataset=job.get("dataset", ""),
            model=job.get("model", ""),
            arrays={name: tensor.numpy() for name, tensor in load_tensors(path).items()},
            metadata=made,
            seed=int(job.get("seed", 0)),
            method=made.get("config", {}).get("attribution", {}).get("label", ""),
        )

    def part(self, name: str) -> dict[str, NDArray[Any]]:
        """Return the arrays called "name.…", without "name."."""
        return {
            key.removeprefix(f"{name}."): value
            for key, value in self.arrays.items()
            if key.startswith(f"{name}.")
        }
