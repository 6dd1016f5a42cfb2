"""Files of answers: checked, and made a table that says nothing of who answered.

A file counts when it is intact, complete, from this study, from a person who read the instructions
and passed the attention checks, in possible times, and the first of its participant. All others are
listed with the reason: none is dropped in silence.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from sparks.checks import between, whole
from sparks.errors import SparksError
from sparks_thesis.human_study.answer_file import AnswerFile
from sparks_thesis.human_study.key import Asked, Key

if TYPE_CHECKING:
    import pandas as pd

# Bytes: files of answers have some thousands.
LARGEST = 1_000_000
COLUMNS = (
    "participant", "condition", "scenario", "session", "trial", "answer", "model", "correct",
    "image", "seconds",
)  # fmt: skip

Content = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Thresholds above or below which an answer file is refused.

    Attributes:
        fastest_ms: nobody looks and answers in less.
        hasty: answers that may be faster all the same, before the file is refused.
        minutes: that it may take from the consent to the end.
        failed_checks: attention checks that may be failed.
        quiz: times that the question on the instructions may be answered.
    """

    fastest_ms: int = 300
    hasty: int = 1
    minutes: float = 120
    failed_checks: int = 0
    quiz: int = 3

    def __post_init__(self) -> None:
        whole(self, 0, "fastest_ms", "hasty", "failed_checks")
        whole(self, 1, "quiz")
        between(self, 0, math.inf, "minutes")


class _Refused(Exception):
    """Reason for which an answer file is refused."""


