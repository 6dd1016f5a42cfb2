"""Maps made shard by shard are those of one job, and a shard that is lost is made again alone."""

import pytest
import torch

from sparks.artifacts import load_table, load_tensors
from sparks.data import ImageSet

pytestmark = pytest.mark.slow

METHODS = ("smoothgrad", "rise", "sobol", "random")
FOLDER = "results/attributions/digits/convnet/0"
MAPS = [f"{FOLDER}/{method}.safetensors" for method in METHODS]
SCORES = "results/scores/digits/convnet/0/smoothgrad/fidelity.parquet"
# 40 images in shards of 16: the last one is smaller.
COMMON = ("training.epochs=1", "scale.n_explain=40")


def run(*targets, shard, other=()):
    overrides = ",".join([*COMMON, f"explain.shard={shard}", *other])
    return ("--cores", "2", *targets, "--config", "scale=smoke", f"overrides=[{overrides}]")


def costs_of(project):
    return [load_table(project.folder / f"{FOLDER}/{m}.cost.parquet") for m in METHODS]


@pytest.fixture(scope="module")
def made(make_project):
    """A project with the maps of shards, and what one job for all images gave there before."""
    project = make_project("shards")
    project.snakemake(*run(*MAPS, SCORES, shard="null"))
    assert not list((project.folder / FOLDER).glob("*/*.safetensors"))
    whole = {
        "maps": [load_tensors(project.folder / file) for file in MAPS],
        "costs": costs_of(project),
        "scores": load_table(project.folder / SCORES),
    }
    project.snakemake(*run(*MAPS, SCORES, shard=16))
    return project, whole


def test_maps_are_the_same_to_the_last_bit(made):
    project, whole = made
    for file, before in zip(MAPS, whole["maps"], strict=True):
        merged = load_tensors(project.folder / file)
        assert len(merged["maps"]) == 40
        assert torch.equal(merged["target"], before["target"])
        assert torch.equal(merged["maps"], before["maps"]), file
        shards = sorted((project.folder / file).with_suffix("").glob("*.safetensors"))
        assert [len(load_tensors(shard)["maps"]) for shard in shards] == [16, 16, 8]


def test_scores_and_passes_are_the_same(made):
    project, whole = made
    after, before = load_table(project.folder / SCORES), whole["scores"]
    assert after.drop(columns="value").equals(before.drop(columns="value"))
    assert after["value"].to_numpy() == pytest.approx(before["value"].to_numpy(), abs=1e-5)
    for after, before in zip(costs_of(project), whole["costs"], strict=True):
        counted = after["metric"].isin(["Forwards", "Backwards"])
        expected = before["value"][counted].to_numpy()
        assert after["value"][counted].to_numpy() == pytest.approx(expected)


def test_a_lost_shard_is_made_again_alone(made):
    project, whole = made
    file = project.folder / FOLDER / "sobol.safetensors"
    kept = (file.with_suffix("") / "0.safetensors").stat().st_mtime_ns
    (file.with_suffix("") / "1.safetensors").unlink()
    file.unlink()
    arguments = run(f"{FOLDER}/sobol.safetensors", shard=16)
    assert project.planned(*arguments[2:]) == {"attribute": 1, "merge_shards": 1}
    project.snakemake(*arguments)
    assert (file.with_suffix("") / "0.safetensors").stat().st_mtime_ns == kept
    before = whole["maps"][METHODS.index("sobol")]
    assert torch.equal(load_tensors(file)["maps"], before["maps"])


def test_shards_after_the_last_image_are_empty(made):
    project, _ = made
    more = ("scale.n_explain=800",)  # there are fewer
    project.snakemake(*run(f"{FOLDER}/random.safetensors", shard=256, other=more))
    there = len(ImageSet.load(project.folder / "results/explained/digits.safetensors"))
    shards = [project.folder / f"{FOLDER}/random/{i}.safetensors" for i in range(4)]
    lengths = [len(load_tensors(shard)["maps"]) for shard in shards]
    assert lengths == [256, there - 256, 0, 0]
    assert len(load_tensors(project.folder / f"{FOLDER}/random.safetensors")["maps"]) == there


FOLDED = "results/stability/digits/convnet/0/stability.scores.parquet"
# 20 images of each of two folds in shards of 16: the last one is smaller.
FOLDS = (
    "studies.stability.images=40",
    "experiments.stability.methods=[smoothgrad,rise,random]",
    "studies.stability.switched=[10]",
    "studies.stability.randomised=[10]",
)


def test_distances_between_folds_are_those_of_one_job_to_the_last_bit(made):
    project, _ = made
    project.snakemake(*run(FOLDED, shard="null", other=FOLDS))
    whole = load_table(project.folder / FOLDED)
    arguments = run(FOLDED, shard="null", other=(*FOLDS, "studies.stability.shard=16"))
    assert project.planned(*arguments[2:]) == {"stability": 6, "stability_scores": 1}
    project.snakemake(*arguments)
    assert load_table(project.folder / FOLDED).equals(whole)


def test_shards_of_folds_after_the_last_image_are_empty(made):
    project, _ = made
    folds = (*FOLDS, "studies.stability.shard=256", "studies.stability.images=1600")
    own = "experiments.stability.methods=[random]"
    project.snakemake(*run(FOLDED, shard="null", other=(*folds, own)))
    shards = sorted((project.folder / "results/stability/digits/convnet/0/random").glob("*.pairs*"))
    sizes = [len(load_table(shard)) for shard in shards]
    images = len(ImageSet.load(project.folder / "results/data/digits/train.safetensors"))
    assert sum(sizes) == 3 * images  # conditions, of one other network each
    assert sizes[-1] == 0


TABLES = [
    f"results/studies/{study}/chimera/convnet/0.parquet" for study in ("craft", "holistic", "lens")
]
CLASSES = ("scale.concept_classes=3", "scale.lens_classes=3")
SHARDS = (*CLASSES, "concepts.shard=2")


@pytest.fixture(scope="module")
def of_classes(make_project):
    """Concepts of all classes in one job, then of two classes a job, in the same folder."""
    project = make_project("classes")
    project.snakemake(*run(*TABLES, shard="null", other=CLASSES))
    whole = [load_table(project.folder / table) for table in TABLES]
    atlas = (project.folder / TABLES[-1]).with_suffix("")
    files = {file.name: file.read_bytes() for file in atlas.iterdir()}
    project.snakemake(*run(*TABLES, shard="null", other=SHARDS))
    return project, whole, files


def test_concepts_of_shards_are_those_of_one_job(of_classes):
    project, whole, files = of_classes
    for table, before in zip(TABLES, whole, strict=True):
        assert load_table(project.folder / table).equals(before), table
    atlas = (project.folder / TABLES[-1]).with_suffix("")
    assert {file.name for file in atlas.iterdir()} == set(files)
    for name, content in files.items():
        if name.startswith("class-"):
            assert load_tensors(atlas / name).keys()
            assert (atlas / name).read_bytes() == content


def test_a_lost_shard_of_classes_is_made_again_alone(of_classes):
    project, *_ = of_classes
    (project.folder / TABLES[0]).unlink()
    (project.folder / TABLES[0].replace("0.parquet", "0/1.parquet")).unlink()
    planned = project.planned(*run(*TABLES, shard="null", other=SHARDS)[2:])
    assert planned == {"craft": 1, "merge_classes": 1}
