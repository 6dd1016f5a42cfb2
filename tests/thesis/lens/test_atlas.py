"""What the atlas says of a class, against what follows from the model."""

from dataclasses import replace

import pytest
import torch

from sparks.concepts import NMF, Layer, RandomCrops
from sparks.concepts.classes import Classified
from sparks.errors import SparksError
from sparks.io import atomic_folder
from sparks_thesis.lens import Atlas, ClassAtlas, write_atlas
from sparks_thesis.lens.links import SimilarConcepts, class_vectors, cosines, in_plane

from .conftest import EXTRACTOR, NAMES, SURVEYOR, draw


def test_every_class_is_there_with_concepts_in_order(surveyed):
    assert [one.name for one in surveyed] == list(NAMES)
    for one in surveyed:
        importance = one.tensors["importance"]
        assert bool((importance.diff() <= 0).all())
        assert float(importance.sum()) == pytest.approx(1, abs=1e-5)
        # A concept that contributes to no image has no interval.
        known = importance > 0
        assert bool((one.tensors["low"] <= importance)[known].all())
        assert bool((one.tensors["high"] >= importance)[known].all())


def test_importance_is_the_share_of_a_linear_heads_logit(surveyed, banks, model, train):
    """At the last layer a concept gives mean coefficient × (V w): computed here from weights."""
    layer = Layer(model, "stages.1", train.batch([0]))
    weight = dict(layer.h.named_parameters())["net.head.weight"].detach()
    one = surveyed[1]
    found = ClassAtlas(one.target, one.name, one.tensors)
    atoms, x = one.atoms(banks.load(one.target)), train.batch(one.tensors["index"])
    from sparks.concepts.nnls_solver import nnls

    u = nnls(layer.activations(x).clone().flatten(0, 1), atoms).reshape(len(x), -1, len(atoms))
    gave = (u.mean(1) * (atoms @ weight[one.target])).clamp(min=0)
    share = gave / gave.sum(1, keepdim=True)
    torch.testing.assert_close(found.tensors["importance"], share.mean(0), atol=1e-4, rtol=1e-3)
    assert torch.equal(found.tensors["dominant"], gave.argmax(1))


def test_the_vector_of_a_class_is_its_row_of_the_weights(model, train):
    layer = Layer(model, "stages.1", train.batch([0]))
    weight = dict(layer.h.named_parameters())["net.head.weight"].detach()
    torch.testing.assert_close(class_vectors(layer, train.batch([0, 1, 2])), weight)


def test_crops_are_of_the_images_that_are_shown(surveyed):
    one = surveyed[0].tensors
    assert one["crops"].shape == (4, 6, 3, 16, 16)
    assert one["thumbnails"].shape == (24, 3, 16, 16)
    assert one["crops_found"].tolist() == [6] * 4
    assert one["maps"].shape == (4, 4, 16, 16)
    assert one["mapped"].shape == (4, 4, 3, 16, 16)
    assert one["counts"].sum() == len(one["dominant"]) == 24


def test_maps_are_on_the_images_that_a_concept_contributes_most_to(surveyed, banks, model, train):
    """Of a linear head, those with most of it; each concept's maps have one scale."""
    one = surveyed[1]
    layer = Layer(model, "stages.1", train.batch([0]))
    x = train.batch(one.tensors["index"])
    weight = dict(layer.h.named_parameters())["net.head.weight"].detach()[one.target]
    bank = banks.load(one.target)
    gave = one.concepts(bank, layer).coefficients(x).mean(2) * (one.atoms(bank) @ weight)
    for concept in range(one.k):
        shown = one.tensors["mapped"][concept].float() / 255
        expected = x[gave[:, concept].topk(4).indices]
        torch.testing.assert_close(shown, expected, atol=1e-6, rtol=0)
        assert int(one.tensors["maps"][concept].max()) in (0, 255)


def test_the_same_survey_gives_the_same_bytes(model, given, surveyed):
    again = next(SURVEYOR.survey(model, "stages.1", given, EXTRACTOR.on(given), draw))
    for name, tensor in surveyed[0].tensors.items():
        assert torch.equal(again.tensors[name].nan_to_num(), tensor.nan_to_num()), name


def test_a_class_with_fewer_crops_than_concepts_has_fewer_concepts(model, given):
    few = replace(EXTRACTOR, images=2, dictionary=NMF(concepts=10), crops=RandomCrops(number=2))
    one = next(SURVEYOR.survey(model, "stages.1", given, few.on(given)))
    assert one.k == 4
    assert "pictures" not in one.tensors
    assert one.tensors["crops_found"].tolist() == [2] * 4


