"""Select options of the composed configuration, and resolve the part that one job may depend on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

from omegaconf import AnyNode, DictConfig, OmegaConf, base
from omegaconf.errors import OmegaConfBaseException

from sparks.errors import SparksError

# OmegaConf parses an interpolation whenever it resolves it: here each text is parsed once.
base.parse = cache(base.parse)  # type: ignore[attr-defined]

# Called with a node, a key of it and the new value of that key.
_Replace = Callable[[DictConfig, str, Any], None]


def part(config: DictConfig, keys: Iterable[str], **chosen: str) -> dict[str, Any]:
    """Resolve the entries `keys` of the configuration, with the selected options `chosen`.

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
    with _restoring(config) as replace, _own_errors():
        select(config, chosen, replace)
        return {key: plain(OmegaConf.select(config, key, throw_on_missing=True)) for key in keys}


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
    groups = {g: name for g, name in chosen.items() if g in config and f"{g}s" in config}
    for group, name in groups.items():
        if name not in config[f"{group}s"]:
            raise SparksError(f"no {group} {name!r}: there are {sorted(config[f'{group}s'])}")
    if dataset := groups.get("dataset"):
        for path, value in _leaves(config.per_dataset.get(dataset) or {}):
            _lay(config, dataset, path, value, replace)
    for group, name in groups.items():
        replace(config, group, config[f"{group}s"][name])
    if "seed" in chosen:
        replace(config, "seed", int(chosen["seed"]))


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


@contextmanager
def _restoring(config: DictConfig) -> Iterator[_Replace]:
    """Replace nodes temporarily: cheaper than a copy, and undone before the next job.

    OmegaConf's own assignment copies the value, which took most of the time of planning.
    """
    before: list[tuple[dict[str, Any], str, Any]] = []

    def replace(node: DictConfig, key: str, value: Any) -> None:
        content: dict[str, Any] = node.__dict__["_content"]
        before.append((content, key, content[key]))
        content[key] = value if OmegaConf.is_config(value) else AnyNode(value, key, node)

    try:
        yield replace
    finally:
        for content, key, old in reversed(before):
            content[key] = old


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
