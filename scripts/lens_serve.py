"""Serve a local page that explains an image of one's own: `make lens-serve`."""

from harness import places
from harness.job import Config, Paths, main

PARTS = (
    "model.classifier",
    "model.layer",
    "model.name",
    "dataset.name",
    "dataset.size",
    "dataset.channels",
    "studies.lens.serve",
    "seed",
    "device",
)


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Serve until interrupted."""
    import contextlib
    from pathlib import Path

    import torch

    from harness.loading import build, concept_layers, trained
    from sparks.concepts.layer import Layer
    from sparks.data import ImageSet
    from sparks.lens import Atlas, Explainer
    from sparks.lens.serve import create_app
    from sparks.lens.server import make_server, names_of

    settings = cfg["studies.lens.serve"]
    dataset, name = cfg["dataset.name"], cfg["model.name"]
    size, channels = cfg["dataset.size"], cfg["dataset.channels"]
    model = trained(cfg["model.classifier"], inputs["weights"], cfg["device"])
    (where,) = concept_layers({}, name, cfg["model.layer"])
    layer = Layer(model, where, torch.zeros(1, channels, size, size))
    atlas = Atlas(Path(inputs["atlas"]).with_suffix(""), dataset, name)
    test = ImageSet.load(inputs["test"])
    explain = Explainer(model, layer, atlas, test.classes)
    explain(torch.full((1, channels, size, size), 0.5))  # the first one is slow
    host, port = settings["host"], settings["port"]
    names, addresses = names_of(host)
    app = create_app(
        explain, size, channels, f"{name} on {dataset}", build(settings["limits"]), names,
        addresses, test.white,
    )  # fmt: skip
    server = make_server(host, port, app)
    shown = names[-1] if addresses else f"[{host}]" if ":" in host else host
    print(f"Lens explains your images at http://{shown}:{server.port}/ (Ctrl-C ends)", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()


if __name__ == "__main__":
    main(
        run,
        PARTS,
        inputs={"test": places.TEST, "weights": places.WEIGHTS, "atlas": places.LENS},
        outputs={},
        snakemake=globals().get("snakemake"),
    )