def read_answers(
    folder: str | Path, key: Key, limits: Limits, seed: int = 0
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read the files of a folder, in it and not below it.

    Participants get new names in an order drawn from `seed` and from what was answered, neither
    from their old names nor from times. Names, times of day, seeds and whatever else a file holds
    are left out.

    Args:
        folder: the files; hidden ones are passed over.
        key: of the study.
        limits: what is refused.
        seed: of the new names.

    Returns:
        (answers, rejected): an answer a row with the columns of `COLUMNS`, correct 0 or 1; and the
        refused files, columns file and reason.

    Raises:
        SparksError: when there is no file, or none that counts.
    """
    import pandas as pd

    files = answer_files(folder)
    if not files:
        raise SparksError(
            f"there is no file of answers in {folder}: put those that participants saved there, or "
            "name another folder in study.answers"
        )
    contents: dict[str, Content] = {}
    reasons: dict[str, str] = {}
    for file in files:
        try:
            contents[file.name] = _content(file)
        except _Refused as why:
            reasons[file.name] = str(why)
    earlier = _repeated(contents)
    for name, content in contents.items():
        try:
            if name in earlier:
                raise _Refused(earlier[name])
            _check(content, key, limits)
        except _Refused as why:
            reasons[name] = str(why)
    accepted = [content for name, content in contents.items() if name not in reasons]
    refused = sorted((_printable(name), _printable(reason)) for name, reason in reasons.items())
    rejected = pd.DataFrame(refused, columns=["file", "reason"])
    if not accepted:
        name, reason = refused[0]
        raise SparksError(
            f"none of the {len(files)} files in {folder} counts; {name}, the first: {reason}"
        )
    return _table(accepted, key, seed), rejected


def answer_files(folder: str | Path) -> list[Path]:
    """List the files of a folder by name, hidden ones left out; none where there is no folder."""
    path = Path(folder)
    if not path.is_dir():
        return []
    return sorted(f for f in path.iterdir() if f.is_file() and not f.name.startswith("."))


def folder_digest(folder: str | Path) -> str:
    """Digest the names and contents of a folder's files: the digest changes with the answers.

    A file that is too large to count, or cannot be read, is known by its size and time alone.
    """
    made = hashlib.sha256()
    for file in answer_files(folder):
        found = file.stat()
        content = f"{found.st_size} {found.st_mtime_ns}".encode()
        if found.st_size <= LARGEST and os.access(file, os.R_OK):
            content = file.read_bytes()
        made.update(hashlib.sha256(os.fsencode(file.name) + b"\0" + content).digest())
    return made.hexdigest()[:16]


# --- one file ------------------------------------------------------------------------------------


def _content(file: Path) -> Content:
    if file.suffix.lower() != ".json":
        raise _Refused("it is no .json file")
    try:
        if file.stat().st_size > LARGEST:
            raise _Refused(f"it has more than {LARGEST} bytes")
        text = file.read_bytes()
    except OSError as error:
        raise _Refused(f"it cannot be read ({error.strerror})") from None
    try:
        # Editors on Windows put a mark of their own before the text, which JSON does not allow.
        content = json.loads(text.decode("utf-8-sig"), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise _Refused(f"it is not intact JSON ({' '.join(str(error).split())[:80]})") from None
    try:
        AnswerFile.model_validate(content)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, wrong["loc"])) or "it"
        raise _Refused(f"{where} is not as the page stores it: {wrong['msg']}") from None
    return dict(content)


def _printable(text: str) -> str:
    """Escape what has no place in a UTF-8 file: names of files, and JSON, may hold any bytes."""
    return text.encode("utf-8", "backslashreplace").decode()


def _no_number(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def _check(content: Content, key: Key, limits: Limits) -> None:
    """Refuse answers to another study, incomplete ones, impossible times, and inattention."""
    if content["study"] != key.study:
        other = content["study"][:16]
        raise _Refused(f"it answers another study ({other}, not {key.study}): see study.key")
    asked = key.scenarios.get(content["scenario"])
    if asked is None or content["condition"] not in asked.conditions:
        raise _Refused("the study has no such scenario or condition")
    _check_complete(content, asked)
    _check_times(content, limits)
    if content["quiz"] > limits.quiz:
        raise _Refused(f"the question on the instructions took {content['quiz']} attempts")
    checks = content["checks"]
    failed = sum(check["answer"] != asked.images[check["image"]].says for check in checks)
    if failed > limits.failed_checks:
        raise _Refused(f"{failed} of {len(checks)} attention checks were failed")


def _check_complete(content: Content, asked: Asked) -> None:
    examples, questions = asked.names(examples=True), asked.names(examples=False)
    for rows, wanted, what in (
        (content["examples"], examples, "example"),
        (content["answers"], questions, "question"),
    ):
        pairs = [(row["session"], row["image"]) for row in rows]
        whole = {(session, name) for session, names in wanted.items() for name in names}
        if len(pairs) != len(set(pairs)):
            raise _Refused(f"a {what} is there twice")
        if unknown := sorted(set(pairs) - whole):
            session, image = unknown[0]
            raise _Refused(f"session {session} of the study has no {what} {image[:16]!r}")
        if missing := len(whole) - len(pairs):
            raise _Refused(f"{missing} of {len(whole)} {what}s are missing")
    checked = sorted(row["session"] for row in content["checks"])
    again = all(row["image"] in examples.get(row["session"], ()) for row in content["checks"])
    if checked != sorted(examples) or not again:
        raise _Refused("it has not one attention check in every session")
    rows = [*content["answers"], *content["checks"]]
    places = [(row["session"], row["trial"]) for row in rows]
    if len(places) != len(set(places)):
        raise _Refused("two questions stand at one place")
    if max(row["answer"] for row in rows) >= len(asked.classes):
        raise _Refused(f"an answer is none of the {len(asked.classes)} classes")


def _check_times(content: Content, limits: Limits) -> None:
    try:
        start, end = (datetime.fromisoformat(content[name]) for name in ("started", "finished"))
        taken = end - start
    except (ValueError, TypeError):
        raise _Refused("its times of start and end are no times") from None
    answering = timedelta(0)
    for name in ("examples", "answers", "checks"):
        answering += timedelta(milliseconds=min(sum(row["ms"] for row in content[name]), 1e12))
    if taken < timedelta(0):
        raise _Refused("impossible times: it ends before it starts")
    # Clocks of browsers are rounded.
    if answering > taken + timedelta(seconds=2):
        raise _Refused("impossible times: its answers took longer than the whole")
    if taken > timedelta(minutes=limits.minutes):
        raise _Refused(f"it took longer than {limits.minutes:g} minutes")
    fast = sum(row["ms"] < limits.fastest_ms for row in content["answers"])
    if fast > limits.hasty:
        raise _Refused(f"impossible times: {fast} answers in less than {limits.fastest_ms} ms each")


def _repeated(contents: Mapping[str, Content]) -> dict[str, str]:
    """Find the files that come after another of the same participant, or copy its answers."""
    order = sorted(contents, key=lambda name: (contents[name]["started"], name))
    people: dict[str, str] = {}
    answers: dict[str, str] = {}
    found = {}
    for name in order:
        person = contents[name]["participant"].casefold()
        given = json.dumps([contents[name]["answers"], contents[name]["checks"]], sort_keys=True)
        if person in people:
            found[name] = f"its participant is that of {people[person]}, which started earlier"
        elif given in answers:
            found[name] = f"its answers and times are those of {answers[given]}: a copy"
        people.setdefault(person, name)
        answers.setdefault(given, name)
    return found


# --- the table -----------------------------------------------------------------------------------


def _table(accepted: Sequence[Content], key: Key, seed: int) -> pd.DataFrame:
    import pandas as pd

    order = sorted(accepted, key=_answered)
    random.Random(seed).shuffle(order)
    digits = max(3, len(str(len(order))))
    rows = []
    for number, content in enumerate(order, 1):
        asked = key.scenarios[content["scenario"]]
        for row in sorted(content["answers"], key=lambda row: (row["session"], row["trial"])):
            says = asked.images[row["image"]].says
            rows.append(
                (
                    f"P{number:0{digits}d}", asked.conditions[content["condition"]],
                    content["scenario"], row["session"], row["trial"],
                    asked.classes[row["answer"]], asked.classes[says], int(row["answer"] == says),
                    row["image"], row["ms"] / 1000,
                )
            )  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _answered(content: Content) -> str:
    """Return a digest of the answers and their conditions, free of the participant's identity."""
    parts = [content[name] for name in ("scenario", "condition", "answers", "checks")]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
