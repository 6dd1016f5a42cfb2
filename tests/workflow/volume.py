"""Explain and score 50,000 files in shards by the workflow: `make volume`.

    PYTHONPATH=. ./sparks python tests/workflow/volume.py [IMAGES ...]

Makes a folder shaped as ImageNet (1,000 classes, JPEGs of 224 to 500 pixels a side), explains it by
Saliency of the default convnet at 224 px in shards of 1,024 images, merges and scores the maps.
Prints the peak memory of the jobs of every rule, their number, and how long all took, for 5,000 and
for 50,000 images: memory must not grow. Needs 25 GB of disk and, on two cores, half an hour.
IMAGES: at least 1,000, one a class.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from project import Project

from benchmarks.folders import CLASSES, plant
from benchmarks.memory import resident
from sparks.io import count_rows

SHARD = 1024
MAPS = "results/attributions/folder/convnet/0/saliency.safetensors"
SCORES = "results/scores/folder/convnet/0/saliency.parquet"


def command(project: Project, images: int) -> list[str]:
    overrides = (
        "experiment=sobol",
        "experiments.sobol.datasets=[folder]",
        f"datasets.folder.num_classes={CLASSES}",
        "datasets.folder.builder.check=false",  # its files are its own
        f"explain.shard={SHARD}",
        f"explain.n={images}",
        f"shared.train_limit={CLASSES}",
        "shared.test_limit=null",
        "training.epochs=1",
    )
    config = ("--config", f"overrides=[{','.join(overrides)}]")
    return project.command("--cores", "all", MAPS, SCORES, *config)


def peaks(project: Project, run: subprocess.Popen[bytes]) -> dict[str, dict[int, int]]:
    """Follow a run to its end: rule → process → the most memory it had, in kB."""
    found: dict[str, dict[int, int]] = {}
    while run.poll() is None:
        for job in project.jobs():
            rule = Path(job.info["cmdline"][1]).name.split(".")[1]
            # A process that has just ended has no such line, or no such file.
            with suppress(OSError, StopIteration):
                found.setdefault(rule, {})[job.pid] = resident("VmHWM", job.pid)
        time.sleep(0.1)
    return found


def measure(folder: Path, images: int) -> None:
    project = Project(folder)
    plant(project.folder / "data/folder", images)
    start = time.monotonic()
    log = folder / "volume.log"
    with log.open("wb") as file:
        run = subprocess.Popen(
            command(project, images),
            cwd=folder,
            env=project.environment(),
            stdout=file,
            stderr=subprocess.STDOUT,
        )
        found = peaks(project, run)
    assert run.returncode == 0, log.read_text()[-4000:]
    assert count_rows(folder / MAPS, "maps") == images
    print(f"{images} images, {time.monotonic() - start:.0f} s")
    for rule, jobs in found.items():
        print(
            f"  {rule}: {len(jobs)} jobs, at most {max(jobs.values()) / 2**10:.0f} MB", flush=True
        )


def main() -> int:
    for images in [int(n) for n in sys.argv[1:]] or [5000, 50000]:
        with tempfile.TemporaryDirectory(prefix="volume-") as folder:
            measure(Path(folder), images)
    return 0


if __name__ == "__main__":
    sys.exit(main())
