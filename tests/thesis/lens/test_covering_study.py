"""The study that covers the concepts of an atlas, against the library called by hand."""

import pytest
import torch

from sparks.concepts import Layer
from sparks.concepts.covering import Covering
from sparks.engine import Baseline
from sparks.visualization import Ascent, concept_pictures, image_statistics
from sparks_thesis.lens.atlas import as_bytes
from sparks_thesis.lens.drawing import drawing
from sparks_thesis.lens.study_covering import SHOWN, CoveringStudy

MEASURE = Covering(covers={"black": Baseline(0.0)}, cells=1, most=0.9, controls=2)


@pytest.fixture(scope="module")
def layer(model, train):
    return Layer(model, "stages.1", train.batch([0]))


def test_changes_and_pictures_are_those_of_each_concept(atlas, model, layer, train):
    study = CoveringStudy(measure=MEASURE, classes=None, concepts=2)
    numbers, pictures = study.run(atlas, model, layer, train, train)
    rows = numbers.table(seed=0)
    assert set(rows["class_name"]) == set(atlas.names.values())
    assert set(rows["concept"]) == {0, 1}
    target, concept = 1, 1
    one = atlas.load(target)
    concepts = atlas.concepts(one, layer)
    index = (train.labels == target).nonzero()[:, 0]
    x = train.batch(index)
    fitted = concepts.maps(train.batch(one.tensors["index"]))[:, concept]
    maps, threshold = concepts.maps(x)[:, concept], MEASURE.threshold(fitted)
    found = MEASURE(model, x, target, maps, threshold)
    own = rows[(rows["class_name"] == atlas.names[target]) & (rows["concept"] == concept)]
    wide = own.pivot_table(index="image", columns="metric", values="value")
    assert wide.index.tolist() == index[found.index].tolist()
    wanted = {"Covered": found.own, "CoveredElsewhere": found.elsewhere}
    for metric, changes in wanted.items():
        assert wide[metric].to_numpy() == pytest.approx(changes["black"].numpy())
    # The pictures are of the images that have most of the concept.
    amount = {int(index[i]): float(maps[i].sum()) for i in found.index}
    shown = pictures[f"{target}.{concept}.index"].tolist()
    assert shown == sorted(amount, key=lambda i: -amount[i])[:SHOWN]
    assert torch.equal(pictures[f"{target}.{concept}.images"], as_bytes(train.batch(shown)))
    covered = pictures[f"{target}.{concept}.covered"]
    changed = covered != pictures[f"{target}.{concept}.images"]
    assert changed.any()
    assert (covered[changed] == 0).all()


def test_only_the_classes_that_are_named_are_covered(atlas, model, layer, train):
    name = atlas.names[2]
    study = CoveringStudy(measure=MEASURE, classes=[name], concepts=1)
    numbers, pictures = study.run(atlas, model, layer, train, train)
    assert set(numbers.table(seed=0)["class_name"]) == {name}
    assert {key.partition(".")[0] for key in pictures} == {"2"}


def test_concepts_are_drawn_with_their_opacity(atlas, layer, train, tmp_path):
    statistics = image_statistics(lambda: (x for x, _ in train.batches(32)))
    ascent = Ascent(steps=2)
    concepts = atlas.concepts(atlas.load(0), layer)
    drawn = drawing(statistics, ascent, seed=3)(concepts)
    (made,) = concept_pictures(layer, [concepts.dictionary.atoms], statistics, ascent, 3)
    assert drawn.shape[:2] == (concepts.k, 4)
    assert ((drawn >= 0) & (drawn <= 1)).all()
    # Where a picture was changed most it is most opaque.
    for own, alpha in zip(drawn[:, 3].flatten(1), made.alpha.flatten(1), strict=True):
        assert own[alpha.argmax()] == own.max()
