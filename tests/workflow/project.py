"""A copy of the project in an empty folder, and Snakemake runs in it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from sparks_thesis.pipeline import forks

ROOT = Path(__file__).resolve().parents[2]
SERVER = forks.Server()  # starts when the first script runs
AT_THE_SHELL = """
import os, runpy, sys
os.chdir({folder!r})
for number, name in enumerate({printed!r}, 1):
    os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
sys.argv[:] = {arguments!r}
sys.path[0] = {folder!r} + "/scripts"
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run_program(program: Path, environment: dict[str, str]) -> int:
    """Run a Python program in a fork, or in a Python of its own where none can be made."""
    connection = SERVER.connect()
    if connection is None:
        return subprocess.run([sys.executable, program], env=environment, check=False).returncode
    with connection, connection.makefile("rw") as lines:
        print(json.dumps([str(program), environment]), file=lines, flush=True)
        lines.readline()  # its number
        print("go", file=lines, flush=True)
        return int(lines.readline())


class Project:
    """A copy of the project's files in a folder of its own."""

    def __init__(self, folder: Path, checked: Path | None = None) -> None:
        self.folder = folder
        # What has passed the checks at the start in one project has passed them in all.
        self.checked = checked
        listed = subprocess.run(
            ["git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split("\n")
        for name in filter(None, listed):
            if (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)
        if checked and checked.is_file():
            (folder / ".snakemake").mkdir()
            shutil.copy2(checked, folder / ".snakemake/checked.json")

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "snakemake", *arguments]

    def environment(self) -> dict[str, str]:
        """The process's, without this checkout on the path: the copy finds its own files."""
        return {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}

    def snakemake(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run Snakemake.

        Args:
            arguments: Snakemake's.
            check: whether the run must succeed.
        """
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment(),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        if check:
            assert done.returncode == 0, done.stdout[-6000:]
        there = self.folder / ".snakemake/checked.json"
        if self.checked and there.is_file():
            shutil.copy2(there, f"{self.checked}.{os.getpid()}")
            os.replace(f"{self.checked}.{os.getpid()}", self.checked)
        return done

    def script(self, name: str, *overrides: str) -> subprocess.CompletedProcess[str]:
        """Run a script as at the shell, in a fork of a process that has imported PyTorch.

        It takes the modules of the copy, as with `./sparks`. Only the imports of other packages are
        shared, which take most of the time of a script that refuses.
        """
        printed = [self.folder / f".script.{kind}" for kind in ("out", "err")]
        program = self.folder / ".script.py"
        program.write_text(
            AT_THE_SHELL.format(
                folder=str(self.folder),
                printed=[str(file) for file in printed],
                arguments=[f"scripts/{name}.py", *overrides],
            )
        )
        environment = self.environment() | {"PYTHONPATH": str(self.folder / "src")}
        status = run_program(program, environment)
        return subprocess.CompletedProcess(name, status, *(file.read_text() for file in printed))

    def planned(self, *arguments: str) -> dict[str, int]:
        """Rules that a run would execute, with the number of their jobs."""
        text = self.snakemake("-n", "--cores", "2", *arguments).stdout
        if "Nothing to be done" in text:
            return {}
        table = text.rsplit("Job stats:", 1)[1].split("\n\n")[0]
        rows = [line.split() for line in table.splitlines()[3:]]
        return {row[0]: int(row[1]) for row in rows if len(row) == 2 and row[0] != "total"}

    def kill_when(self, appears: str, *arguments: str) -> None:
        """Run, and kill every process of the run as soon as a file matching a pattern exists."""
        run = subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        while run.poll() is None and not list(self.folder.glob(appears)):
            time.sleep(0.01)
        assert run.poll() is None, "the run ended before it could be killed"
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()

    def jobs(self) -> list[psutil.Process]:
        """Processes of jobs that run here, those left by a killed run as well."""
        place = f"{self.folder}/.snakemake/scripts/"
        found, forks = [], {}
        for process in psutil.process_iter(["cmdline", "ppid"]):
            command = process.info["cmdline"] or []
            if len(command) > 1 and "python" in command[0] and command[1].startswith(place):
                found.append(process)
            if f"{self.folder}/src/sparks_thesis/pipeline/forks.py" in command:
                forks[process.pid] = process
        # A job is a fork of a process that waits for it, and which is one of the first.
        parents = {process.info["ppid"] for process in forks.values()}
        found += [p for pid, p in forks.items() if p.info["ppid"] in forks and pid not in parents]
        return found

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.folder / name
        text = path.read_text()
        assert old in text, f"{name} has no {old!r}"
        path.write_text(text.replace(old, new, 1))
