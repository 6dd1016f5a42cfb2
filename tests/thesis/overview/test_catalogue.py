"""The page of all figures and tables is made from the configuration."""

from sparks_thesis.overview import catalogue
from sparks_thesis.pipeline.compose import ABSENT
from sparks_thesis.pipeline.paths import CONFIG


def test_the_page_in_git_is_the_one_made_now(monkeypatch):
    monkeypatch.setenv(ABSENT, "imagenette,mnist")  # also where data are missing
    assert catalogue.page() == catalogue.PAGE.read_text(), "make docs"


def test_every_item_has_a_line():
    lines = catalogue.PAGE.read_text().splitlines()
    for file in (CONFIG / "item").glob("*.yaml"):
        found = [line for line in lines if line.startswith(f"| `{file.stem}` |")]
        assert len(found) == 1, file.stem
        assert found[0].count(" | ") == 4
