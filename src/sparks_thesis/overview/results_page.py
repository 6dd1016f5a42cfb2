"""The page docs/results.md, from finished runs: per chapter a figure, a table and the claims.

`./sparks python -m sparks_thesis.overview.results_page RUN...` reads the folders that runs were
made in (items come from the first run that has them) and writes the page with small copies of its
figures. Figures that show photographs which may not be redistributed are not among them.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from sparks.errors import SparksError
from sparks.io import table_provenance, write_text
from sparks_thesis.common.verdict import Outcome
from sparks_thesis.overview.comments import commented
from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.paths import CONFIG, ROOT
from sparks_thesis.pipeline.scale import NOTE

PAGE = ROOT / "docs" / "results.md"
PICTURES = ROOT / "docs" / "results"
WIDTH = 900  # pixels of a picture
COLOURS = 64  # of a picture: diagrams have few
LONGEST = 30  # rows of a table, at most


class Chapter(NamedTuple):
    """A chapter of the page: its experiments, and the items that stand for it."""

    title: str
    experiments: tuple[str, ...]
    figure: str | None
    table: str


CHAPTERS = (
    Chapter("Attribution by Sobol indices", ("sobol",), "fig-sobol-budget", "tab-fidelity"),
    Chapter("Words", ("words",), None, "tab-words"),
    Chapter("Stability", ("stability",), "fig-stability-degradation", "tab-stability"),
    Chapter("EVA", ("eva",), None, "tab-eva"),
    Chapter("Utility", ("utility",), "fig-utility-k", "tab-utility"),
    Chapter("Where people look", ("people",), None, "tab-people"),
    Chapter("Harmonization", ("harmonization",), "fig-alignment-tradeoff", "tab-harmonized"),
    Chapter("1-Lipschitz networks", ("lipschitz",), "fig-lipschitz-toy", "tab-lipschitz"),
    Chapter("CRAFT", ("craft",), "fig-craft-deletion", "tab-craft-coherence"),
    Chapter("The holistic framework", ("holistic",), "fig-importance-layers", "tab-dictionaries"),
    Chapter("MACO", ("maco",), "fig-maco-spectrum", "tab-maco"),
    Chapter("Lens", ("lens",), "fig-lens-statistics", "tab-claims"),
)
HEAD = """# Results

Made by `make results` from finished runs: per chapter one figure, one table, and the verdicts on
the papers' claims with the data that each rests on ([how claims are judged](claims.md)). Every
other figure and table lies in `results/` of a run ([list](catalogue.md)).
"""
CLAIMS = (
    "number",
    "claim",
    "scale",
    "rests on",
    "verdict",
    "holds in",
    "effect",
    "detectable",
    "control",
)


class Run(NamedTuple):
    """A folder that a run was made in, and the scale of its results."""

    folder: Path
    scale: str

    @classmethod
    def of(cls, folder: Path) -> Run:
        """Read the scale of a run.

        Raises:
            SparksError: when nothing was run there.
        """
        note = folder / NOTE
        if not note.is_file():
            raise SparksError(f"{folder} holds no results: name the folders of finished runs")
        return cls(folder, note.read_text().strip())

    def has(self, path: str) -> Path | None:
        """Return the path of an artifact, if this run made it."""
        found = self.folder / path
        return found if found.is_file() else None


def page(runs: Sequence[Run]) -> str:
    """Return the page in Markdown, and write the pictures that it shows."""
    claims = _claims(runs)
    parts = [HEAD, _totals(runs, claims), _turned(claims)]
    for chapter in CHAPTERS:
        parts += _chapter(chapter, runs, [row for row in claims if _belongs(row, chapter)])
    parts.append(departures())
    return "\n".join(parts)


def _chapter(
    chapter: Chapter, runs: Sequence[Run], claims: Sequence[Mapping[str, str]]
) -> Iterator[str]:
    yield f"## {chapter.title}\n"
    made = [line for run in runs for line in _made(run, chapter)]
    yield "\n".join(made) + "\n" if made else "Not run.\n"
    if chapter.figure:
        for run in runs:
            if picture := run.has(paths.FIGURE.format(item=chapter.figure, suffix="png")):
                name = f"{chapter.figure}-{run.scale}.png"
                _shrink(picture, PICTURES / name)
                yield f"![{chapter.figure}](results/{name})\n"
                yield f"*`{chapter.figure}` at scale `{run.scale}`. {_caption(run, picture)}*\n"
                break
    for run in runs if chapter.table != "tab-claims" else ():
        if table := run.has(paths.TABLE.format(item=chapter.table, suffix="md")):
            yield f"`{chapter.table}` at scale `{run.scale}`. {_caption(run, table)}\n"
            yield _shortened(table.read_text("utf-8"))
            break
    if claims:
        yield _table(CLAIMS, [[row[key] for key in CLAIMS] for row in claims])


def _made(run: Run, chapter: Chapter) -> Iterator[str]:
    """Say on which machine, when and from which commit a chapter's numbers are."""
    for name in chapter.experiments:
        if table := run.has(paths.EXPERIMENT.format(experiment=name)):
            found = table_provenance(table)
            day = datetime.fromtimestamp(table.stat().st_mtime, UTC).date()
            yield (
                f"Scale `{run.scale}`: {found.get('machine', 'unknown machine')}, {day}, commit "
                f"`{str(found.get('commit', 'unknown'))[:10]}`."
            )


def _caption(run: Run, item: Path) -> str:
    caption = item.with_name(f"{item.stem}.caption.rst")
    return " ".join(caption.read_text("utf-8").split()) if caption.is_file() else ""


