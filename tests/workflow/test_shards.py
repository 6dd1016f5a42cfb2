"""What is made shard by shard is what one job makes, and a lost shard is made again alone."""

import pytest
import torch

from sparks.concepts import Banks
from sparks.data import ImageSet
from sparks.io import load_table, load_tensors

pytestmark = pytest.mark.nightly

METHODS = ("smoothgrad",)  # others: tests/pipeline/test_explained_shards.py
FOLDER = "results/attributions/digits/convnet/0"
MAPS = [f"{FOLDER}/{method}.safetensors" for method in METHODS]
SCORES = "results/scores/digits/convnet/0/smoothgrad.parquet"
FOLDED = "results/stability/digits/convnet/0/stability.scores.parquet"
# 40 images in shards of 16, and 20 images of each of two folds: the last shards are smaller.
COMMON = (
    "training.epochs=1",
    "explain.n=40",
    "studies.stability.images=40",
    "studies.stability.methods=[smoothgrad]",
    "studies.stability.label_noise=[10]",
    "studies.stability.randomised=[10]",
)


def run(*targets, explain="null", folds="null", other=()):
    shards = (f"explain.shard={explain}", f"studies.stability.shard={folds}")
    overrides = ",".join([*COMMON, *shards, *other])
    return ("--cores", "2", *targets, "--config", "scale=smoke", f"overrides=[{overrides}]")


def costs_of(project):
    return [load_table(project.folder / f"{FOLDER}/{m}.cost.parquet") for m in METHODS]


@pytest.fixture(scope="module")
def made(make_project):
    """A project made of shards, and what one job for all images gave there before."""
    project = make_project("shards")
    project.snakemake(*run(*MAPS, SCORES, FOLDED))
    assert not list((project.folder / FOLDER).glob("*/*.safetensors"))
    whole = {
        "maps": [load_tensors(project.folder / file) for file in MAPS],
        "costs": costs_of(project),
        "scores": load_table(project.folder / SCORES),
        "folded": load_table(project.folder / FOLDED),
    }
    project.snakemake(*run(*MAPS, SCORES, FOLDED, explain=16, folds=16))
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
    assert load_table(project.folder / SCORES).equals(whole["scores"])
    for after, before in zip(costs_of(project), whole["costs"], strict=True):
        counted = after["metric"].isin(["Forwards", "Backwards"])
        expected = before["value"][counted].to_numpy()
        assert after["value"][counted].to_numpy() == pytest.approx(expected)


def test_distances_between_folds_are_the_same_to_the_last_bit(made):
    project, whole = made
    shards = (project.folder / FOLDED).parent.glob("*/*.pairs.parquet")
    assert sorted(shard.name for shard in shards) == ["0.pairs.parquet", "1.pairs.parquet"]
    assert load_table(project.folder / FOLDED).equals(whole["folded"])


def test_a_lost_shard_is_made_again_alone(made):
    project, whole = made
    file = project.folder / MAPS[0]
    shards = [file.with_suffix("") / f"{number}.safetensors" for number in range(3)]
    kept = [shards[i].stat().st_mtime_ns for i in (0, 2)]
    shards[1].unlink()
    file.unlink()
    project.snakemake(*run(MAPS[0], explain=16, folds=16))
    assert [shards[i].stat().st_mtime_ns for i in (0, 2)] == kept
    assert torch.equal(load_tensors(file)["maps"], whole["maps"][0]["maps"])


def test_shards_after_the_last_image_are_empty(made):
    project, _ = made
    more = ("explain.n=800", "studies.stability.images=1600")  # there are fewer
    maps = f"{FOLDER}/smoothgrad.safetensors"
    project.snakemake(*run(maps, FOLDED, explain=256, folds=256, other=more))
    there = len(ImageSet.load(project.folder / "results/explained/digits.safetensors"))
    shards = [project.folder / f"{FOLDER}/smoothgrad/{i}.safetensors" for i in range(4)]
    lengths = [len(load_tensors(shard)["maps"]) for shard in shards]
    assert lengths == [256, there - 256, 0, 0]
    assert len(load_tensors(project.folder / maps)["maps"]) == there

    pairs = sorted((project.folder / FOLDED).parent.glob("smoothgrad/*.pairs*"))
    sizes = [len(load_table(shard)) for shard in pairs]
    images = len(ImageSet.load(project.folder / "results/data/digits/train.safetensors"))
    # Conditions, of one other network each: undegraded, two degraded, one network in place of all.
    assert sum(sizes) == 4 * images
    assert sizes[-1] == 0


# The holistic framework has the rules of CRAFT.
TABLES = [f"results/studies/{study}/chimera/convnet/0.parquet" for study in ("craft", "lens")]
CLASSES = ("studies.craft.study.most=3", "studies.lens.surveyor.most=3")
SHARDS = (*CLASSES, "concepts.shard=2")
BANKS = "results/concepts/craft/chimera/convnet/0/stages.1"


@pytest.fixture(scope="module")
def of_classes(make_project):
    """Concepts of all classes in one job, then of two classes a job, in the same folder."""
    project = make_project("classes")
    project.snakemake(*run(*TABLES, other=CLASSES))
    whole = [load_table(project.folder / table) for table in TABLES]
    atlas = (project.folder / TABLES[-1]).with_suffix("")
    files = {file.name: file.read_bytes() for file in atlas.iterdir()}
    banks = {bank.target: bank.digest() for bank in Banks(project.folder / BANKS)}
    project.snakemake(*run(*TABLES, other=SHARDS))
    return project, whole, files, banks


def test_concepts_of_shards_are_those_of_one_job(of_classes):
    project, whole, files, _ = of_classes
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
    planned = project.planned(*run(*TABLES, other=SHARDS)[2:])
    assert planned == {"craft": 1, "merge_classes": 1}


def test_banks_of_shards_are_those_of_one_job(of_classes):
    project, _, _, banks = of_classes
    folder = project.folder / BANKS
    assert {bank.target: bank.digest() for bank in Banks(folder)} == banks
    shards = project.folder / BANKS.replace("concepts", "concepts-shards", 1)
    parts = [Banks(shard).classes for shard in sorted(shards.iterdir()) if shard.is_dir()]
    assert sorted(c for part in parts for c in part) == sorted(banks)
    assert len(parts) == 5  # for ten classes; those of classes that are not predicted are empty
