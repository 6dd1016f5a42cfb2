"""The study of CRAFT, whole, on a small model and few images."""

import pytest
import torch

from sparks.attribution import Sobol
from sparks.concepts import NMF, PCA, Craft, Layer, RandomCrops
from sparks.concepts.classes import Classified
from sparks.data import Chimera, ImageSet
from sparks.errors import SparksError
from sparks.visualization.optimise import Pictures as Pictured
from sparks_thesis.common.concept_inputs import ConceptInputs
from sparks_thesis.craft.pictures import Pictures, mistake
from sparks_thesis.craft.study import CraftStudy

from ..common.concept_studies import EXTRACTOR, LAYERS, PARTS, joined, table_of, wide


@pytest.fixture(scope="module")
def craft_study():
    return CraftStudy(
        craft=Craft(dictionary=NMF(concepts=3)),
        published=Sobol(points=8),
        banks={"NMF": NMF(concepts=3), "PCA": PCA(concepts=3)},
        dictionaries={},
        crops=5,
        refined=1,
        trials=4,
        checked=1,
    )


@pytest.fixture(scope="module")
def craft_numbers(craft_study, inputs):
    return table_of(craft_study.run(inputs, None))


def test_concepts_are_compared_with_parts_and_with_chance(model):
    pairs = [("striped disc", "checked star"), ("dotted triangle", "wavy ring"),
             ("striped disc", "wavy ring"), ("dotted triangle", "checked star")]  # fmt: skip
    builder = Chimera(n_train=60, n_test=24, size=32, classes=pairs)
    scenes = builder()
    train, test = (Classified.by(model, scenes[split]) for split in ("train", "test"))
    study = CraftStudy(
        craft=Craft(dictionary=NMF(concepts=3)),
        published=Sobol(points=8),
        banks={},
        dictionaries={"NMF": NMF(concepts=3), "PCA": PCA(concepts=3)},
        most=1,
        checked=0,
    )
    table = study.run(
        ConceptInputs(model, LAYERS, train, test, EXTRACTOR.on(train)), builder
    ).table(dataset="chimera", model="convnet", seed=0)
    target = int(train.predicted.unique()[0])
    wanted = [list(test.images.tables["parts"]).index(part) for part in pairs[target]]
    for layer in LAYERS:
        found = wide(table, "CropsOnPart", layer=layer)
        assert set(found.columns) == {"NMF", "PCA", "NMF, chance"}
        untrained = ["NMF, untrained network"][: layer == LAYERS[-1]]
        expected = {*found.columns, "best possible", *untrained}
        assert set(wide(table, "IoU", layer=layer).columns) == expected
        assert found.index.tolist() == sorted(wanted)
        # By chance: the share of all crops in which the part is the largest one.
        fit = train.of(target, EXTRACTOR.images)
        images, parts = train.images.batch(fit), train.images.truth["parts"][fit]
        crops = RandomCrops(number=4)(images)
        for part, chance in zip(sorted(wanted), found["NMF, chance"], strict=True):
            hits = 0
            for sample_index, (row, column) in zip(
                crops.sample_index, crops.corner.tolist(), strict=True
            ):
                cut = parts[sample_index, row : row + crops.side, column : column + crops.side]
                areas = torch.bincount(cut[cut > 0].long(), minlength=part + 2)
                hits += int(areas.max() > 0 and areas.argmax() == part + 1)
            assert chance == pytest.approx(hits / len(crops))


def test_parts_of_the_classes_give_the_rows_of_all(craft_study, craft_numbers, inputs):
    of_parts = [craft_study.run(inputs, None, part) for part in PARTS]
    tables = [table_of(numbers) for numbers in of_parts]
    assert len(tables[2]) == 0
    assert joined(tables).equals(craft_numbers)
    assert len(of_parts[1].blocks) > 0


def test_concepts_that_are_read_give_the_rows_of_those_that_are_fitted(
    craft_study, craft_numbers, inputs, stored
):
    assert table_of(craft_study.run(inputs._replace(source=stored), None)).equals(craft_numbers)


