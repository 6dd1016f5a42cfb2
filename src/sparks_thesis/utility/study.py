"""The images of a Utility study, their maps by every method, and what needs no people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sparks.attribution import Random
from sparks.checks import whole
from sparks.data.imageset import ImageSet
from sparks.metrics import Complexity, Deletion
from sparks.models.classifier import Classifier
from sparks.progress import progress
from sparks.protocols import AttributionMethod
from sparks.results import MetricRecorder
from sparks.training.predict import predict
from sparks_thesis.utility.controls import decisive
from sparks_thesis.utility.perceptual import PerceptualSimilarity
from sparks_thesis.utility.proxies import SIMILARITY, of_maps
from sparks_thesis.utility.scored import ELSEWHERE, NOISE, ORACLE
from sparks_thesis.utility.stimulus_selection import Stimuli, select_stimuli


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Test images of a scenario.

    Attributes:
        explained: from which examples are drawn, at most.
        asked: from which questions are drawn, at most.
        natural: data sets whose images come as they are; of the others half are wrong.
    """

    explained: int
    asked: int
    natural: Sequence[str]

    def __post_init__(self) -> None:
        whole(self, 1, "explained", "asked")


@dataclass(frozen=True, kw_only=True)
class UtilityStudy:
    """Settings of the study.

    Attributes:
        methods: label → attribution method.
        control: the method that ignores the model.
        pool: how many images.
        classes: data set → the two classes between which the model decides; 0 and 1 if not named.
        oracles: data set → what decides there, see `decisive`; parts if not named.
        deletion: Faithfulness is one minus its area.
        complexity: JPEG size of a map.
        similarity: of the regions that a map marks under either output.
        seed: of the choice of images, and of the random maps.
    """

    methods: Mapping[str, AttributionMethod]
    control: AttributionMethod
    pool: Pool
    classes: Mapping[str, Sequence[int]]
    oracles: Mapping[str, str]
    deletion: Deletion
    complexity: Complexity
    similarity: PerceptualSimilarity
    seed: int

    def __post_init__(self) -> None:
        whole(self, 0, "seed")

    def run(
        self, dataset: str, model: Classifier, test: ImageSet
    ) -> tuple[MetricRecorder, dict[str, Tensor]]:
        """Choose images, explain them by every method, and measure proxies of Utility.

        Args:
            dataset: name of the scenario.
            model: in evaluation mode.
            test: images to choose from.

        Returns:
            The numbers; and "explained" and "asked" (n, C, H, W), the model's decisions on these,
            "outputs" and "truth" (n,), and "maps/LABEL" (n, H, W) of every method and control.
        """
        classes = self.classes.get(dataset, [0, 1])
        recorder = MetricRecorder()
        chosen = self._chosen(dataset, classes, model, test, recorder)
        x, outputs = test.batch(chosen.explained), chosen.outputs[chosen.explained]
        target = torch.tensor(classes)[outputs]
        maps = {"Control": self.control(model, x, target)}
        methods = list(self.methods.items())
        for label, method in progress(methods, unit="method", description="explain"):
            maps[label] = method(model, x, target).float().cpu()
            values = of_maps(self.deletion, self.complexity, model, x, target, maps[label])
            recorder.add_images(values, method=label)
            alike = self.similarity(x, maps[label], outputs)
            recorder.add({SIMILARITY: alike}, method=label)
        maps[NOISE] = Random(self.seed)(model, x, target).float().cpu()
        oracle = decisive(test.subset(chosen.explained), self.oracles.get(dataset, "parts"))
        if oracle is not None:
            maps |= {ORACLE: oracle, ELSEWHERE: 1 - oracle}
        kept = {
            "explained": x,
            "asked": test.batch(chosen.asked),
            "outputs": outputs,
            "truth": chosen.outputs[chosen.asked],
        }
        return recorder, kept | {f"maps/{label}": values for label, values in maps.items()}

    def _chosen(
        self, dataset: str, classes: Sequence[int], model: Classifier, test: ImageSet,
        recorder: MetricRecorder,
    ) -> Stimuli:  # fmt: skip
        """Choose the images, and record how often the model is right."""
        logits = predict(model, test, device=next(model.parameters()).device)
        chosen = select_stimuli(
            logits,
            test.labels,
            classes,
            self.pool.explained,
            self.pool.asked,
            balanced=dataset not in self.pool.natural,
            seed=self.seed,
        )
        right = (chosen.outputs == (test.labels == classes[1]).long()).double()
        of_classes = torch.isin(test.labels, torch.tensor(classes))
        recorder.add_images({"ModelAccuracy": right[of_classes]})
        recorder.add({"ShownWrong": [chosen.wrong]})
        return chosen
