"""Injure a run at random moments, and compare what it makes with a quiet run: `make chaos`.

    ./sparks python tests/workflow/chaos.py --seed 1 --experiments sobol,words

Jobs and Snakemake itself are killed (-9), finished artifacts cut, the disk filled (a small one,
which only root can mount), logs removed, and a second run is started beside the first. After each
injury the same command goes on. In the end, every table must be that of the quiet run, byte for
byte but for measured times, every artifact must open, and no half-written file may be left.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
from project import Project

from sparks.io import load_table, load_tensors

# Kind of injury → how many.
INJURIES = {
    "kill a job": 8,
    "kill snakemake": 4,
    "kill everything": 3,
    "cut an artifact": 4,
    "fill the disk": 2,
    "remove the logs": 2,
}
DISK = "1g"
# Files of measured times, and what in a row of others says that it is measured.
MEASURED = ("tab-training-time", "tab-cost")
MEASURED_ROWS = ("Seconds", "faster")


class Chaos:
    """A run that is injured and goes on."""

    def __init__(self, project: Project, command: list[str], seed: int, pace: float) -> None:
        self.project = project
        self.command = command
        self.random = random.Random(seed)
        self.pace = pace
        self.run: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def results(self) -> Path:
        return self.project.folder / "results"

    def start(self) -> None:
        log = (self.project.folder / "chaos.log").open("ab")
        self.run = subprocess.Popen(
            self.project.command(*self.command),
            cwd=self.project.folder,
            env=self.project.environment(),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def injure(self, kind: str) -> str:
        """Wait for a random moment, injure, and see that a run goes on."""
        time.sleep(self.random.uniform(0.2, 2 * self.pace))
        if self.run.poll() is not None:
            self.go_on()
        output = getattr(self, kind.replace(" ", "_"))()
        if self.run.poll() is not None:
            self.start()
        return output

    def go_on(self) -> None:
        """Start the run again; from nothing where all was made, so that there is work to injure."""
        if self.run.poll() == 0:
            for child in self.results.iterdir():  # the folder may be a mounted disk
                shutil.rmtree(child) if child.is_dir() else child.unlink()
        self.start()

    def wait_for(self, what: Callable[[], list], seconds: float = 240) -> list:
        """What there is of something, as soon as there is any; restarts a run that ended."""
        end = time.monotonic() + seconds
        while not (found := what()):
            if time.monotonic() > end:
                raise TimeoutError("nothing to injure")
            if self.run.poll() is not None:
                self.go_on()
            time.sleep(0.05)
        return found

    def kill_a_job(self) -> str:
        victim = self.random.choice(self.wait_for(self.project.jobs))
        name = victim.name()
        time.sleep(self.random.uniform(0, 4))
        try:
            victim.kill()
        except psutil.NoSuchProcess:
            return f"{name} had just ended"
        return name

    def kill_snakemake(self) -> str:
        self.run.kill()
        self.run.wait()
        return f"leaves {len(self.project.jobs())} jobs without a parent"

    def kill_everything(self) -> str:
        jobs = self.project.jobs()
        with suppress(ProcessLookupError):
            os.killpg(self.run.pid, signal.SIGKILL)
        self.run.wait()
        for job in jobs:
            with suppress(psutil.NoSuchProcess):
                job.kill()
        return f"{len(jobs)} jobs with it"

    def cut_an_artifact(self) -> str:
        victim = self.random.choice(self.wait_for(self.artifacts))
        size = victim.stat().st_size
        os.truncate(victim, self.random.randrange(size))
        return f"{victim.relative_to(self.results)}, {size} bytes"

    def artifacts(self) -> list[Path]:
        files = self.results.rglob("*.*") if self.results.exists() else []
        return sorted(
            f for f in files if f.is_file() and not f.name.startswith(".") and f.stat().st_size > 1
        )

    def fill_the_disk(self) -> str:
        if not os.path.ismount(self.results):
            return "skipped: only root can mount a small disk"
        filler = self.results / "filler"
        with filler.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(2**20))
            except OSError:
                size = filler.stat().st_size
        time.sleep(self.random.uniform(2, 2 * self.pace))
        filler.unlink()
        return f"with {size // 2**20} MiB for a while"

    def remove_the_logs(self) -> str:
        shutil.rmtree(self.project.folder / "logs", ignore_errors=True)
        return ""

    def second_run(self) -> str:
        """Start another run beside this one: it must say so and stop."""
        self.wait_for(self.project.jobs)
        done = self.project.snakemake("--forcerun", "collect", *self.command, check=False)
        assert done.returncode != 0
        assert "another run is at work in this folder" in done.stdout, done.stdout[-2000:]
        return "a second run was refused"

    def finish(self) -> None:
        """Let it run to its end, undisturbed."""
        for _ in range(4):
            if self.run.wait() == 0:
                break
            self.start()
        assert self.run.wait() == 0, (self.project.folder / "chaos.log").read_text()[-4000:]
        # The last word: an artifact that was cut after its use is noticed by the next run.
        self.project.snakemake(*self.command)


def tables(project: Project) -> dict[str, bytes]:
    """Every table, byte for byte; of those with measured times, the other rows."""
    found = {}
    for file in sorted((project.folder / "results/tables").iterdir()):
        if file.name.startswith(MEASURED):
            continue
        content = file.read_bytes()
        if file.name in ("tab-eva.csv", "tab-claims.csv"):
            rows = csv.reader(io.StringIO(content.decode()))
            kept = [
                row for row in rows if not any(m in cell for cell in row for m in MEASURED_ROWS)
            ]
            content = repr(kept).encode()
        elif file.name.startswith(("tab-eva.", "tab-claims.")):
            continue
        found[file.name] = content
    return found


def compare(expected: dict[str, bytes], found: dict[str, bytes]) -> None:
    names = expected.keys() | found.keys()
    different = sorted(name for name in names if expected.get(name) != found.get(name))
    assert not different, f"tables that differ: {different}"
    print(f"{len(found)} files of tables are those of the quiet run")


def check_whole(project: Project) -> int:
    """Open every artifact; returns how many there are."""
    results = project.folder / "results"
    half = [f for f in results.rglob(".*") if not f.name.startswith(".snakemake")]
    half += results.rglob("*.checkpoint")
    assert not half, f"half-written files are left: {half}"
    tensors, parquets = list(results.rglob("*.safetensors")), list(results.rglob("*.parquet"))
    for file in tensors:
        load_tensors(file)
    for file in parquets:
        load_table(file)
    return len(tensors) + len(parquets)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0, help="of which injury when")
    parser.add_argument("--experiments", default="", help="some of them only, e.g. sobol,words")
    parser.add_argument("--injuries", type=int, help="at most so many of the 23")
    chosen = parser.parse_args()
    overrides = f"overrides=[experiment=[{chosen.experiments}]]" if chosen.experiments else None
    command = ["--cores", "2", "--config", "scale=smoke", *([overrides] if overrides else [])]
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        quiet, injured = (Project(Path(folder) / name) for name in ("quiet", "injured"))
        start = time.monotonic()
        quiet.snakemake(*command)
        seconds = time.monotonic() - start
        print(f"quiet run: {seconds:.0f} s", flush=True)
        mounted = mount(injured.folder / "results")
        chaos = None
        try:
            kinds = [kind for kind, count in INJURIES.items() for _ in range(count)]
            random.Random(chosen.seed).shuffle(kinds)
            kinds = kinds[: chosen.injuries]
            chaos = Chaos(injured, command, chosen.seed, pace=max(2.0, 1.5 * seconds / len(kinds)))
            for number, kind in enumerate(kinds, start=1):
                print(f"{number:2} {kind}: {chaos.injure(kind)}", flush=True)
                if number == len(kinds) // 2:
                    print(f"   {chaos.second_run()}", flush=True)
            chaos.finish()
            compare(tables(quiet), tables(injured))
            print(f"{check_whole(injured)} artifacts are whole")
        finally:
            if chaos is not None:
                chaos.kill_everything()
            if mounted:
                subprocess.run(["umount", "-l", str(injured.folder / "results")], check=False)
    return 0


def mount(folder: Path) -> bool:
    """Mount a small disk, where that is allowed."""
    folder.mkdir(parents=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)],
        check=False,
        capture_output=True,
    )
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
