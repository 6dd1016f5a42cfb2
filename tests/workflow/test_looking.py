"""What only looks changes no result; a run sees what a killed one left: jobs, damaged artifacts."""

import signal
import subprocess
import time
from contextlib import suppress

import psutil
import pytest

pytestmark = pytest.mark.nightly

IMAGES = "results/data/digits/test.safetensors"
RUN = ("--cores", "1", "--config", "scale=smoke", "overrides=[training.epochs=400]")
HALF = "results/data/digits/.test.abcdefgh.safetensors"


def state(project, times):
    """Every file of the results and of what jobs noted."""
    folders = (project.folder / name for name in ("results", ".snakemake/outputs"))
    files = (path for folder in folders for path in folder.rglob("*") if path.is_file())
    return {
        str(path): (path.read_bytes(), path.stat().st_mtime_ns if times else 0) for path in files
    }


@pytest.fixture(scope="module")
def damaged(make_project):
    """A project with an artifact cut short after its job had ended, and a half-written file."""
    project = make_project("looked at")
    project.snakemake(*RUN, "--", IMAGES)
    with (project.folder / IMAGES).open("rb+") as file:
        file.truncate(1000)
    (project.folder / HALF).write_text("half")
    return project


@pytest.mark.parametrize(
    "spelling",
    ["-pn", "-D", "-l", "--d3dag", "--unlock", "--touch", "--cleanup-metadata results/none"],
)  # fmt: skip
def test_what_only_looks_changes_no_result(damaged, spelling):
    times = spelling != "--touch"
    checked = damaged.folder / ".snakemake/checked.json"
    remembered = checked.read_text()
    checked.unlink()  # so that settings are looked at again
    before = state(damaged, times)
    # `--touch` of another file: of this one it would say that it is as it should be.
    target = IMAGES if times else "results/none"
    done = damaged.snakemake(*spelling.split(), *RUN, "--", target, check=False)
    assert state(damaged, times) == before
    if spelling == "-l":  # rules, without the one that they are made from
        assert "\ntrain\n" in done.stdout
        assert "\njob\n" not in done.stdout
    assert checked.exists() == (spelling == "-pn")  # a dry run remembers what has passed
    checked.write_text(remembered)
    if spelling == "-pn":
        assert f"{IMAGES} has 1000 bytes" in done.stdout
        assert "rule data" in done.stdout


def test_a_dry_run_of_everything_says_what_it_will_take(damaged):
    output = damaged.snakemake("-pn", *RUN[:-1], "overrides=[experiment=words]").stdout
    assert output.count("Planned for scale smoke") == 1
    assert "Planned for" not in damaged.snakemake("-n", *RUN, "--", IMAGES).stdout


def test_a_dry_run_of_many_jobs_lists_each_on_request_and_ends_with_its_summary(damaged):
    brief = damaged.snakemake("-n", *RUN[:-1]).stdout
    assert "rule attribute:" not in brief
    assert "snakemake -np lists every job with its reason" in brief
    assert " jobs to do: about " in brief.splitlines()[-1]
    assert brief.index("This was a dry-run") < brief.index("Planned for scale smoke")
    assert "rule attribute:" in damaged.snakemake("-np", *RUN[:-1]).stdout


def test_a_run_makes_what_was_cut_short_again_once(damaged):
    done = damaged.snakemake(*RUN, "--", IMAGES)
    assert f"{IMAGES} has 1000 bytes" in done.stdout
    assert (damaged.folder / IMAGES).stat().st_size > 1000
    assert not (damaged.folder / HALF).exists()
    assert "Nothing to be done" in damaged.snakemake(*RUN, "--", IMAGES).stdout


def test_jobs_of_a_killed_run_do_not_work_beside_those_of_the_next(damaged):
    weights = "results/models/digits/convnet/0/weights.safetensors"

    def start(log):
        return subprocess.Popen(
            damaged.command(*RUN, "--", weights),
            cwd=damaged.folder,
            env=damaged.environment(),
            stdout=log.open("wb"),
            stderr=subprocess.STDOUT,
        )

    def wait_for(condition):
        end = time.monotonic() + 240
        while not condition():
            assert time.monotonic() < end
            time.sleep(0.05)

    killed = start(damaged.folder / "first.log")
    wait_for((damaged.folder / f"{weights}.checkpoint").exists)
    [job] = damaged.jobs()
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    log = damaged.folder / "second.log"
    second = start(log)
    try:
        wait_for(lambda: "still at work" in log.read_text())
        assert str(job.pid) in log.read_text()
        assert [left.pid for left in damaged.jobs()] == [job.pid]
        assert "train dataset=digits" not in log.read_text()
        job.kill()
        wait_for(lambda: "train dataset=digits" in log.read_text())  # from the checkpoint
    finally:
        second.kill()
        for left in [job, *damaged.jobs()]:
            with suppress(psutil.NoSuchProcess):
                left.kill()
