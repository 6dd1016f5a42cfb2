"""What jobs took in a whole run: what a first run elsewhere is estimated by.

    ./sparks python -m benchmarks.job_times FOLDER   # in which the run worked, on a quiet machine

Writes the mean seconds of a job of each rule into `workflow/job_seconds.json`, under the scale.
"""

from __future__ import annotations

import csv
import json
import sys
from collections import defaultdict
from pathlib import Path
from statistics import fmean

from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.cost_estimate import JOB_SECONDS
from sparks_thesis.pipeline.resources import machine


def rules(folder: Path) -> dict[str, float]:
    """Return the mean seconds of the jobs of each rule, as Snakemake measured them."""
    times = defaultdict(list)
    there = folder / paths.BENCHMARKS
    for file in there.rglob("*.tsv"):
        with file.open(encoding="utf-8") as lines:
            rows = list(csv.DictReader(lines, delimiter="\t"))
        rule = file.relative_to(there).parts[0].removesuffix(".tsv")
        times[rule] += [float(row["s"]) for row in rows if row["s"] != "-"]
    return {rule: round(fmean(found), 1) for rule, found in sorted(times.items()) if found}


def main() -> None:
    """Read the run and write the file."""
    folder = Path(sys.argv[1])
    scale = (folder / paths.SCALE).read_text(encoding="utf-8").strip()
    known = json.loads(JOB_SECONDS.read_text()) if JOB_SECONDS.is_file() else {"scales": {}}
    scales = known["scales"] | {scale: rules(folder)}
    JOB_SECONDS.write_text(json.dumps({"machine": machine(), "scales": scales}, indent=1) + "\n")


if __name__ == "__main__":
    main()
