"""The notebooks in git hold no results: these come from a run of one's own."""

import json
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "notebooks"


def test_there_is_one_for_each_question() -> None:
    assert {file.stem for file in FOLDER.glob("*.ipynb")} == {"where", "align", "what"}


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.ipynb")), ids=lambda file: file.stem)
def test_no_output_is_kept(file: Path) -> None:
    cells = json.loads(file.read_text())["cells"]
    for cell in cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
