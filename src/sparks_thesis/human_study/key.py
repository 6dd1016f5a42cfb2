"""Answer key of a study: the model's outputs and the conditions' labels, absent from the page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from sparks.errors import SparksError
from sparks.io import write_text

FORMAT = "sparks-study-1"


@dataclass(frozen=True)
class Question:
    """One image of the study.

    Attributes:
        session: in which it is seen, from 1.
        example: whether it is an example; else it is a question.
        says: what the model says of it, an index into the scenario's classes.
        right: whether the model is right.
    """

    session: int
    example: bool
    says: int
    right: bool


@dataclass(frozen=True)
class Asked:
    """One scenario.

    Attributes:
        classes: that participants choose from.
        conditions: what examples are shown with: name in the page's address → label in tables.
        images: name → what is known of it.
    """

    classes: tuple[str, ...]
    conditions: Mapping[str, str]
    images: Mapping[str, Question]

    def names(self, *, examples: bool) -> dict[int, set[str]]:
        """Session → names of its examples, or of its questions."""
        found: dict[int, set[str]] = {}
        for name, image in self.images.items():
            if image.example == examples:
                found.setdefault(image.session, set()).add(name)
        return found


@dataclass(frozen=True)
class Key:
    """The key of a study.

    Attributes:
        study: digest of the material shown, the same in every file of answers to it.
        scenarios: name → its questions.
    """

    study: str
    scenarios: Mapping[str, Asked]

    def save(self, path: str | Path) -> None:
        """Write it as JSON."""
        text = json.dumps({"format": FORMAT, **asdict(self)}, indent=1)
        write_text(path, text + "\n")

    @staticmethod
    def load(path: str | Path) -> Key:
        """Read what `save` wrote.

        Raises:
            SparksError: when the file is missing or no key.
        """
        try:
            content = json.loads(Path(path).read_text("utf-8"))
            if content.pop("format") != FORMAT:
                raise ValueError("another format")
            scenarios = {
                name: Asked(
                    tuple(asked["classes"]),
                    asked["conditions"],
                    {image: Question(**known) for image, known in asked["images"].items()},
                )
                for name, asked in content["scenarios"].items()
            }
            return Key(content["study"], scenarios)
        except FileNotFoundError:
            raise SparksError(
                f"{path} does not exist: `snakemake study` writes it beside the page; answers can "
                "be read with the key of their own page only (study.key)"
            ) from None
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise SparksError(f"{path} is not the key of a study ({error!r})") from None
