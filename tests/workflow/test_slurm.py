"""The workflow on a real Slurm, by profiles/slurm: GPUs, memory, and the results of a local run."""

import pytest
import slurm

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.skipif(slurm.why_not() is not None, reason=slurm.why_not() or ""),
]

# One GPU rule after the other, each behind rules that need none.
MADE = [
    "results/attributions/digits/convnet/0/saliency.safetensors",
    "results/attributions/digits/convnet/0/random.safetensors",
]
CONFIG = ("--config", "scale=smoke", "overrides=[training.epochs=1]", "--", *MADE)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    slurm_of_one_node = slurm.Slurm(tmp_path_factory.mktemp("slurm"))
    try:
        slurm_of_one_node.start()
        yield slurm_of_one_node
    finally:
        slurm_of_one_node.stop()


@pytest.fixture(scope="module")
def ran(cluster, make_project):
    """A project whose jobs Slurm ran; one of its rules asks for too little memory at first."""
    project = make_project("slurm")
    rule = "rule job as select_images with:"
    before, after = (project.folder / "workflow/rules/data.smk").read_text().split(rule)
    assert "**asks(2000, " in after
    small = after.replace("**asks(2000, ", "**asks(420, ", 1)
    (project.folder / "workflow/rules/data.smk").write_text(before + rule + small)
    project.snakemake(*slurm.PROFILE, *CONFIG)
    return project


def test_rules_that_can_use_a_gpu_get_one_each_and_others_none(ran, cluster):
    jobs = [job for job in cluster.jobs() if job["state"] == "COMPLETED"]
    counts = {rule: sum(job["rule"] == rule for job in jobs) for rule in ("data", "attribute")}
    assert counts == {"data": 1, "attribute": 2}
    for job in jobs:
        if job["rule"] in ("train", "attribute"):
            assert job["gpus"] == "1"
            assert len(job["seen"] - {"none"}) == 1
            assert job["seen"] <= {"0", "1", "none"}
        else:
            assert job["gpus"] == "0"
            assert job["seen"] == {"none"}


def test_a_job_that_outgrows_its_memory_is_tried_again_with_twice_as_much(ran, cluster):
    tries = [job for job in cluster.jobs() if job["rule"] == "select_images"]
    assert [job["memory"] for job in tries] == ["420M", "840M", "1680M"][: len(tries)]
    assert len(tries) > 1
    assert [job["state"] for job in tries[:-1]] == ["FAILED"] * (len(tries) - 1)
    assert tries[-1]["state"] == "COMPLETED"


def test_results_are_those_of_a_local_run(ran, make_project):
    local = make_project("local")
    local.snakemake("--cores", "2", *CONFIG)
    for name in MADE:
        assert (ran.folder / name).read_bytes() == (local.folder / name).read_bytes()
