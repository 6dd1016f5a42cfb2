"""The page docs/results.md, from finished runs: per chapter a figure, a table and the claims.

`./sparks python -m sparks_thesis.overview.results_page RUN...` reads the folders that runs were
made in and keeps what the page shows of each chapter at each scale in docs/results: a JSON file and
a small copy of the figure. The page is written from all files there, so that chapters may come from
different runs: a run replaces only what it made. Figures that show photographs which may not be
redistributed are not among them.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from sparks.errors import SparksError
from sparks.io import table_provenance, write_text
from sparks_thesis.common.verdict import Outcome, Scope
from sparks_thesis.overview.comments import commented
from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.paths import CONFIG, ROOT
from sparks_thesis.pipeline.scale import NOTE, overrides_of

PAGE = ROOT / "docs" / "results.md"
PICTURES = ROOT / "docs" / "results"
WIDTH = 900  # pixels of a picture
COLOURS = 64  # of a picture: diagrams have few
LONGEST = 30  # rows of a table, at most
SCALES = ("paper", "real", "workstation", "laptop")  # in this order; other scales come after them


class Chapter(NamedTuple):
    """A chapter of the page: its experiment, and the items that stand for it."""

    title: str
    experiment: str
    figure: str | None
    table: str | None  # beside the claims


CHAPTERS = (
    Chapter("Attribution by Sobol indices", "sobol", "fig-sobol-budget", "tab-fidelity"),
    Chapter("Words", "words", None, "tab-words"),
    Chapter("Stability", "stability", "fig-stability-degradation", "tab-stability"),
    Chapter("EVA", "eva", None, "tab-eva"),
    Chapter("Utility", "utility", "fig-utility-k", "tab-utility"),
    Chapter("Where people look", "people", None, "tab-people"),
    Chapter("Harmonization", "harmonization", "fig-alignment-tradeoff", "tab-harmonized"),
    Chapter("1-Lipschitz networks", "lipschitz", "fig-lipschitz-toy", "tab-lipschitz"),
    Chapter("CRAFT", "craft", "fig-craft-deletion", "tab-craft-coherence"),
    Chapter("The holistic framework", "holistic", "fig-importance-layers", "tab-dictionaries"),
    Chapter("MACO", "maco", "fig-maco-spectrum", "tab-maco"),
    Chapter("Lens", "lens", "fig-lens-statistics", None),
)
HEAD = """# Results

