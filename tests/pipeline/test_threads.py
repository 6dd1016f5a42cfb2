"""Another number of threads adds numbers up in another order: by how much may results differ?

docs/reproducibility.md states these bounds. They are what float32 can promise, not what was seen.
"""

import pytest
import torch
from composed import composed

from sparks.data import Digits
from sparks.models import seeded
from sparks.training import fit
from sparks_thesis.pipeline.factories import build
from sparks_thesis.pipeline.selection import part

KEYS = ("model.classifier", "training", "attribution.method")


@pytest.fixture(autouse=True)
def _threads_as_before():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def chosen():
    config = composed("scale=smoke", "training.epochs=1")
    return {
        method: part(config, KEYS, dataset="digits", model="convnet_small", attribution=method)
        for method in ("saliency", "sobol", "integrated_gradients")
    }


def trained(settings, train, threads):
    torch.set_num_threads(threads)
    with seeded(0):
        model = build(settings["model.classifier"])
    fit(
        model,
        train,
        None,
        build(settings["training"] | {"validation": 0.0, "keep": "last"}),
        0,
        "cpu",
    )
    return model.eval()


def test_results_with_other_numbers_of_threads(chosen):
    train = Digits()()["train"].subset(torch.arange(400))
    models = [trained(chosen["saliency"], train, threads) for threads in (1, 2, 4)]
    x = train.batch(slice(0, 40))
    logits = torch.stack([model(x).detach() for model in models])
    assert logits.std() > 0.1  # there is something to differ in
    torch.testing.assert_close(logits[1:], logits[:1].expand(2, -1, -1), rtol=0, atol=1e-3)
    target = logits[0].argmax(1)
    for settings in chosen.values():
        maps = []
        for threads in (1, 2, 4):
            torch.set_num_threads(threads)
            maps.append(build(settings["attribution.method"])(models[0], x, target))
        scale = maps[0].abs().amax()
        for other in maps[1:]:
            torch.testing.assert_close(other / scale, maps[0] / scale, rtol=0, atol=1e-4)
