"""Format of the file of one participant's answers, as the page stores it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Seen(_Part):
    """An example that was studied."""

    session: int = Field(description="from 1", ge=1)
    trial: int = Field(description="place in the session, from 1", ge=1)
    image: str = Field(description="name of the image")
    ms: float = Field(description="milliseconds until the button", ge=0)


class Answered(Seen):
    """A question that was answered, or an example that was asked about again."""

    answer: int = Field(description="number of the class, from 0", ge=0)


class AnswerFile(_Part):
    """Answers of one participant."""

    model_config = ConfigDict(extra="ignore")

    format: Literal["sparks-study-1"] = Field(description="version of this format")
    study: str = Field(description="digest of what the page shows")
    participant: str = Field(
        description="from the page's address, or random", pattern="^[A-Za-z0-9_.-]{1,64}$"
    )
    seed: int = Field(description="of the condition and of every order", ge=0)
    scenario: str = Field(description="data set and model whose outputs were predicted")
    condition: str = Field(description="explanation that the examples were shown with")
    consent: Literal[True] = Field(description="whether the participant agreed")
    started: str = Field(description="time of the consent")
    finished: str = Field(description="time of the last answer")
    quiz: int = Field(
        description="how often the question on the instructions was answered, the last time "
        "rightly",
        ge=1,
    )
    examples: Annotated[list[Seen], Field(max_length=1000)] = Field(description="examples studied")
    answers: Annotated[list[Answered], Field(max_length=1000)] = Field(
        description="answers to the questions"
    )
    checks: Annotated[list[Answered], Field(max_length=1000)] = Field(
        description="answers to examples that were asked about again: attention checks"
    )
