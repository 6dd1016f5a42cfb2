"""Jobs that are forks find what jobs find, and their failures are seen (`forks`)."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sparks_thesis.pipeline import forks

SOURCES = Path(__file__).parents[2] / "src"

SNAKEFILE = """
import os
import sys

os.environ["PYTHONPATH"] = "/of/this/workflow"
sys.path.insert(0, SOURCES)

from sparks_thesis.pipeline import forks

onstart:
    forks.use(len(workflow.dag))
os.environ["MARK"] = "while it was read"

rule all:
    input:
        "0.json",
        "1.json",

rule finds:
    output:
        found="{number}.json",
    log:
        "{number}.log",
    benchmark:
        "{number}.tsv"
    params:
        cfg={"a": [1, None]},
    script:
        "finds.py"

rule raises:
    output:
        "raised",
    script:
        "raises.py"

rule leaves:
    output:
        "left",
    script:
        "leaves.py"

rule dies:
    output:
        "dead",
    script:
        "dies.py"

rule lies:
    output:
        "promised",
    script:
        "lies.py"

rule depends:
    input:
        "raised",
    output:
        "dependent",
    script:
        "lies.py"
"""

SCRIPTS = {
    "finds": """
import json
import os
import random
import signal
import sys

import numpy as np
import torch

import helper

# What bash and pytest set, and folders of Snakemake's own.
OTHERS = ("SHLVL", "_", "PWD", "PYTEST_CURRENT_TEST", "TMPDIR", "TMP", "TEMPDIR", "TEMP")
CACHES = ("snakemake-runtime-cache", ".snakemake/pip-deployments")
found = {
    "name": [__name__, os.path.relpath(__file__), len(sys.argv)],
    "folder": os.getcwd(),
    "path": [path for path in sys.path if not any(cache in path for cache in CACHES)],
    "environment": {key: value for key, value in os.environ.items() if key not in OTHERS},
    "descriptors": sum(os.path.exists(f"/proc/self/fd/{i}") for i in range(3, 100)),
    "signals": {i: str(signal.getsignal(i)) for i in (signal.SIGCHLD, signal.SIGINT)},
    "threads": torch.get_num_threads(),
    "ours": [name for name in sys.modules if name.startswith("sparks")],
    "job": [snakemake.rule, dict(snakemake.params.items()), list(snakemake.log)],
}
if snakemake.wildcards.number != "0":
    found = [random.random(), np.random.random(), torch.rand(1).item()]
with open(snakemake.output.found, "w") as file:
    json.dump(found, file)
with open(f"ready-{snakemake.wildcards.number}", "w") as file:
    file.write(str("captum" in sys.modules))
with open(snakemake.log[0], "w") as log:
    os.dup2(log.fileno(), 1)
    print("said", flush=True)
""",
    "raises": "raise ValueError('on purpose')",
    "leaves": "import sys\nopen('left', 'w').close()\nsys.exit(3)",
    "dies": "import os\nopen('dead', 'w').close()\nos.kill(os.getpid(), 9)",
    "lies": "open('another', 'w').close()",
    "helper": "",
}


def run(folder, *targets):
    folder.mkdir(exist_ok=True)
    (folder / "Snakefile").write_text(f"SOURCES = {str(SOURCES)!r}\n{SNAKEFILE}")
    for name, text in SCRIPTS.items():
        (folder / f"{name}.py").write_text(text)
    return subprocess.run(
        [
            *(sys.executable, "-m", "snakemake", "--cores", "2", "--latency-wait", "0", "-k"),
            *("--", *targets),
        ],
        cwd=folder,
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        | {forks.SWITCH: "yes"},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )


@pytest.fixture(scope="module")
def forked(tmp_path_factory):
    """The folder of a run whose jobs were forks, and what it printed."""
    folder = tmp_path_factory.mktemp("forked")
    return folder, run(folder, "all", "2.json", "raised", "left", "dead", "promised", "dependent")


@pytest.fixture(scope="module")
def unforked(tmp_path_factory):
    """The folder of a run of so few jobs that each had a Python of its own."""
    folder = tmp_path_factory.mktemp("unforked")
    done = run(folder, "all")
    assert done.returncode == 0, done.stdout
    return folder


def test_a_job_finds_what_it_finds_in_a_python_of_its_own(forked, unforked):
    found = []
    for folder in (forked[0], unforked):
        found.append(json.loads((folder / "0.json").read_text().replace(str(folder), "HERE")))
        assert (folder / "0.log").read_text() == "said\n"
        header, measured = (folder / "0.tsv").read_text().splitlines()
        assert header.split("\t")[0] == "s"
        assert float(measured.split("\t")[0]) > 0
    assert found[0] == found[1]


def test_jobs_find_pytorch_imported_and_those_of_a_run_of_few_do_not(forked, unforked):
    found = [(folder / "ready-0").read_text() for folder in (forked[0], unforked)]
    assert found == ["True", "False"]


def test_jobs_draw_other_random_numbers(forked):
    one, two = (json.loads((forked[0] / f"{i}.json").read_text()) for i in (1, 2))
    assert all(a != b for a, b in zip(one, two, strict=True))


@pytest.mark.parametrize(
    ("rule", "output"),
    [
        ("raises", "raises.py' returned non-zero exit status 1"),
        ("leaves", "leaves.py' returned non-zero exit status 3"),
        ("dies", "dies.py' died with <Signals.SIGKILL: 9>"),
        ("lies", "MissingOutputException in rule lies"),
    ],
)
def test_a_job_that_fails_fails_the_run(forked, rule, output):
    _, done = forked
    assert done.returncode == 1
    assert output in done.stdout


def test_what_a_failed_job_made_is_removed_and_nothing_follows(forked):
    folder, done = forked
    assert "ValueError: on purpose" in done.stdout
    assert "rule depends:" not in done.stdout
    assert not any((folder / name).exists() for name in ("raised", "left", "dead", "promised"))
    assert (folder / "another").exists()  # the one that lied did run
