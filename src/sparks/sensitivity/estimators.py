"""Estimators of Sobol' indices from the outputs of a replicated design.

S_i = Var(E[Y | m_i]) / Var(Y) is the first-order index, ST_i = E[Var(Y | m_~i)] / Var(Y) the
total one. With y_A, y_B, y_i the outputs of A, B and C⁽ⁱ⁾ (A with column i from B), y_A and y_i
share every feature but i, and y_B and y_i share feature i alone. Hence one formula serves both
orders: `closed(y, y_i)` estimates the share of variance due to the features that y and y_i share,
with S_i = closed(y_B, y_i) and ST_i = 1 - closed(y_A, y_i).

Outputs are centred first: most formulas are unbiased only for outputs of mean zero.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch import Tensor

from sparks.errors import SparksError
from sparks.stats import FORWARD_ROUNDING


class FlatOutputWarning(UserWarning):
    """Warning that an output does not vary over the design, so that its indices are NaN.

    Example:
        >>> import warnings
        >>> from sparks.sensitivity import indices
        >>> with warnings.catch_warnings(record=True) as caught:
        ...     warnings.simplefilter("always")
        ...     indices(torch.ones(4 * 256), points=256)
        tensor([nan, nan], dtype=torch.float64)
        >>> caught[0].category.__name__
        'FlatOutputWarning'
    """


Parts = tuple[Tensor, Tensor, Tensor]


def jansen(a: Tensor, b: Tensor, c: Tensor, order: str) -> Tensor:
    """Jansen 1999: half the mean squared difference of outputs, over the variance of y_A."""
    if order == "total":
        return _mean((a - c) ** 2) / (2 * _variance(a))
    return 1 - _mean((b - c) ** 2) / (2 * _variance(a))


def homma_saltelli(a: Tensor, b: Tensor, c: Tensor, order: str) -> Tensor:
    """Homma & Saltelli 1996: mean products of outputs, over the variance of y_A."""
    if order == "total":
        return 1 - _mean(a * c) / _variance(a)
    return _mean(b * c) / _variance(a)


def saltelli(a: Tensor, b: Tensor, c: Tensor, order: str) -> Tensor:
    """Saltelli et al. 2010, table 2 (b) for first order, and (e), after Sobol' 2007, for total."""
    if order == "total":
        return _mean(a * (a - c)) / _variance(a)
    return _mean(b * (c - a)) / _variance(a)


def janon(a: Tensor, b: Tensor, c: Tensor, order: str) -> Tensor:
    """Janon et al. 2014, eq. 6: mean and variance pooled over both samples (efficient)."""
    y = a if order == "total" else b
    mean = (_mean(y) + _mean(c)) / 2
    closed = (_mean(y * c) - mean**2) / (_mean((y**2 + c**2) / 2) - mean**2)
    return 1 - closed if order == "total" else closed


def glen_isaacs(a: Tensor, b: Tensor, c: Tensor, order: str) -> Tensor:
    """Glen & Isaacs 2012: the Pearson correlation of the two samples."""
    y = a if order == "total" else b
    y, c = y - _mean(y)[..., None], c - _mean(c)[..., None]
    closed = _mean(y * c) / (_mean(y**2) * _mean(c**2)).sqrt()
    return 1 - closed if order == "total" else closed


ESTIMATORS: dict[str, Callable[[Tensor, Tensor, Tensor, str], Tensor]] = {
    "jansen": jansen,
    "janon": janon,
    "homma-saltelli": homma_saltelli,
    "glen-isaacs": glen_isaacs,
    "saltelli": saltelli,
}
ORDERS = ("total", "first")


def indices(
    outputs: Tensor, points: int, order: str = "total", estimator: str = "jansen"
) -> Tensor:
    """Return Sobol' indices from the outputs of a `SaltelliDesign`.

    Args:
        outputs: (..., points * (d + 2)), in the order of the design's rows.
        points: rows of A, at least 2.
        order: "total" or "first".
        estimator: "jansen", "janon", "homma-saltelli", "glen-isaacs" or "saltelli"; the papers are
            named by the functions of `sparks.sensitivity.estimators`.

    Returns:
        float64 (..., d). NaN, with a `FlatOutputWarning`, where the outputs do not vary.

    Raises:
        SparksError: when the order or estimator is unknown, or the number of outputs is not that
            of a design of so many points.

    Example:
        >>> indices(outputs, points=256).round(decimals=2)
        tensor([0.2000, 0.8000], dtype=torch.float64)
    """
    formula = _formula(order, estimator)
    a, b, c = _parts(outputs, points)
    flat = _flat(outputs.double(), a)
    if flat.any():
        warnings.warn(
            f"{int(flat.sum())} of {flat.numel()} outputs do not vary over the design: "
            "their Sobol indices are NaN",
            FlatOutputWarning,
            stacklevel=2,
        )
    return formula(a, b, c, order).masked_fill(flat[..., None], torch.nan)


