"""Serve a local page that explains an image of one's own: `make lens-serve`.

It offers every model that was surveyed for Lens, and opens with the one that the command line names
(`dataset=chimera model=convnet`), else with a network of ImageNet's classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.selection import part
from sparks_thesis.pipeline.shell import serve

if TYPE_CHECKING:
    from omegaconf import DictConfig

PLACES = {
    "table": paths.LENS,
    "atlas": paths.LENS_ATLAS,
    "concepts": paths.CONCEPTS,
    "weights": paths.WEIGHTS,
    "test": paths.TEST,
}


def run(config: DictConfig, named: Mapping[str, str]) -> None:
    """Serve until interrupted."""
    from sparks_thesis.lens.networks import KEYS, Workflow, choose, examples
    from sparks_thesis.lens.serve import serve_page
    from sparks_thesis.lens.upload import Limits
    from sparks_thesis.pipeline.classes import banks_beside
    from sparks_thesis.pipeline.factories import build_as, classifier, trained

    own = part(config, ["studies.lens.serve", "studies.lens.titles"])
    settings, titles = own.values()
    workflow = Workflow(
        PLACES,
        config.datasets,
        config.models,
        lambda names: part(config, KEYS, **names),
        build=classifier,
        trained=trained,
        banks=banks_beside,
    )
    models = [workflow.offer(one, titles) for one in choose(workflow.networks(), named)]
    limits = build_as(Limits, settings["limits"])
    serve_page(models, settings["host"], settings["port"], limits, examples())


if __name__ == "__main__":
    serve(run)
