"""Words: methods on a linear bag of words, whose answers are exact, and on a trained classifier."""

import itertools
from dataclasses import replace

import pytest
import torch
from torch import nn

from sparks.attribution import (
    HSIC,
    LIME,
    RISE,
    GradientInput,
    IntegratedGradients,
    KernelSHAP,
    Occlusion,
    OnEmbeddings,
    Random,
    Saliency,
    Sobol,
)
from sparks.attribution.words import on_words
from sparks.data import Reviews
from sparks.engine import Engine, Token
from sparks.errors import SparksError
from sparks.models import TextClassifier, seeded
from sparks.sensitivity.sequences import draw
from sparks.training import Settings, accuracy, fit

UNK = 1
REMOVE = Token(UNK)


class BagOfWords(nn.Module):
    """Logits: for each class the sum of a value a word; interactions, none."""

    def __init__(self, vocabulary=12, width=5, classes=3):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.embedding = nn.Embedding(vocabulary, width)
        self.embedding.weight.data = torch.randn(vocabulary, width, generator=generator)
        self.values = torch.randn(width, classes, generator=generator)

    def classify(self, embedded):
        return (embedded @ self.values).sum(1)

    def forward(self, tokens):
        return self.classify(self.embedding(tokens))

    def drops(self, tokens, target):
        """How much each word adds to the logit, against `<unk>`: (N, L)."""
        of_words = self.embedding.weight.detach() @ self.values
        return (of_words[tokens] - of_words[UNK]).gather(
            2, target[:, None, None].expand(-1, tokens.shape[1], 1)
        )[:, :, 0]


@pytest.fixture
def bag():
    return BagOfWords()


@pytest.fixture
def texts():
    generator = torch.Generator().manual_seed(1)
    tokens = torch.randint(2, 12, (4, 7), generator=generator)
    return tokens, torch.tensor([0, 1, 2, 0])


EXACT = {
    "Occlusion": Occlusion(perturbation=REMOVE, engine=Engine(batch_size=5)),
    "KernelSHAP, all coalitions": KernelSHAP(perturbation=REMOVE, samples=126),
    "KernelSHAP, drawn": KernelSHAP(perturbation=REMOVE, samples=60),
    "LIME": LIME(perturbation=REMOVE, samples=100, penalty=1e-9),
    "GradientInput": OnEmbeddings(method=GradientInput()),
    "IntegratedGradients": OnEmbeddings(method=IntegratedGradients(steps=3)),
}


@pytest.mark.parametrize("name", EXACT)
def test_signed_methods_give_what_each_word_adds(bag, texts, name):
    maps = EXACT[name](bag, *texts)
    torch.testing.assert_close(maps, bag.drops(*texts), atol=1e-4, rtol=1e-4)


def test_saliency_is_the_largest_weight_of_the_class(bag, texts):
    tokens, target = texts
    maps = OnEmbeddings(method=Saliency())(bag, tokens, target)
    largest = bag.values.abs().amax(0)[target]
    torch.testing.assert_close(maps, largest[:, None].expand(4, 7))


def test_sobol_indices_are_shares_of_the_variance(bag, texts):
    """Words go or stay with probability 1/2: the index of an additive score is v² / Σ v²."""
    squares = bag.drops(*texts) ** 2
    maps = Sobol(perturbation=REMOVE, points=1024)(bag, *texts)
    torch.testing.assert_close(maps, squares / squares.sum(1, keepdim=True), atol=0.02, rtol=0)


def test_rise_ranks_by_what_each_word_adds(bag, texts):
    """E[y m] / E[m] - E[y] of an additive score is v / 2."""
    maps = RISE(perturbation=REMOVE, masks=40000)(bag, *texts)
    torch.testing.assert_close(maps, bag.drops(*texts) / 2, atol=0.1, rtol=0)


def test_hsic_is_the_trace_of_its_definition_on_texts_masked_by_hand(bag, texts):
    tokens, target = texts
    n = 64
    maps = HSIC(perturbation=REMOVE, masks=n)(bag, tokens, target)
    masks = torch.from_numpy(draw("latin-hypercube", n, 7, True, 0) >= 0.5)
    centre = torch.eye(n) - 1 / n
    for text in range(4):
        masked = torch.stack([torch.where(mask, tokens[text], UNK) for mask in masks])
        y = bag(masked)[:, target[text]].detach()
        width = torch.pdist(y[:, None]).quantile(0.5)  # of an even number, the middle
        outputs = (-((y[:, None] - y) ** 2) / (2 * width**2)).exp()
        for word in range(7):
            same = (masks[:, word, None] == masks[:, word]).float()
            value = torch.trace(same @ centre @ outputs @ centre) / n
            assert maps[text, word].item() == pytest.approx(value.item(), rel=1e-3, abs=1e-3)


def network(**settings):
    with seeded(0):
        return TextClassifier(20, 2, width=8, filters=6, **settings).eval()


def test_gradients_at_embeddings_are_those_of_finite_differences():
    model, tokens = network(), torch.tensor([[3, 9, 4, 17, 5]])
    target = torch.tensor([1])
    table = model.embedding.weight
    table.data = table.data.double()
    model = model.double()
    maps = OnEmbeddings(method=GradientInput())(model, tokens, target)
    embedded, removed = table.detach()[tokens], table.detach()[UNK]
    for word in range(5):
        step = torch.zeros_like(embedded)
        step[0, word] = (embedded[0, word] - removed) * 1e-6
        with torch.no_grad():
            gap = model.classify(embedded + step) - model.classify(embedded - step)
        assert maps[0, word].item() == pytest.approx(gap[0, 1].item() / 2e-6, abs=1e-5)


