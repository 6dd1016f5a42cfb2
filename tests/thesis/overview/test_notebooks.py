"""The notebooks in git hold no results: these come from a run of one's own."""

import json
from pathlib import Path

import nbformat
import pytest

from sparks_thesis.overview.tutorials import needs_results, run

FOLDER = Path(__file__).parents[3] / "notebooks"


def test_there_is_one_for_each_question_and_for_ones_own_work() -> None:
    assert {file.stem for file in FOLDER.glob("*.ipynb")} == {
        "where",
        "align",
        "what",
        "own_model",
        "own_images",
    }


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.ipynb")), ids=lambda file: file.stem)
def test_no_output_is_kept(file: Path) -> None:
    cells = json.loads(file.read_text())["cells"]
    for cell in cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


def test_those_about_the_thesis_need_a_run_and_the_others_none() -> None:
    read = {file.stem: nbformat.read(file, as_version=4) for file in FOLDER.glob("*.ipynb")}
    found = {name for name, notebook in read.items() if needs_results(notebook)}
    assert found == {"where", "align", "what"}


@pytest.mark.nightly
@pytest.mark.parametrize("name", ["own_model", "own_images"])
def test_a_tutorial_shows_figures_and_no_bars_of_progress(name: str) -> None:
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    run(notebook, FOLDER)
    outputs = [one for cell in notebook.cells for one in cell.get("outputs", [])]
    assert sum("image/png" in one.get("data", {}) for one in outputs) >= 2
    assert not any(one.get("name") == "stderr" for one in outputs)
