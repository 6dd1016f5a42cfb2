"""The bundled statistics of photographs, against what is known of natural images."""

import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from sparks.data import Photographs
from sparks.io import tensor_provenance
from sparks.visualization import MACO, Ascent, image_statistics, logits, natural_images
from sparks.visualization.natural import FILE

ROOT = Path(__file__).resolve().parents[2]


def test_power_falls_with_the_square_of_the_frequency():
    """Field 1987: the slope of natural images is near -2, below what resizing takes."""
    statistics = natural_images()
    inner = (statistics.frequencies > 0.01) & (statistics.frequencies < 0.1)
    logs = [t[inner].log().numpy() for t in (statistics.frequencies, statistics.power)]
    assert np.polyfit(*logs, 1)[0] == pytest.approx(-2, abs=0.5)


def test_colours_are_mostly_brightness():
    covariance = natural_images().colours.covariance
    values, vectors = torch.linalg.eigh(covariance)
    assert float(values[-1] / values.sum()) > 0.85
    assert bool((vectors[:, -1].abs() > 0.5).all())  # the first direction is grey


def test_it_is_in_the_wheel_and_says_what_it_was_made_from():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    listed = project["tool"]["setuptools"]["package-data"]["sparks"]
    assert str(FILE.relative_to(ROOT / "src" / "sparks")) in listed
    assert "CC BY 2.0" in tensor_provenance(FILE)["source"]
    assert FILE.stat().st_size < 100_000


def test_pictures_have_its_spectrum_without_any_data():
    torch.manual_seed(0)
    pool = (nn.AdaptiveAvgPool2d(1), nn.Flatten())
    model = nn.Sequential(nn.Conv2d(3, 5, 5), nn.ReLU(), *pool, nn.Linear(5, 2)).eval()
    ascent = Ascent(parametrisation=MACO(), steps=3)
    pictures = ascent(logits(model, range(2)), natural_images(32), (32, 32))
    assert pictures.images.shape[:2] == (2, 3)
    again = ascent(logits(model, range(2)), natural_images(32), (32, 32))
    assert torch.equal(pictures.images, again.images)


def test_photographs_of_the_package_resemble_it():
    """Their mean spectrum is as steep, though they are seven."""
    images = Photographs()()["test"]
    own = image_statistics(lambda: [images.batch(range(len(images)))], (64, 64))
    both = (own.magnitude[0], natural_images(64).magnitude[0])
    logs = [magnitude.flatten()[1:].log().numpy() for magnitude in both]
    assert np.corrcoef(*logs)[0, 1] > 0.9
