"""Lens: what a model sees of every class, as a static site and for an image of one's own.

    atlas     what is known of a class: concepts, their importance, crops, maps, strategies
    links     what classes have in common: aligned classes, similar concepts
    folder    atlases on disk, one file a class
    site      pages made from atlases, class after class
    charts    the charts of a page
    explain   one image by the concepts of the class it is given

>>> from sparks.concepts.classes import Classified
>>> from sparks_thesis.lens import Surveyor
>>> for one in Surveyor().survey(model, "stages.1", Classified.by(model, train)):  # doctest: +SKIP
...     one.save(f"{one.target:05d}.safetensors")
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparks.lazy import on_first_use

if TYPE_CHECKING:
    from sparks_thesis.lens.atlas import ClassAtlas, Surveyor
    from sparks_thesis.lens.explain import Explainer
    from sparks_thesis.lens.folder import Atlas, write_atlas
    from sparks_thesis.lens.site import build_site

_MODULES = {
    "Atlas": "folder",
    "ClassAtlas": "atlas",
    "Explainer": "explain",
    "Surveyor": "atlas",
    "build_site": "site",
    "write_atlas": "folder",
}

__all__ = ["Atlas", "ClassAtlas", "Explainer", "Surveyor", "build_site", "write_atlas"]

__getattr__ = on_first_use(__name__, _MODULES)
