"""A script as a Hydra program at the shell: `./sparks python scripts/train.py model=convnet`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from string import Formatter
from typing import Any

from omegaconf import DictConfig, OmegaConf

from sparks.errors import SparksError
from sparks_thesis.pipeline import integrity, run_lock, scale
from sparks_thesis.pipeline.compose import parsed, register_options, settle
from sparks_thesis.pipeline.job import Config, Paths, Run, Templates, flatten, refusing
from sparks_thesis.pipeline.paths import CONFIG, ROOT
from sparks_thesis.pipeline.selection import part, select
from sparks_thesis.pipeline.source_hash import code_digest
from sparks_thesis.settings.options import OPTIONS

HELP = """{does}

Its settings are those of config/, and the command line changes them:

    {script} dataset=digits model=convnet       # select options, files of the folders of config/
    {script} training.epochs=3                  # change any key
    {script} --cfg job --resolve                # show what the job would get, and do nothing
    {script} --cfg job --package training       # show a part of it

docs/configuration.md lists all keys."""


def serve(run: Callable[[DictConfig, Mapping[str, str]], None]) -> None:
    """Run a Hydra program that writes nothing and reads what it finds, so that it is no job.

    Args:
        run: gets the whole configuration, and the options that the command line names, such as
            {"model": "convnet"}.
    """

    def program(composed: DictConfig) -> None:
        from hydra.core.hydra_config import HydraConfig

        given = (override.partition("=") for override in HydraConfig.get().overrides.task)
        named = {group: name for group, _, name in given if group in OPTIONS}
        with refusing():
            run(settle(composed), named)

    _run_hydra(program)


def hydra_main(run: Run, parts: tuple[str, ...], inputs: Templates, outputs: Templates) -> None:
    """Run a script as a Hydra program: see `sparks_thesis.pipeline.job.main`."""
    from hydra.core.hydra_config import HydraConfig

    script = Path(sys.argv[0]).resolve()

    def program(composed: DictConfig) -> None:
        overrides = HydraConfig.get().overrides.task
        with refusing():
            select_at_the_shell(settle(composed, overrides), overrides)
            names = _wildcards(composed)
            read, written = _locate(inputs, composed, names), _locate(outputs, composed, names)
            _check_present(read)
            resolved = part(composed, parts)
            if outputs:
                scale.claim(composed.scale.name)
                run_lock.share()
        of_job = _of_job(names, outputs)
        damaged, _ = integrity.damage(script.stem, of_job)
        with refusing(of_job):
            config = Config(resolved, of_job, read, code_digest(script, resolved))
            run(config, read, written)
        integrity.note(script.stem, of_job, flatten(written.values()), damaged)

    _run_hydra(program)


def _run_hydra(program: Callable[[DictConfig], None]) -> None:
    # Hydra's own help lists the options of every group, which takes it a quarter of a minute here.
    if {"-h", "--help"} & set(sys.argv[1:]):
        script = f"./sparks python scripts/{Path(sys.argv[0]).name}"
        print(HELP.format(does=str(sys.modules["__main__"].__doc__).strip(), script=script))
        return
    import hydra

    register_options()
    program.__module__ = "__main__"
    os.chdir(ROOT)
    hydra.main(version_base="1.3", config_path=str(CONFIG), config_name="config")(program)()


def _wildcards(composed: DictConfig) -> dict[str, str]:
    """Name the selected options as the workflow's wildcards do."""
    names = {group: str(composed[group].name) for group in OPTIONS}
    names["method"] = names.pop("attribution")
    names |= {key: str(composed[key]) for key in ("seed", "label_noise", "layer")}
    return names | {"experiment": next(iter(composed.experiments))}


def _of_job(names: Mapping[str, str], outputs: Templates) -> dict[str, str]:
    """Keep the names that tell this job from others of its kind: those in its outputs' paths."""
    paths = ["{item}"] if callable(outputs) else outputs.values()
    paths = [path for path in paths if isinstance(path, str)]
    used = {field for path in paths for _, field, _, _ in Formatter().parse(path)}
    return {name: value for name, value in names.items() if name in used}


def _locate(templates: Templates, composed: DictConfig, names: Mapping[str, str]) -> dict[str, Any]:
    if callable(templates):
        return dict(templates(composed, names))
    return {
        name: template(composed, names) if callable(template) else template.format(**names)
        for name, template in templates.items()
    }


def _check_present(inputs: Paths) -> None:
    for path in flatten(inputs.values()):
        if not Path(path).is_file():
            raise SparksError(
                f"{path} does not exist: run `snakemake --cores all {path}`, or the script that "
                "makes it, first"
            )


def select_at_the_shell(config: DictConfig, overrides: Iterable[str]) -> DictConfig:
    """Select the options that a script's command line names, as `part` does for the workflow.

    What the command line sets of a selected option comes last: `attribution.method.seed=1`.

    Returns:
        `config`, changed in place.
    """
    keys = {override.key_or_group for override in parsed(overrides)}
    said = [key for key in keys if key.partition(".")[0] in OPTIONS and "." in key]
    values = {key: OmegaConf.select(config, key) for key in said}
    select(config, {group: str(config[group].name) for group in OPTIONS})
    for key, value in values.items():
        OmegaConf.update(config, key, value, merge=False, force_add=True)
    return config