def slopes(outputs: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Return the mean change of the output with each input alone, from the same evaluations.

    Rows of C⁽ʲ⁾ differ from those of A in column j only; the slope is that of the least squares
    line through the origin of the changes in output over the changes in the input.

    Args:
        outputs: (..., points * (d + 2)), in the order of the rows of a `SaltelliDesign`.
        a: the design's A, (points, d).
        b: the design's B.

    Returns:
        float64 (..., d).
    """
    at_a, _, c = _parts(outputs, len(a))
    moved = (b - a).double().to(outputs.device)  # (points, d)
    return ((c - at_a) * moved.T).sum(-1) / moved.square().sum(0)


def bootstrap(
    outputs: Tensor,
    points: int,
    order: str = "total",
    estimator: str = "jansen",
    level: float = 0.95,
    repeats: int = 1000,
    seed: int = 0,
) -> tuple[Tensor, Tensor]:
    """Return the percentile bootstrap intervals of the indices, over the points of the design.

    They mean something for random designs (Monte Carlo, or scrambled). For quasi-Monte Carlo
    points they are conservative, as the points are more even than independent ones. `sparks.stats`
    says where this differs from the intervals of `interval_of`.

    Args:
        outputs: see `indices`.
        points: see `indices`.
        order: see `indices`.
        estimator: see `indices`.
        level: coverage of the intervals, in (0, 1).
        repeats: number of resamples.
        seed: of the resampling.

    Returns:
        Lower and upper bounds, float64 (..., d) each; NaN where the outputs do not vary, or where
        they do not in more of the resamples than the interval leaves out (1 - level): so few of the
        points differ that the bounds would be theirs alone.

    Raises:
        SparksError: as `indices` does.

    Example:
        >>> low, high = bootstrap(outputs, points=256, repeats=50)
        >>> true = torch.tensor([0.2, 0.8])
        >>> bool((low < true).all() and (true < high).all())
        True
    """
    formula = _formula(order, estimator)
    a, b, c = _parts(outputs, points)
    generator = torch.Generator().manual_seed(seed)
    samples = []
    for _ in range(repeats):
        rows = torch.randint(points, (points,), generator=generator).to(a.device)
        drawn = a[..., rows]
        none = _flat(outputs.double(), drawn)[..., None]
        values = formula(drawn, b[..., rows], c[..., rows], order).masked_fill(none, torch.nan)
        samples.append(values.masked_fill(values.isinf(), torch.nan))
    values = torch.stack(samples)
    few = values.isnan().double().mean(0) > 1 - level
    flat = _flat(outputs.double(), a)[..., None]
    tail = (1 - level) / 2
    low, high = torch.nanquantile(values, torch.tensor([tail, 1 - tail]).to(values), dim=0)
    return low.masked_fill(few | flat, torch.nan), high.masked_fill(few | flat, torch.nan)


def _formula(order: str, estimator: str) -> Callable[[Tensor, Tensor, Tensor, str], Tensor]:
    if order not in ORDERS:
        raise SparksError(f"order {order!r} is unknown: choose one of {ORDERS}")
    if estimator not in ESTIMATORS:
        raise SparksError(f"estimator {estimator!r} is unknown: choose one of {list(ESTIMATORS)}")
    return ESTIMATORS[estimator]


def _parts(outputs: Tensor, points: int) -> Parts:
    """Centred outputs y_A (..., 1, points), y_B (..., 1, points), y_i (..., d, points)."""
    if points < 2 or outputs.shape[-1] % points or outputs.shape[-1] < 3 * points:
        raise SparksError(
            f"{outputs.shape[-1]} outputs are not those of a replicated design of {points} points"
        )
    blocks = outputs.double().reshape(*outputs.shape[:-1], -1, points)
    blocks = blocks - blocks[..., :2, :].mean((-2, -1), keepdim=True)
    return blocks[..., :1, :], blocks[..., 1:2, :], blocks[..., 2:, :]


def _flat(outputs: Tensor, a: Tensor) -> Tensor:
    """Mark outputs that vary by rounding alone: bool (...)."""
    size = outputs.abs().amax(-1)
    return a.squeeze(-2).std(-1) <= FORWARD_ROUNDING * size


def _mean(values: Tensor) -> Tensor:
    return values.mean(-1)


def _variance(values: Tensor) -> Tensor:
    return values.var(-1, correction=1)
