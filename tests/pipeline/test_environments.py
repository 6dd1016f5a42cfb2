"""What jobs and the Snakefile import is in the environments of conda that they run in."""

import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

from sparks_thesis.pipeline import source_hash
from sparks_thesis.pipeline.sources import source

ROOT = Path(__file__).resolve().parents[2]


def pinned(environment):
    """Return the names of the packages in an environment file."""
    return set(re.findall(r'- "([a-z0-9-]+)==', (ROOT / environment).read_text()))


def distributions(modules):
    """Return the names of the distributions that packages of others are installed by."""
    found = packages_distributions()
    return {name.lower().replace("_", "-") for module in modules for name in found.get(module, ())}


def test_what_jobs_import_is_in_their_environment(monkeypatch):
    """All that each script may reach, as digests of code follow it; here the pipeline's too."""
    monkeypatch.setattr(source_hash, "CARRIERS", ())
    monkeypatch.setattr(source_hash, "_imported", source_hash._imported.__wrapped__)
    tools = ("add_model", "lens_serve", "make_environment_yml")
    scripts = [file for file in (ROOT / "scripts").glob("*.py") if file.stem not in tools]
    files = set().union(*(source_hash.closure.__wrapped__(script) for script in scripts))
    imported = {name.split(".")[0] for file in files for name in source(file).imports}
    needed = distributions(imported)
    assert {"torch", "hydra-core", "bokeh", "deel-torchlip"} <= needed
    # Snakemake brings itself into the environments of its jobs.
    assert needed <= pinned("workflow/envs/jobs.yaml")
    assert not {"snakemake", "pytest", "mypy", "ruff"} & pinned("workflow/envs/jobs.yaml")


def test_what_the_snakefile_imports_is_in_its_environment():
    rules = (ROOT / "workflow/rules/common.smk").read_text()
    lines = re.findall(r"^from sparks.* import (?:\([^)]*\)|.*)$", rules, re.MULTILINE)
    program = "\n".join(
        ["import sys", *lines, "print(*{name.split('.')[0] for name in sys.modules})"]
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    needed = distributions(done.stdout.split()) - {"sparks-xai", "cython", "setuptools"}
    assert {"hydra-core", "snakemake"} <= needed
    assert "torch" not in needed
    from make_environment_yml import names_of, pins

    assert needed - names_of(pins({"snakemake"})) <= pinned("workflow/envs/snakefile.yaml")
