"""Compose the configuration: one tree of all options, with the user's overrides.

The tree starts from the defaults of the typed settings (`sparks_thesis.settings`). Every file
`config/GROUP/NAME.yaml` of the groups `OPTIONS` is an option, and all of them are in the composed
configuration, under the group's plural: `attributions.sobol`, `datasets.digits`. So an override
names what it changes (`attributions.sobol.method.grid=11`) and adding a file is all it takes to add
an option. The singular (`attribution`) is the selected option: a script at the shell
chooses it (`attribution=sobol`), the workflow sets it from the job's wildcards.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf._utils import get_yaml_loader
from omegaconf.errors import OmegaConfBaseException
from yaml import MarkedYAMLError, safe_load
from yaml.constructor import SafeConstructor
from yaml.cyaml import CParser  # type: ignore[attr-defined]
from yaml.resolver import Resolver

from sparks.data.listing import layout
from sparks.errors import SparksError
from sparks_thesis.common.methods import entries
from sparks_thesis.common.settings import Block, defaults
from sparks_thesis.pipeline.methods import CHANGES, join_lists, refuse_unlisted
from sparks_thesis.pipeline.paths import CONFIG
from sparks_thesis.settings.options import OPTIONS
from sparks_thesis.settings.root import GROUPS, Root

FOLDER = "sparks.data.Folder"
# Environment variable: optional data sets to do without, joined by commas. A run sets it when it
# starts, to those that are not on disk, and its jobs read it.
ABSENT = "SPARKS_ABSENT"


class _Loader(CParser, get_yaml_loader()):  # type: ignore[misc]
    """OmegaConf's YAML (1e-3 is a number, no key twice), parsed by libyaml: a fifth of the time."""

    def __init__(self, text: str) -> None:
        CParser.__init__(self, text)
        SafeConstructor.__init__(self)
        Resolver.__init__(self)


def _read(file: Path) -> Any:
    try:
        return _Loader(file.read_text("utf-8")).get_single_data()
    except MarkedYAMLError as error:
        raise _no_yaml(error, str(file)) from None


def _no_yaml(error: MarkedYAMLError, file: str) -> SparksError:
    """Return the error of a file that is no YAML: the file, the line, and what is wrong there."""
    line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
    return SparksError(f"{file or 'a file of config/'}{line}: this is no YAML: {error.problem}")


def register_options(config_dir: Path = CONFIG) -> None:
    """Give Hydra the entries `settings` (all defaults) and `options` (all files) of config.yaml.

    Files as one config: naming each in a defaults list takes Hydra five times as long. Groups of
    which a user may have a file of their own (`study=mine`) have the defaults as option `default`.
    """
    settings = defaults(Root) | {group: defaults(kind) for group, kind in OPTIONS.items()}
    options = {
        f"{group}s": {
            file.stem: _completed(kind, _read(file))
            for file in sorted((config_dir / group).glob("*.yaml"))
        }
        for group, kind in OPTIONS.items()
    }
    store = ConfigStore.instance()
    for group in GROUPS:
        store.store(group=group, name="default", node=settings.pop(group))
    store.store(name="settings", node=settings)
    store.store(name="options", node=options)


def _completed(kind: type[Block], option: Any) -> Any:
    """Return an option with the defaults of the keys that its file leaves out."""
    if not isinstance(option, dict):
        return option
    return option | {key: one for key, one in defaults(kind).items() if key not in option}


def compose(overrides: Iterable[str] = (), config_dir: Path = CONFIG) -> DictConfig:
    """Compose the whole configuration, with the user's overrides.

    Raises:
        SparksError: naming the override that cannot be applied, and what is allowed there.
    """
    overrides = list(overrides)
    register_options(config_dir)
    try:
        with initialize_config_dir(version_base="1.3", config_dir=str(config_dir)):
            return settle(hydra_compose("config", overrides=overrides), overrides)
    except (HydraException, OmegaConfBaseException) as error:
        raise SparksError(_explain(error, overrides, config_dir)) from None
    except MarkedYAMLError as error:
        raise _no_yaml(error, error.problem_mark.name if error.problem_mark else "") from None