def test_layers_with_negative_activations_get_signed_concepts(train):
    from sparks.models import Classifier, seeded

    with seeded(1):
        net = torch.nn.Sequential(
            torch.nn.Conv2d(3, 8, 3, 2), torch.nn.Flatten(), torch.nn.Linear(8 * 49, 3)
        )
    signed = Classifier(net).eval()
    given = Classified.by(signed, train)
    source = EXTRACTOR.on(given)
    one = next(SURVEYOR.survey(signed, "0", given, source))
    bank = source(Layer(signed, "0", train.batch([0])), one.target)
    assert bank.dictionary.fit.method == "SemiNMF"
    assert float(one.atoms(bank).min()) < 0


def test_an_atlas_without_its_concepts_says_so(atlas):
    with pytest.raises(SparksError, match="opened without concepts"):
        Atlas(atlas.path, "blobs", "convnet").bank(0)


def test_atlases_come_back_as_they_were(atlas, surveyed):
    back = atlas.load(1)
    assert (back.target, back.name) == (1, NAMES[1])
    assert torch.equal(back.tensors["crops"], surveyed[1].tensors["crops"])
    assert atlas.names == dict(enumerate(NAMES))


def test_files_that_are_no_class_are_refused(tmp_path):
    from sparks.io import save_tensors

    save_tensors(tmp_path / "class-00000.safetensors", {"a": torch.zeros(1)})
    with pytest.raises(SparksError, match="no class of a Lens atlas"):
        Atlas(tmp_path, "d", "m").load(0)


def test_statistics_hold_one_row_for_each_concept(surveyed, banks, tmp_path):
    recorder = write_atlas(tmp_path / "0", surveyed, banks.load)
    numbers = recorder.table(dataset="blobs", model="convnet", seed=0)
    every = numbers[numbers["metric"] == "ConceptImportance"]
    rows, control = (every[every["dictionary"] == name] for name in ("", "shuffled atoms"))
    assert len(rows) == len(control) == 12
    for _, of_class in control.groupby("class_name"):
        assert of_class.sort_values("rank")["value"].is_monotonic_decreasing
        assert of_class["value"].sum() == pytest.approx(1)
    assert set(rows["rank"]) == {1, 2, 3, 4}
    images = numbers[numbers["metric"] == "DominantRank"]
    assert len(images) == images["image"].nunique() == 3 * 24
    kept = rows[rows["class_name"] == NAMES[0]]["value"].to_numpy()
    torch.testing.assert_close(
        torch.tensor(kept).float(), surveyed[0].tensors["importance"].float()
    )


def test_similar_concepts_are_of_other_classes_the_nearest_first():
    a = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    b = torch.tensor([[1.0, 0.1]])
    c = torch.tensor([[0.6, 0.8]])
    links = SimilarConcepts(most=2, least=0.5)([3, 5, 9], [a, b, c])
    first = links[(links["target"] == 3) & (links["concept"] == 0)]
    assert first["other"].tolist() == [5, 9]
    assert first["cosine"].tolist() == pytest.approx([1 / 1.01**0.5, 0.6])
    assert (links["target"] != links["other"]).all()


def test_the_plane_keeps_distances_of_points_that_lie_in_one():
    generator = torch.Generator().manual_seed(0)
    points = torch.rand(6, 2, generator=generator)
    distance = torch.cdist(points, points)
    placed = in_plane(distance)
    torch.testing.assert_close(torch.cdist(placed, placed), distance, atol=1e-4, rtol=1e-4)
    assert in_plane(torch.zeros(1, 1)).shape == (1, 2)


def test_a_row_of_zeros_has_cosine_zero():
    assert cosines(torch.zeros(1, 3), torch.ones(2, 3)).tolist() == [[0, 0]]


def test_a_failed_folder_leaves_the_old_one(tmp_path):
    target = tmp_path / "folder"
    with atomic_folder(target) as folder:
        (folder / "page").write_text("old")

    def fail():
        with atomic_folder(target) as folder:
            (folder / "page").write_text("new")
            raise ValueError("stopped")

    with pytest.raises(ValueError, match="stopped"):
        fail()
    assert (target / "page").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


def test_parts_of_the_classes_make_the_atlas_of_all(
    model, given, source, banks, surveyed, atlas, tmp_path
):
    for number, part in enumerate((slice(0, 2), slice(2, 4), slice(4, 6))):
        classes = SURVEYOR.survey(model, "stages.1", given, source, draw, part)
        write_atlas(tmp_path / str(number), classes, banks.load)
    shards = [Atlas(tmp_path / str(number), "", "") for number in range(3)]
    assert [len(shard.names) for shard in shards] == [2, len(surveyed) - 2, 0]
    classes = (shard.load(target) for shard in shards for target in shard.names)
    write_atlas(tmp_path / "all", classes, banks.load, SimilarConcepts(least=-1.0))
    for file in sorted(atlas.path.iterdir()):
        assert (tmp_path / "all" / file.name).read_bytes() == file.read_bytes(), file.name
