"""The site of all classes by one dictionary: pages of atoms and of classes, offline.

    index.html             search, a map of the atoms, every class
    atom-0001.html         an atom: its picture, crops, and the classes that it counts for
    class-00000.html       a class: its atoms, by their weights and in its images
    assets/                style, script, what the search finds
    atom-0001/, classes/   images

A version that may be published shows photographs with a photographer and a licence alone.
"""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sparks.io import atomic, atomic_folder, load_tensors, tensor_provenance
from sparks.progress import progress
from sparks.results import load_results
from sparks_thesis.common.images import lit, save_webp, sheet
from sparks_thesis.common.pages import STYLE
from sparks_thesis.lens.site import HERE, write_page

ATOMS, AGAINST, ALIKE, TERMS = 8, 4, 10, 5  # listed on a page
COLUMNS = 4  # crops beside each other
WHEN = (1980, 1, 1, 0, 0, 0)  # of files in an archive: the same site gives the same bytes


@dataclass(frozen=True, eq=False)
class AtomAtlas:
    """Atoms of one dictionary and their part in every class, with names and credits.

    Attributes:
        tensors: of the survey.
        classes: names of the network's classes.
        credits: number of an image → its photographer, licence and address; "" for none.
        title: of the network.
        sources: names of data sets, and how many images of each.
        numbers: metric → condition → value, of the survey's table.
    """

    tensors: Mapping[str, Tensor]
    classes: Sequence[str]
    credits: Mapping[int, str]
    title: str
    sources: Sequence[tuple[str, int]]
    numbers: Mapping[str, Mapping[str, float]]

    @classmethod
    def load(
        cls, path: str | Path, table: str | Path, titles: Mapping[str, str] | None = None
    ) -> AtomAtlas:
        """Read what the rule `atoms` made.

        Args:
            path: of its tensors.
            table: path of its table of results.
            titles: name of a model → how it is shown.
        """
        made, numbers = tensor_provenance(path), load_results(table)
        model = made["job"]["model"]
        title = (titles or {}).get(model, model)
        credits = {int(image): text for image, text in made["credits"].items()}
        found: dict[str, dict[str, float]] = {}
        for metric, method, value in zip(
            numbers["metric"], numbers["method"], numbers["value"], strict=True
        ):
            found.setdefault(metric, {})[method] = value
        return cls(load_tensors(path), made["classes"], credits, title, made["sources"], found)

    @property
    def k(self) -> int:
        """Number of atoms."""
        return len(self.tensors["used"])

    @cached_property
    def importance(self) -> Tensor:
        """Mean part of each atom in each class's logit where it is seen, (classes, k)."""
        return self.tensors["weights"] * self.tensors["typical"]

    @cached_property
    def alike(self) -> Tensor:
        """Cosines of the classes' importances, (classes, classes)."""
        unit = torch.nn.functional.normalize(self.importance, dim=1)
        return (unit @ unit.T).fill_diagonal_(-2)

    def terms(self, place: int) -> Tensor:
        """Return what each atom adds to the logit of a kept image's class, (k,)."""
        return self.tensors["codes"][place] * self.tensors["weights"][self.tensors["label"][place]]


def build_atom_site(path: str | Path, atlas: AtomAtlas, published: bool = False) -> None:
    """Build the site into a folder, which takes the place of an older one when all is done.

    Args:
        path: the folder.
        atlas: what is shown.
        published: show photographs with a credit alone.
    """
    with atomic_folder(path) as folder:
        _assets(folder, atlas)
        names = [_named(atlas, atom) for atom in range(atlas.k)]
        for atom in progress(range(atlas.k), unit="page", description="atoms"):
            _atom(folder, atlas, atom, names, published)
        (folder / "classes").mkdir()
        for target in progress(range(len(atlas.classes)), unit="page", description="classes"):
            _class(folder, atlas, target, names, published)
        _home(folder, atlas, names, published)


def pack(site: str | Path, path: str | Path) -> None:
    """Pack a folder into a zip archive, the same bytes for the same files."""
    root = Path(site)
    with atomic(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for file in sorted(root.rglob("*")):
            if file.is_file():
                entry = zipfile.ZipInfo(f"lens-atoms/{file.relative_to(root).as_posix()}", WHEN)
                kept = file.suffix in (".webp",)  # compressed already
                entry.compress_type = zipfile.ZIP_STORED if kept else zipfile.ZIP_DEFLATED
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, file.read_bytes())


def _assets(folder: Path, atlas: AtomAtlas) -> None:
    assets = folder / "assets"
    assets.mkdir()
    shutil.copy(STYLE, assets)
    shutil.copy(HERE / "static" / "site.js", assets)
    seen = atlas.tensors["seen"].tolist()
    found = [
        [name, f"class-{target:05d}.html", f"{seen[target] or 'no'} photographs"]
        for target, name in enumerate(atlas.classes)
    ]
    found += [
        [f"atom {atom + 1}", f"atom-{atom + 1:04d}.html", _named(atlas, atom)]
        for atom in range(atlas.k)
    ]
    text = json.dumps(found, ensure_ascii=True, separators=(",", ":"))
    (assets / "classes.js").write_text(f"window.lensClasses = {text};\n", encoding="utf-8")


