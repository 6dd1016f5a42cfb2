"""Bounds of a network's outputs over many sets of inputs, by one engine or by several together.

    engine    bounds every activation by                             cost, in passes
    ibp       a box                                                  2 for each set
    forward   two affine forms of the input, layer by layer          4 for each input element
    backward  (CROWN) forms pulled back from it to the input         2 for each unit of the network

With several, every bound is the tightest of theirs, at every layer, and each engine works with what
the others found. Where the first set contains the others (`nested`), their bounds are intersected
with those of the first at every layer, so that a smaller set never has a looser bound. There the
passes of `forward` and `backward` through the hidden layers may be made for the first set alone
(`shared`): its forms hold in all the others, and only their maximum is taken again. The last
backward pass is each set's own.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sparks.errors import SparksError
from sparks.models.device import tf32
from sparks.verification import affine, crown, ibp, rounding
from sparks.verification.graph import Network, read
from sparks.verification.layers import Add, Affine, MaxPool, ReLU
from sparks.verification.regions import Boxes, Region
from sparks.verification.relaxation import Bounds, Relaxation, pool_windows, relu_lines

ENGINES = ("ibp", "forward", "backward")
COMBINED = "ibp+forward+backward"

# Numbers in the forms that are kept at a time: bounds memory only.
MEMORY = 2**26


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
        SparksError: when a layer has no rule, a box is not one, or a bound is not finite.
    """
    engines_of(method)
    network = read(model, tuple(lower.shape[1:])).to(lower.dtype)
    if specs is not None:
        network = network.then(specs)
    region = Boxes.between(lower, upper)
    each = network.widest * (network.inputs if "forward" in method else 1)
    at_once = max(1, MEMORY // each)
    parts = [region[i : i + at_once] for i in range(0, len(region), at_once)]
    found = [bound_outputs(network, part, method) for part in parts]
    low, high = (torch.cat(side) for side in zip(*found, strict=True))
    return low, high


def engines_of(method: str) -> tuple[str, ...]:
    """The engines that a method names.

    Raises:
        SparksError: when it names something else.
    """
    names = tuple(method.lower().split("+"))
    if unknown := [name for name in names if name not in ENGINES]:
        raise SparksError(
            f"bound {method!r}: {unknown[0]!r} is no engine; join any of {', '.join(ENGINES)} by +"
        )
    return names


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
        network: what is bounded.
        region: M sets of its inputs.
        method: see `bounds`.
        nested: the first set contains all the others.
        shared: hidden layers have the forms of the first set; only where sets are nested.
        sides: "both", or "upper", where no lower bound is asked for.
    """
    device = region.hull()[1].device
    with tf32(allowed=False), torch.autocast(device.type, enabled=False):
        low, high = _Bounding(network, region, method, nested, shared and nested).outputs(sides)
    if bool(low.isnan().any() | high.isnan().any()):
        raise SparksError(
            "a bound is not a number: the model or the box holds NaN, infinite or huge values"
        )
    return low, high


class _Bounding:
    """One passage through a network: what each engine knows of every step so far."""

    def __init__(
        self, network: Network, region: Region, method: str, nested: bool, shared: bool
    ) -> None:
        self.steps = network.steps
        self.region = region
        self.nested = nested
        self.share = shared
        self.engines = engines_of(method)
        # Of an affine function of a box, the box is exact: no other engine finds more.
        self.exact = isinstance(region, Boxes)
        self.slack = rounding.allowances(self.steps, region.hull())
        self.boxes: dict[int, ibp.Interval] = {0: region.hull()}
        self.forms: dict[int, affine.Forms] = {}
        if "forward" in self.engines:
            self.forms[0] = affine.start(region.shape, region.hull()[1])
        # Lines for each set, and those that forms of hidden layers are made with.
        self.lines: dict[int, Relaxation] = {}
        self.hidden: dict[int, Relaxation] = {}

    def outputs(self, sides: str) -> Bounds:
        """Bound the last step."""
        last = {source: at for at, step in enumerate(self.steps) for source in step.inputs}
        for at in range(1, len(self.steps)):
            self._advance(at)
            for source in self.steps[at].inputs:
                if last[source] == at:
                    self.forms.pop(source, None)
        return self._tightest(len(self.steps) - 1, sides)

    def _advance(self, at: int) -> None:
        """Pass one step with every engine."""
        layer, inputs = self.steps[at].layer, self.steps[at].inputs
        assert layer is not None
        if not isinstance(layer, Affine | Add):
            low, high = self._tightest(inputs[0])
            self.lines[at] = _relax(layer, low, high)
            self.hidden[at] = _relax(layer, low[:1], high[:1]) if self.share else self.lines[at]
            self.boxes[inputs[0]] = ibp.between(low, high)
        self.exact = self.exact and isinstance(layer, Affine)
        if self.exact or "ibp" in self.engines:
            self.boxes[at] = ibp.propagate(layer, [self.boxes[i] for i in inputs])
        if "forward" in self.engines:
            lines = self.hidden.get(at)
            self.forms[at] = affine.propagate(layer, [self.forms[i] for i in inputs], lines)

    def _tightest(self, at: int, sides: str = "both") -> Bounds:
        """Intersect what the engines say of one step."""
        found = []
        if self.exact or "ibp" in self.engines:
            found.append(ibp.ends(self.boxes[at]))
        if "forward" in self.engines and not self.exact:
            found.append(affine.concretise(self.forms[at], self.region))
        if "backward" in self.engines and not self.exact:
            found.append(crown.bound(self.steps, at, self.hidden, self.region, sides))
            if at == len(self.steps) - 1 and self.share:
                found.append(crown.bound(self.steps, at, self.lines, self.region, sides))
        low = torch.stack([one for one, _ in found]).amax(0) - self.slack[at]
        high = torch.stack([one for _, one in found]).amin(0) + self.slack[at]
        if self.nested:
            low, high = torch.maximum(low, low[:1]), torch.minimum(high, high[:1])
        return low, high


def _relax(layer: ReLU | MaxPool, low: Tensor, high: Tensor) -> Relaxation:
    if isinstance(layer, ReLU):
        return relu_lines(low, high)
    return pool_windows(layer, low, high)
