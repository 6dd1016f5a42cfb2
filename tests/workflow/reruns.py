"""Compute what a change reruns, from the jobs that a run executed: `docs/architecture.md`'s rule.

A job reruns when its part of the configuration or the digest of its code differs, or when a job
whose files it reads reruns. Snakemake itself says the same (a real dry run in `test_run.py`,
another in its nightly lane), in ten times the time.

As a program, run in a project's folder: read `{"jobs": [...], "changes": [[override, ...], ...],
"edits": [{file: (old text, new text)}, ...]}` from the standard input, print the configuration and
code of each job, hashed: under each change, and under the first one after each edit, which is then
undone. It has imported some of the project before an edit, so none of these files may be edited.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

GROUPS = {"dataset": "dataset", "model": "model", "method": "attribution"}
GROUPS |= {"text": "text", "item": "item", "bank": "bank", "seed": "seed"}


def executed(log: str) -> list[dict]:
    """Read rule, wildcards, inputs and outputs of each job from a log of Snakemake's."""
    jobs = []
    for rule, block in re.findall(r"^(?:local)?rule (\w+):\n((?: {4}.*\n)*)", log, re.MULTILINE):
        lines = dict(line.strip().split(": ", 1) for line in block.splitlines() if ": " in line)
        files = {key: lines[key].split(", ") if key in lines else [] for key in ("input", "output")}
        named = [pair.split("=") for pair in lines.get("wildcards", "").split(", ") if pair]
        jobs.append({"rule": rule, "wildcards": dict(named), **files})
    return jobs


def reruns(jobs: list[dict], before: list[str | None], after: list[str | None]) -> dict[str, int]:
    """Count, rule by rule, the jobs that run again; `before` and `after` are their states."""
    again = {i for i, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]}
    while True:
        made = {path for i in again for path in jobs[i]["output"]}
        more = {i for i, job in enumerate(jobs) if made & set(job["input"])} - again
        if not more:
            return dict(Counter(jobs[i]["rule"] for i in again))
        again |= more


@contextmanager
def edited(folder: Path, edits: Mapping[str, tuple[str, str]]) -> Iterator[None]:
    """Edit files of a folder for a while: path → (old text, new text)."""
    before = {folder / name: (folder / name).read_text("utf-8") for name in edits}
    for (path, text), (old, new) in zip(before.items(), edits.values(), strict=True):
        assert old in text, f"{path} has no {old!r}"
        path.write_text(text.replace(old, new, 1), "utf-8")
    try:
        yield
    finally:
        for path, text in before.items():
            path.write_text(text, "utf-8")


def states(jobs: list[dict], overrides: Iterable[str]) -> list[str | None]:
    """Hash what each job depends on besides its files; None for one without a script."""
    from sparks_thesis.pipeline.compose import compose
    from sparks_thesis.pipeline.selection import part
    from sparks_thesis.pipeline.source_hash import code_digest
    from sparks_thesis.pipeline.sources import config_keys

    config = compose(overrides)
    found: list[str | None] = []
    for job in jobs:
        script = Path(f"scripts/{job['rule']}.py")
        if script.is_file():
            chosen = {GROUPS[k]: v for k, v in job["wildcards"].items() if k in GROUPS}
            own = part(config, config_keys(script), **chosen)
            text = json.dumps([own, code_digest(script.resolve(), own)], default=str)
            found.append(hashlib.sha256(text.encode()).hexdigest())
        else:
            found.append(None)
    return found


if __name__ == "__main__":
    sys.path[:0] = ["src", "tests"]
    from composed import forget_sources, options_read_once

    asked = json.load(sys.stdin)
    with options_read_once():
        found = [states(asked["jobs"], change) for change in asked["changes"]]
    imported = {str(getattr(module, "__file__", "")) for module in sys.modules.values()}
    for edits in asked["edits"]:
        assert not {str(Path(name).resolve()) for name in edits} & imported, edits
        with edited(Path(), edits):
            forget_sources()
            found.append(states(asked["jobs"], asked["changes"][0]))
    print(json.dumps(found))
