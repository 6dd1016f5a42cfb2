"""LaTeX of a table: needs the packages array, booktabs, graphicx and longtable, and any engine."""

from __future__ import annotations

import re
import unicodedata

import pandas as pd

# A table of more rows, or with sentences in its cells, is set over pages.
ROWS, CELL = 40, 60

# Where a long name may be broken: MuFidelity, convnet_lambda_10.
BREAK = "\u200b"

_MATHS = {
    "≥": r"\geq", "≤": r"\leq", "−": "-", "±": r"\pm", "×": r"\times", "<": "<", ">": ">",
    "≠": r"\neq", "→": r"\to", "↑": r"\uparrow", "↓": r"\downarrow", "∇": r"\nabla",
    "‖": r"\|", "ℓ": r"\ell", "√": r"\surd", "₌": "_{=}", "²": "^{2}", "¹": "^{1}", "⁻": "^{-}",
    "⁺": "^{+}", "⁽": "^{(}", "⁾": "^{)}", "ⁱ": "^{i}", "∞": r"\infty", "✗": r"\times",
    "≈": r"\approx", "·": r"\cdot", "∈": r"\in", "∘": r"\circ", "°": r"^{\circ}",
}  # fmt: skip
_GREEK = {"τ": "tau", "λ": "lambda", "γ": "gamma", "α": "alpha", "ρ": "rho", "δ": "delta"}
_GREEK |= {"σ": "sigma", "Σ": "Sigma", "µ": "mu", "μ": "mu", "ε": "varepsilon", "β": "beta"}
_GREEK |= {"χ": "chi", "η": "eta", "θ": "theta", "π": "pi", "ω": "omega", "Δ": "Delta"}
_TEXT = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "–": "--", "—": "---", "“": "``", "”": "''", "’": "'", "‘": "`", "…": r"\ldots{}",
    BREAK: r"\allowbreak{}",
} | {character: f"\\{character}" for character in "&%_#${}"}  # fmt: skip
_ACCENTS = {
    "\u0301": "'",
    "\u0300": "`",
    "\u0302": "^",
    "\u0308": '"',
    "\u0327": "c",
    "\u0303": "~",
}


def latex(shown: pd.DataFrame, caption: str, label: str) -> str:
    """Lay a table out for LaTeX, no wider than a line, with `booktabs` rules.

    Args:
        shown: cells of text.
        caption: of the table, in plain text.
        label: for references to it.

    Returns:
        a `table`, shrunk where it would be wider than a line, or a `longtable` where it has more
        rows than a page or sentences in its cells; in ASCII.
    """
    header = [escaped(str(name)) for name in shown.columns]
    rows = [[escaped(str(cell)) for cell in row] for row in shown.to_numpy().tolist()]
    widest = [max(map(len, [name, *shown[name].astype(str)]), default=1) for name in shown.columns]
    head, *lines = [" & ".join(row) + r" \\" for row in [header, *rows]]
    body = "\n".join(lines)
    heading = f"\\caption{{{escaped(caption)}}}\n\\label{{{label}}}"
    if len(rows) <= ROWS and max(widest, default=0) <= CELL:
        return (
            "\\begin{table}\n\\centering\n"
            "\\resizebox{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}{!}{%\n"
            f"\\begin{{tabular}}{{{'l' * len(header)}}}\n"
            f"\\toprule\n{head}\n\\midrule\n{body}\n\\bottomrule\n\\end{{tabular}}}}\n"
            f"{heading}\n\\end{{table}}\n"
        )
    return (
        f"{{\\footnotesize\n\\begin{{longtable}}{{{_columns(widest)}}}\n{heading}\\\\\n"
        f"\\toprule\n{head}\n\\midrule\n\\endhead\n\\bottomrule\n\\endfoot\n{body}\n"
        "\\end{longtable}}\n"
    )


def _columns(widest: list[int]) -> str:
    """Share the line among columns by their longest cell, short ones not squeezed."""
    wanted = [min(max(width, 6), CELL) for width in widest]
    shares = [width / sum(wanted) for width in wanted]
    return "".join(
        rf">{{\raggedright\arraybackslash}}p{{\dimexpr {share:.3f}\linewidth-2\tabcolsep}}"
        for share in shares
    )


def escaped(text: str) -> str:
    """Write plain text so that any LaTeX engine prints it; an unknown character becomes "?"."""
    breakable = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=_)(?=\w)", BREAK, text)
    return "".join(map(_character, breakable))


def _character(character: str) -> str:
    if character in _TEXT:
        return _TEXT[character]
    if character in _GREEK:
        return f"$\\{_GREEK[character]}$"
    if character in _MATHS:
        return f"${_MATHS[character]}$"
    if character.isascii():
        return character
    base, *marks = list(unicodedata.normalize("NFD", character))
    if len(marks) == 1 and marks[0] in _ACCENTS:
        return f"\\{_ACCENTS[marks[0]]}{{{base}}}"
    return " " if character.isspace() else "?"
