"""The page of a study: a folder of static files, and the key of its answers beside it.

    index.html     the page
    assets/        jsPsych, the study's script and styles, and what is asked (study-data.js)
    images/        one folder a scenario

Names of files are made of numbers, never of classes, conditions or answers.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparks.checks import whole
from sparks.errors import SparksError
from sparks.io import atomic_folder
from sparks_thesis.common.images import Bytes, lit, save_webp, sheet
from sparks_thesis.common.pages import STYLE, environment
from sparks_thesis.human_study.key import FORMAT, Asked, Key, Question
from sparks_thesis.human_study.scenario import BASELINE, CONCEPTS, Scenario

HERE = Path(__file__).parent
# Of pictures, which people look at for long.
QUALITY = 92
# Share of the output below which a concept is not shown: it would be said to count 0 %.
LEAST = 0.005
# Of the crops of a concept: four make a square.
COLUMNS = 2


@dataclass(frozen=True, kw_only=True)
class Wording:
    """Texts of a study's page, and the time that its buttons wait.

    Attributes:
        title: of the page.
        consent: paragraphs that a participant agrees to.
        debrief: paragraphs at the end.
        contact: who answers questions; without it the page calls itself a pilot.
        pause_ms: that buttons wait, so that nobody presses one twice.
        study_ms: that they wait below an example.
    """

    title: str
    consent: Sequence[str]
    debrief: Sequence[str] = ()
    contact: str | None = None
    pause_ms: int = 250
    study_ms: int = 1000

    def __post_init__(self) -> None:
        whole(self, 0, "pause_ms", "study_ms")

    @property
    def pilot(self) -> str:
        """Pilot banner, shown while no contact is configured; else empty."""
        named = self.contact is not None and self.contact.strip()
        return "" if named else "Pilot, not for participants: no contact is named (study.wording)."


def build_page(
    path: str | Path,
    key: str | Path,
    scenarios: Sequence[Scenario],
    wording: Wording,
    scripts: Mapping[str, bytes],
) -> None:
    """Write the page to a folder, and the key beside it.

    Args:
        path: the folder, which takes the place of an older one when all is done.
        key: file of the key.
        scenarios: what is asked.
        wording: what the page says of itself.
        scripts: name → jsPsych and its plugins, in the order they are loaded.

    Raises:
        SparksError: when there is nothing to show, or the folder cannot be written.
    """
    if not scenarios:
        raise SparksError("the study has no scenario: name data sets and models in study.runs")
    digest = hashlib.sha256(b"".join(scenario.digest() for scenario in scenarios)).hexdigest()[:16]
    asked = {scenario.name: _asked(scenario) for scenario in scenarios}
    with atomic_folder(path) as folder:
        data: dict[str, Any] = {
            "format": FORMAT,
            "id": digest,
            "title": wording.title,
            "pilot": wording.pilot,
            "consent": list(wording.consent),
            "debrief": list(wording.debrief),
            "pause": wording.pause_ms,
            "study_time": wording.study_ms,
            "cells": [
                {"scenario": scenario.name, "condition": condition}
                for scenario in scenarios
                for condition in scenario.conditions
            ],
            "scenarios": {
                scenario.name: _shown(folder, f"images/{number}", scenario)
                for number, scenario in enumerate(scenarios)
            },
        }
        _assets(folder / "assets", scripts, data)
        page = environment(HERE / "templates").get_template("study.html")
        loaded = [*scripts, "study-data.js", "study.js"]
        text = page.render(title=wording.title, contact=wording.contact, scripts=loaded)
        (folder / "index.html").write_text(text, encoding="utf-8")
    Key(digest, asked).save(key)


def _assets(folder: Path, scripts: Mapping[str, bytes], data: Mapping[str, Any]) -> None:
    shutil.copytree(HERE / "static", folder)
    shutil.copy(STYLE, folder)
    for name, script in scripts.items():
        (folder / name).write_bytes(script)
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"))
    (folder / "study-data.js").write_text(f"window.study = {text};\n", encoding="utf-8")


def _names(scenario: Scenario) -> list[str]:
    kinds = scenario.tensors["example"].tolist()
    return [f"{'e' if kind else 'q'}{number:03d}" for number, kind in enumerate(kinds, 1)]


def _asked(scenario: Scenario) -> Asked:
    columns = (scenario.tensors[name].tolist() for name in ("session", "example", "says", "right"))
    known = [Question(*row) for row in zip(*columns, strict=True)]
    images = dict(zip(_names(scenario), known, strict=True))
    return Asked(scenario.classes, dict(scenario.conditions), images)


def _shown(folder: Path, place: str, scenario: Scenario) -> dict[str, Any]:
    """Write the pictures of a scenario and describe them to the page, without the right answers."""
    (folder / place).mkdir(parents=True)
    tensors = {name: tensor.numpy() for name, tensor in scenario.tensors.items()}
    sessions: list[dict[str, Any]] = [
        {"examples": [], "questions": []} for _ in range(int(tensors["session"].max()))
    ]
    for row, name in enumerate(_names(scenario)):
        entry: dict[str, Any] = {"id": name, "image": f"{place}/{name}.webp"}
        save_webp(folder / entry["image"], tensors["images"][row].transpose(1, 2, 0), QUALITY)
        example = bool(tensors["example"][row])
        if example:
            entry["says"] = int(tensors["says"][row])
            entry["shown"] = {
                condition: _explained(folder, f"{place}/{name}-{number}", condition, row, tensors)
                for number, condition in enumerate(scenario.conditions)
                if condition != BASELINE
            }
        sessions[tensors["session"][row] - 1]["examples" if example else "questions"].append(entry)
    kinds = {BASELINE: "none", CONCEPTS: "concepts"}
    return {
        "classes": list(scenario.classes),
        "conditions": {name: kinds.get(name, "map") for name in scenario.conditions},
        "sessions": sessions,
    }


def _explained(
    folder: Path, place: str, condition: str, row: int, tensors: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Write what explains one example in one condition: parts with pictures and a text."""
    image = tensors["images"][row]
    if condition != CONCEPTS:
        path = f"{place}.webp"
        _dimmed(folder / path, image, tensors[f"map.{condition}"][row])
        return [{"pictures": [path], "text": "bright: counted, dark: did not"}]
    parts = []
    for rank, share in enumerate(tensors["concepts.share"][row].tolist()):
        if share < LEAST:
            continue
        where, pieces = f"{place}-{rank}.webp", f"{place}-{rank}-pieces.webp"
        _dimmed(folder / where, image, tensors["concepts.seen"][row, rank])
        save_webp(folder / pieces, sheet(tensors["concepts.crops"][row, rank], COLUMNS), QUALITY)
        parts.append({"pictures": [where, pieces], "text": f"part {rank + 1}: counted {share:.0%}"})
    return parts


def _dimmed(path: Path, image: Bytes, shade: Bytes) -> None:
    save_webp(path, lit(image[None], shade[None])[0].transpose(1, 2, 0), QUALITY)
