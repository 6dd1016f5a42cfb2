"""Compare the maps of attribution methods with where real people looked, clicked or drew."""

from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ("model.classifier", "studies.people", "explain.target", "seed", "device")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the agreement of every method, of the controls, and of people among themselves.

    Metrics are those of `sparks.alignment.alignment`, of maps as the methods give them, smoothed as
    the human maps are (change "blur", amount in pixels), and of their magnitudes smoothed so.
    """
    import torch
    from scipy.ndimage import gaussian_filter

    from sparks.alignment import alignment
    from sparks.data import (
        ImageSet,
        centre_map,
        human_ceiling,
        human_maps,
        marks_of,
        one_person_ceiling,
    )
    from sparks.errors import SparksError
    from sparks.io import save_table, save_tensors
    from sparks.progress import progress
    from sparks.results import MetricRecorder
    from sparks_thesis.harmonization.people import CENTRE, OTHERS
    from sparks_thesis.pipeline.factories import build_methods, run_names, targets, trained

    settings = cfg["studies.people"]
    images = ImageSet.load(inputs["images"]).subset(slice(settings["images"]))
    marks = marks_of(images)
    if marks is None:
        raise SparksError(
            f"{cfg.wildcards['dataset']} knows no marks of people: experiments.people.datasets "
            "takes data sets of sparks.data.MarkedImages, and chimera"
        )
    model = trained(cfg["model.classifier"], inputs["weights"], cfg["device"])
    target = targets(images, model, cfg["explain.target"], inputs["images"])
    x = images.batch(slice(None))
    sigma = settings["sigma"] * images.side
    human = human_maps(marks, images.side, sigma)
    recorder, few = MetricRecorder(), slice(0, settings["kept"])
    kept = {"images": x[few], "labels": target[few], "human": human[few]}

    def add(label: str, maps: torch.Tensor, smooth: bool) -> None:
        share = settings["share"]
        recorder.add_images(alignment(maps, human, share), method=label)
        for change, changed in {"blur": maps, "blur of magnitude": maps.abs()}.items():
            if smooth:
                blurred = torch.from_numpy(gaussian_filter(changed.numpy(), (0, sigma, sigma)))
                scores = alignment(blurred, human, share)
                recorder.add_images(scores, method=label, change=change, amount=sigma)
        kept[f"map.{label}"] = maps[few]

    methods = build_methods(settings["explainers"])
    for label, method in progress(list(methods.items()), unit="method", description="explain"):
        add(label, method(model, x, target).float().cpu(), smooth=True)
    add(CENTRE, centre_map(images.side).expand_as(human), smooth=False)
    # Sums of the others alone: a difference of sums would lose what is far from all marks.
    others = (1 - torch.eye(len(human))) @ human.flatten(1) / max(1, len(human) - 1)
    add(OTHERS, others.view_as(human), smooth=False)
    halves = human_ceiling(marks, images.side, sigma, settings["splits"], cfg["seed"])
    one = one_person_ceiling(marks, images.side, sigma)
    recorder.add_images({"HumanCeiling": halves, "OnePersonCeiling": one})
    names = run_names(cfg.wildcards)
    save_table(outputs["table"], recorder.table(**names), cfg.provenance())
    shown = {"classes": list(images.classes), "credits": list(images.credits)[few]}
    save_tensors(outputs["maps"], kept, cfg.provenance(**shown))


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={"images": paths.EXPLAINED, "weights": paths.WEIGHTS},
        outputs={"table": paths.PEOPLE, "maps": paths.PEOPLE_MAPS},
        snakemake=globals().get("snakemake"),
    )
