"""Tables of results: one schema, one builder (`MetricRecorder`) and one reader (`load_results`).

A row holds one number: the value of one metric. The other columns say what it was measured on and
under which settings. `COLUMNS` lists all of them; every table has every column, and a column that
does not apply to a row is empty there (text: "", numbers: null).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sparks.errors import SparksError
from sparks.io import load_table

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

Kind = Literal["text", "integer", "number"]


@dataclass(frozen=True)
class Column:
    """A column of every table of results.

    Attributes:
        kind: "text", "integer" or "number" (float64).
        meaning: what it holds, with unit and range.
        required: whether every row has one.
    """

    kind: Kind
    meaning: str
    required: bool = False


# Tables of experiments are sorted by all columns but the last, in this order: what is measured
# comes first, units over which means are taken last.
COLUMNS: Mapping[str, Column] = {
    "experiment": Column("text", "experiment; empty until its tables are collected"),
    "dataset": Column("text", "data set, scenario or test function"),
    "model": Column("text", "network, by its name in config/model"),
    # How a number was obtained.
    "split": Column("text", 'images of an accuracy: "train", "test" or "test_biased"'),
    "source": Column(
        "text", 'of a published number: "printed", or how it was recomputed; empty for ours'
    ),
    "class_name": Column("text", "class, by its name"),
    "architecture": Column(
        "text", "network without what it was trained with, or kind of a tiny network"
    ),
    "harmonizer_weight": Column("number", "weight λ of the harmonizer's loss, 0 or more"),
    "reduction": Column("text", "how a gradient's channels become one map"),
    "revealed": Column("number", "share of the pixels that is shown, in [0, 1]"),
    "baseline": Column("text", "value of removed pixels, as named in the settings"),
    "distance": Column("text", "distance between two maps"),
    "top": Column("number", "highest pixels that count, in percent, in (0, 100]"),
    "t": Column("number", "length of a step along a direction"),
    "learner": Column("text", "kind of simulated meta-predictor"),
    "session": Column("integer", "session of a participant, from 1"),
    "degradation": Column("text", "what was degraded in a network; empty where nothing was"),
    "percent": Column("integer", "share of it that was degraded, in (0, 100]"),
    "fold": Column("integer", "fold that holds an image out"),
    "other_fold": Column("integer", "fold of the network that it is compared with"),
    "change": Column("text", "what was changed in a map"),
    "amount": Column(
        "number",
        "by how much: pixels, a standard deviation, an opacity, or active concepts asked for",
    ),
    "estimator": Column("text", "formula of the Sobol indices"),
    "points": Column("integer", "points N of a Sobol design, 1 or more"),
    "forwards": Column("integer", "budget of an explanation in forward passes"),
    "cell": Column("integer", "cell of the grid of a map, row by row"),
    "attack_steps": Column("integer", "steps of an attack, where they are not the metric's own"),
    "epsilon": Column("number", "radius of a ball of inputs"),
    "bound": Column("text", "bounds of EVA, where they are not the method's own"),
    "subset": Column("integer", "elements of a subset of the inputs"),
    "layer": Column("text", "layer of a network, by its name"),
    "dictionary": Column("text", "dictionary of concepts, where `method` is something else"),
    "importance": Column("text", "importance method, where `method` is something else"),
    "analysis": Column("text", "analysis that a metric is part of, where it is part of several"),
    "concepts": Column("integer", "number of concepts: of a dictionary, or inserted and deleted"),
    "granularity": Column("text", '"concept" or "sub-concept"'),
    "randomised": Column("number", "share of the layers whose weights are random, in [0, 1]"),
    "cover": Column("text", "what covers a concept"),
    "objective": Column("text", "what a picture maximises"),
    "view": Column(
        "text", 'part of a picture that is scored: empty (all of it) or "as seen" (crops)'
    ),
    "evaluator": Column(
        "text",
        'other network that scores pictures, or whose activations are explained; "itself" for the '
        "row's own model",
    ),
    "method": Column(
        "text", "what is compared: an attribution method, a sequence, a dictionary, a condition"
    ),
    "metric": Column("text", "what is measured; one name is one quantity", required=True),
    # Units: a row each.
    "target": Column("integer", "class, by its number"),
    "concept": Column("integer", "concept of a class, from 0"),
    "rank": Column("integer", "place of a concept of a class by importance, from 1"),
    "part": Column("integer", "true part of a class"),
    "channel": Column("integer", "channel of a layer, by its place among those drawn"),
    "picture": Column("integer", "picture of a kind"),
    "trial": Column("integer", "question to an observer"),
    "participant": Column("integer", "simulated participant"),
    "repeat": Column("integer", "repetition, where only random numbers differ"),
    "image": Column("integer", "image (or text) of its set"),
    "seed": Column("integer", "seed of the network, or of the measurement", required=True),
    "value": Column("number", "value of the metric; NaN where it is not defined"),
}
ITSELF = "itself"  # content of the column `evaluator`: the row's own model
# Columns that number what is counted: images, pictures, participants and so on.
UNITS = (
    "target", "concept", "rank", "part", "channel", "picture", "trial", "participant", "repeat",
    "image",
)  # fmt: skip
TEXT = ("string", "empty")  # what pandas infers of a column of text, and of one without rows
_DTYPES: Mapping[str, Any] = {"text": "object", "integer": "Int64", "number": "float64"}
_EMPTY = {"text": "", "integer": None, "number": float("nan")}


@dataclass
class MetricRecorder:
    """Collects values of metrics as blocks of rows, one value a row."""

    blocks: list[dict[str, Any]] = field(default_factory=list)

    def add(self, values: Mapping[str, Tensor | Sequence[float]], **columns: Any) -> None:
        """Add a row for each value.

        Args:
            values: metric → values (n,).
            columns: column → its content, one for all rows or one a row.

        Raises:
            SparksError: for a column that the schema lacks.
        """
        _known(columns)
        given = {name: _listed(content) for name, content in columns.items()}
        for metric, column in values.items():
            self.blocks.append({"metric": metric, "value": _listed(column)} | given)

    def add_images(self, values: Mapping[str, Tensor | Sequence[float]], **columns: Any) -> None:
        """Add a row for each image, numbered from 0; the values of each metric, (n,), are theirs.

        Raises:
            SparksError: as `add`.
        """
        for metric, column in values.items():
            self.add({metric: column}, image=range(len(column)), **columns)

    def add_layers(self, names: Sequence[str]) -> None:
        """Record the depth of each layer (0 = input side), so that figures can order layers."""
        for depth, name in enumerate(names):
            self.add({"LayerDepth": [depth]}, layer=name)

    def table(self, **names: Any) -> pd.DataFrame:
        """Return all rows as a table of results.

        Args:
            names: column → content that is the same in all rows.
        """
        import pandas as pd

        frames = [pd.DataFrame(block) for block in self.blocks]
        frames = frames or [pd.DataFrame({"metric": [], "value": []})]
        return as_results(pd.concat(frames, ignore_index=True), **names)


def as_results(rows: pd.DataFrame, **names: Any) -> pd.DataFrame:
    """Complete rows to a table of results: every column, in order, of its type.

    Args:
        rows: some of the columns.
        names: column → content that is the same in all rows.

    Raises:
        SparksError: for a column that the schema lacks, a required one that is missing, or contents
            of another type.
    """
    import pandas as pd

    _known(rows.columns)
    _known(names)
    rows = rows.assign(**names)
    made = {}
    for name, column in COLUMNS.items():
        if name in rows:
            made[name] = _typed(rows[name], column.kind)
        elif column.required and len(rows):
            raise SparksError(f"a table of results lacks the column {name!r}")
        else:
            made[name] = pd.Series(_EMPTY[column.kind], rows.index, dtype=_DTYPES[column.kind])
    return pd.DataFrame(made)


def _typed(content: pd.Series[Any], kind: Kind) -> pd.Series[Any]:
    """Return a column's content as the type of its kind."""
    if kind == "text":
        content = content.fillna("")
    try:
        return content.astype(_DTYPES[kind])
    except (TypeError, ValueError) as error:
        items = content.dropna().tolist()
        wrong = next((item for item in items if not _fits(item, kind)), items[0])
        raise SparksError(
            f"column {content.name!r} of a table of results takes {_plural(kind)}, not {wrong!r}"
        ) from error


