"""The whole smoke run on a real Slurm of one node, by profiles/slurm: `make slurm`.

Every table must be that of a local run, byte for byte but for measured times, every rule that can
use a GPU must get one, and no other. Needs root and Debian's slurmctld, slurmd, slurm-client and
munge; test_slurm.py does the same with a few rules in two minutes.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import slurm
from chaos import check_whole, compare, tables
from project import Project


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--experiments", default="", help="some of them only, e.g. sobol,words")
    chosen = parser.parse_args().experiments
    if reason := slurm.why_not():
        print(f"no Slurm can be started here: {reason}", file=sys.stderr)
        return 1
    overrides = [f"overrides=[experiment=[{chosen}]]"] if chosen else []
    config = ["--config", "scale=smoke", *overrides]
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder:
        local, remote = (Project(Path(folder) / name) for name in ("local", "remote"))
        timed("on this machine", local, "--cores", "2", *config)
        cluster = slurm.Slurm(Path(folder) / "cluster")
        try:
            cluster.start()
            timed("on Slurm", remote, *slurm.PROFILE, *config)
            tell(cluster.jobs())
        finally:
            cluster.stop()
        compare(tables(local), tables(remote))
        print(f"{check_whole(remote)} artifacts are whole")
    return 0


def timed(where: str, project: Project, *arguments: str) -> None:
    start = time.monotonic()
    project.snakemake(*arguments)
    print(f"{where}: {time.monotonic() - start:.0f} s", flush=True)


def tell(jobs: list[dict[str, str]]) -> None:
    """Print how many jobs there were, and check that those with a GPU alone have seen one."""
    for job in jobs:
        seen = job["seen"] - {"none"}
        assert len(seen) == int(job["gpus"]), job
    counts = Counter(f"{job['gpus']} GPU, {job['state']}" for job in jobs)
    print(f"{len(jobs)} jobs: {dict(counts)}")


if __name__ == "__main__":
    sys.exit(main())
