"""Files explained shard by shard by the scripts, against the same decoded and explained at once."""

from functools import cache

import pytest
import torch
from PIL import Image

import attribute
import merge_shards
import score
import select_images
from sparks.attribution.gradient import Saliency, refuse_not_finite
from sparks.data import Folder, ImageSet
from sparks.errors import SparksError
from sparks.io import load_table, load_tensors
from sparks.models import save_weights
from sparks_thesis.common import score as slices
from sparks_thesis.pipeline.compose import compose
from sparks_thesis.pipeline.factories import classifier, of_shard
from sparks_thesis.pipeline.job import Config
from sparks_thesis.pipeline.selection import part

OPTIONS = {"dataset": "folder", "model": "convnet"}


@pytest.fixture
def root(tmp_path):
    """A folder with two classes of JPEGs of many sizes, and weights."""
    generator = torch.Generator().manual_seed(0)
    for i in range(50):
        width, height = torch.randint(16, 40, (2,), generator=generator).tolist()
        noise = torch.randint(256, (height, width, 3), generator=generator, dtype=torch.uint8)
        for split in ("train", "val"):
            folder = tmp_path / "tree" / split / f"class{i % 2}"
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(noise.numpy()).save(folder / f"{i}.jpg")
    builder = Folder(root=str(tmp_path / "tree"), size=16)
    builder()["test"].save(tmp_path / "test.safetensors")
    model = part(composed("null"), ["model.classifier"], **OPTIONS)["model.classifier"]
    save_weights(classifier(model, seed=0), tmp_path / "weights.safetensors")
    return tmp_path


@cache
def composed(size):
    return compose(
        [
            "scale=smoke",
            "explain.n=40",
            "datasets.folder.size=16",
            "datasets.folder.num_classes=2",
            f"explain.shard={size}",
        ]
    )


def run(script, size, inputs, outputs, method="smoothgrad", **names):
    chosen = {"metric": names.get("metric", "fidelity"), "attribution": method, **OPTIONS}
    parts = part(composed(size), script.CONFIG_KEYS, **chosen)
    inputs = {k: [str(p) for p in v] if isinstance(v, list) else str(v) for k, v in inputs.items()}
    wildcards = {"dataset": "folder", "model": "convnet", "seed": "0", **names}
    script.run(
        Config(parts, wildcards, inputs, ""), inputs, {k: str(v) for k, v in outputs.items()}
    )


def explain(root, size, name, method, **names):
    images = root / f"explained-{size}.safetensors"
    run(select_images, size, {"test": root / "test.safetensors"}, {"images": images})
    made = {"maps": root / f"{name}.safetensors", "cost": root / f"{name}.parquet"}
    inputs = {"images": images, "weights": root / "weights.safetensors"}
    run(attribute, size, inputs, made, method, **names)
    return made


@pytest.mark.parametrize("method", ["saliency", "smoothgrad", "rise", "sobol", "random"])
def test_merged_shards_are_what_one_job_gives(root, method):
    whole = explain(root, "null", "whole", method)
    shards = [explain(root, 16, f"shard-{i}", method, shard=str(i)) for i in range(4)]
    merged = {"maps": root / "merged.safetensors", "cost": root / "merged.parquet"}
    inputs = {kind: [s[one] for s in shards] for kind, one in (("maps", "maps"), ("costs", "cost"))}
    run(merge_shards, 16, inputs, merged)
    assert [len(load_tensors(s["maps"])["maps"]) for s in shards] == [16, 16, 8, 0]
    before, after = load_tensors(whole["maps"]), load_tensors(merged["maps"])
    assert before.keys() == after.keys()
    for name, tensor in before.items():
        assert torch.equal(tensor, after[name]), name
    costs = [load_table(made["cost"]).set_index("metric")["value"] for made in (whole, merged)]
    for passes in ("Forwards", "Backwards"):
        assert costs[1][passes] == pytest.approx(costs[0][passes])
    assert ImageSet.load(root / "explained-null.safetensors").in_memory
    assert not ImageSet.load(root / "explained-16.safetensors").in_memory


def test_an_image_that_breaks_a_model_is_named_by_its_place_in_the_file(root, monkeypatch):
    def break_down(self, model, x, target):
        refuse_not_finite(
            x.where(torch.arange(len(x))[:, None, None, None] != 3, torch.nan), "row {}"
        )
        return x[:, 0]

    explain(root, 16, "shard", "saliency", shard="1")
    monkeypatch.setattr(Saliency, "__call__", break_down)
    expected = r"row 3 holds NaN .* \[counted from image 16 of .*explained-16.safetensors\]"
    with pytest.raises(SparksError, match=expected):
        explain(root, 16, "shard", "saliency", shard="1")


@pytest.mark.parametrize("family", ["fidelity", "complexity", "stability"])
def test_images_are_scored_alike_whichever_are_in_memory_together(root, monkeypatch, family):
    maps = explain(root, "null", "whole", "saliency")["maps"]
    inputs = {
        "images": root / "explained-null.safetensors",
        "weights": root / "weights.safetensors",
        "maps": maps,
    }
    tables = []
    for at_once in (slices.SLICE, 16):
        monkeypatch.setattr(slices, "SLICE", at_once)
        run(score, "null", inputs, {"table": root / "scores.parquet"}, "saliency", metric=family)
        tables.append(load_table(root / "scores.parquet"))
    assert tables[0].drop(columns="value").equals(tables[1].drop(columns="value"))
    assert tables[0]["value"].to_numpy() == pytest.approx(tables[1]["value"].to_numpy(), abs=1e-5)


@pytest.mark.parametrize("n", [0, 1, 15, 16, 17, 40])
def test_every_image_is_in_one_shard(n):
    found = [i for shard in range(4) for i in range(n)[of_shard(n, 16, str(shard))]]
    assert found == list(range(n))
    assert of_shard(n, None, "0") == of_shard(n, 16, None) == slice(0, n)
