"""Display of attribution methods: label, colour, marker and order, one entry each.

The entries come from the files `config/attribution/NAME.yaml`; those that give no colour, marker or
place get free ones. A program selects the entries once (`using`); figures and tables look them up
by the label of a method: `look` and `in_order`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import product
from typing import Any
from zlib import crc32

Entry = Mapping[str, Any]

# For entries without colours of their own; colour-blind eyes tell them apart by the marker.
COLOURS = ("#4477AA", "#EE6677", "#228833", "#BB5566", "#004488", "#997700", "#6699CC", "#EE99AA")
MARKERS = ("x", "2", "h", "8", "3", "4", "|", "_")
_FREE = tuple(product(MARKERS, COLOURS))

_entries: ContextVar[Mapping[str, Entry]] = ContextVar("entries of methods")


def entries(options: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Make the entries of all methods.

    Args:
        options: name → option of `config/attribution`. Those of one label share an entry, which
            any of them may give.

    Returns:
        label → "colour", "marker", "place" and "family".
    """
    keys = ("colour", "marker", "place", "family")
    found: dict[str, dict[str, Any]] = {}
    for name, option in sorted(options.items()):
        own = {key: option[key] for key in keys if option.get(key) is not None}
        label = str(option.get("label", name))
        found[label] = {**own, **found.get(label, {})}
    taken = {(entry.get("marker"), entry.get("colour")) for entry in found.values()}
    free = iter([look for look in _FREE if look not in taken])
    last = max((entry.get("place", 0) for entry in found.values()), default=0)
    for place, entry in enumerate(found.values(), start=last + 1):
        if "colour" not in entry or "marker" not in entry:
            marker, colour = next(free)
            entry.setdefault("marker", marker)
            entry.setdefault("colour", colour)
        entry.setdefault("place", place)
    return found


@contextmanager
def using(found: Mapping[str, Entry]) -> Iterator[None]:
    """Let these entries (what `entries` returned) hold within the block."""
    token = _entries.set(found)
    try:
        yield
    finally:
        _entries.reset(token)


def look(label: str) -> dict[str, Any]:
    """Return the colour and the marker of a method, as arguments of matplotlib's `plot`.

    A label without an entry has a look that follows from the label alone.
    """
    entry = _entries.get({}).get(label)
    if entry is None:
        marker, colour = _FREE[crc32(label.encode()) % len(_FREE)]
        return {"color": colour, "marker": marker}
    return {"color": entry["colour"], "marker": entry["marker"]}


def in_order(labels: Iterable[str]) -> list[str]:
    """Sort labels of methods by their places; those without an entry come last, by name."""
    known = _entries.get({})
    last = float("inf")
    return sorted(set(labels), key=lambda name: (known.get(name, {}).get("place", last), name))
