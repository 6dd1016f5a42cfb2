"""Start the processes of jobs as forks of one that has imported PyTorch and its like.

Importing them takes a job two to five seconds of processor time, and most jobs work for less. Only
these imports are shared. All else is Snakemake's own, and the job's: the plan, the order, the
script file with its preamble, a process for each job with its environment, log, exit code and
benchmark, and what is noted when it has ended. Each job imports the project's own modules itself.

Snakemake has no setting for it, so `use` replaces the one method that starts a script's Python. A
job in an environment or container of its own, one that asks for more than one thread, and the jobs
of a run of few get a Python of their own, as does every job where the process cannot be forked.

This file is also the program of that process, which must import nothing of the project.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
import traceback
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

# Environment variable: "no" gives each job a Python of its own.
SWITCH = "SPARKS_FORKS"
FEWEST = 6  # jobs of a run for which importing everything once takes less than each on its own

# What jobs import of others, where it takes long.
SLOW = (
    *("torch", "torchvision", "torch.fx", "torch.func", "torch.utils.flop_counter"),
    *("numpy", "pandas", "pyarrow.parquet", "safetensors.torch", "captum.attr", "timm"),
    *("scipy.stats", "scipy.optimize", "scipy.ndimage", "scipy.sparse.linalg"),
    *("sklearn.cluster", "sklearn.decomposition", "sklearn.datasets", "skimage"),
    *("matplotlib.pyplot", "seaborn", "bokeh.plotting", "jinja2", "tqdm"),
    *("hydra", "omegaconf", "snakemake.logging", "snakemake.iocontainers"),
)
# Read when PyTorch and its like are imported. Snakemake sets them for each job, by its threads.
THREADS = ("OMP", "GOTO", "OPENBLAS", "MKL", "NUMEXPR")
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in THREADS} | {"VECLIB_MAXIMUM_THREADS": "1"}
# A fork has none of the threads that there were; Arrow's memory would start one.
NO_THREAD = ONE_THREAD | {"JE_ARROW_MALLOC_CONF": "background_thread:false"}


# --- where Snakemake runs ----------------------------------------------------------------------


class Server:
    """The process that jobs are forked from, started when the first one is asked for."""

    def __init__(self) -> None:
        self.socket: socket.socket | None = None
        self.lock = threading.Lock()

    def start(self) -> socket.socket:
        """Start it; it ends when the connection to it does."""
        mine, other = socket.socketpair()
        with other:
            program = [sys.executable, "-P", __file__, str(other.fileno())]
            environment = os.environ | NO_THREAD
            started = subprocess.Popen(program, env=environment, pass_fds=[other.fileno()])
        atexit.register(started.wait)  # so that what jobs took counts as the run's
        atexit.register(mine.close)
        mine.recv(1)  # until it is ready, or has ended
        return mine

    def connect(self) -> socket.socket | None:
        """Return a connection to a new process of the server's, which starts one job.

        None where that process cannot fork.
        """
        with self.lock:
            self.socket = self.socket or self.start()
            mine, other = socket.socketpair()
            with other:
                try:
                    socket.send_fds(self.socket, [b"1"], [other.fileno()])
                except OSError:
                    mine.close()
                    return None
            return mine


def use(jobs: int) -> None:
    """Let the jobs of this run be forks, if they are many enough.

    Args:
        jobs: of the run.
    """
    from snakemake.benchmark import benchmarked
    from snakemake.script import PythonScript

    if jobs < FEWEST or os.environ.get(SWITCH) == "no":
        return
    server, in_a_python_of_its_own = Server(), PythonScript.execute_script

    def execute_script(self: Any, fname: str, edit: bool = False) -> None:
        apart = self.threads != 1 or self.conda_env or self.container_img or edit
        connection = None if apart else server.connect()
        if connection is None:
            in_a_python_of_its_own(self, fname, edit)
            return
        with connection, connection.makefile("rw") as lines:
            print(json.dumps([fname, os.environ | ONE_THREAD]), file=lines, flush=True)
            pid, record = int(lines.readline()), self.bench_record
            with benchmarked(pid, record) if record is not None else nullcontext():
                print("being measured", file=lines, flush=True)
                status = lines.readline()
        if status != "0\n":
            raise subprocess.CalledProcessError(int(status or 1), f"{sys.executable} {fname}")

    PythonScript.execute_script = execute_script


# --- where jobs are forked ---------------------------------------------------------------------


def serve(asked: socket.socket) -> str:
    """Fork a process for each connection, and end with Snakemake.

    Returns:
        In the process of a job, and nowhere else: the file of its script.
    """
    for name in SLOW:
        with suppress(ImportError):
            importlib.import_module(name)
    if len(os.listdir("/proc/self/task")) > 1:
        sys.exit("jobs get a Python of their own: a process with threads cannot be forked")
    gc.freeze()  # or collecting garbage would copy all of that memory in every job
    interrupted = signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for the jobs
    asked.send(b"1")
    while True:
        _, descriptors, *_ = socket.recv_fds(asked, 1, 1)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG if descriptors else 0)[0]:
                pass
        if not descriptors:
            os._exit(0)
        with socket.socket(fileno=descriptors[0]) as connection:
            if os.fork() == 0:
                asked.close()
                return start(connection, interrupted)


def start(connection: socket.socket, interrupted: Any) -> str:
    """Start a job, say its number, wait for it and say how it ended."""
    with connection.makefile("rw") as lines:
        script, environment = json.loads(lines.readline())
        pid = os.fork()
        if pid:
            print(pid, file=lines, flush=True)
            lines.readline()  # until then it is not waited for, so that it can be looked at
            _, status = os.waitpid(pid, 0)
            print(os.waitstatus_to_exitcode(status), file=lines, flush=True)
            os._exit(0)
    connection.close()
    signal.signal(signal.SIGINT, interrupted)
    os.environ.clear()
    os.environ.update(environment)
    return str(script)


def run(script: str, installed: list[str]) -> None:
    """Run a script as a Python that is called with it does.

    Args:
        script: its file.
        installed: folders of installed modules.
    """
    import numpy as np
    import torch

    np.random.seed()  # noqa: NPY002
    torch.seed()
    searched = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    with suppress(OSError):  # the name that `top` shows
        Path("/proc/self/comm").write_text(Path(script).name.partition(".")[2])
    sys.argv[:] = [script]
    sys.path[:] = [str(Path(script).parent.resolve()), *filter(None, searched), *installed]
    try:
        runpy.run_path(script, run_name="__main__")
        status = 0
    except SystemExit as left:
        status = int(left.code or 0)
    except BaseException:
        traceback.print_exc()
        status = 1
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status)  # to take PyTorch's modules down takes longer than most jobs


if __name__ == "__main__":
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    installed = [folder for folder in sys.path if folder not in given]
    run(serve(socket.socket(fileno=int(sys.argv[1]))), installed)
