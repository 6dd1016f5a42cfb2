"""One GPU for each process."""

import os
import signal
import subprocess
import sys

import pytest

from sparks.errors import SparksError
from sparks_thesis.pipeline.resources import take_gpu, visible_gpus

TAKER = (
    "import os, sys, time; from pathlib import Path;"
    "from sparks_thesis.pipeline.resources import take_gpu;"
    "take_gpu(Path(sys.argv[1])); print(os.environ['CUDA_VISIBLE_DEVICES'], flush=True);"
    "time.sleep(60)"
)


def start(folder, seen):
    """A process that takes a GPU and keeps it; returns it with what it sees."""
    env = os.environ | {"CUDA_VISIBLE_DEVICES": seen}
    process = subprocess.Popen(
        [sys.executable, "-c", TAKER, str(folder)], env=env, stdout=subprocess.PIPE, text=True
    )
    return process, process.stdout.readline().strip()


def test_each_process_gets_its_own_and_a_killed_one_gives_it_back(tmp_path, monkeypatch):
    first, a = start(tmp_path, "0,1")
    second, b = start(tmp_path, "0,1")
    try:
        assert {a, b} == {"0", "1"}
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
        with pytest.raises(SparksError, match="each of the 2 GPUs has a job"):
            take_gpu(tmp_path)
        first.send_signal(signal.SIGKILL)
        first.wait()
        third, c = start(tmp_path, "0,1")
        third.kill()
        third.wait()
        assert c == a
    finally:
        for process in (first, second):
            process.kill()
            process.wait()


@pytest.mark.parametrize("seen", ["", "3", "GPU-5f2a"])
def test_what_a_scheduler_gave_is_left_alone(tmp_path, monkeypatch, seen):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", seen)
    take_gpu(tmp_path / "locks")
    assert os.environ["CUDA_VISIBLE_DEVICES"] == seen
    assert not (tmp_path / "locks").exists()


def test_a_gpu_that_the_configuration_names_stays_in_sight(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    take_gpu(tmp_path / "locks", "cuda:1")
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "0,1"


def test_without_a_choice_every_gpu_of_the_machine_is_seen(tmp_path, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    assert visible_gpus(tmp_path) == ["0", "1"]