def load_results(paths: str | Path | Iterable[str | Path]) -> pd.DataFrame:
    """Read tables of results into one.

    Raises:
        SparksError: when a file is missing or damaged, or its columns are not those of the schema.
    """
    import pandas as pd

    files = [paths] if isinstance(paths, str | Path) else list(paths)
    tables = [_validated(load_table(file), file) for file in files]
    return pd.concat(tables, ignore_index=True)


def _validated(table: pd.DataFrame, path: str | Path) -> pd.DataFrame:
    """Return a table whose columns are those of the schema."""
    from pandas.api.types import infer_dtype

    for name in table.columns:
        if name not in COLUMNS:
            raise _wrong(path, f"holds the column {name!r}, which tables of results have not")
    for name, column in COLUMNS.items():
        if name not in table:
            raise _wrong(path, f"lacks the column {name!r}")
        if str(table[name].dtype) != _DTYPES[column.kind]:
            found = f"{table[name].dtype} in the column {name!r}"
            raise _wrong(path, f"holds {found} where {_plural(column.kind)} are expected")
        if column.kind == "text" and infer_dtype(table[name], skipna=False) not in TEXT:
            raise _wrong(path, f"holds something else than text in the column {name!r}")
        if column.required and (table[name].isna() | (table[name] == "")).any():
            raise _wrong(path, f"has rows without {name!r}")
    return table[list(COLUMNS)]


def _wrong(path: str | Path, what: str) -> SparksError:
    return SparksError(
        f"{path} {what}: it is another kind of table, or made by another version; delete it and "
        "run the same command again"
    )


def _fits(item: Any, kind: Kind) -> bool:
    try:
        return kind == "text" or (float(item) % 1 == 0 or kind == "number")
    except (TypeError, ValueError):
        return False


def _plural(kind: Kind) -> str:
    return {"text": "text", "integer": "whole numbers", "number": "numbers"}[kind]


def _known(names: Iterable[str]) -> None:
    for name in names:
        if name not in COLUMNS:
            raise SparksError(f"tables of results have no column {name!r}: {', '.join(COLUMNS)}")


def _listed(content: Any) -> Any:
    """Return a tensor's or sequence's items as a list of numbers; one content for all as it is."""
    return content.detach().cpu().tolist() if hasattr(content, "detach") else content
