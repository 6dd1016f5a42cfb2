"""Texts explained by every method, and the importance of their words scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sparks.attribution.words import on_words
from sparks.checks import one_of, whole
from sparks.data.splits import stratified_order
from sparks.data.texts import TextSet
from sparks.engine.perturbations import Token
from sparks.metrics.words import score_words
from sparks.models.text import TextClassifier
from sparks.progress import progress
from sparks.protocols import AttributionMethod, Metric
from sparks.results import MetricRecorder
from sparks.training.predict import predict


@dataclass(frozen=True, kw_only=True)
class WordsStudy:
    """Settings of the study.

    Attributes:
        methods: label → attribution method for images.
        removal: what removing a word means.
        metrics: name → score of its maps.
        keyword_metrics: the same, where the words that decide are known.
        n: test texts explained, the same number of each class.
        target: class explained, "predicted" (the model's own) or "label" (the true one).
        seed: of the choice of texts.
    """

    methods: Mapping[str, AttributionMethod]
    removal: Token
    metrics: Mapping[str, Metric]
    keyword_metrics: Mapping[str, Metric]
    n: int
    target: str
    seed: int

    def __post_init__(self) -> None:
        whole(self, 1, "n")
        whole(self, 0, "seed")
        one_of(self, ("predicted", "label"), "target")

    def run(self, model: TextClassifier, test: TextSet) -> MetricRecorder:
        """Score every method, and record whether each test text is classified rightly.

        Args:
            model: in evaluation mode.
            test: texts to choose from.
        """
        predicted = predict(model, test, device=next(model.parameters()).device).argmax(1)
        recorder = MetricRecorder()
        of_test = {"Accuracy": predicted == test.labels, "Wordless": test.wordless}
        recorder.add_images(of_test, split="test")
        chosen = stratified_order(test.labels, self.seed)[: self.n]
        texts = test.subset(chosen)
        target = texts.labels if self.target == "label" else predicted[chosen]
        metrics = dict(self.metrics)
        if texts.keywords is not None:
            metrics |= self.keyword_metrics
        scores = list(metrics.values())
        methods = list(self.methods.items())
        for label, method in progress(methods, unit="method", description="explain"):
            values = score_words(model, texts, target, on_words(method, self.removal), scores)
            recorder.add_images(values, method=label)
        return recorder
