"""No block of six lines stands in two files."""

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LINES = 6


def lines_of(file: Path) -> list[tuple[int, str]]:
    """Return the numbered lines of a file that say something.

    Imports, comments, blank lines and lines of brackets or quotes alone say nothing of their own.
    """
    text, imports = file.read_text("utf-8"), set[int]()
    for node in ast.walk(ast.parse(text)) if file.suffix == ".py" else ():
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            imports |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    numbered = ((n, line.strip()) for n, line in enumerate(text.splitlines(), 1))
    return [
        (n, line)
        for n, line in numbered
        if n not in imports and not line.startswith("#") and any(map(str.isalnum, line))
    ]


def repeated(files: list[Path]) -> dict[tuple[str, ...], list[str]]:
    """Return the blocks that stand in several files, and where."""
    places: dict[tuple[str, ...], dict[Path, int]] = defaultdict(dict)
    for file in files:
        lines = lines_of(file)
        for start in range(len(lines) - LINES + 1):
            block = lines[start : start + LINES]
            places[tuple(line for _, line in block)].setdefault(file, block[0][0])
    return {
        block: [f"{file}:{number}" for file, number in where.items()]
        for block, where in places.items()
        if len(where) > 1
    }


def test_no_block_of_six_lines_stands_in_two_files() -> None:
    folders = ("src", "scripts", "workflow", "benchmarks", "tests")
    files = [file for folder in folders for file in (ROOT / folder).rglob("*") if file.is_file()]
    assert not repeated([file for file in files if file.suffix in (".py", ".smk")])


def test_repetition_is_found_whatever_stands_between(tmp_path: Path) -> None:
    body = [f"x{n} = {n}" for n in range(LINES)]
    (tmp_path / "a.py").write_text("import os\n\n" + "\n".join(body))
    (tmp_path / "b.py").write_text("y = 1\n" + "\n# why\n\n".join(body) + "\n")
    (tmp_path / "c.py").write_text("\n".join(body[1:]) + "\n")
    found = repeated(sorted(tmp_path.glob("*.py")))
    assert found == {tuple(body): [f"{tmp_path / 'a.py'}:3", f"{tmp_path / 'b.py'}:2"]}
