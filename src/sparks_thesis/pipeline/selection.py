"""Select options of the composed configuration, and resolve the part that one job may depend on."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, wraps
from typing import Any, NamedTuple, TypeVar, cast

from omegaconf import AnyNode, DictConfig, OmegaConf, base
from omegaconf.errors import OmegaConfBaseException

from sparks.errors import SparksError

# OmegaConf parses an interpolation whenever it resolves it: here each text is parsed once.
base.parse = cache(base.parse)  # type: ignore[attr-defined]

F = TypeVar("F", bound=Callable[..., Any])


def once(function: F) -> F:
    """Let a function compute once what it returns for a configuration, which changes no more.

    Planning all jobs asks thousands of times for the same. What is returned must not be changed.
    """
    found: dict[int, dict[Any, Any]] = {}  # configuration, by its id as long as it lives → results

    @wraps(function)
    def known(config: DictConfig, *names: str) -> Any:
        if id(config) not in found:
            found[id(config)] = {}
            weakref.finalize(config, found.pop, id(config))
        results = found[id(config)]
        if names not in results:
            results[names] = function(config, *names)
        return results[names]

    return cast("F", known)


# Called with a node, a key of it and the new value of that key.
_Replace = Callable[[DictConfig, str, Any], None]


class _Entry(NamedTuple):
    """A resolved entry, and the choices that it was resolved with: group → selected option."""

    choices: Mapping[str, str | None]
    value: Any


def part(config: DictConfig, keys: Iterable[str], **chosen: str) -> dict[str, Any]:
    """Resolve the entries `keys` of the configuration, with the selected options `chosen`.

    An entry is resolved once for every choice of the options that it reads, since jobs ask
    thousands of times for the same. Neither the values nor the configuration may be changed.

    Args:
        config: the composed configuration.
        keys: dotted names, such as `"model"` or `"explain.n"`.
        chosen: group → name of the selected option, and `seed`; names that are no key of the
            configuration are passed over (a job's wildcards may hold more).

    Returns:
        dotted name → plain value.

    Raises:
        SparksError: when there is no such option, or `per_dataset` names a key that is not there.
    """
    with _own_errors():
        choices, known = _choices(config, chosen), _resolved(config)
        found = {key: _matching(known.get(key, ()), choices) for key in keys}
        if missing := [key for key, entry in found.items() if entry is None]:
            with _restoring(config) as (replace, read):
                select(config, chosen, replace)
                for key in missing:
                    read.clear()
                    value = plain(OmegaConf.select(config, key, throw_on_missing=True))
                    # What `per_dataset` changes may be read anywhere.
                    depends = {name: choices.get(name) for name in (*read, "per_dataset")}
                    found[key] = entry = _Entry(depends, value)
                    known.setdefault(key, []).append(entry)
    return {key: entry.value for key, entry in found.items() if entry is not None}


def _choices(config: DictConfig, chosen: Mapping[str, str]) -> dict[str, str | None]:
    """Return what a resolved entry may depend on: selected options, the seed, `per_dataset`."""
    choices: dict[str, str | None] = {**_groups(config, chosen)}
    dataset = choices.get("dataset")
    changed = dataset if dataset in config.per_dataset else None
    return choices | {"seed": chosen.get("seed"), "per_dataset": changed}


def _matching(entries: Iterable[_Entry], choices: Mapping[str, str | None]) -> _Entry | None:
    """Return the entry that was resolved with the same choices of all that it reads."""
    return next(
        (e for e in entries if all(choices.get(n) == name for n, name in e.choices.items())), None
    )


@once
def _resolved(config: DictConfig) -> dict[str, list[_Entry]]:
    """Return what was resolved of a configuration so far, by key."""
    return {}


def select(
    config: DictConfig,
    chosen: Mapping[str, str],
    replace: _Replace = DictConfig.__setitem__,
) -> None:
    """Select options: the data set's own values first, since they may be those of an option.

    Args:
        config: the composed configuration; changed in place.
        chosen: see `part`.
        replace: what changes a key.

    Raises:
        SparksError: see `part`.
    """
    groups = _groups(config, chosen)
    if dataset := groups.get("dataset"):
        for path, value in _leaves(config.per_dataset.get(dataset) or {}):
            _lay(config, dataset, path, value, replace)
    for group, name in groups.items():
        replace(config, group, config[f"{group}s"][name])
    if "seed" in chosen:
        replace(config, "seed", int(chosen["seed"]))


def _groups(config: DictConfig, chosen: Mapping[str, str]) -> dict[str, str]:
    """Return the names among `chosen` that select an option: group → name."""
    groups = {g: name for g, name in chosen.items() if g in config and f"{g}s" in config}
    for group, name in groups.items():
        if name not in config[f"{group}s"]:
            raise SparksError(f"no {group} {name!r}: there are {sorted(config[f'{group}s'])}")
    return groups


def _leaves(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield all that is no dict, by its path."""
    for key, value in node.items():
        if OmegaConf.is_dict(value):
            yield from _leaves(value, (*path, str(key)))
        else:
            yield (*path, str(key)), value


def _lay(
    config: DictConfig,
    dataset: str,
    path: tuple[str, ...],
    value: Any,
    replace: _Replace,
) -> None:
    """Set one key to what `per_dataset` has for a data set."""
    node: Any = config
    steps = ("datasets", dataset, *path[1:]) if path[0] == "dataset" else path
    for step in steps[:-1]:
        node = node.get(step) if OmegaConf.is_dict(node) else None
    if not OmegaConf.is_dict(node) or steps[-1] not in node:
        raise SparksError(
            f"per_dataset.{dataset}.{'.'.join(path)}: there is no such key in the configuration"
        )
    replace(node, steps[-1], value)


class _Noting(dict[str, Any]):
    """Content of the configuration's root that notes which of its keys are read."""

    def __init__(self, content: dict[str, Any]) -> None:
        super().__init__(content)
        self.read: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.read.add(key)
        return super().get(key, default)

    def __getitem__(self, key: str) -> Any:
        self.read.add(key)
        return super().__getitem__(key)


@contextmanager
def _restoring(config: DictConfig) -> Iterator[tuple[_Replace, set[str]]]:
    """Replace nodes temporarily, and note the keys of the root that are read.

    It is cheaper than a copy, and undone before the next job. OmegaConf's own assignment copies the
    value, which took most of the time of planning.
    """
    before: list[tuple[dict[str, Any], str, Any]] = []

    def replace(node: DictConfig, key: str, value: Any) -> None:
        content: dict[str, Any] = node.__dict__["_content"]
        before.append((content, key, content[key]))
        content[key] = value if OmegaConf.is_config(value) else AnyNode(value, key, node)

    root = config.__dict__["_content"]
    noting = config.__dict__["_content"] = _Noting(root)
    try:
        yield replace, noting.read
    finally:
        for content, key, old in reversed(before):
            content[key] = old
        config.__dict__["_content"] = root


def plain(node: Any) -> Any:
    """Resolve a part of the configuration.

    Raises:
        SparksError: what a resolver of ours raised.
    """
    with _own_errors():
        return OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node


@contextmanager
def _own_errors() -> Iterator[None]:
    """Raise what a resolver of ours raised, without what OmegaConf says around it."""
    try:
        yield
    except OmegaConfBaseException as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, SparksError):
            cause = cause.__cause__ or cause.__context__
        raise cause or error from None
