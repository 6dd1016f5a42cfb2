"""The papers' claims about 1-Lipschitz networks, measured on any network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from sklearn.svm import SVC
from torch import Tensor

from sparks.checks import whole
from sparks.data.imageset import ImageSet
from sparks.models.classifier import Classifier
from sparks.protocols import AttributionMethod, Explanation, Metric
from sparks.results import MetricRecorder
from sparks_thesis.lipschitz.measure import followed, geometry, map_distances, null_shares

# Training images, at most, that the independent classifier learns from.
LEARNT = 5000
# Method of control rows: the map is compared with that of the next image.
NEXT = "Saliency, next image"


@dataclass(frozen=True, kw_only=True)
class LipschitzStudy:
    """Settings of the study.

    Attributes:
        methods: label → attribution method, "Saliency" and "SmoothGrad" among them.
        metrics: name → "metric", and its "condition", as tables call the value of removed pixels.
        attack: arguments of `geometry` for the search of the smallest perturbation.
        rounds: of the search for the largest gradient.
        tops: percent of the pixels that may lie in the null block.
        steps: lengths t of the counterfactuals.
        kept: images that figures may show.
        seed: of both searches and of the independent classifier.
    """

    methods: Mapping[str, AttributionMethod]
    metrics: Mapping[str, Mapping[str, Any]]
    attack: Mapping[str, Any]
    rounds: int
    tops: Sequence[float]
    steps: Sequence[float]
    kept: int
    seed: int

    def __post_init__(self) -> None:
        whole(self, 1, "rounds")
        whole(self, 0, "kept", "seed")

    def run(
        self, model: Classifier, x: Tensor, target: Tensor, images: ImageSet, train: ImageSet
    ) -> tuple[MetricRecorder, dict[str, Tensor]]:
        """Measure a network.

        Args:
            model: in evaluation mode.
            x: images (N, C, H, W) that are explained.
            target: the model's own class of each, int64 (N,).
            images: the set whose first images these are, for their labels and null blocks.
            train: images that the independent classifier learns from.

        Returns:
            The numbers; and of the first images "images" (n, C, H, W), "target" and "labels" (n,),
            "maps.LABEL" (n, H, W), the counterfactuals "walked" (T, n, C, H, W) and what the model
            says of these, "logits" (T, n, classes).
        """
        recorder = MetricRecorder()
        maps = {}
        for label, method in self.methods.items():
            maps[label] = method(model, x, target).float().cpu()
            self._score(label, Explanation(model, x, target, maps[label], method=method), recorder)
            if "null" in images.truth:
                null = images.truth["null"][: len(x)]
                for top, share in null_shares(maps[label], null, self.tops).items():
                    recorder.add_images({"NullBlockRate": share}, top=top, method=label)
        for kind, distance in map_distances(maps["Saliency"], maps["SmoothGrad"]).items():
            values = {"SaliencySmoothGradDistance": distance}
            recorder.add_images(values, distance=kind, method="Saliency")
        self._others(maps, recorder)
        device = next(model.parameters()).device
        on = (x.to(device), target.to(device))
        found = geometry(model, *on, rounds=self.rounds, seed=self.seed, **self.attack)
        recorder.add_images(found)
        changes, walked = followed(model, self._classifier(train), *on, self.steps, self.seed)
        for t, values in changes.items():
            recorder.add_images(values, t=t)
        few = slice(0, self.kept)
        kept = {"images": x[few], "target": target[few], "labels": images.labels[: len(x)][few]}
        kept |= {f"maps.{label}": made[few] for label, made in maps.items()}
        kept["walked"] = walked[:, few]
        with torch.no_grad():
            logits = model(walked[:, few].flatten(0, 1).to(device))
        kept["logits"] = logits.unflatten(0, walked[:, few].shape[:2])
        return recorder, kept

    @staticmethod
    def _others(maps: Mapping[str, Tensor], recorder: MetricRecorder) -> None:
        """Record controls: how far the maps of an image and of the next one are apart."""
        own = maps["Saliency"]
        if len(own) < 2:
            return
        rank = map_distances(own, own.roll(1, 0))["1 - Spearman"]
        recorder.add_images({"AverageStabilityRank": rank}, method=NEXT)
        for kind, distance in map_distances(own, maps["SmoothGrad"].roll(1, 0)).items():
            values = {"SaliencySmoothGradDistance": distance}
            recorder.add_images(values, distance=kind, method=NEXT)

    def _score(self, label: str, explanation: Explanation, recorder: MetricRecorder) -> None:
        for asked in self.metrics.values():
            metric: Metric = asked["metric"]
            recorder.add_images(metric(explanation), baseline=asked["condition"], method=label)

    def _classifier(self, train: ImageSet) -> SVC:
        """Return a classifier that knows nothing of the model, fitted on pixels."""
        pixels = train.batch(range(min(len(train), LEARNT))).flatten(1).numpy()
        return SVC(random_state=self.seed).fit(pixels, train.labels[: len(pixels)].numpy())
