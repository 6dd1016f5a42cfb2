"""The tutorials of the documentation site: notebooks, run from top to bottom.

`./sparks python -m sparks_thesis.overview.tutorials` runs every notebook and writes it with its
outputs into docs/tutorials. Those that read the results of a run need one in this folder, at any
scale; without one they come without outputs, and say so.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

from sparks_thesis.pipeline.paths import ROOT

NOTEBOOKS, PAGES = ROOT / "notebooks", ROOT / "docs" / "tutorials"
RESULTS = "results"  # folder of a run, in the checkout
OF_A_RUN = "sparks_thesis.pipeline"  # what notebooks import that read results
NOT_RUN = (
    "*Not run here: it reads what `./sparks snakemake --cores all` makes. Open "
    "`notebooks/{name}` after a run of your own.*"
)


def main() -> None:
    """Write all tutorials."""
    PAGES.mkdir(exist_ok=True)
    for file in sorted(NOTEBOOKS.glob("*.ipynb")):
        notebook = nbformat.read(file, as_version=4)  # type: ignore[no-untyped-call]
        if needs_results(notebook) and not (ROOT / RESULTS).is_dir():
            said = NOT_RUN.format(name=file.name)
            notebook.cells.insert(1, nbformat.v4.new_markdown_cell(said, id="not-run"))  # type: ignore[no-untyped-call]
        else:
            run(notebook, file.parent)
        nbformat.write(notebook, PAGES / file.name)  # type: ignore[no-untyped-call]


def needs_results(notebook: Any) -> bool:
    """Return whether a notebook reads the results of a run."""
    return any(OF_A_RUN in cell.source for cell in notebook.cells)


def run(notebook: Any, folder: Path) -> None:
    """Run a notebook in place, and leave out what it prints to standard error: bars of progress."""
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=600, resources=resources).execute()
    for cell in notebook.cells:
        if "outputs" in cell:
            cell.outputs = [one for one in cell.outputs if one.get("name") != "stderr"]


if __name__ == "__main__":
    main()
