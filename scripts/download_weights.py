"""Fetch the published weights of a model; runs where there is a network, on the head node."""

from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = (
    "model.classifier.net._target_",
    "model.classifier.net.name",
    "model.classifier.net.weights",
    "model.classifier.net.weights_dir",
)


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Download, or check what is there, and leave a note that it was done."""
    import json

    from sparks.io import write_text
    from sparks.models.published import published_weights
    from sparks_thesis.pipeline.downloads import publisher

    target, name, weights, folder = (cfg[part] for part in CONFIG_KEYS)
    library = str(publisher({"_target_": target, "weights": weights}))
    path = published_weights(library, name, weights, folder).fetch()
    write_text(outputs["note"], json.dumps(cfg.provenance(file=str(path)), indent=2))


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={},
        outputs={"note": paths.DOWNLOADED_WEIGHTS},
        snakemake=globals().get("snakemake"),
    )
