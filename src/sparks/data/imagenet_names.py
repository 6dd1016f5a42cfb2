"""Names of ImageNet's 1,000 classes, with their synonyms (WordNet's, as timm lists them)."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from sparks.data.imageset import ImageSet


@cache
def imagenet_names() -> tuple[str, ...]:
    """Return the name of each class, then its synonyms: "chain saw, chainsaw".

    Without timm they are torchvision's, which have no synonyms.
    """
    try:
        known = import_module("timm.data").ImageNetInfo()
    except ImportError:
        from torchvision.models import ResNet18_Weights

        return tuple(ResNet18_Weights.DEFAULT.meta["categories"])
    return tuple(known.index_to_description(number) for number in range(1000))


def distinct_names() -> tuple[str, ...]:
    """Return the first name of each class; with its synonyms or its number where that is not one.

    Two classes are called "crane", and two "maillot".
    """
    first = [name.partition(",")[0] for name in imagenet_names()]
    shown = []
    for number, (short, whole) in enumerate(zip(first, imagenet_names(), strict=True)):
        if first.count(short) == 1:
            shown.append(short)
        else:
            shown.append(whole if whole != short else f"{short} (class {number})")
    return tuple(shown)


def about_class(images: ImageSet, target: int) -> str:
    """Return the synonyms and the number of a class of ImageNet; empty for other data.

    Args:
        images: whose tables say which classes of ImageNet theirs are.
        target: number of the class among theirs.
    """
    numbers = images.tables.get("imagenet_labels")
    if numbers is None:
        return ""
    number = int(numbers[target])
    synonyms = imagenet_names()[number].partition(", ")[2]
    return f"{synonyms + '; ' if synonyms else ''}ImageNet class {number}"
