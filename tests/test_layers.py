"""Who may import whom: the contracts of pyproject.toml, `[tool.importlinter]`, and of the tests."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

ROOT = Path(__file__).resolve().parents[1]
TESTS = ROOT / "tests"
# What chapters share, or what joins them.
SHARED = {"common", "overview", "pipeline", "settings"}
# Folders of tests/ that are about the thesis.
OF_THESIS = ("thesis", "pipeline", "workflow")


def test_the_library_knows_nothing_of_the_thesis_and_chapters_nothing_of_each_other() -> None:
    assert (
        lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)
        == EXIT_STATUS_SUCCESS
    )


def names(file: Path, tests: Path) -> Iterator[tuple[str, ...]]:
    """Yield what a file of tests/ imports: modules, or names in them, split at their dots."""
    folder = file.relative_to(tests).parent.parts if file.is_relative_to(tests) else ()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = folder[: len(folder) - node.level + 1] if node.level else ()
            module = (node.module or "").split(".") if node.module else ()
            yield from ((*above, *module, alias.name) for alias in node.names)


@cache
def parts_of_thesis(file: Path, tests: Path = TESTS) -> set[str]:
    """Return the packages in sparks_thesis that a file imports, or its helpers and scripts do."""
    found: set[str] = set()
    for name in names(file, tests):
        if name[0] == "sparks_thesis":
            found.add(name[1] if len(name) > 1 else "")
            continue
        helpers = (
            folder.joinpath(*name[:length]).with_suffix(".py")
            for folder in (tests, ROOT / "scripts")
            for length in range(1, len(name) + 1)
        )
        if helper := next((path for path in helpers if path.is_file()), None):
            found |= parts_of_thesis(helper, tests)
    return found


def test_imports_are_followed_through_helpers(tmp_path: Path) -> None:
    files = {
        "composed.py": "import sparks_thesis.pipeline.compose",
        "thesis/common/rows.py": "def late():\n    from sparks_thesis import eva",
        "thesis/sobol/conftest.py": "from ..common.rows import late\nfrom . import figures",
        "thesis/sobol/figures.py": "from composed import composed\nimport numpy",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = parts_of_thesis(tmp_path / "thesis/sobol/conftest.py", tmp_path)
    assert found == {"eva", "pipeline"}


def test_tests_of_a_chapter_import_that_chapter_and_no_other() -> None:
    without, others = set(), {}
    for file in (TESTS / "thesis").rglob("*.py"):
        own, name = file.relative_to(TESTS / "thesis").parts[0], str(file.relative_to(ROOT))
        found = parts_of_thesis(file)
        if file.name.startswith("test_") and own not in found:
            without.add(name)
        if found - SHARED - {own}:
            others[name] = found - SHARED - {own}
    assert without == set()
    assert others == {}


def test_each_chapter_has_a_folder_of_tests() -> None:
    packages, tested = (
        {path.parent.name for path in folder.glob("*/__init__.py")}
        for folder in (ROOT / "src/sparks_thesis", TESTS / "thesis")
    )
    assert tested == packages - {"pipeline", "settings"}


def test_tests_of_the_library_import_nothing_of_the_thesis() -> None:
    """Helpers that stand beside them count where they are imported."""
    files = [*TESTS.glob("test_*.py"), TESTS / "conftest.py"]
    for folder in TESTS.iterdir():
        files += folder.rglob("*.py") if folder.name not in OF_THESIS else ()
    found = {str(file.relative_to(ROOT)): parts_of_thesis(file) for file in files}
    assert len(found) > 100
    assert {file for file, parts in found.items() if parts} == set()
