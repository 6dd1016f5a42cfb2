"""The studies of CRAFT and of the holistic framework, whole, on a small model and few images."""

from dataclasses import dataclass, field, replace

import pandas as pd
import pytest
import torch

from sparks.attribution import (
    GradientInput,
    GuidedBackprop,
    IntegratedGradients,
    Occlusion,
    Random,
    Saliency,
    Sobol,
)
from sparks.concepts import NMF, PCA, Craft, Exemplars, Extractor, Layer, RandomCrops
from sparks.concepts.banks import Banks, StoredConcepts
from sparks.concepts.classes import Classified
from sparks.concepts.dictionary import Method
from sparks.data import Chimera, ImageSet
from sparks.errors import SparksError
from sparks.metrics import MuFidelity
from sparks.visualization.optimise import Pictures as Pictured
from sparks_thesis.craft.pictures import Pictures, mistake
from sparks_thesis.craft.study import CraftStudy
from sparks_thesis.holistic.claims import STRATEGIES
from sparks_thesis.holistic.study import HolisticStudy

LAYERS = ("stages.0", "stages.1")
EXTRACTOR = Extractor(dictionary=NMF(concepts=3), crops=RandomCrops(number=4))


@pytest.fixture(scope="module")
def sets(model, images):
    """The images twice, labelled as the model sees them, but every fifth wrongly."""
    with torch.no_grad():
        labels = model(images).argmax(1)
    labels[::5] = (labels[::5] + 1) % 4
    data = ImageSet(labels, ("a", "b", "c", "d"), (255 * images).round().to(torch.uint8))
    return data, data


def wide(table, metric, **known):
    rows = table[table["metric"] == metric]
    for column, value in known.items():
        rows = rows[rows[column] == value]
    assert len(rows), (metric, known)
    (unit,) = [name for name in ("image", "target", "part") if rows[name].notna().any()][-1:]
    return rows.pivot_table(index=unit, columns="method", values="value")


@pytest.fixture(scope="module")
def given(model, sets):
    return [Classified.by(model, images) for images in sets]


@pytest.fixture(scope="module")
def source(given):
    return EXTRACTOR.on(given[0])


@pytest.fixture(scope="module")
def holistic_study():
    return HolisticStudy(
        dictionaries={"NMF": NMF(concepts=3), "PCA": PCA(concepts=3)},
        methods={
            "Saliency": Saliency(),
            "GradientInput": GradientInput(),
            "IntegratedGradients": IntegratedGradients(steps=4),
            "GuidedBackprop": GuidedBackprop(),
            "Occlusion": Occlusion(),
            "Random": Random(),
        },
        sizes=(2, 5),
        mufidelity=MuFidelity(subsets=12, share=0.4, correlation="pearson"),
        swept=1,
        steps=(1.0, 2.0),
        images=4,
    )


@pytest.fixture(scope="module")
def holistic(holistic_study, model, given, source):
    return holistic_study.run(model, LAYERS, *given, source).table(
        dataset="made-up", model="convnet", seed=0
    )


def test_three_methods_are_the_contributions_at_the_last_layer(holistic):
    errors = wide(holistic, "IdentityError", layer="stages.1")
    for method in ("GradientInput", "IntegratedGradients", "Occlusion"):
        assert errors[method].max() < 1e-4
    assert errors["Saliency"].max() > 0.01


def test_methods_that_change_relus_explain_layers_before_one(holistic):
    for metric in ("C-Deletion", "C-Insertion", "C-MuFidelity"):
        assert "GuidedBackprop" in wide(holistic, metric, layer="stages.0")
        assert "GuidedBackprop" not in wide(holistic, metric, layer="stages.1")


def test_no_ranking_is_better_than_that_of_contributions_at_the_last_layer(holistic):
    for metric, sign in (("C-Deletion", 1), ("C-Insertion", -1)):
        areas = wide(holistic, metric, layer="stages.1")
        best = areas["optimum at the last layer"]
        for method in areas:
            assert (sign * (areas[method] - best) > -1e-4).all(), method


def test_steering_is_linear_at_the_last_layer_and_not_before(holistic):
    for t, twice in ((1.0, 2.0), (2.0, 1.0)):
        change = wide(holistic, "SteeringLogit", layer="stages.1", t=t)
        doubled = wide(holistic, "SteeringLogit", layer="stages.1", t=2.0)
        assert (change * twice - doubled).abs().max().max() < 1e-4
    assert wide(holistic, "SteeringNonlinearity", layer="stages.1").max().max() < 1e-4
    assert wide(holistic, "SteeringNonlinearity", layer="stages.0").max().max() > 0.01


def test_importance_may_be_compared_at_the_last_layers_alone(
    holistic_study, model, given, source, holistic
):
    study = replace(holistic_study, ranked_layers=1, dictionaries={}, swept=0, steered=0)
    table = study.run(model, LAYERS, *given, source).table(
        dataset="made-up", model="convnet", seed=0
    )
    for metric in ("C-Deletion", "C-MuFidelity"):
        rows, all_layers = (t[t["metric"] == metric] for t in (table, holistic))
        assert set(rows["layer"]) == {LAYERS[-1]}
        expected = all_layers[all_layers["layer"] == LAYERS[-1]]
        assert rows["value"].tolist() == expected["value"].tolist()