def settle(config: DictConfig, overrides: Iterable[str] = ()) -> DictConfig:
    """Fill in what depends on the user's words and on the files on disk.

    Args:
        config: as Hydra composes it; changed in place.
        overrides: that it was composed with.

    Returns:
        `config`.

    Raises:
        SparksError: see `choose_present`.
    """
    import sparks_thesis.pipeline.grid  # noqa: F401 - registers the resolver `families`

    made = parsed(overrides)
    keys = {override.key_or_group for override in made}
    drop_unchosen(config, keys)
    apply_to_all_trainings(config, keys)
    overrule_scale(config, keys)
    join_lists(config, keys)
    refuse_unlisted(config, {o.key_or_group: o.value() for o in made if not o.is_delete()})
    options: Any = OmegaConf.to_container(config.attributions)
    with open_dict(config):
        config.methods = entries(options)
        config.origins = {
            name: option.get("origin", "real")
            for group in (config.datasets, config.texts)
            for name, option in group.items()
        }
        config.notes = {
            name: option.note
            for group in (config.datasets, config.texts)
            for name, option in group.items()
            if "note" in option
        }
    return count_classes(choose_present(config))


def parsed(overrides: Iterable[str]) -> list[Override]:
    """Parse overrides as Hydra does."""
    return OverridesParser.create().parse_overrides(list(overrides))


def drop_unchosen(config: DictConfig, keys: set[str]) -> None:
    """Remove what a scale sets of experiments that were not chosen.

    Raises:
        SparksError: when an override's key is one of such an experiment.
    """
    unchosen = [name for name, made in config.experiments.items() if "title" not in made]
    with open_dict(config.experiments):
        for name in unchosen:
            del config.experiments[name]
    for key in sorted(keys):
        if any(f"{key}.".startswith(f"experiments.{name}.") for name in unchosen):
            raise SparksError(
                f"{key}: this experiment was not chosen; chosen: {list(config.experiments)}"
            )


# Blocks of settings that differ from `training` for some networks. Words have no mirror image and
# are not moved, whatever the user says of images.
_TRAININGS = (
    *("dataset.training", "datasets.*.training", "per_dataset.*.dataset.training"),
    *("model.training", "models.*.training"),
    *("studies.lipschitz.recipes.*.training", "studies.lipschitz.recipes.*.baseline"),
    *("studies.stability.trainings.*", "words.training"),
)
# Lists of data sets in which `NAME?` may stand.
_DATASETS = (
    "shared.datasets",
    "shared.concept_datasets",
    "studies.lens.datasets",
    "studies.atoms.datasets",
    "experiments.*.datasets",
)
_TEXTS = "experiments.*.texts"
_OF_IMAGES = ("words.training.flip", "words.training.shift")


def apply_to_all_trainings(config: DictConfig, keys: set[str]) -> None:
    """Apply an override of `training` to every network.

    Data sets, models and studies have settings of their own, which come after those of `training`.
    An override of one of these holds too: `datasets.chimera.training.epochs=3`.
    """
    changed = {key.removeprefix("training.") for key in keys if key.startswith("training.")}
    for path, block in _written(config, _TRAININGS) if changed else ():
        for key in changed & set(map(str, block)):
            named = {path, f"{path}.{key}"}
            if not named & keys and f"{path}.{key}" not in _OF_IMAGES:
                block[key] = config.training[key]


def overrule_scale(config: DictConfig, keys: set[str]) -> None:
    """Let an override hold also for data sets that have a value of their own.

    `explain.n=3` and `datasets.photographs.size=224` drop what `per_dataset` says of the same keys,
    unless the override names that entry itself.
    """
    for dataset, changes in config.per_dataset.items():
        for key in keys - {"scale"}:  # which one is taken
            of_dataset = re.match(rf"(?:dataset|datasets\.{re.escape(dataset)})\.(.+)", key)
            path = f"dataset.{of_dataset[1]}" if of_dataset else key
            named = f"per_dataset.{dataset}.{path}"
            if any(f"{named}.".startswith(f"{k}.") for k in keys if k.startswith("per_dataset.")):
                continue
            parent, _, last = path.rpartition(".")
            block = OmegaConf.select(changes, parent) if parent else changes
            if isinstance(block, DictConfig) and last in block:
                with open_dict(block):
                    del block[last]


