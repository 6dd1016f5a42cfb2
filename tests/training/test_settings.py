"""Learning rates against PyTorch's own schedules, and settings that are refused."""

import math

import pytest
import torch

from sparks.errors import SparksError
from sparks.training import Settings, learning_rate


def rates_of_torch(make, steps, lr):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)
    schedule = make(optimizer)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return rates


@pytest.mark.parametrize(("steps", "warmup"), [(50, 0.2), (37, 0.3), (200, 0.05)])
def test_onecycle_is_that_of_torch(steps, warmup):
    settings = Settings(epochs=1, lr=0.7, warmup=warmup)
    expected = rates_of_torch(
        lambda optimizer: torch.optim.lr_scheduler.OneCycleLR(
            optimizer, 0.7, total_steps=steps + 1, pct_start=warmup * steps / (steps + 1)
        ),
        steps,
        0.7,
    )
    # PyTorch counts its last step too: the same curve, one step longer.
    ours = [learning_rate(step, steps + 1, _with_rise(settings, steps)) for step in range(steps)]
    assert ours == pytest.approx(expected, rel=1e-9)


def _with_rise(settings, steps):
    return Settings(epochs=1, lr=settings.lr, warmup=settings.warmup * steps / (steps + 1))


def test_cosine_without_warmup_is_that_of_torch():
    expected = rates_of_torch(
        lambda optimizer: torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 40), 40, 0.1
    )
    settings = Settings(epochs=1, lr=0.1, schedule="cosine", warmup=0.0)
    assert [learning_rate(s, 40, settings) for s in range(40)] == pytest.approx(expected)


def test_cosine_rises_linearly_then_falls():
    settings = Settings(epochs=1, lr=1.0, schedule="cosine", warmup=0.25)
    rates = [learning_rate(s, 16, settings) for s in range(16)]
    assert rates[:4] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    fall = [(1 + math.cos(math.pi * s / 12)) / 2 for s in range(12)]
    assert rates[4:] == pytest.approx(fall)


def test_constant_after_warmup():
    settings = Settings(epochs=1, lr=0.5, schedule="constant", warmup=0.2)
    assert [learning_rate(s, 10, settings) for s in range(2, 10)] == [0.5] * 8


@pytest.mark.parametrize("schedule", ["onecycle", "cosine", "constant"])
@pytest.mark.parametrize("steps", [1, 2, 3, 7])
@pytest.mark.parametrize("warmup", [0.0, 0.2, 0.9])
def test_even_the_shortest_runs_have_rates_between_zero_and_the_peak(schedule, steps, warmup):
    settings = Settings(epochs=1, lr=0.3, schedule=schedule, warmup=warmup)
    rates = [learning_rate(step, steps, settings) for step in range(steps)]
    assert all(0 < rate <= 0.3 for rate in rates[: max(1, steps - 1)])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("epochs", 0),
        ("batch_size", 0),
        ("optimizer", "adam"),
        ("lr", 0.0),
        ("lr", float("nan")),
        ("weight_decay", -1.0),
        ("momentum", 1.0),
        ("momentum", 0.0),
        ("schedule", "step"),
        ("warmup", 1.0),
        ("crop_area", (0.0, 1.0)),
        ("crop_area", (0.5, 0.2)),
        ("crop_area", (0.5, 1.5)),
        ("crop_area", (0.5,)),
        ("label_smoothing", 1.0),
        ("precision", "fp16"),
        ("shift", -1),
        ("validation", 1.0),
        ("patience", 0),
        ("keep", "first"),
    ],
)
def test_settings_out_of_range_are_named(key, value):
    with pytest.raises(SparksError, match=r"training\."):
        Settings(**({"epochs": 1} | {key: value}))