def _shrink(picture: Path, copy: Path) -> None:
    """Write a copy of a diagram that is small enough for a repository."""
    from PIL import Image

    copy.parent.mkdir(exist_ok=True)
    with Image.open(picture) as image:
        height = round(image.height * WIDTH / image.width)
        small = image.convert("RGB").resize((WIDTH, height), Image.Resampling.LANCZOS)
        small.quantize(COLOURS).save(copy, optimize=True)


def _shortened(markdown: str) -> str:
    lines = [line for line in markdown.splitlines() if line.startswith("|")]
    more = len(lines) - 2 - LONGEST
    rest = [f"\n… and {more} rows more."] if more > 0 else []
    return "\n".join([*lines[: 2 + LONGEST], *rest, ""])


# --- claims ----------------------------------------------------------------------------------


def _claims(runs: Iterable[Run]) -> list[dict[str, str]]:
    """Return the judged rows of tab-claims, one for each claim, scale and kind of data.

    Of several runs at one scale (other seeds, another precision) the first one's numbers are shown;
    a verdict that they do not share is inconclusive, and the row says what each found.
    """
    found: dict[tuple[str, str, str], dict[str, str]] = {}
    each: dict[tuple[str, str, str], dict[str, str]] = {}
    for run, row in _rows(runs):
        key = (row["number"], row["scale"], row["rests on"])
        found.setdefault(key, row)
        each.setdefault(key, {})[str(run.folder)] = row["verdict"]
    for key, verdicts in each.items():
        listed = ", ".join(f"{verdict} in {folder}" for folder, verdict in verdicts.items())
        found[key]["runs"] = str(len(verdicts))
        if len(set(verdicts.values())) > 1:
            found[key] |= {"verdict": f"inconclusive ({listed})", "turned": listed}
    return list(found.values())


def _turned(claims: Sequence[Mapping[str, str]]) -> str:
    """Return the section on the verdicts that the runs do not share; none for a single run."""
    several = [row for row in claims if int(row["runs"]) > 1]
    if not several:
        return ""
    turned = [row for row in several if "turned" in row]
    head = f"## Verdicts that turn\n\nOf {len(several)} verdicts with several runs at one scale, "
    head += f"{len(turned)} differ from run to run and count as inconclusive.\n"
    columns = ("number", "claim", "scale", "rests on", "turned")
    rows = [[row[column] for column in columns] for row in turned]
    return f"{head}\n{_table(columns, rows)}" if turned else head


def _rows(runs: Iterable[Run]) -> Iterator[tuple[Run, dict[str, str]]]:
    for run in runs:
        table = run.has(paths.TABLE.format(item="tab-claims", suffix="csv"))
        if table is None:
            continue
        with table.open(encoding="utf-8") as lines:
            for row in csv.DictReader(line for line in lines if not line.startswith("# {")):
                if row["outcome"] != Outcome.NOT_RUN:
                    yield run, _row(row, run.scale)


def _row(row: Mapping[str, str], scale: str) -> dict[str, str]:
    effect = "–" if not row["effect"] else f"{float(row['effect']):+.3f}"
    if row["low"]:
        effect += f" [{float(row['low']):+.3f}, {float(row['high']):+.3f}]"
    return {
        "number": row["number"],
        "name": row["name"],
        "claim": row["statement"],
        "scale": scale,
        "rests on": row["scope"],
        "verdict": row["verdict"],
        "holds in": f"{row['holds']} of {row['of']}" if int(row["of"]) else "–",
        "effect": effect,
        "detectable": f"{float(row['detectable']):.3f}" if row["detectable"] else "–",
        "control": row["control"] or "none",
    }


def _belongs(row: Mapping[str, str], chapter: Chapter) -> bool:
    import yaml

    claim: Any = yaml.safe_load((CONFIG / f"claim/{row['name']}.yaml").read_text("utf-8"))
    return bool(set(claim["experiments"]) & set(chapter.experiments))


def _totals(runs: Sequence[Run], claims: Sequence[Mapping[str, str]]) -> str:
    """Count verdicts by scale and by what they rest on."""
    verdicts = list(dict.fromkeys(row["verdict"].partition(" (")[0] for row in claims))
    rows = []
    for scale in dict.fromkeys(run.scale for run in runs):
        for scope in dict.fromkeys(row["rests on"] for row in claims):
            here = [r for r in claims if (r["scale"], r["rests on"]) == (scale, scope)]
            found = [row["verdict"].partition(" (")[0] for row in here]
            if found:
                rows.append([scale, scope, *(str(found.count(v)) for v in verdicts)])
    return _table(["scale", "rests on", *verdicts], rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    lines = [list(head), ["---"] * len(head), *escaped]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def departures() -> str:
    """List what scale `real` has otherwise than the papers, with the reasons in its file."""
    rows = [
        [f"`{row.key}`", f"`{row.default}`" if row.default else "", row.meaning]
        for row in commented(CONFIG / "scale/real.yaml")
    ]
    head = "## Departures from the papers at scale `real`\n\n"
    return head + _table(["setting", "value", "the paper's, and the reason"], rows)


def main(folders: Sequence[str]) -> None:
    """Write the page from the runs in these folders."""
    if not folders:
        raise SystemExit("name the folders of finished runs: . runs/real")
    write_text(PAGE, page([Run.of(Path(folder)) for folder in folders]))


if __name__ == "__main__":
    main(sys.argv[1:])