def _written(config: DictConfig, patterns: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """Yield the dicts and lists that stand at keys, `*` for any name, without interpolated ones."""
    for pattern in patterns:
        found: dict[str, Any] = {"": config}
        for step in pattern.split("."):
            inner: dict[str, Any] = {}
            for path, node in found.items():
                for name in map(str, node) if step == "*" else [step]:
                    written = name in node and not OmegaConf.is_interpolation(node, name)
                    if written and OmegaConf.is_config(node[name]):
                        inner[f"{path}.{name}".lstrip(".")] = node[name]
            found = inner
        yield from found.items()


def choose_present(config: DictConfig) -> DictConfig:
    """Take the data sets and texts that are listed as `NAME?` where their files are on disk.

    Those without files are noted in `left_out`: name → experiments that would have used it. An
    experiment of which none is on disk is left out itself, unless that leaves no experiment: then
    all are asked for, and what is missing is an error. The environment variable `ABSENT` overrules
    the disk, so that all processes of a run decide alike.

    Returns:
        `config`, changed in place.

    Raises:
        SparksError: when such a data set does not say in `folder` where its files lie.
    """
    optional = {
        key: [str(name) for name in listed]
        for key, listed in _written(config, (*_DATASETS, _TEXTS))
        if any(str(name).endswith("?") for name in listed)
    }
    groups = {
        n: "text" if k.endswith(".texts") else "dataset" for k, v in optional.items() for n in v
    }
    absent = {
        name[:-1]
        for name, group in groups.items()
        if name.endswith("?") and not _on_disk(config, group, name[:-1])
    }
    missing = {f"{name}?" for name in absent}
    asked = {name: {*made.datasets, *made.texts} for name, made in config.experiments.items()}
    emptied = [name for name, listed in asked.items() if listed and listed <= missing]
    if len(emptied) == len(config.experiments):
        absent, emptied = set(), []
    config.left_out = {
        name: [e for e, listed in asked.items() if f"{name}?" in listed] for name in sorted(absent)
    }
    for key, listed in optional.items():
        kept = [name for name in listed if not (name.endswith("?") and name[:-1] in absent)]
        OmegaConf.update(config, key, [name.removesuffix("?") for name in kept])
    with open_dict(config.experiments):
        for name in emptied:
            del config.experiments[name]
    return config


def _on_disk(config: DictConfig, group: str, name: str) -> bool:
    folder = OmegaConf.select(config, f"{group}s.{name}.folder")
    if folder is None:
        raise SparksError(
            f"'{name}?' is listed: a {'text' if group == 'text' else 'data'} set that is used only "
            f"where it is on disk needs a file config/{group}/{name}.yaml whose key `folder` says "
            "where its files lie"
        )
    if ABSENT in os.environ:
        return name not in os.environ[ABSENT].split(",")
    return Path(folder).expanduser().is_dir()


def count_classes(config: DictConfig) -> DictConfig:
    """Set `num_classes` of the data sets that leave it to a folder of theirs: as many as it has.

    Models are built from it. It stays null where there is no such folder, or it cannot be read.

    Returns:
        `config`, changed in place.
    """
    for dataset in (*config.datasets.values(), config.dataset):
        if dataset.num_classes is None and dataset.builder["_target_"] == FOLDER:
            with suppress(SparksError):
                dataset.num_classes = len(layout(root_of(dataset)).classes)
    return config


def root_of(dataset: DictConfig) -> Path:
    """Return the folder of a data set of `sparks.data.Folder`."""
    return Path(dataset.builder.root).expanduser()


def overrides_from(config: Mapping[str, Any]) -> list[str]:
    """Turn Snakemake's own config into Hydra overrides.

    `--config scale=smoke seed=1 'overrides=[experiment=sobol]'` gives
    `["scale=smoke", "seed=1", "experiment=sobol"]`.

    What `configfile` has read of Hydra's own config.yaml, in a deployed copy of config/, is left to
    Hydra.

    Raises:
        SparksError: when an override addresses a selected option, which the workflow sets itself.
    """
    if "defaults" in config:
        read = safe_load((CONFIG / "config.yaml").read_text("utf-8"))
        config = {key: value for key, value in config.items() if read.get(key) != value}
    listed = config.get("overrides") or []
    if isinstance(listed, str):
        listed = _split(listed)
    plain = [f"{key}={_hydra(value)}" for key, value in config.items() if key != "overrides"]
    overrides = plain + [str(override) for override in listed]
    for override in overrides:
        head = re.match(r"[+~]*(\w+)[.=@]", override)
        if head and head[1] in OPTIONS:
            raise SparksError(
                f"{override}: the workflow runs the {head[1]}s of its experiments, so "
                f"{head[1]!r} is not to choose. To change one, write "
                f"{head[1]}s.NAME.KEY=VALUE; to choose them, "
                f"experiments.NAME.{'methods' if head[1] == 'attribution' else head[1] + 's'}=[...]"
            )
    return overrides


def _split(text: str) -> list[str]:
    """Split `[a=1,b=[2,3]]` at its outer commas: with inner brackets YAML leaves it a string."""
    inner = text.strip().removeprefix("[").removesuffix("]") if text.startswith("[") else text
    parts, depth = [""], 0
    for character in inner:
        depth += (character in "[{(") - (character in "]})")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts if part.strip()]


