"""Who may import whom: the contracts of pyproject.toml, `[tool.importlinter]`."""

from pathlib import Path

from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

ROOT = Path(__file__).resolve().parents[1]


def test_the_library_knows_nothing_of_the_thesis_and_chapters_nothing_of_each_other() -> None:
    assert (
        lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)
        == EXIT_STATUS_SUCCESS
    )
