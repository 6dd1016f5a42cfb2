"""Lists of attribution methods in the configuration: names, and what is changed for one study.

A study lists its methods by name, each a file of `config/attribution`. What a method has there
otherwise than in its file stands beside the list, under `changes`::

    methods: [saliency, rise]
    changes: {rise: {masks: 200}}
    explainers: ${methods:studies.budget.methods}

The resolver `methods` gives label → settings of the method, ready to be built.

A method may also name the lists that it joins, in its own file, so that one file is enough to see
it in every figure and table (`join: all`, or `join: [experiments.sobol, studies.eva]`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import Any

from omegaconf import DictConfig, OmegaConf

from sparks.errors import SparksError
from sparks_thesis.pipeline.nested import walk
from sparks_thesis.pipeline.paths import CONFIG

# What a method needs → kinds of model that have it.
ABLE = {
    "any": ("conv", "smooth", "dense", "transformer"),
    "conv": ("conv", "smooth"),
    "relu": ("conv", "dense"),
}
CHANGES = "changes"
# Words have no derivatives, their embeddings have.
ON_EMBEDDINGS = "sparks.attribution.OnEmbeddings"


def can_explain(config: DictConfig, kind: str, method: str) -> bool:
    """Return whether a method can explain models of a kind, by what it needs."""
    return kind in ABLE[config.attributions[method].needs]


def listed_methods(key: str, *, _root_: DictConfig) -> dict[str, Any]:
    """Return the methods that a key of the configuration names, with the changes beside it.

    Of a list, those that cannot explain the selected model are left out.

    Args:
        key: dotted; its value is a name, or a list of names.

    Returns:
        label → `_target_` and arguments, resolved, in the order of the list. Methods of the family
        gradient explain texts by their embeddings.

    Raises:
        SparksError: naming the key, when there is no such method, or two have one label.
    """
    parent, _, last = key.rpartition(".")
    study = OmegaConf.select(_root_, parent)
    named = study[last]
    changes: Any = OmegaConf.to_container(study[CHANGES], resolve=True)
    names = [named] if isinstance(named, str) else list(named)
    found: dict[str, Any] = {}
    for name in names:
        option = option_of(_root_, key, name)
        if named != name and not can_explain(_root_, _root_.model.kind, name):
            continue
        if option.label in found:
            raise SparksError(f"{key}: two methods are called {option.label}: name one of them")
        method: Any = OmegaConf.to_container(option.method, resolve=True)
        method = _merged(method, changes.get(name, {}))
        if option.family == "gradient" and "removal" in study:  # a study of texts
            method = {"_target_": ON_EMBEDDINGS, "method": method, "token": study.removal.value}
        found[option.label] = method
    return found


def option_of(config: DictConfig, key: str, name: str) -> DictConfig:
    """Return the file of a method as part of the configuration.

    Raises:
        SparksError: naming the key that asks for it, when there is no such method.
    """
    if name not in config.attributions:
        raise SparksError(
            f"{key} names {name!r}: there is no config/attribution/{name}.yaml; allowed: "
            f"{sorted(config.attributions)}"
        )
    option: DictConfig = config.attributions[name]
    return option


def refuse_unlisted(config: DictConfig, keys: Mapping[str, Any]) -> None:
    """Refuse a change at the command line of a method that the study does not list.

    In files it stays, since a run may list fewer methods than the file.

    Args:
        config: the composed configuration.
        keys: dotted key → value of each override.

    Raises:
        SparksError: naming the key, and the methods that are listed.
    """
    for key, value in keys.items():
        path, found, rest = f"{key}.".partition(f".{CHANGES}.")
        if not found or path.startswith("per_dataset."):
            continue
        names = [rest.split(".")[0]] if rest else list(value or {})
        listed = _names_in(config, OmegaConf.select(config, path))
        for name in names:
            option_of(config, f"{path}.{CHANGES}", name)
            if name not in listed:
                raise SparksError(
                    f"{path}.{CHANGES}.{name}: {name} is not among the methods of {path}: list it "
                    f"there too, or leave out the change; listed: {listed}"
                )


# Where lists of methods stand: names, and labels in what figures draw.
_LISTS = ("experiments", "studies", "words", "study", "items")
ALL = "all"


def join_lists(config: DictConfig, overridden: Set[str]) -> None:
    """Append each method to the lists that its file says it joins.

    The study of budgets takes black boxes alone, and a list that the user gives stays as it is. An
    experiment without methods of its own (`methods: []`) gets none.

    Args:
        config: the composed configuration; changed in place.
        overridden: keys of the user's overrides.

    Raises:
        SparksError: naming the method's file, when there is no such list.
    """
    joining = {n: made.join for n, made in config.attributions.items() if made.get("join")}
    if not joining:
        return
    lists = dict(_lists(config))
    for name, join in joining.items():
        option = config.attributions[name]
        for parent in [] if join == ALL else join:
            group, _, own = parent.partition(".")
            unchosen = group == "experiments" and (CONFIG / f"experiment/{own}.yaml").is_file()
            if f"{parent}.methods" not in lists and not unchosen:
                raise SparksError(
                    f"attributions.{name}.join names {parent!r}, which has no list of methods; "
                    f"allowed: all, or some of {sorted(key.rpartition('.')[0] for key in lists)}"
                )
        for key, listed in lists.items():
            parent = key.rpartition(".")[0]
            entry = option.label if key.startswith("items.") else name
            black_boxes_alone = parent == "studies.budget" and option.family != "black-box"
            wanted = not black_boxes_alone if join == ALL else parent in join
            if wanted and entry not in listed and key not in overridden:
                OmegaConf.update(config, key, [*listed, entry])


def _lists(config: DictConfig) -> Iterable[tuple[str, list[str]]]:
    """Yield the key and the names of every list of methods that is not empty."""
    plain: Any = OmegaConf.to_container(config)
    for path, value in walk({group: plain[group] for group in _LISTS}):
        if path[-1:] == ("methods",) and isinstance(value, list) and value:
            yield ".".join(map(str, path)), value


def _names_in(config: DictConfig, study: DictConfig) -> list[str]:
    """Return the methods that keys of a study name: alone, in lists, or by model."""
    plain: Any = OmegaConf.to_container(study, resolve=True)
    named: list[str] = []
    for value in plain.values():
        values = value.values() if isinstance(value, dict) else value
        values = [value] if isinstance(value, str) else values
        if isinstance(values, Iterable):
            named += [v for v in values if isinstance(v, str) and v in config.attributions]
    return list(dict.fromkeys(named))


def _merged(settings: Any, changed: Any) -> Any:
    """Return settings with changes, dict by dict; one that names another class replaces all."""
    if not isinstance(settings, dict) or not isinstance(changed, dict) or "_target_" in changed:
        return changed
    inner = {key: _merged(settings.get(key), value) for key, value in changed.items()}
    return {**settings, **inner}


OmegaConf.register_new_resolver("methods", listed_methods, replace=True)
