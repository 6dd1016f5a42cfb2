"""Snakemake, but the process of a job is a fork of one that has imported PyTorch.

At scale smoke most jobs work for a fraction of a second, after three seconds of imports, and only
these imports are shared here. All else is Snakemake's own, and the job's: the plan, the order, the
script file with its preamble, a process for each job with its environment, log, exit code and
benchmark, and what is noted when it has ended. Each job imports the project's own modules itself.

Run it in a project's folder in place of `python -m snakemake`.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import runpy
import socket
import subprocess
import sys
import threading
import traceback
from contextlib import nullcontext, suppress
from pathlib import Path

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
            program = [sys.executable, __file__, "--serve", str(other.fileno())]
            environment = os.environ | NO_THREAD
            started = subprocess.Popen(program, env=environment, pass_fds=[other.fileno()])
        atexit.register(started.wait)  # so that what jobs took counts as the run's
        atexit.register(mine.close)
        return mine

    def connect(self) -> socket.socket:
        """Return a connection to a new process of the server's, which starts one job."""
        with self.lock:
            self.socket = self.socket or self.start()
            mine, other = socket.socketpair()
            with other:
                socket.send_fds(self.socket, [b"1"], [other.fileno()])
            return mine


def snakemake() -> None:
    """Run Snakemake with these arguments."""
    from snakemake import cli
    from snakemake.benchmark import benchmarked
    from snakemake.script import PythonScript

    sys.path[0] = os.getcwd()  # as with `-m`
    server, in_a_python_of_its_own = Server(), PythonScript.execute_script

    def execute_script(self, fname, edit=False):
        if self.threads != 1 or self.conda_env or self.container_img:
            in_a_python_of_its_own(self, fname, edit)
            return
        with server.connect() as connection, connection.makefile("rw") as lines:
            print(json.dumps([fname, os.environ | ONE_THREAD]), file=lines, flush=True)
            pid, record = int(lines.readline()), self.bench_record
            with benchmarked(pid, record) if record is not None else nullcontext():
                print("being measured", file=lines, flush=True)
                status = lines.readline()
        if status != "0\n":
            raise subprocess.CalledProcessError(int(status or 1), f"{sys.executable} {fname}")

    PythonScript.execute_script = execute_script
    cli.main()


# --- where jobs are forked ---------------------------------------------------------------------


def serve(asked: socket.socket) -> str:
    """Fork a process for each connection, and end with Snakemake.

    Returns:
        In the process of a job, and nowhere else: the file of its script.
    """
    for name in SLOW:
        with suppress(ImportError):
            importlib.import_module(name)
    assert len(os.listdir("/proc/self/task")) == 1, "a fork would lose a thread"
    gc.freeze()  # or collecting garbage would copy all of that memory in every job
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
                return start(connection)


def start(connection: socket.socket) -> str:
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
    os.environ.clear()
    os.environ.update(environment)
    return script


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
    if sys.argv[1:2] == ["--serve"]:
        given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
        installed = [folder for folder in sys.path[1:] if folder not in given]
        run(serve(socket.socket(fileno=int(sys.argv[2]))), installed)
    else:
        snakemake()
