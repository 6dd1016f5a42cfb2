"""Opening page of the report: what was run, where, how long it took, and which claims held."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparks.io import load_table, table_provenance
from sparks_thesis.common.verdict import Outcome, tally
from sparks_thesis.pipeline import dag, downloads, grid, paths

if TYPE_CHECKING:
    from omegaconf import DictConfig

LISTED = ("title", "datasets", "models", "texts", "seeds", "methods", "metrics")


class Deferred(dict[str, Any]):
    """A mapping that is made when it is first read.

    Snakemake gives its configuration to the templates of a report and, pickled, to every job. Only
    a report reads what was run; jobs get an empty mapping.
    """

    def __init__(self, make: Callable[[], Mapping[str, Any]]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, key: str) -> Any:
        """Make the mapping, and return its value of a key."""
        made = self._make()
        self.update(made)
        return made[key]

    def __reduce__(self) -> tuple[type[dict[str, Any]], tuple[()]]:
        """Leave what it holds out of a pickle."""
        return dict, ()


def of(config: DictConfig, overrides: list[str]) -> dict[str, Any]:
    """Gather the overview from the configuration and from the results that are there."""
    return {
        "scale": config.scale.name,
        "seed": config.seed,
        "device": config.device,
        "overrides": ", ".join(overrides) or "none",
        "left_out": [_plain(line) for line in downloads.left_out(config)],
        "experiments": [_experiment(config, name) for name in config.experiments],
        "machines": ", ".join(_machines(config)) or "unknown",
        "time": _time(Path(paths.BENCHMARKS).rglob("*.tsv")) | _training(config),
        "claims": _claims(Path(dag.item_outputs(config, "tab-claims")["csv"])),
    }


def captions(config: DictConfig) -> dict[str, str]:
    """Read the captions of the items that are there: item → text."""
    files = {i: Path(dag.item_outputs(config, i)["caption"]) for i in config["items"]}
    return {item: file.read_text("utf-8") for item, file in files.items() if file.is_file()}


def _experiment(config: DictConfig, name: str) -> dict[str, str]:
    asked = dict(grid.experiment(config, name))
    asked["models"] = list(dict.fromkeys(run.model for run in grid.runs(config, name)))
    return {"name": name} | {key: _listed(asked[key]) for key in LISTED}


def _listed(value: Any) -> str:
    return (", ".join(map(str, value)) or "none") if isinstance(value, list) else str(value)


def _machines(config: DictConfig) -> list[str]:
    """Return the machines that the scores were computed on, from the artifacts' provenance."""
    files = {file for name in config.experiments for file in dag.scores(config, name)}
    present = sorted(file for file in files if Path(file).is_file())
    found = {str(table_provenance(file).get("machine", "")) for file in present}
    return sorted(found - {""})


def _time(benchmarks: Iterable[Path]) -> dict[str, str]:
    """Sum what Snakemake measured of every job that ran here."""
    jobs, wall, cpu = 0, 0.0, 0.0
    for file in benchmarks:
        with file.open() as lines:
            for row in csv.DictReader(lines, delimiter="\t"):
                jobs += 1
                wall += _seconds(row["s"])
                cpu += _seconds(row["cpu_time"])
    return {"jobs": f"{jobs:,}", "wall": f"{wall / 60:,.0f}", "cpu": f"{cpu / 60:,.0f}"}


def _training(config: DictConfig) -> dict[str, str]:
    """Sum the trainings, which `--cache` shares and Snakemake therefore does not measure."""
    runs = {run for name in config.experiments for run in grid.runs(config, name)}
    files = (Path(paths.TRAINING_TIME.format(**run._asdict())) for run in runs)
    seconds = sum(float(load_table(file)["value"].sum()) for file in files if file.is_file())
    return {"training": f"{seconds / 60:,.0f}"}


def _seconds(text: str) -> float:
    """Return a cell of a benchmark in seconds; 0 for jobs too short to be measured."""
    try:
        return float(text)
    except ValueError:
        return 0.0


def _claims(table: Path) -> dict[str, Any]:
    """Return the number of claims with each verdict, the judged claims one by one, and the invalid.

    An assay that is invalid says nothing about its claim, so its number alone is listed.
    """
    if not table.is_file():
        return {"counts": "None was judged in this run", "judged": [], "invalid": ""}
    with table.open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(line for line in lines if not line.startswith("# {")))
    silent = {str(Outcome.NOT_RUN), str(Outcome.INVALID)}
    invalid = [row["number"] for row in rows if row["outcome"] == Outcome.INVALID]
    return {
        "counts": tally([(row["scope"], row["verdict"]) for row in rows]),
        "judged": [
            {key: _plain(row[key]) for key in ("number", "statement", "scope", "verdict")}
            for row in rows
            if row["outcome"] not in silent
        ],
        "invalid": ", ".join(dict.fromkeys(invalid)),
    }


def _plain(text: str) -> str:
    """Keep reStructuredText from reading markup into a sentence."""
    return re.sub(r"([*_`|\\])", r"\\\1", text)
