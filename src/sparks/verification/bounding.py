"""Bounds of a network's outputs over many sets of inputs, by one engine or by several together.

    engine    bounds every activation by                             cost, in passes
    ibp       a box                                                  2 for each set
    forward   two affine forms of the input, layer by layer          4 for each input element
    backward  (CROWN) forms pulled back from it to the input         2 for each unit of the network

With several, they work together: each starts from the tightest known bounds of the layers before.
Tighter bounds there can still lead to lines that are worse for some later unit. So `forward` and
`backward` work alone as well, and every bound, at every layer, is the tightest of these.

Where the first set contains the others (`nested`), their bounds are intersected with those of the
first at every layer, so that a smaller set never has a looser bound. There the passes of `forward`
and `backward` through the hidden layers may be made for the first set alone (`shared`): its forms
hold in all the others, and only their maximum is taken again. The last backward pass is each set's
own.

As many sets are bounded at a time as fit into memory: see `sparks.verification.memory`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from sparks.errors import SparksError
from sparks.models.device import repeatable
from sparks.verification import affine, crown, ibp, rounding
from sparks.verification.graph import Network, read
from sparks.verification.layers import (
    Add,
    Affine,
    Clip,
    ReLU,
    Reshape,
    Scale,
)
from sparks.verification.memory import COMBINED, at_once, engines_of
from sparks.verification.regions import Boxes, Region
from sparks.verification.relaxation import Bounds, Relaxation, relax


def bounds(
    model: nn.Module,
    lower: Tensor,
    upper: Tensor,
    method: str = COMBINED,
    specs: Tensor | None = None,
) -> Bounds:
    """Bound a network's outputs over boxes.

    The exact outputs lie within, and those computed in the precision of the boxes (see
    `rounding`): with boxes in float64 the allowance for rounding is next to nothing. Everything
    is differentiable, in the boxes and in the model's parameters.

    Args:
        model: see `sparks.verification.graph.read`; its evaluation mode is bounded.
        lower: lower ends of the boxes, (M, *shape).
        upper: upper ends, (M, *shape).
        method: "ibp", "forward", "backward", or several joined by "+".
        specs: rows (s, outputs) of linear functions of the outputs to bound instead of them.

    Returns:
        Lower and upper bounds, (M, outputs) or (M, s) each.

    Raises:
        SparksError: when a layer has no rule or is not what it seems (see `read`), a box is not
            one, a bound is not finite, or bounds need more memory than there may be.

    Example:
        Linear bounds know that only one of the two units is active: they are exact here.

        >>> low, high = bounds(net, lower, upper, "ibp+backward")
        >>> high.round(decimals=4)
        tensor([[1.]], dtype=torch.float64)
    """
    engines_of(method)
    region = Boxes.between(lower, upper)
    network = read(model, region.draw(4)).to(lower.dtype)
    if specs is not None:
        network = network.then(specs)
    return bound_outputs(network, region, method)


def bound_outputs(
    network: Network,
    region: Region,
    method: str,
    nested: bool = False,
    shared: bool = False,
    sides: str = "both",
) -> Bounds:
    """Bound the outputs of a network over a region; see `bounds`.

    Args:
        network: what is bounded, as `read` returns it, in the precision of the region.
        region: M sets of its inputs, `Boxes` or `Balls`.
        method: see `bounds`.
        nested: the first set contains all the others.
        shared: hidden layers have the forms of the first set; only where sets are nested.
        sides: "both", or "upper", where no lower bound is asked for.

    Returns:
        Lower and upper bounds, (M, outputs) each.

    Raises:
        SparksError: when a bound is not finite, or bounds need more memory than there may be.

    Example:
        In the unit disc |x₁ - x₂| is at most √2; where x₂ is frozen at 0, at most 1.

        >>> free = torch.tensor([[1.0, 1.0], [1.0, 0.0]]).double()
        >>> discs = Balls(torch.zeros(1, 2).double(), 1.0, free)
        >>> network = read(net, discs.draw(4))
        >>> low, high = bound_outputs(network, discs, "backward", nested=True)
        >>> high[:, 0].round(decimals=4)
        tensor([1.4142, 1.0000], dtype=torch.float64)
    """
    shared = shared and nested
    low: list[Tensor] = []
    high: list[Tensor] = []
    device = region.hull()[1].device
    with repeatable(tf32=False), torch.autocast(device.type, enabled=False):
        for part in _parts(network, region, method, nested, shared):
            one = _together(network, part, method, nested, shared, sides)
            # What is repeated of the first set is left out.
            repeated = int(nested and bool(low))
            low.append(one[0][repeated:])
            high.append(one[1][repeated:])
    lower, upper = torch.cat(low), torch.cat(high)
    if bool(lower.isnan().any() | upper.isnan().any()):
        raise SparksError(
            "a bound is not a number: the model or the box holds NaN, infinite or huge values"
        )
    if nested:  # the first set's may differ in the last digit from part to part
        lower, upper = torch.maximum(lower, lower[:1]), torch.minimum(upper, upper[:1])
    return lower, upper


def _parts(
    network: Network, region: Region, method: str, nested: bool, shared: bool
) -> list[Region]:
    """Cut a region into parts that fit into the memory; the first set is in all if nested."""
    hull = region.hull()[1]
    count = at_once(network, len(region), method, nested, shared, hull.device, hull.element_size())
    if count == len(region):
        return [region]
    if not nested:
        return [region[i : i + count] for i in range(0, len(region), count)]
    count -= 1
    starts = range(1, len(region), count)
    return [region[[0, *range(i, min(i + count, len(region)))]] for i in starts]


class Known(NamedTuple):
    """Bounds (M, *shape) that engines found: step → bounds, where lines are made from them."""

    engines: tuple[str, ...]
    found: dict[int, Bounds]


def _together(
    network: Network, region: Region, method: str, nested: bool, shared: bool, sides: str
) -> Bounds:
    """Bound the last step by the engines of a method together, and by each of them alone."""
    engines = engines_of(method)
    slack = rounding.allowances(network.steps, region.hull())
    before: list[Known] = []
    # Of an affine function, forward and backward find the same, and nothing is tighter.
    if len(engines) > 1 and not affine.affine_steps(network.steps)[-1]:
        # Not boxes: those made together lie inside those made alone.
        for engine in engines:
            if engine != "ibp":
                alone = _Passage(network, region, (engine,), nested, shared, slack, ())
                alone.outputs(sides)
                before.append(Known((engine,), alone.found))
    return _Passage(network, region, engines, nested, shared, slack, before).outputs(sides)


class _Passage:
    """Some engines on their way through a network: what each knows of every step so far.

    Attributes:
        found: bounds of every step that lines were made from, and of the last: step → bounds.
    """

    def __init__(
        self,
        network: Network,
        region: Region,
        engines: tuple[str, ...],
        nested: bool,
        shared: bool,
        slack: Mapping[int, Tensor],
        before: Sequence[Known],
    ) -> None:
        self.steps = network.steps
        self.region = region
        self.engines = engines
        self.nested = nested
        self.share = shared
        self.slack = slack
        self.before = before
        self.found: dict[int, Bounds] = {}
        # Steps whose elements vary each by itself in a box, and those whose box is therefore exact.
        boxed = isinstance(region, Boxes)
        self.free, self.exact = {0: boxed}, {0: boxed}
        self.boxes: dict[int, ibp.Interval] = {0: region.hull()}
        self.affine = affine.affine_steps(self.steps)
        self.forms: dict[int, affine.Forms] = {}
        # Lines for each set, and those that forms of hidden layers are made with.
        self.lines: dict[int, Relaxation] = {}
        self.hidden: dict[int, Relaxation] = {}
        # Those who had the same bounds, and thus the same lines, so far.
        self.alike = list(before)

    def outputs(self, sides: str) -> Bounds:
        """Bound the last step."""
        last = {source: at for at, step in enumerate(self.steps) for source in step.inputs}
        for at in range(1, len(self.steps)):
            self._advance(at)
            for source in self.steps[at].inputs:
                if last[source] == at:
                    self.forms.pop(source, None)
                    self.boxes.pop(source, None)
        return self._tightest(len(self.steps) - 1, sides)

    def _advance(self, at: int) -> None:
        """Pass one step with every engine."""
        layer, inputs = self.steps[at].layer, self.steps[at].inputs
        assert layer is not None
        if not isinstance(layer, Affine | Add):
            low, high = self._tightest(inputs[0])
            self.lines[at] = relax(layer, low, high)
            self.hidden[at] = relax(layer, low[:1], high[:1]) if self.share else self.lines[at]
            self.boxes[inputs[0]] = ibp.between(low, high)
        self.exact[at] = self.free[inputs[0]] and not isinstance(layer, Add)
        alone = isinstance(layer, Scale | Reshape | ReLU | Clip)
        self.free[at] = self.free[inputs[0]] and alone
        if self.exact[at] or "ibp" in self.engines:
            self.boxes[at] = ibp.propagate(layer, [self.boxes[i] for i in inputs])
        if "forward" in self.engines and not self.affine[at]:
            lines = self.hidden.get(at)
            self.forms[at] = affine.propagate(layer, [self._form(i) for i in inputs], lines)

    def _form(self, at: int) -> affine.Forms:
        """Return the forms of a step; those of an affine function of the input are made lazily."""
        if at not in self.forms:
            self.forms[at] = affine.exact(self.steps, at, self.region.hull()[1])
        return self.forms[at]

    def _tightest(self, at: int, sides: str = "both") -> Bounds:
        """Intersect all that is known of one step."""
        if at in self.found:
            return self.found[at]
        bounds = [known.found[at] for known in self.before]
        if self.exact[at] or "ibp" in self.engines:
            bounds.append(self._allow(at, *ibp.ends(self.boxes[at])))
        # With the same lines, an engine finds what it found before.
        done = {engine for known in self.alike for engine in known.engines}
        asked = {engine for engine in self.engines if not self.exact[at] and engine not in done}
        last = at == len(self.steps) - 1
        if self.affine[at] and asked & {"forward", "backward"}:
            # Both find the exact bounds. Of the last step, nobody needs the form itself.
            asked = {"backward"} if last or "forward" not in asked else {"forward"}
        if "forward" in asked:
            bounds.append(self._allow(at, *affine.concretise(self._form(at), self.region)))
        if "backward" in asked:
            pulled = crown.bound(self.steps, at, self.hidden, self.region, sides)
            bounds.append(self._allow(at, *pulled))
            if last and self.share and self.lines:
                pulled = crown.bound(self.steps, at, self.lines, self.region, sides)
                bounds.append(self._allow(at, *pulled))
        low = torch.stack([one for one, _ in bounds]).amax(0)
        high = torch.stack([one for _, one in bounds]).amin(0)
        if self.nested:
            low, high = torch.maximum(low, low[:1]), torch.minimum(high, high[:1])
        self.found[at] = low, high
        self.alike = [
            known
            for known in self.alike
            if all(torch.equal(*ends) for ends in zip(known.found[at], (low, high), strict=True))
        ]
        return low, high

    def _allow(self, at: int, low: Tensor, high: Tensor) -> Bounds:
        """Return the bounds with the allowance for rounding."""
        return low - self.slack[at], high + self.slack[at]