def _hydra(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "[" + ",".join(_hydra(element) for element in value) + "]"
    return "null" if value is None else str(value)


def _explain(error: Exception, overrides: list[str], config_dir: Path) -> str:
    """Say in one line which override failed and what is allowed in its place."""
    text = str(error)
    if found := re.search(r"[Cc]ould not override '([^']+)'", text):
        key = found[1]
        given = next((o for o in overrides if o.lstrip("+~").startswith(key)), key)
        config = compose((), config_dir)
        if borrowed := _borrowed(config, key):
            return f"{given}: {borrowed}"
        if f".{CHANGES}." in f"{key}.":
            return f"{given}: the file changes nothing there yet: write +{given}"
        return f"{given}: there is no key {key!r}; {_allowed_beside(config, key)}"
    if found := re.search(r"[Ii]n '[^']*': [Cc]ould not find '(\w+)/([^']+)'", text):
        group, name = found[1], found[2]
        files = sorted(file.stem for file in (config_dir / group).glob("*.yaml"))
        files += ["default"] if group in GROUPS else []
        return f"{group}={name}: there is no config/{group}/{name}.yaml; allowed: {files}"
    line = " ".join(part.strip() for part in text.splitlines() if part.strip())
    return f"the configuration cannot be composed ({overrides}): {line}"


def _borrowed(config: DictConfig, key: str) -> str:
    """Say where a key comes from whose parent stands elsewhere; empty where it does not."""
    steps = key.split(".")
    for n in range(1, len(steps)):
        parent, path = ".".join(steps[: n - 1]), ".".join(steps[:n])
        node = OmegaConf.select(config, parent) if parent else config
        if not OmegaConf.is_dict(node) or steps[n - 1] not in node:
            return ""
        if OmegaConf.is_interpolation(node, steps[n - 1]):
            written = OmegaConf.to_container(node, resolve=False)[steps[n - 1]]  # type: ignore[index, call-overload]
            return f"{path} is {written}: change what it refers to, or set the whole of {path}"
    return ""


def _allowed_beside(config: DictConfig, key: str) -> str:
    """List the keys of the deepest part of `key` that exists, the closest first."""
    parent, _, last = key.rpartition(".")
    while parent and not OmegaConf.is_dict(OmegaConf.select(config, parent)):
        parent, _, last = parent.rpartition(".")
    node = OmegaConf.select(config, parent) if parent else config
    known = sorted(map(str, node))
    near = get_close_matches(last, known, n=1)
    hint = f" (did you mean {parent + '.' if parent else ''}{near[0]}?)" if near else ""
    return f"allowed{' under ' + parent if parent else ''}: {known}{hint}"
