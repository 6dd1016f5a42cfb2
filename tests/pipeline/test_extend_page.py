"""What docs/extend.md tells to write does what it says: its files, in a copy of the project."""

import re
import shutil
import subprocess
import sys

from sparks_thesis.pipeline.paths import ROOT

PROGRAM = """
import torch
from omegaconf import OmegaConf
from sparks.protocols import Explanation
from sparks_thesis.pipeline.compose import compose
from sparks_thesis.pipeline.factories import build
from sparks_thesis.pipeline.paths import ROOT
from sparks_thesis.pipeline.validate import validate_names

config = compose(["experiments.sobol.metrics=[means]"])
assert str(ROOT) == {root!r}
validate_names(config, OmegaConf.to_container(config, resolve=True))
assert "centre" in config.experiments.sobol.methods and "centre" in config.studies.eva.methods
looks = [(entry.colour, entry.marker) for entry in config.methods.values()]
assert looks.count((config.methods.Centre.colour, config.methods.Centre.marker)) == 1
x, target = torch.rand(2, 3, 16, 16), torch.tensor([0, 1])
maps = build(config.attributions.centre.method)(torch.nn.Flatten(), x, target)
assert maps.shape == (2, 16, 16) and int(maps[0].argmax()) in (119, 120, 135, 136)
metric = build(config["metrics"].means.metrics.mean_value)
value = metric(Explanation(None, x, target, maps))["MeanValue"]
assert torch.allclose(value, maps.flatten(1).mean(1))
"""


def test_its_method_and_its_metric_join_the_tables(tmp_path):
    for folder in ("src", "config", "workflow", "scripts"):
        ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    page = (ROOT / "docs" / "extend.md").read_text("utf-8")
    blocks = re.findall(r"```(?:python|yaml)\n# ([\w./]+)[^\n]*\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 4
    for name, text in blocks:
        assert not (tmp_path / name).exists()
        (tmp_path / name).write_text(text, "utf-8")
    environment = {"PYTHONPATH": str(tmp_path / "src"), "PATH": "/usr/bin:/bin"}
    program = [sys.executable, "-c", PROGRAM.format(root=str(tmp_path))]
    ran = subprocess.run(program, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