def _named(atlas: AtomAtlas, atom: int) -> str:
    """Name the two classes that an atom counts for most."""
    if not atlas.tensors["used"][atom]:
        return "unused"
    top = atlas.importance[:, atom].topk(min(2, len(atlas.classes))).indices.tolist()
    return ", ".join(atlas.classes[target] for target in top)


def _kind(published: bool) -> str:
    """Name the crops that are shown."""
    return "credited" if published else "all"


def _listed(values: Tensor, names: Sequence[str], count: int) -> list[dict[str, Any]]:
    """List the largest values above 0, with their place and name."""
    top, places = values.topk(min(count, len(values)))
    return [
        {"place": place, "name": names[place], "value": value}
        for place, value in zip(places.tolist(), top.tolist(), strict=True)
        if value > 0
    ]


def _atom(folder: Path, atlas: AtomAtlas, atom: int, names: Sequence[str], published: bool) -> None:
    tensors, kind = atlas.tensors, _kind(published)
    images = folder / f"atom-{atom + 1:04d}"
    images.mkdir()
    shown = (tensors[f"images.{kind}"][atom] >= 0).nonzero().flatten()
    crops = tensors[f"crops.{kind}"][atom][shown]
    if len(crops):
        save_webp(images / "crops.webp", sheet(crops, COLUMNS))
    save_webp(images / "picture.webp", sheet(tensors["pictures"][atom : atom + 1], 1))
    column = atlas.importance[:, atom]
    near = zip(tensors["near"][atom].tolist(), tensors["cosine"][atom].tolist(), strict=True)
    write_page(
        folder,
        f"atom-{atom + 1:04d}.html",
        "atom.html",
        atom=atom + 1,
        atlas=atlas,
        used=float(tensors["used"][atom]),
        crops=len(crops),
        columns=COLUMNS,
        rows=-(-len(crops) // COLUMNS),
        side=crops.shape[-1],
        picture=tensors["pictures"].shape[-1],
        credits=[atlas.credits[int(i)] for i in tensors[f"images.{kind}"][atom][shown]],
        counts_for=_listed(column, atlas.classes, ALIKE),
        against=_listed(-column, atlas.classes, AGAINST),
        near=[(other + 1, names[other], cosine) for other, cosine in near],
        published=published,
    )


def _class(
    folder: Path, atlas: AtomAtlas, target: int, names: Sequence[str], published: bool
) -> None:
    tensors, row = atlas.tensors, atlas.importance[target]
    positive = row.clamp(min=0).sum().clamp(min=1e-12)
    places = (tensors["label"] == target).nonzero().flatten().tolist()
    if published:
        places = [p for p in places if atlas.credits[int(tensors["image"][p])]]
    for number, place in enumerate(places, 1):
        image = tensors["thumbnails"][place]
        maps = tensors["maps"][place]
        seen = lit(image.expand(len(maps), -1, -1, -1).numpy(), maps.numpy())
        strip = sheet([image.numpy(), *seen], 1 + len(maps))
        save_webp(folder / f"classes/class-{target:05d}-{number}.webp", strip)
    images = []
    for place in places:
        terms = atlas.terms(place)
        listed = _listed(terms, names, TERMS)
        constant, left = float(tensors["constant"][target]), float(tensors["left"][place])
        shown = sum(one["value"] for one in listed)
        images.append(
            {
                "terms": listed,
                "rest": float(terms.sum()) - shown,
                "constant": constant,
                "left": left,
                "logit": constant + float(terms.sum()) + left,
                "predicted": int(tensors["predicted"][place]),
                "leading": [
                    (atom + 1, names[atom], float(terms[atom]))
                    for atom in tensors["leading"][place].tolist()
                ],
                "credit": atlas.credits[int(tensors["image"][place])],
            }
        )
    atoms = _listed(row, names, ATOMS)
    for one in atoms:
        one["share"] = one["value"] / float(positive)
        one["crops"] = bool((tensors[f"images.{_kind(published)}"][one["place"]] >= 0).any())
    write_page(
        folder,
        f"class-{target:05d}.html",
        "atom_class.html",
        atlas=atlas,
        target=target,
        name=atlas.classes[target],
        seen=int(tensors["seen"][target]),
        atoms=atoms,
        against=_listed(-row, names, AGAINST),
        alike=_listed(atlas.alike[target], atlas.classes, ALIKE),
        images=images,
        thumbnail=tensors["thumbnails"].shape[-1],
        published=published,
    )


def _home(folder: Path, atlas: AtomAtlas, names: Sequence[str], published: bool) -> None:
    used = atlas.tensors["used"]
    points = [
        {
            "atom": atom + 1,
            "x": round(10 + 980 * x, 1),
            "y": round(10 + 620 * y, 1),
            "r": round(3 + 9 * float(used[atom]) ** 0.5, 1),
            "name": names[atom],
        }
        for atom, (x, y) in enumerate(atlas.tensors["plane"].tolist())
        if used[atom] > 0
    ]
    most = used.topk(min(10, atlas.k)).indices.tolist()
    write_page(
        folder,
        "index.html",
        "atoms.html",
        atlas=atlas,
        points=points,
        samples=[(atom + 1, names[atom]) for atom in most],
        seen=atlas.tensors["seen"].tolist(),
        published=published,
    )
