"""The study of words: which texts are explained, and how each method is scored."""

from dataclasses import replace

import pytest
import torch
from composed import composed
from hydra.utils import instantiate
from small import text_classifier

from sparks.attribution import Occlusion
from sparks.attribution.words import on_words
from sparks.data.splits import stratified_order
from sparks.data.texts import SPECIAL, TextSet
from sparks.engine import Token
from sparks.metrics import Deletion, PointingGame
from sparks.metrics.words import score_words
from sparks.models import TextClassifier, seeded
from sparks_thesis.common.settings import defaults
from sparks_thesis.pipeline.selection import part
from sparks_thesis.words.settings import Words
from sparks_thesis.words.study import WordsStudy

TOKEN = Token(1)
DELETION = Deletion(steps=4, perturbation=TOKEN)
STUDY = WordsStudy(
    methods={"Occlusion": Occlusion()},
    removal=TOKEN,
    metrics={"deletion": DELETION},
    keyword_metrics={"pointing": PointingGame()},
    n=4,
    target="predicted",
    seed=3,
)


@pytest.fixture
def model():
    return text_classifier()


@pytest.fixture
def texts():
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(2, 9, (8, 5), generator=generator, dtype=torch.int32)
    keywords = torch.zeros(8, 5, dtype=torch.bool)
    keywords[:, 2] = True
    words = (*SPECIAL, *"abcdefg")
    return TextSet(tokens, torch.arange(8) % 2, ("x", "y"), words, keywords)


def values(rows, metric):
    return rows[rows["metric"] == metric]["value"].tolist()


@pytest.mark.parametrize("target", ["predicted", "label"])
def test_the_same_number_of_each_class_is_explained_and_scored(model, texts, target):
    rows = replace(STUDY, target=target).run(model, texts).table(seed=0)
    with torch.no_grad():
        predicted = model(texts.batch(range(8))).argmax(1)
    assert values(rows, "Accuracy") == (predicted == texts.labels).tolist()
    chosen = stratified_order(texts.labels, 3)[:4]
    assert texts.labels[chosen].tolist().count(0) == 2
    classes = texts.labels[chosen] if target == "label" else predicted[chosen]
    method = on_words(Occlusion(), TOKEN)
    metrics = [DELETION, PointingGame()]
    wanted = score_words(model, texts.subset(chosen), classes, method, metrics)
    assert {"Deletion", "PointingGame", "Forwards", "Backwards"} <= set(wanted)
    for metric, expected in wanted.items():
        assert values(rows, metric) == pytest.approx(expected.tolist())


def test_without_keywords_there_is_nothing_to_point_at(model, texts):
    rows = STUDY.run(model, replace(texts, keywords=None)).table(seed=0)
    assert "Deletion" in set(rows["metric"])
    assert "PointingGame" not in set(rows["metric"])


@pytest.mark.parametrize("name", defaults(Words)["methods"])
def test_every_method_of_the_configuration_explains_words(name):
    config = composed("scale=smoke")
    resolved = part(config, ["words"])["words"]
    with seeded(0):
        model = TextClassifier(20, 2, width=8, filters=6).eval()
    tokens = torch.tensor([[3, 9, 4, 17, 5], [4, 4, 8, 2, 19]])
    assert list(config.words.methods) == defaults(Words)["methods"]
    method = instantiate(resolved["explainers"][config.attributions[name].label], _convert_="all")
    maps = on_words(method, TOKEN)(model, tokens, torch.tensor([1, 0]))
    assert maps.shape == (2, 5)
    assert maps.isfinite().all()
    assert resolved["removal"] == {"_target_": "sparks.engine.Token", "value": TOKEN.value}
