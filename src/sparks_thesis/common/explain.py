"""Maps of many images by one method, slice by slice, and the cost of an explanation."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter

import torch
from torch import Tensor, nn

from sparks.data.imageset import ImageSet
from sparks.models.counting import Counting
from sparks.models.peak import PeakMemory
from sparks.progress import progress
from sparks.protocols import AttributionMethod
from sparks.results import MetricRecorder
from sparks_thesis.common.counting import counting_from

# Images explained and written at a time. Fixed: float sums depend on it.
SLICE = 16


class Explaining:
    """Explanations of images by one method, made while they are read, with their cost.

    Attributes:
        method: what explains.
        model: in evaluation mode.
        images: which are explained.
        target: class to explain of each, int64 (N,).
        first: number of the first image in its file, for errors.
        path: of that file.
    """

    def __init__(
        self, method: AttributionMethod, model: nn.Module, images: ImageSet, target: Tensor,
        first: int = 0, path: str = "",
    ) -> None:  # fmt: skip
        self.method, self.model = method, model
        self.images, self.target = images, target
        self.first, self.path = first, path
        self._peak = PeakMemory(next(model.parameters()).device)
        self._counting, self._seconds = Counting(model), 0.0

    def slices(self) -> Iterator[dict[str, Tensor]]:
        """Yield "maps" (B, H, W) and "target" (B,) of one slice of the images after the other.

        Raises:
            SparksError: the method's own, with the place of the image in its file.
        """
        if len(self.images):
            # Imports and the search of the batch size happen on the first call: no cost of the
            # method.
            self.method(self.model, self.images.batch([0]), self.target[:1])
        n, first = len(self.images), self.first
        each = zip(self.images.batches(SLICE), torch.split(self.target, SLICE), strict=True)
        with self._counting, progress(total=n, unit="image", description="explain") as bar:
            for (x, _), classes in each:
                start = perf_counter()
                with counting_from(first, self.path):
                    # A shard after the last image is one slice of none.
                    maps = self.method(self.model, x, classes).float().cpu() if len(x) else x[:, 0]
                self._seconds += perf_counter() - start
                first += len(x)
                yield {"maps": maps, "target": classes}
                bar.update(len(x))

    def cost(self, label: str) -> MetricRecorder:
        """Return the cost of an explanation, after `slices` has come to its end.

        It is given in forward and backward passes, seconds, and megabytes of memory at its peak.
        """
        each = torch.ones(1, dtype=torch.float64) / max(1, len(self.images))
        cost = {
            "Forwards": each * self._counting.forwards,
            "Backwards": each * self._counting.backwards,
            "Seconds": each * self._seconds,
            "PeakMemory": torch.tensor([self._peak.megabytes()]),
        }
        recorder = MetricRecorder()
        recorder.add(cost, method=label)
        return recorder