Made by `make results` from finished runs: per chapter one figure, one table, and the verdicts on
the papers' claims with the data that each rests on ([how claims are judged](claims.md)). Chapters
may be of different runs: each names its machine, day and commit. Every other figure and table lies
in `results/` of a run ([list](catalogue.md)).
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
VERDICTS = (  # the columns of the first table
    "replicated",
    "failed to replicate",
    "transfers",
    "does not transfer",
    "holds",
    "does not hold",
    "inconclusive",
    "assay invalid",
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


class Section(NamedTuple):
    """A chapter at one scale, as the page shows it and a JSON file keeps it."""

    experiment: str
    scale: str
    made: list[dict[str, str]]  # machine, day, commit and overrides of each run
    figure: dict[str, str] | None  # item, caption
    table: dict[str, str] | None  # item, caption, and its rows in Markdown
    claims: list[dict[str, str]]

    @property
    def path(self) -> Path:
        """Return the file that keeps it."""
        return PICTURES / f"{self.experiment}-{self.scale}.json"


def read_runs(runs: Sequence[Run]) -> Iterator[Section]:
    """Yield a section for every chapter and scale that a run made, and copy its figure.

    Of several runs at one scale (other seeds, another precision) items come from the first.
    """
    for scale in dict.fromkeys(run.scale for run in runs):
        same = [run for run in runs if run.scale == scale]
        claims = _claims(same)
        for chapter in CHAPTERS:
            made = [origin for run in same if (origin := _origin(run, chapter))]
            if made:
                own = [row for row in claims if _belongs(row, chapter)]
                yield Section(
                    chapter.experiment,
                    scale,
                    made,
                    _figure(chapter, same),
                    _rows(chapter, same),
                    own,
                )


def _origin(run: Run, chapter: Chapter) -> dict[str, str] | None:
    """Return on which machine, when, from which commit and how a chapter's numbers were made."""
    table = run.has(paths.EXPERIMENT.format(experiment=chapter.experiment))
    if table is None:
        return None
    found = table_provenance(table)
    return {
        "machine": str(found.get("machine", "unknown machine")),
        "day": str(datetime.fromtimestamp(table.stat().st_mtime, UTC).date()),
        "commit": str(found.get("commit", "unknown"))[:10],
        "overrides": " ".join(overrides_of(run.folder).get(chapter.experiment, [])),
    }


def _figure(chapter: Chapter, runs: Iterable[Run]) -> dict[str, str] | None:
    for run in runs if chapter.figure else ():
        if picture := run.has(paths.FIGURE.format(item=chapter.figure, suffix="png")):
            _shrink(picture, PICTURES / f"{chapter.figure}-{run.scale}.png")
            return {"item": str(chapter.figure), "caption": _caption(picture)}
    return None


def _rows(chapter: Chapter, runs: Iterable[Run]) -> dict[str, str] | None:
    for run in runs if chapter.table else ():
        if table := run.has(paths.TABLE.format(item=chapter.table, suffix="md")):
            rows = _shortened(table.read_text("utf-8"))
            return {"item": str(chapter.table), "caption": _caption(table), "rows": rows}
    return None


def _caption(item: Path) -> str:
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


# --- the page --------------------------------------------------------------------------------


def read_sections() -> list[Section]:
    """Return the sections that are kept, by scale."""
    found = [Section(**json.loads(file.read_text("utf-8"))) for file in PICTURES.glob("*.json")]
    ranks = {scale: rank for rank, scale in enumerate(SCALES)}
    return sorted(found, key=lambda s: (ranks.get(s.scale, len(ranks)), s.scale, s.experiment))


def page(sections: Sequence[Section]) -> str:
    """Return the page in Markdown."""
    each = {(r["number"], r["scale"], r["rests on"]): r for s in sections for r in s.claims}
    claims = list(each.values())
    parts = [HEAD, _totals(claims), _turned(claims)]
    for chapter in CHAPTERS:
        own = [section for section in sections if section.experiment == chapter.experiment]
        parts += [f"## {chapter.title}\n", *(_chapter(own) if own else ["Not run.\n"])]
    parts.append(departures())
    return "\n".join(parts)


def _chapter(sections: Sequence[Section]) -> Iterator[str]:
    yield "\n".join(_made(section) for section in sections) + "\n"
    for scale, figure in [(s.scale, s.figure) for s in sections if s.figure][:1]:
        yield f"![{figure['item']}](results/{figure['item']}-{scale}.png)\n"
        yield f"*`{figure['item']}` at scale `{scale}`. {figure['caption']}*\n"
    for scale, table in [(s.scale, s.table) for s in sections if s.table][:1]:
        yield f"`{table['item']}` at scale `{scale}`. {table['caption']}\n"
        yield table["rows"]
    claims = [[row[key] for key in CLAIMS] for section in sections for row in section.claims]
    if claims:
        yield _table(CLAIMS, claims)


def _made(section: Section) -> str:
    """Say on which machine, when, from which commit and by which overrides numbers were made."""
    return "\n".join(
        f"Scale `{section.scale}`: {run['machine']}, {run['day']}, commit `{run['commit']}`"
        + (f", with `{run['overrides']}`." if run.get("overrides") else ".")
        for run in section.made
    )


# --- claims ----------------------------------------------------------------------------------


def _claims(runs: Iterable[Run]) -> list[dict[str, str]]:
    """Return the judged rows of tab-claims, one for each claim, scale and kind of data.

    Of several runs at one scale (other seeds, another precision) the first one's numbers are shown;
    a verdict that they do not share is inconclusive, and the row says what each found.
    """
    found: dict[tuple[str, str, str], dict[str, str]] = {}
    each: dict[tuple[str, str, str], dict[str, str]] = {}
    for run, row in _judged(runs):
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


def _judged(runs: Iterable[Run]) -> Iterator[tuple[Run, dict[str, str]]]:
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
    return chapter.experiment in claim["experiments"]


def _totals(claims: Sequence[Mapping[str, str]]) -> str:
    """Count verdicts by scale and by what they rest on."""
    verdicts = [v for v in VERDICTS if any(_verdict(row) == v for row in claims)]
    rows = []
    for scale in dict.fromkeys(row["scale"] for row in claims):
        for scope in Scope:
            here = [r for r in claims if (r["scale"], r["rests on"]) == (scale, scope)]
            found = [_verdict(row) for row in here]
            if found:
                rows.append([scale, str(scope), *(str(found.count(v)) for v in verdicts)])
    return _table(["scale", "rests on", *verdicts], rows)


def _verdict(row: Mapping[str, str]) -> str:
    """Return the verdict of a row, without what it found in each run."""
    return row["verdict"].partition(" (")[0]


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
    """Keep what the runs in these folders made, and write the page from all that is kept."""
    if not folders:
        raise SystemExit("name the folders of finished runs: . runs/real")
    for section in read_runs([Run.of(Path(folder)) for folder in folders]):
        kept = json.dumps(section._asdict(), indent=1, ensure_ascii=False)
        write_text(section.path, kept + "\n")
    write_text(PAGE, page(read_sections()))


if __name__ == "__main__":
    main(sys.argv[1:])
