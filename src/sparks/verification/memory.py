"""Memory that bounds take, and how many sets of inputs can be bounded at a time.

As many as fit into `MEMORY`, so that batches, and with them the last digits, are the same on every
machine; one set may take half of the free memory of the device. A network that needs more is
refused before anything is computed.
"""

from __future__ import annotations

from math import prod
from typing import NamedTuple

import torch

from sparks.errors import SparksError
from sparks.models.device import free_memory
from sparks.verification import affine, crown
from sparks.verification.graph import Network
from sparks.verification.layers import Activation, Conv, Dense

ENGINES = ("ibp", "forward", "backward")
COMBINED = "ibp+forward+backward"

# Bytes that sets bounded together may take beside the network, by `memory`.
MEMORY = 2**31


def engines_of(method: str) -> tuple[str, ...]:
    """Return the engines that a method names.

    Raises:
        SparksError: when it names something else.
    """
    names = tuple(dict.fromkeys(method.lower().split("+")))
    if unknown := [name for name in names if name not in ENGINES]:
        raise SparksError(
            f"bound {method!r}: {unknown[0]!r} is no engine; join any of {', '.join(ENGINES)} by +"
        )
    return names


def memory(network: Network, sets: int, method: str, shared: bool, number: int = 8) -> int:
    """Estimate the bytes that bounding some sets takes at its peak, without the network's own.

    Without derivatives: with them, PyTorch keeps the activations of every layer.

    Args:
        network: what is bounded.
        sets: number of sets bounded at a time.
        method: see `bounds`.
        shared: see `bound_outputs`.
        number: bytes of one number, 8 in float64.
    """
    engines, sets = engines_of(method), max(1, sets)
    steps, sizes = network.steps, [prod(step.shape) for step in network.steps]
    straight, live = affine.affine_steps(steps), _live(network)
    final = len(steps) - 1
    bounded = {step.inputs[0] for step in steps if isinstance(step.layer, Activation)} | {final}
    # Lines belong to each set, and so do forms behind the first layer that has lines.
    many = 1 if shared or straight[-1] else sets

    # What is known of each unit that has lines, boxes on their way, and absolute weights.
    known = 6 if len(engines) == 1 or straight[-1] else 13
    numbers = sets * known * sum(sizes[at] for at in bounded)
    numbers += sets * max(3 * one.held + 3 * one.size + one.columns for one in live[1:])
    numbers += max(one.weights for one in live)
    forms = [0]
    if "forward" in engines:
        for at, one in enumerate(live[1:], 1):
            if not straight[at]:
                forms.append(network.inputs * (2 * one.held + 4 * one.size + one.columns) * many)
            elif at in bounded and at != final:
                forms.append(_exact(network, live, at))
    if "backward" in engines or (straight[-1] and "forward" in engines):
        forms += [_rows(network, live, at, many) for at in bounded - {0}]
        if shared and not straight[-1]:  # the last pass is each set's own
            forms.append(_rows(network, live, final, sets))
    return (numbers + max(forms)) * number


class _Live(NamedTuple):
    """Numbers that a step takes for one input.

    Attributes:
        size: of its output.
        held: of outputs before, for it and for later steps.
        columns: what PyTorch writes out of the input of a convolution, in float64 on CPUs.
        weights: of the layer itself.
    """

    size: int
    held: int
    columns: int
    weights: int


def _live(network: Network) -> list[_Live]:
    sizes = [prod(step.shape) for step in network.steps]
    last = {source: at for at, step in enumerate(network.steps) for source in step.inputs}
    found = []
    for at, step in enumerate(network.steps):
        held = sum(sizes[i] for i in range(at) if last.get(i, 0) >= at)
        weight = step.layer.weight if isinstance(step.layer, Conv | Dense) else None
        columns = 0
        if isinstance(step.layer, Conv):
            columns = prod(step.layer.weight.shape[1:]) * prod(step.shape[1:])
        found.append(_Live(sizes[at], held, columns, 0 if weight is None else weight.numel()))
    return found


def _exact(network: Network, live: list[_Live], place: int) -> int:
    """Return how many numbers an affine step's form takes when made, and when used."""
    before = live[: place + 1]
    count = min(network.inputs, max(1, affine.MEMORY // max(one.size for one in before)))
    passing = count * max(one.held + 2 * one.size + one.columns for one in before)
    form = network.inputs * live[place].size
    return max(2 * form + passing, 4 * form)


def _rows(network: Network, live: list[_Live], place: int, sets: int) -> int:
    """Return numbers in the rows of a step on their way back to the input."""
    widest = max(one.size for one in live[: place + 1])
    count = min(live[place].size, max(1, crown.MEMORY // (sets * widest)))
    most, many = 0, 1
    for at in range(place, 0, -1):
        one, work = live[at], live[at].columns
        if isinstance(network.steps[at].layer, Activation):  # its lines are each set's own
            many, work = sets, 4 * one.size
        most = max(most, many * (one.held + 2 * one.size + work))
    return count * (2 * live[place].size + max(most, 3 * many * live[0].size))


def at_once(
    network: Network,
    sets: int,
    method: str,
    nested: bool,
    shared: bool,
    device: torch.device,
    number: int = 8,
) -> int:
    """Return the number of sets to bound at a time so that they fit into `MEMORY`.

    The smallest part may take more, up to half of the free memory of the device.

    Args:
        network: see `bound_outputs`.
        sets: M, the number of all sets.
        method: see `bounds`.
        nested: see `bound_outputs`; then the first set is bounded with every part.
        shared: see `bound_outputs`.
        device: where they are bounded.
        number: bytes of one number, 8 in float64.

    Raises:
        SparksError: when not even the smallest part fits.
    """
    least = min(sets, 1 + int(nested))

    def needs(count: int) -> int:
        return memory(network, count, method, shared, number)

    if needs(least) > MEMORY and needs(least) > (room := free_memory(device) // 2):
        ways = (
            "verify the last layers only (the hybrid: EVA with layer=...), or take smaller inputs"
        )
        if memory(network, least, "ibp", shared, number) <= max(MEMORY, room):
            ways = f"bound by 'ibp' alone, {ways}"
        raise SparksError(
            f"bounds {method!r} of this network ({network.inputs} inputs, {network.widest} units "
            f"in its widest layer) need about {needs(least) / 2**30:,.1f} GiB of memory, more than "
            f"the {max(MEMORY, room) / 2**30:,.1f} GiB that bounds may take, "
            f"half of the free memory of {device}: {ways}"
        )
    count = sets
    while count > least and needs(count) > MEMORY:
        count = max(least, count // 2)
    return count