def test_integrated_gradients_sum_to_the_score_less_that_of_a_text_without_words():
    model, tokens = network(), torch.tensor([[3, 9, 4, 17, 5], [4, 4, 8, 2, 19]])
    target = torch.tensor([1, 0])
    maps = OnEmbeddings(method=IntegratedGradients(steps=2000))(model, tokens, target)
    with torch.no_grad():
        gap = model(tokens) - model(torch.full_like(tokens, UNK))
    torch.testing.assert_close(maps.sum(1), gap.gather(1, target[:, None])[:, 0], atol=2e-3, rtol=0)


def test_the_classifier_does_not_see_padding_and_may_be_asked_at_its_embeddings():
    model = network()
    tokens = torch.tensor([[3, 9, 4], [5, 0, 0]])
    padded = nn.functional.pad(tokens, (0, 4))
    torch.testing.assert_close(model(padded), model(tokens))
    torch.testing.assert_close(model(tokens[1:, :1]), model(tokens[1:]))
    torch.testing.assert_close(model.classify(model.embedding(tokens[:1])), model(tokens[:1]))


def test_word_dropout_is_only_in_training_and_seeded():
    model = network(dropout=0.0, word_dropout=1.0)
    tokens = torch.arange(2, 20).expand(30, 18)
    still = model(tokens)
    assert torch.equal(model(tokens), still)
    model.train()
    torch.manual_seed(0)
    first = model(tokens)
    torch.manual_seed(0)
    assert torch.equal(model(tokens), first)
    assert not torch.allclose(first, still)
    assert len(first.unique(dim=0)) > 20  # each text loses its own words


def test_methods_for_images_are_turned_into_methods_on_words():
    assert on_words(RISE(masks=20, seed=3), REMOVE) == RISE(masks=20, seed=3, perturbation=REMOVE)
    assert on_words(Saliency(), Token(4)) == OnEmbeddings(method=Saliency(), token=4)
    assert on_words(Random(seed=2), REMOVE) == Random(seed=2)


@pytest.mark.parametrize("method", [HSIC(masks=20), LIME(samples=20), KernelSHAP(samples=20)])
def test_the_grid_of_an_image_says_nothing_about_words(method):
    tokens, target = torch.tensor([[3, 9, 4, 17, 5]]), torch.tensor([1])
    few, many = (on_words(replace(method, grid=grid), REMOVE) for grid in (2, 9))
    assert torch.equal(few(network(), tokens, target), many(network(), tokens, target))


def test_wrong_inputs_and_models_are_refused():
    with pytest.raises(SparksError, match=r"takes token numbers .* sparks\.engine\.Token"):
        Occlusion()(network(), torch.tensor([[3, 4]]), torch.tensor([0]))
    with pytest.raises(SparksError, match="no embedding and classify"):
        OnEmbeddings(method=Saliency())(nn.Linear(2, 2), torch.ones(1, 2), torch.tensor([0]))
    with pytest.raises(SparksError, match="must be odd"):
        network(windows=(2,))


def test_the_classifier_learns_negation():
    """By the loop that trains on images."""
    splits = Reviews(n_train=1500, n_test=300)()
    texts = splits["test"]
    with seeded(0):
        model = TextClassifier(128, 2, width=32, filters=32, word_dropout=0.2)
    settings = Settings(epochs=6, batch_size=32, lr=0.02, precision="fp32")
    fit(model, splits["train"], None, settings, 0, "cpu")
    assert accuracy(model, texts) > 0.95
    model.eval()
    number = {word: token for token, word in enumerate(texts.vocabulary)}
    verdicts = {}
    for adjective, negator in itertools.product(("good", "awful"), ("", "not", "hardly")):
        words = f"the film was {negator} {adjective} and the music was not loud".split()
        tokens = torch.tensor([[number[word] for word in words]])
        verdicts[adjective, negator] = texts.classes[int(model(tokens).argmax())]
    for negator in ("not", "hardly"):
        assert verdicts["good", negator] == verdicts["awful", ""] == "negative"
        assert verdicts["awful", negator] == verdicts["good", ""] == "positive"


def test_a_resumed_training_on_texts_ends_with_the_same_bits(tmp_path):
    texts = Reviews(n_train=100, n_test=2)()["train"]
    settings = Settings(epochs=3, batch_size=20, precision="fp32")

    def trained(*checkpoint, stop=False):
        with seeded(0):
            model = TextClassifier(128, 2, width=4, filters=4)
        if stop:
            model.body.dropout.register_forward_hook(_stop_after(10))
        fit(model, texts, None, settings, 0, "cpu", *checkpoint)
        return model.state_dict()

    whole = trained()
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "state", stop=True)
    resumed = trained(tmp_path / "state")
    assert all(torch.equal(resumed[name], whole[name]) for name in whole)


def _stop_after(steps):
    count = itertools.count()

    def hook(*_):
        if next(count) == steps:
            raise KeyboardInterrupt

    return hook
