"""Contents of a class's pages: numbers and charts for the template, images as files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparks_thesis.common.images import COLUMNS, lit, save_webp, sheet
from sparks_thesis.lens import charts

if TYPE_CHECKING:
    from sparks_thesis.lens.atlas import ClassAtlas
    from sparks_thesis.lens.folder import Atlas

# Similar concepts listed of each concept, and concepts of each model in a comparison.
LISTED, COMPARED = 5, 4


def class_page(folder: Path, place: str, atlas: Atlas, target: int) -> dict[str, Any]:
    """Write the images of a class's page, and return what its template shows.

    Args:
        folder: of the site.
        place: of the model's pages below it.
        atlas: where the class is.
        target: the class.
    """
    one = atlas.load(target)
    images = f"class-{target:05d}"
    sprite = _images(folder / place / images, one)
    tensors = {name: tensor.numpy() for name, tensor in one.tensors.items()}
    important = one.important.numpy()
    found = {
        "clusters": charts.clusters(
            tensors["plane"], tensors["dominant"], important, f"{images}/thumbnails.webp", sprite
        ),
        "importance": charts.bars(
            tensors["importance"], tensors["low"], tensors["high"], important
        ),
        "similarity": charts.similarity(tensors["place"], tensors["importance"], important),
    }
    return {
        "one": one,
        "images": images,
        "concepts": concepts(one, atlas),
        "count": len(tensors["dominant"]),
        "strategies": int(tensors["strategies"]),
        "cosine": tensors["cosine"],
        "charts": found,
        "size": sizes(one),
    }


def compare_page(seen: Mapping[str, Atlas], target: int) -> dict[str, Any]:
    """Return what the page of one class under several models shows.

    Args:
        seen: place of a model's pages → its atlas.
        target: the class.
    """
    name = ""
    models: list[dict[str, Any]] = []
    importance: dict[str, Any] = {}
    for place, atlas in seen.items():
        one = atlas.load(target)
        name = one.name
        importance[atlas.title] = one.tensors["importance"].numpy()
        models.append(
            {
                "title": atlas.title,
                "page": f"{place}/class-{target:05d}",
                "strategies": int(one.tensors["strategies"]),
                "count": len(one.tensors["dominant"]),
                "correct": float(one.tensors["correct"].float().mean()),
                "three": float(one.tensors["importance"][:3].sum()),
                "concepts": concepts(one, atlas)[:COMPARED],
                "size": sizes(one),
            }
        )
    chart = charts.by_rank(importance)
    dataset = next(iter(seen.values())).on
    return {"name": name, "dataset": dataset, "models": models, "charts": {"ranks": chart}}


def concepts(one: ClassAtlas, atlas: Atlas) -> list[dict[str, Any]]:
    """List what is said of each concept of a class, the most important first."""
    similar = atlas.alike[atlas.alike["target"] == one.target]
    columns = ("importance", "low", "high", "prevalence", "reliability", "counts", "own_cosine")
    numbers = {name: one.tensors[name].tolist() for name in columns}
    near = zip(one.tensors["aligned"].tolist(), one.tensors["aligned_cosine"].tolist(), strict=True)
    names, important = atlas.names, one.important.tolist()
    colours = charts.colours(one.important.numpy())
    listed = []
    for number, (classes, values) in enumerate(near):
        rows = similar[similar["concept"] == number].head(LISTED)
        others = zip(rows["other"], rows["other_concept"], rows["cosine"], strict=True)
        listed.append(
            {name: column[number] for name, column in numbers.items()}
            | {
                "number": number + 1,
                "important": important[number],
                "colour": colours[number],
                "reliable": not math.isnan(numbers["reliability"][number]),
                "certain": not math.isnan(numbers["low"][number]),
                "drawn": "pictures" in one.tensors,
                "found": int(one.tensors["crops_found"][number]),
                "ring": ring(int(one.tensors["crops_found"][number])),
                "aligned": [
                    (c, names.get(c, f"class {c}"), c in names, v)
                    for c, v in zip(classes, values, strict=True)
                ],
                "alike": [(c, names[c], int(i) + 1, float(v)) for c, i, v in others],
            }
        )
    return listed


def ring(crops: int) -> list[dict[str, float]]:
    """Place the crops of a sheet on a ring, the first one on top, clockwise.

    Returns:
        Of each crop, in percent: "left" and "top" of its centre in the picture; "x" and "y" of the
        sheet as a background, which is "wide" and "high" in sides of the crop.
    """
    columns, rows = min(crops, COLUMNS), math.ceil(crops / COLUMNS)
    placed = []
    for i in range(crops):
        angle = 2 * math.pi * i / crops
        row, column = divmod(i, COLUMNS)
        placed.append(
            {
                "left": round(50 + 38 * math.sin(angle), 1),
                "top": round(50 - 38 * math.cos(angle), 1),
                "x": round(100 * column / max(1, columns - 1), 2),
                "y": round(100 * row / max(1, rows - 1), 2),
                "wide": 100 * columns,
                "high": 100 * rows,
            }
        )
    return placed


def sizes(one: ClassAtlas) -> dict[str, tuple[int, int]]:
    """Return the sizes of a page's images, so that its layout is stable while they load."""
    h, w = one.tensors["crops"].shape[3:]
    # As many of each concept: one of each image, up to a number.
    m, n = max(1, int(one.tensors["crops_found"].max())), one.tensors["mapped"].shape[1]
    found: dict[str, tuple[int, int]] = {
        "crops": (w * min(m, COLUMNS), h * math.ceil(m / COLUMNS)),
    }
    if n:
        high, wide = one.tensors["mapped"].shape[3:]
        found["maps"] = (wide * min(n, COLUMNS), high * math.ceil(n / COLUMNS))
    if "pictures" in one.tensors:
        found["picture"] = (one.tensors["pictures"].shape[3], one.tensors["pictures"].shape[2])
    return found


def _images(folder: Path, one: ClassAtlas) -> tuple[int, int]:
    """Write the images of a class; return columns and side of the sheet of thumbnails."""
    folder.mkdir(parents=True)
    tensors = one.tensors
    thumbnails = tensors["thumbnails"]
    columns = max(1, math.ceil(math.sqrt(len(thumbnails))))
    save_webp(folder / "thumbnails.webp", sheet(thumbnails, columns), quality=60)
    colours = charts.colours(one.important.numpy())
    for concept in range(one.k):
        number = concept + 1
        crops = tensors["crops"][concept]
        crops = crops[: max(1, int(tensors["crops_found"][concept]))]
        save_webp(folder / f"crops-{number}.webp", sheet(crops, min(len(crops), COLUMNS)))
        shown = lit(tensors["mapped"][concept], tensors["maps"][concept], colours[concept])
        if len(shown):
            save_webp(folder / f"maps-{number}.webp", sheet(shown, min(len(shown), COLUMNS)))
        if "pictures" in tensors:
            picture = tensors["pictures"][concept].permute(1, 2, 0).numpy()
            save_webp(folder / f"picture-{number}.webp", picture, quality=70)
    return columns, thumbnails.shape[3]
