"""A table for people: numbers for the CSV, text for Markdown, LaTeX and HTML."""

from __future__ import annotations

import html
from dataclasses import dataclass

import pandas as pd

from sparks_thesis.common.latex import latex


@dataclass(frozen=True)
class Table:
    """Result of a table module.

    Attributes:
        numbers: every number at full precision, a row or a cell each: the CSV.
        shown: the same laid out for reading, all cells text.
        caption: what was measured, on what, and how it compares with the paper.
    """

    numbers: pd.DataFrame
    shown: pd.DataFrame
    caption: str

    def csv(self, origin: str = "") -> str:
        """Return the numbers as CSV, below a comment line that says where they come from.

        Args:
            origin: the comment, on one line; none if empty.
        """
        comment = f"# {origin}\n" if origin else ""
        return comment + self.numbers.to_csv(index=False, lineterminator="\n")

    def markdown(self) -> str:
        """Return the table as a Markdown pipe table, caption below."""
        header, *rows = [list(self.shown.columns), *self.shown.to_numpy().tolist()]
        lines = [header, ["---"] * len(header), *rows]
        body = "\n".join("| " + " | ".join(_pipe(str(c)) for c in line) + " |" for line in lines)
        return f"{body}\n\n{self.caption}\n"

    def latex(self, label: str) -> str:
        """Return LaTeX; see `sparks_thesis.common.latex`."""
        return latex(self.shown, self.caption, label)

    def html(self, title: str) -> str:
        """Return a page of its own, readable without a network."""
        head = "".join(f"<th>{html.escape(str(name))}</th>" for name in self.shown.columns)
        rows = "\n".join(
            "<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) + "</tr>"
            for row in self.shown.to_numpy().tolist()
        )
        return (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head>\n<body><h1>{html.escape(title)}</h1>\n"
            f"<table><thead><tr>{head}</tr></thead>\n<tbody>{rows}</tbody></table>\n"
            f"<p>{html.escape(self.caption)}</p></body></html>\n"
        )


_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:75rem;margin:2rem auto;padding:0 1rem;"
    "color:#1a1a1a;background:#fff}table{border-collapse:collapse;font-variant-numeric:tabular-nums}"
    "th{text-align:left;border-bottom:2px solid #333}td,th{padding:.3rem .8rem;vertical-align:top}"
    "tbody tr:nth-child(even){background:#f5f5f5}p{max-width:60rem}"
)


def _pipe(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