def test_areas_are_those_of_the_curves_that_are_drawn(craft_numbers, model, sets):
    with torch.no_grad():
        predicted = model(sets[1].batch(range(len(sets[1])))).argmax(1)
    areas = craft_numbers[craft_numbers["metric"] == "C-Insertion"]
    curves = craft_numbers[craft_numbers["metric"] == "C-Insertion curve"]
    for (method, bank, target), rows in curves.groupby(["method", "dictionary", "target"]):
        values = rows.sort_values("concepts")["value"].to_numpy()
        area = (values[0] / 2 + values[1:-1].sum() + values[-1] / 2) / 3
        of_bank = areas[(areas["method"] == method) & (areas["dictionary"] == bank)]
        of_class = of_bank["image"].map(lambda image, t=target: int(predicted[image]) == t)
        assert of_bank[of_class]["value"].mean() == pytest.approx(area, abs=1e-4)


def test_a_model_that_predicts_no_class_often_enough(model, sets):
    study = CraftStudy(craft=Craft(), published=Sobol(), banks={}, dictionaries={})
    few = ImageSet(sets[0].labels[:1], sets[0].classes, sets[0].images[:1])
    train, test = (Classified.by(model, s) for s in (sets[0], few))
    with pytest.raises(SparksError, match="no class has 2 training and 2 test images"):
        study.run(ConceptInputs(model, LAYERS, train, test, EXTRACTOR.on(train)), None)


def test_an_image_of_a_class_that_no_training_image_is_given(model, sets):
    data = sets[0]
    with torch.no_grad():
        given = model(data.batch(range(len(data)))).argmax(1)
    own = given == given[0]
    train = ImageSet(data.labels[~own], data.classes, data.images[~own])
    layer, x = Layer(model, LAYERS[-1], data.batch([0])), data.batch([0])
    found = Classified.by(model, train)
    source, name = EXTRACTOR.on(found), data.classes[int(given[0])]
    with pytest.raises(SparksError, match=f"no concepts of '{name}', which the model predicts"):
        Pictures().of_image(source, model, layer, found, x)


def test_mistakes_are_looked_for_among_the_classes_that_have_concepts(model, sets):
    data = sets[1]
    with torch.no_grad():
        given = model(data.batch(range(len(data)))).argmax(1)
    worst, wrong = mistake(model, data)
    assert wrong
    others = [c for c in range(4) if c != int(given[worst])]
    other, _ = mistake(model, data, others)
    assert int(given[other]) in others
    assert mistake(model, data, range(4)) == (worst, wrong)


def test_pictures_are_of_one_class_one_image_and_the_worst_mistake(
    craft_study, model, given, source
):
    banks = []

    def draw(layer, atoms):
        banks.extend(atoms)
        sizes = [len(one) for one in atoms]
        return [
            Pictured(torch.rand(k, 3, 8, 8), torch.ones(k, 8, 8), torch.zeros(1, k)) for k in sizes
        ]

    pictures, (train, test) = Pictures(target=1, concepts=2, crops=3, images=2), given
    tensors, shown = pictures.run(
        craft_study, ConceptInputs(model, LAYERS, train, test, source), draw
    )
    parts = ("class", "unified", "mistake")
    assert [tensors[f"{part}.maco"].shape[0] for part in parts] == [len(bank) for bank in banks]
    assert not [name for name in tensors if name.endswith("atoms")]
    assert shown["shown"] == "c"  # the model takes no image for b
    worst, wrong = mistake(model, test.images, source.classes)
    assert shown["wrong"] is wrong
    assert torch.equal(tensors["mistake.image"], test.images.batch([worst])[0])
    assert shown["mistake_label"] == test.images.classes[int(test.images.labels[worst])]
    # The other image is one that the model takes for the class shown.
    assert shown["unified_predicted"] == "c"
    layer = Layer(model, LAYERS[-1], test.images.batch([0]))
    of_image = pictures.of_image(source, model, layer, train, test.images.batch([worst]))
    assert torch.equal(banks[2], of_image["atoms"])
    assert torch.equal(tensors["mistake.share"], of_image["share"])


def test_without_known_parts_nothing_is_compared_with_them(craft_numbers):
    assert not craft_numbers["metric"].isin(["IoU", "Purity", "Coverage"]).any()
    assert {"IntruderAccuracy", "DerivativeError", "MapSpearman"} <= set(craft_numbers["metric"])
