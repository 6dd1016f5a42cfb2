"""Scores of texts of several lengths against loops over one text and one word at a time."""

from itertools import pairwise

import pytest
import torch
from small import text_classifier

from sparks.attribution import GradientInput, Occlusion, OnEmbeddings
from sparks.data.texts import SPECIAL, TextSet
from sparks.engine import Token
from sparks.metrics import Deletion, Insertion, PointingGame
from sparks.metrics.words import score_words

UNK = 1
STEPS = 6

# The third text has no keyword: its score is NaN, and said to be.
pytestmark = pytest.mark.filterwarnings("ignore::sparks.metrics.maps.UndefinedScoreWarning")


@pytest.fixture
def model():
    return text_classifier()


@pytest.fixture
def texts():
    tokens = torch.tensor(
        [[2, 5, 3, 8, 0, 0], [4, 6, 2, 3, 7, 8], [7, 7, 4, 2, 0, 0], [3, 5, 0, 0, 0, 0]],
        dtype=torch.int32,
    )
    keywords = torch.zeros(4, 6, dtype=torch.bool)
    keywords[0, 1] = keywords[1, 2] = keywords[1, 3] = keywords[3, 0] = True
    words = tuple("abcdefg")
    return TextSet(tokens, torch.tensor([0, 1, 0, 1]), ("x", "y"), (*SPECIAL, *words), keywords)


def by_hand(model, tokens, target, order, insert):
    """Area under the probability while words go (or come) in a given order."""
    heights = []
    for step in range(STEPS + 1):
        count = round(step / STEPS * len(tokens))
        chosen = set(order[:count])
        kept = [t if (i in chosen) == insert else UNK for i, t in enumerate(tokens)]
        with torch.no_grad():
            heights.append(model(torch.tensor([kept])).softmax(1)[0, target].item())
    return sum((a + b) / 2 for a, b in pairwise(heights)) / STEPS


@pytest.mark.parametrize(
    "method", [Occlusion(perturbation=Token(UNK)), OnEmbeddings(method=GradientInput())]
)
def test_words_of_each_text_are_deleted_and_inserted_as_by_hand(model, texts, method):
    target = torch.tensor([1, 0, 0, 1])
    metrics = [kind(steps=STEPS, perturbation=Token(UNK)) for kind in (Deletion, Insertion)]
    values = score_words(model, texts, target, method, [*metrics, PointingGame()])
    for index in range(4):
        tokens = [t for t in texts.tokens[index].tolist() if t]
        goal = int(target[index])
        importance = method(model, torch.tensor([tokens]), target[index : index + 1])[0].tolist()
        order = sorted(range(len(tokens)), key=lambda i: -importance[i])
        for name, insert in (("Deletion", False), ("Insertion", True)):
            area = by_hand(model, tokens, goal, order, insert)
            assert values[name][index].item() == pytest.approx(area, abs=1e-5)
        if texts.keywords[index].any():
            hit = bool(texts.keywords[index, order[0]])
            assert values["PointingGame"][index].item() == hit
        else:
            assert values["PointingGame"][index].isnan()
    chance = [1 / 4, 2 / 6, 0, 1 / 2]
    assert values["PointingChance"].tolist() == pytest.approx(chance)


def test_passes_are_counted_text_by_text(model, texts):
    target = torch.zeros(4, dtype=torch.int64)
    occlusion = score_words(model, texts, target, Occlusion(perturbation=Token(UNK)), [])
    assert occlusion["Forwards"].tolist() == [5, 7, 5, 3]
    assert occlusion["Backwards"].tolist() == [0] * 4
    gradient = score_words(model, texts, target, OnEmbeddings(method=GradientInput()), [])
    assert gradient["Forwards"].tolist() == [1] * 4
    assert gradient["Backwards"].tolist() == [1] * 4


def test_scores_do_not_depend_on_the_other_texts(model, texts):
    target = torch.tensor([1, 0, 0, 1])
    metrics = [Deletion(steps=STEPS, perturbation=Token(UNK))]
    occlusion = Occlusion(perturbation=Token(UNK))
    whole = score_words(model, texts, target, occlusion, metrics)
    order = torch.tensor([3, 0])
    part = score_words(model, texts.subset(order), target[order], occlusion, metrics)
    torch.testing.assert_close(part["Deletion"], whole["Deletion"][order])
