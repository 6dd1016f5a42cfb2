"""Studies of an experiment: their files, their settings, and what they do to a model.

A study measures what only some figures and claims need (`studies` of an experiment). It is listed
here once: which files experiments and items read of it, and which of its settings can be tried
before any job starts.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from sparks_thesis.pipeline import paths


class Study(NamedTuple):
    """Files and settings of a study.

    Attributes:
        tables: tables of its numbers that are the same in every run.
        items: kind of artifact that figures and tables may read (`reads` in their files) → files.
        built: keys of the configuration that hold objects built from settings alone.
        concepts: whether it reads concepts, and cuts the model at their layers.
        explains: whether it explains images by methods and scores their maps.
    """

    tables: tuple[str, ...] = ()
    items: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    built: tuple[str, ...] = ()
    concepts: bool = False
    explains: bool = False


STUDIES = {
    "indices": Study((paths.INDICES,)),
    "budget": Study(
        (paths.BUDGET,),
        {"budget": (paths.BUDGET,), "budget_cost": (paths.BUDGET_COST,)},
        explains=True,
    ),
    "samplers": Study(
        (paths.SAMPLERS, paths.SAMPLERS_ANALYTIC),
        {"samplers": (paths.SAMPLERS, paths.SAMPLERS_ANALYTIC)},
        explains=True,
    ),
    "walkthrough": Study(items={"walkthrough": (paths.WALKTHROUGH,)}, explains=True),
    "craft": Study(
        (paths.CRAFT,),
        {"craft_pictures": (paths.CRAFT_PICTURES,)},
        ("studies.craft.study", "studies.craft.pictures", "drawing"),
        concepts=True,
    ),
    "holistic": Study((paths.HOLISTIC,), built=("studies.holistic.study",), concepts=True),
    "fronts": Study((paths.FRONTS,), built=("studies.fronts.study",)),
    "linear": Study((paths.LINEAR,), built=("studies.linear.study",), concepts=True),
    "lens": Study(
        (paths.LENS,),
        built=("studies.lens.surveyor", "studies.lens.alike", "drawing"),
        concepts=True,
    ),
    "covering": Study((paths.COVERING,), built=("studies.covering.measure",)),
    "maco": Study(
        (paths.MACO,),
        {"maco_pictures": (paths.MACO_PICTURES,)},
        ("studies.maco.study",),
        concepts=True,
    ),
    "eva": Study(
        (paths.EVA,),
        {"eva_cost": (paths.EVA_COST,), "eva_maps": (paths.EVA_MAPS,)},
        explains=True,
    ),
    "eva_optimal": Study((paths.EVA_OPTIMAL,)),
    "map_distances": Study((paths.MAP_DISTANCES,), built=("studies.stability.distances",)),
    "alignment": Study(
        (paths.ALIGNMENT,), {"alignment_maps": (paths.ALIGNMENT_MAPS,)}, explains=True
    ),
    "population": Study((paths.POPULATION,)),
    "people": Study((paths.PEOPLE,), {"people_maps": (paths.PEOPLE_MAPS,)}, explains=True),
    "lipschitz": Study(
        (paths.LIPSCHITZ,), {"lipschitz_maps": (paths.LIPSCHITZ_MAPS,)}, explains=True
    ),
    "snowflakes": Study(
        (paths.SNOWFLAKES,), {"snowflakes": (paths.SNOWFLAKES_DRAWN,)}, ("studies.snowflakes",)
    ),
    "utility": Study(
        (paths.UTILITY, paths.UTILITY_PROXIES),
        built=("studies.utility.simulation",),
        explains=True,
    ),
    "shortcut": Study(
        (paths.SHORTCUT,),
        {"shortcut_pictures": (paths.SHORTCUT_PICTURES,)},
        ("studies.shortcut.method", "studies.shortcut.second_order"),
    ),
    "gradient_paths": Study(
        (paths.GRADIENT_PATHS,), {"gradient_paths_maps": (paths.GRADIENT_PATHS_MAPS,)}
    ),
    "circuits": Study((paths.CIRCUITS,)),
    "universal": Study((paths.UNIVERSAL,), built=("studies.universal.study",)),
    "accentuation": Study(
        (paths.ACCENTUATION,),
        {"accentuation_pictures": (paths.ACCENTUATION_PICTURES,)},
        ("studies.accentuation.crops",),
    ),
    "utility_published": Study((paths.UTILITY_PUBLISHED,)),
}
# Kind of artifact that items read → its study and files.
ITEMS = {kind: (name, files) for name, one in STUDIES.items() for kind, files in one.items.items()}
