"""Explain some test texts by every method, and score the importance of their words."""

from typing import Any

from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = (
    "words.classifier",
    "words.explainers",
    "words.removal",
    "words.metrics",
    "words.keyword_metrics",
    "words.n",
    "words.name",
    "explain.target",
    "seed",
    "device",
)


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the scores of every method and text, and whether each test text is classified right."""
    from sparks.attribution.words import on_words
    from sparks.data import TextSet
    from sparks.data.splits import stratified_order
    from sparks.engine import Token
    from sparks.io import save_table
    from sparks.metrics.words import score_words
    from sparks.progress import progress
    from sparks.results import MetricRecorder
    from sparks.training import predict
    from sparks_thesis.pipeline.factories import (
        build_as,
        build_methods,
        build_metric,
        run_names,
        trained,
    )

    model: Any = trained(cfg["words.classifier"], inputs["weights"], cfg["device"])
    test = TextSet.load(inputs["texts"])
    predicted = predict(model, test, device=cfg["device"]).argmax(1)
    recorder = MetricRecorder()
    of_test = {"Accuracy": predicted == test.labels, "Wordless": test.wordless}
    recorder.add_images(of_test, split="test")

    chosen = stratified_order(test.labels, cfg["seed"])[: cfg["words.n"]]
    texts = test.subset(chosen)
    target = texts.labels if cfg["explain.target"] == "label" else predicted[chosen]
    settings = dict(cfg["words.metrics"])
    if texts.keywords is not None:
        settings |= cfg["words.keyword_metrics"]
    metrics = [build_metric(metric) for metric in settings.values()]
    methods = build_methods(cfg["words.explainers"])
    removal = build_as(Token, cfg["words.removal"])
    for label, method in progress(list(methods.items()), unit="method", description="explain"):
        values = score_words(model, texts, target, on_words(method, removal), metrics)
        recorder.add_images(values, method=label)
    names = {"dataset": cfg.wildcards["text"], "model": cfg["words.name"]}
    table = recorder.table(**run_names(cfg.wildcards), **names)
    save_table(outputs["table"], table, cfg.provenance())


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={"texts": paths.TEXTS, "weights": paths.TEXT_WEIGHTS},
        outputs={"table": paths.WORDS},
        snakemake=globals().get("snakemake"),
    )