def test_reliability_counts_the_images_that_the_model_gets_right(holistic, sets):
    rows = holistic[holistic["metric"].isin(STRATEGIES)]
    for name, of_class in rows.groupby("class_name"):
        by = of_class.pivot_table(index="concept", columns="metric", values="value")
        images = int((sets[1].labels == sets[1].classes.index(name)).sum())
        assert by["Dominated"].sum() == images
        seen = by[by["Dominated"] > 0]
        clusters = holistic[holistic["class_name"] == name]
        right = clusters[clusters["metric"] == "Correct"]["value"]
        assert (seen["Reliability"] * seen["Dominated"]).sum() == pytest.approx(right.sum())


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
def craft_numbers(craft_study, model, given, source):
    return craft_study.run(model, LAYERS, *given, source, None).table(
        dataset="made-up", model="convnet", seed=0
    )


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
    table = study.run(model, LAYERS, train, test, EXTRACTOR.on(train), builder).table(
        dataset="chimera", model="convnet", seed=0
    )
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


def test_parts_of_the_classes_give_the_rows_of_all(
    craft_study, craft_numbers, holistic_study, holistic, model, given, source
):
    parts = [slice(0, 1), slice(1, 3), slice(3, 5)]
    of_craft = [craft_study.run(model, LAYERS, *given, source, None, part) for part in parts]
    of_holistic = [holistic_study.run(model, LAYERS, *given, source, part) for part in parts]
    for whole, each in ((craft_numbers, of_craft), (holistic, of_holistic)):
        tables = [numbers.table(dataset="made-up", model="convnet", seed=0) for numbers in each]
        assert len(tables[2]) == 0  # there are no more than two
        assert pd.concat([part for part in tables if len(part)], ignore_index=True).equals(whole)
    assert len(of_craft[1].blocks) > 0


def test_concepts_that_are_read_give_the_rows_of_those_that_are_fitted(
    craft_study, craft_numbers, holistic_study, holistic, model, given, tmp_path
):
    cut = [Layer(model, name, given[0].images.batch([0])) for name in LAYERS]
    for layer in cut:
        Banks.write(tmp_path / layer.name, EXTRACTOR.fit_classes(layer, given[0]))
    stored = StoredConcepts({name: Banks(tmp_path / name) for name in LAYERS}, signed=False)
    of_craft = craft_study.run(model, LAYERS, *given, stored, None)
    of_holistic = holistic_study.run(model, LAYERS, *given, stored)
    for fitted, read in ((craft_numbers, of_craft), (holistic, of_holistic)):
        assert read.table(dataset="made-up", model="convnet", seed=0).equals(fitted)


def test_no_more_classes_than_asked_for(holistic_study, model, given, source):
    study = replace(holistic_study, most=1)
    names = [set(study.run(model, LAYERS, *given, source, part).table(seed=0)["class_name"])
             for part in (slice(0, None), slice(0, 3), slice(1, 3))]  # fmt: skip
    assert names[0] == names[1]
    assert len(names[0] & {"a", "b", "c", "d"}) == 1
    assert names[2] == set()


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
        study.run(model, LAYERS, train, test, EXTRACTOR.on(train), None)


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
    tensors, shown = pictures.run(craft_study, source, model, LAYERS, train, test, draw)
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


@dataclass(frozen=True, kw_only=True)
class Drawn(Method):
    """Random atoms that depend on the seed alone; it notes the seeds it was fitted with."""

    seeds: list = field(default_factory=list)

    def fit(self, a):
        self.seeds.append(self.seed)
        return Exemplars(concepts=self.concepts, seed=self.seed).fit(
            torch.rand(40, a.shape[1], generator=torch.Generator().manual_seed(0))
        )


def test_a_random_start_counts_as_no_stability(holistic_study, model, given, source):
    drawn = Drawn(concepts=3)
    study = replace(holistic_study, dictionaries={"Drawn": drawn}, most=1, swept=0)
    table = study.run(model, LAYERS, *given, source).table(
        dataset="made-up", model="convnet", seed=0
    )
    assert len(set(drawn.seeds)) == len(drawn.seeds) == study.folds
    reached, above = (wide(table, m, analysis="last")["Drawn"].iloc[0]
                      for m in ("Stability", "StabilityAboveChance"))  # fmt: skip
    assert reached < 0.99
    assert abs(above) < 0.4
    with pytest.raises(SparksError, match="folds=1"):
        replace(holistic_study, folds=1)


def test_a_dictionary_that_needs_more_dimensions_is_left_out_and_named(
    holistic_study, model, given, source
):
    study = replace(holistic_study, most=1, sizes=(20,))  # of 12 channels
    with pytest.warns(UserWarning, match="no PCA of class .*20 concepts of 12 channels"):
        table = study.run(model, LAYERS, *given, source).table(
            dataset="made-up", model="convnet", seed=0
        )
    assert list(wide(table, "RelativeL2", analysis="sweep")) == ["NMF"]


def test_a_size_of_the_sweep_that_was_judged_is_not_fitted_again(
    holistic_study, model, given, source
):
    drawn = Drawn(concepts=3)
    study = replace(holistic_study, dictionaries={"Drawn": drawn}, most=1, sizes=(3,))
    table = study.run(model, LAYERS, *given, source).table(
        dataset="made-up", model="convnet", seed=0
    )
    assert len(drawn.seeds) == study.folds
    scores = table[table["target"].notna() & (table["method"] == "Drawn")]
    last, sweep = (
        scores[scores["analysis"] == analysis].set_index("metric")["value"]
        for analysis in ("last", "sweep")
    )
    assert len(last) > 5
    pd.testing.assert_series_equal(last, sweep)
