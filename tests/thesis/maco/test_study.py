"""The study of MACO on a small network: what it scores, and that it does so the same way again."""

from dataclasses import replace

import pytest
import torch

from sparks.concepts import NMF, Extractor, Layer, RandomCrops
from sparks.concepts.classes import Classified
from sparks.data import ImageSet
from sparks.errors import SparksError
from sparks.models import Classifier, ConvNet, seeded
from sparks.stats import Bootstrap
from sparks.visualization import (
    CBR,
    Ascent,
    Crops,
    Fourier,
    image_statistics,
    named_crops,
)
from sparks.visualization.evaluators import Evaluator
from sparks.visualization.subject import Subject
from sparks_thesis.maco.study import MacoStudy

EXTRACTOR = Extractor(dictionary=NMF(concepts=3), crops=RandomCrops(number=4))
CROPS = named_crops("paper", 2)
STUDY = MacoStudy(
    methods={
        "MACO": Ascent(crops=CROPS, canvas=2.0, steps=3),
        "Fourier": Ascent(parametrisation=Fourier(), crops=CROPS, canvas=2.0, steps=3),
        "CBR": Ascent(parametrisation=CBR(), crops=named_crops("center-bias"), steps=3),
    },
    whole=Crops(count=1, size=(1.0, 1.0), spread=0.0),
    starts=2,
    classes=2,
    channels=3,
    inverted=2,
    trials=4,
    kept=2,
    bootstrap=Bootstrap(resamples=5),
)


@pytest.fixture(scope="module")
def subject(model, layer, images):
    found = ImageSet(
        labels=torch.arange(40) % 4,
        classes=("red", "green", "blue", "none"),
        images=(255 * images).round().clamp(0, 255).byte(),
    )
    statistics = image_statistics(lambda: (x for x, _ in found.batches(16)))
    return Subject(model, layer, found, found, statistics)


@pytest.fixture(scope="module")
def others(images):
    with seeded(1):
        other = Classifier(ConvNet(3, 4, 16, widths=(6,))).eval()
    return [Evaluator("other", other, Layer(other, "stages.0", images[:1]))]


@pytest.fixture(scope="module")
def source(subject):
    return EXTRACTOR.on(Classified.by(subject.model, subject.train))


@pytest.fixture(scope="module")
def found(subject, others, source):
    numbers, kept, metadata = STUDY.run(subject, others, source)
    return numbers.table(dataset="toy", model="net", seed=0), kept, metadata


def of(table, metric, method="MACO", objective="logit", view=""):
    chosen = table[(table["metric"] == metric) & (table["method"] == method)]
    return chosen[(chosen["objective"] == objective) & (chosen["view"] == view)]


def test_counts(found):
    table = found[0]
    for method in STUDY.methods:
        assert len(of(table, "Plausibility", method)) == 4 * 2
        assert len(of(table, "Plausibility", method, "channel")) == 3
        assert len(of(table, "Selective", method, "concept")) == 2 * 3
        assert len(of(table, "Selective", method, "concept", "as seen")) == 2 * 3
        assert len(of(table, "Transferability", method, "logit", "as seen")) == 2 * 4 * 2
        assert len(of(table, "ObserverAccuracy", method, "channel")) == 3 * 4
        assert len(of(table, "FID resampled", method)) == 5
        seen = of(table, "Transferability", method)
        assert set(seen["evaluator"]) == {"itself", "other"}
    assert of(table, "FID")["value"].notna().all()
    natural = of(table, "Plausibility", "natural images")["value"]
    assert natural.mean() == pytest.approx(1, abs=1e-6)


def test_a_method_can_be_left_out(subject, others, source):
    study = replace(STUDY, methods={**STUDY.methods, "CBR": None}, classes=1)
    numbers, kept, metadata = study.run(subject, others, source)
    assert metadata["methods"] == ["MACO", "Fourier"]
    table = numbers.table(dataset="toy", model="net", seed=0)
    controls = {"uniform noise", "MACO, untrained network", "machine"}
    controls |= {"crops of the concept", "crops of another concept"}
    assert set(table["method"]) == {"MACO", "Fourier", "natural images"} | controls
    assert not [name for name in kept if "CBR" in name]
    with pytest.raises(SparksError, match="every one of its methods is left out"):
        replace(STUDY, methods={"MACO": None})


def test_magnitude_is_that_of_the_data_for_maco_alone(found):
    for kind in ("logit", "channel", "concept", "inversion"):
        assert of(found[0], "MagnitudeError", "MACO", kind)["value"].max() < 1e-3
        assert of(found[0], "MagnitudeError", "Fourier", kind)["value"].min() > 0.05


def test_half_the_parameters_of_fourier(found):
    count = of(found[0], "FreeParameters", objective="")["value"].iloc[0]
    assert 2 * count == of(found[0], "FreeParameters", "Fourier", "")["value"].iloc[0]


def test_what_figures_get(found):
    _, kept, metadata = found
    assert kept["logit.MACO"].shape == (2, 3, 32, 32)
    assert kept["logit.CBR"].shape == (2, 3, 16, 16)
    assert kept["inversion.MACO"].shape == (2, 3, 16, 16)
    assert kept["inversion.MACO.alpha"].shape == (2, 16, 16)
    assert kept["concept.example"].shape[:2] == (2, 3)
    assert kept["power.natural images"].shape == kept["frequencies.natural images"].shape
    assert metadata["classes"] == ["red", "green"]
    assert len(metadata["channels"]) == 2


def test_again_the_same_bytes(found, subject, others, source):
    numbers, kept, _ = STUDY.run(subject, others, source)
    assert numbers.table(dataset="toy", model="net", seed=0).equals(found[0])
    assert all(torch.equal(kept[name], value) for name, value in found[1].items())


def test_no_class_predicted(subject, others):
    with seeded(0):
        model = Classifier(ConvNet(3, 4, 16, widths=(6, 12))).eval()
    none = subject.train.subset([0])
    lonely = Subject(model, subject.layer, none, subject.test, subject.statistics)
    with pytest.raises(SparksError, match="no class has 2"):
        STUDY.run(lonely, others, EXTRACTOR.on(Classified.by(subject.model, none)))
