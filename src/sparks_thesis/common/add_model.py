"""The configuration file of a network that timm or torchvision knows by name.

The network is built with random weights, and its layers are looked at with one image.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparks.errors import SparksError

if TYPE_CHECKING:
    from torch import nn

    from sparks.models.anatomy import Found

FILE = """\
# {library}'s {name}, {origin}; written by scripts/add_model.py.
name: {option}
kind: {kind}  # what methods can explain it: conv | smooth (no ReLU) | dense | transformer
layer: {layer}  # last layer with feature maps, for CAM methods; null: it has none
concept_layer: {concept_layer}  # layer whose concepts are found; {affine}
head: {head}  # affine layer whose outputs are the logits; null where there is none
classifier:  # images in [0, 1] to logits
  _target_: sparks.models.Classifier
  channels: 3
  mean: {mean}  # of each channel, as the weights were trained with
  std: {std}
  layout: {layout}  # of feature maps: NHWC where channels are last
  net:
    _target_: sparks.models.{library}_classifier
    name: {name}
    num_classes: ${{dataset.num_classes}}
    weights: {weights}  # true: published; or a checkpoint with all of their classes; null: random
    weights_dir: null  # folder of the published files; null for PyTorch's own cache
    in_channels: 3
    classes: ${{oc.select:dataset.imagenet_classes,null}}  # rows of the head that the data show
{size}weights: {included}  # `included`: the network comes with its weights; null to train it
"""
SIZE = "    size: ${dataset.size}  # side of the images; published for {own}\n"


def main(description: str, config: Path, arguments: list[str] | None = None) -> None:
    """Write the file of the network that the command line names, and say what to do next.

    Args:
        description: of the program, for its help.
        config: folder of the configuration.
        arguments: of the command line; those of this process if not given.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", help="timm/NAME, with a tag where wanted, or torchvision/NAME")
    parser.add_argument("--option", help="how the option is called; the name, if not given")
    parser.add_argument("--random", action="store_true", help="random weights, to train it")
    chosen = parser.parse_args(arguments)
    try:
        print(add(chosen.name, chosen.option, chosen.random, config))
    except SparksError as error:
        sys.exit(f"error: {error}")


def add(name: str, option: str | None, random: bool, config: Path) -> str:
    """Write the model's configuration file; return a description of the network.

    Args:
        name: timm/NAME or torchvision/NAME.
        option: how the model is called; its name, if None.
        random: whether it is to be trained, from random weights.
        config: folder of the configuration.

    Raises:
        SparksError: when the network is not known, or cannot be explained, or the option exists.
    """
    library, _, known_as = name.partition("/")
    if library not in ("timm", "torchvision") or not known_as:
        raise SparksError(f"{name!r} is neither timm/NAME nor torchvision/NAME")
    option = option or re.sub(r"[^a-z0-9]+", "_", known_as.lower())
    path = config / "model" / f"{option}.yaml"
    if path.exists():
        raise SparksError(f"{path} exists: choose another name by --option")
    published = _timm(known_as) if library == "timm" else _torchvision(known_as)
    if not published["has_weights"] and not random:
        raise SparksError(f"{name} has no published weights with classes: add --random to train it")
    found, affine = _look(known_as, library, published)
    heads = found.head[0] if len(found.head) == 1 else f"[{', '.join(found.head)}]"
    values = {
        "library": library,
        "name": known_as,
        "option": option,
        "origin": "with random weights" if random else "with its published weights",
        "kind": found.kind,
        "layer": found.layer or "null",
        "concept_layer": found.concept_layer or "null",
        "affine": affine,
        "head": heads if found.head else "null",
        "layout": found.layout or "null",
        "weights": "null" if random else "true",
        "included": "null" if random else "included",
        "size": SIZE.replace("{own}", str(published["size"])) if library == "timm" else "",
        **{key: list(published[key]) for key in ("mean", "std")},
    }
    path.write_text(FILE.format(**values), "utf-8")
    own = published["size"]
    return "\n".join(
        [
            f"{path} is written: {found.kind}, layer {values['layer']}, "
            f"concept_layer {values['concept_layer']} ({affine}), head {values['head']}.",
            f"It is for images of {own} x {own} pixels: datasets.NAME.size={own}.",
            f"Name it in an experiment: --config 'overrides=[experiment=[sobol],"
            f"shared.models=[{option}],shared.datasets=[photographs],datasets.photographs.size={own}]'",
        ]
    )


def _look(name: str, library: str, published: Mapping[str, Any]) -> tuple[Found, str]:
    """Look at the layers of a network with random weights."""
    import torch

    from sparks.models import Classifier, seeded, timm_classifier, torchvision_classifier
    from sparks.models.anatomy import describe, is_affine_from

    with seeded(0):
        net: nn.Module
        if library == "timm":
            net = timm_classifier(name.partition(".")[0], 1000, size=published["size"])
        else:
            net = torchvision_classifier(name, 1000)
        side = published["size"]
        x = torch.rand(1, 3, side, side)
    model = Classifier(net, 3).eval()
    found = describe(model, x, published["heads"])
    if found.concept_layer is None:
        return found, "null: none"
    if found.layout:
        model.layout = found.layout
    exact = is_affine_from(model, found.concept_layer)
    return found, f"the logits are {'' if exact else 'not '}affine in it"


def _timm(name: str) -> dict[str, Any]:
    from sparks.models.timm_nets import published_as

    known = published_as(name)
    heads = [known.classifier] if isinstance(known.classifier, str) else known.classifier
    return {
        "mean": known.mean,
        "std": known.std,
        "size": known.input_size[-1],
        "heads": list(heads or ()),
        "has_weights": bool(known.hf_hub_id) and bool(known.num_classes),
    }


def _torchvision(name: str) -> dict[str, Any]:
    from sparks.models.pretrained import PUBLISHED, torchvision_classifier, torchvision_weights

    torchvision_classifier(name, PUBLISHED)  # says if there is none
    torchvision_weights(name, True)
    import torchvision

    transforms = torchvision.models.get_model_weights(name).DEFAULT.transforms()
    return {
        "mean": transforms.mean,
        "std": transforms.std,
        "size": transforms.crop_size[0],
        "heads": [],
        "has_weights": True,
    }
