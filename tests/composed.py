"""Configurations that tests share, and other things that take longer than a test with them."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from unittest.mock import patch

from omegaconf import DictConfig, OmegaConf

from sparks_thesis.pipeline import compose as module
from sparks_thesis.pipeline import source_hash, sources
from sparks_thesis.pipeline.paths import CONFIG


@lru_cache(48)  # of 6 MB each
def composed(*overrides: str) -> DictConfig:
    """Return a configuration, composed once in a process; read-only, as tests share it."""
    config = module.compose(overrides)
    OmegaConf.set_readonly(config, True)
    return config


@contextmanager
def options_read_once() -> Iterator[None]:
    """Read the files of config/ once for a while: that is a third of the time of `compose`."""
    registered: list[Path] = []
    register = module.register_options

    def register_once(config_dir: Path = CONFIG) -> None:
        if registered != [config_dir] or config_dir != CONFIG:  # files of a copy may be edited
            register(config_dir)
            registered[:] = [config_dir]

    with patch.object(module, "register_options", register_once):
        yield


def forget_sources() -> None:
    """Read source files anew when next asked; which packages are installed stays known."""
    for one in (source_hash, sources):
        for function in vars(one).values():
            if hasattr(function, "cache_clear") and function.__name__ != "_distributions":
                function.cache_clear()
