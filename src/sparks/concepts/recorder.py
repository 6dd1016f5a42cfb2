"""Record of the values of metrics, collected into a tidy table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from torch import Tensor

from sparks.artifacts import TIDY

if TYPE_CHECKING:
    import pandas as pd


@dataclass
class MetricRecorder:
    """Collects values of metrics as blocks of rows, one value a row."""

    blocks: list[dict[str, Any]] = field(default_factory=list)

    def add(
        self,
        values: Mapping[str, Tensor | Sequence[float]],
        images: Tensor | Sequence[int],
        method: str = "",
        variant: str = "",
        condition: str = "",
    ) -> None:
        """Add values of units.

        Args:
            values: metric → one value a unit.
            images: number of each unit: an image, or what else is counted.
            method: what was measured.
            variant: how.
            condition: where.
        """
        for metric, column in values.items():
            numbers = [float(value) for value in column]
            units = [int(image) for image in images]
            known = {"method": method, "variant": variant, "condition": condition}
            self.blocks.append(
                {"metric": [metric] * len(numbers), "image": units, "value": numbers}
                | {key: [value] * len(numbers) for key, value in known.items()}
            )

    def layers(self, names: Sequence[str]) -> None:
        """Record the depth of each layer (0 = input side), so that figures can order layers."""
        for depth, name in enumerate(names):
            self.add({"LayerDepth": [depth]}, [0], variant=name)

    def table(self, dataset: str, model: str, seed: int) -> pd.DataFrame:
        """Return the tidy table of one model."""
        import pandas as pd

        columns = ("metric", "image", "value", "method", "variant", "condition")
        merged = {c: [v for block in self.blocks for v in block[c]] for c in columns}
        named = pd.DataFrame(merged).assign(
            experiment="", dataset=dataset, model=model, seed=int(seed)
        )
        return named[list(TIDY)]
