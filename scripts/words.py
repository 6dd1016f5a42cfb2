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
    from sparks.data import TextSet
    from sparks_thesis.pipeline.artifacts import build_study, settings_below, write_results
    from sparks_thesis.pipeline.factories import trained
    from sparks_thesis.words.study import WordsStudy

    settings = settings_below(cfg, "words")
    own = {"target": cfg["explain.target"], "seed": cfg["seed"]}
    study = build_study(WordsStudy, settings, **own)
    model: Any = trained(settings["classifier"], inputs["weights"], cfg["device"])
    numbers = study.run(model, TextSet.load(inputs["texts"]))
    names = {"dataset": cfg.wildcards["text"], "model": settings["name"]}
    write_results(cfg, outputs["table"], numbers, **names)


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={"texts": paths.TEXTS, "weights": paths.TEXT_WEIGHTS},
        outputs={"table": paths.WORDS},
        snakemake=globals().get("snakemake"),
    )
