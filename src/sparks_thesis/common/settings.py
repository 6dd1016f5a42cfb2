"""Typed settings: the keys of a block of the configuration, with types, ranges and defaults.

A block is a class with a field for each key. Its fields are the only place where a default, a
type, a range or a meaning stands: the tree that Hydra composes starts from the defaults, a tree is
checked against the types, and docs/configuration.md lists them all. A value may follow another
key (`refers`), and an object is described by its class and arguments (`built`).
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", re.ASCII)


class _Default(Enum):
    LEFT_OUT = "left out"


# Default of a key that a file may leave out: the tree does not have it then.
LEFT_OUT: Any = _Default.LEFT_OUT


class Block(BaseModel):
    """Keys of one block: all others are refused, and no type is converted into another."""

    model_config = ConfigDict(extra="forbid", strict=True)


def defaults(kind: type[Block]) -> dict[str, Any]:
    """Return the defaults of a block and of the blocks in it, as plain values.

    What follows other keys stays text (`"${seed}"`); keys without a default are left out.
    """
    made = kind.model_construct().model_dump(by_alias=True, warnings=False)
    return {key: value for key, value in made.items() if value is not LEFT_OUT}


def refers(key: str) -> Any:
    """Return a value that follows another key: `refers("shared.grid")` is `"${shared.grid}"`."""
    return f"${{{key}}}"


def methods_of(key: str) -> Any:
    """Return the settings of the methods that a key names, with the changes beside it."""
    return refers(f"methods:{key}")


def built(target: str, /, **arguments: Any) -> Any:
    """Describe an object: a dotted name of a class or function, and what it is called with."""
    return {"_target_": target, **arguments}


SEED = refers("seed")
ENGINE = refers("engine")
STATISTICS = refers("statistics")


def _names_a_class(block: dict[str, Any]) -> dict[str, Any]:
    if "_target_" not in block:
        raise ValueError("_target_ is missing, the dotted name of a class or function")
    if not _DOTTED.fullmatch(str(block["_target_"])):
        raise ValueError(f"_target_={block['_target_']!r} is no dotted name")
    return block


def _distinct(values: list[int]) -> list[int]:
    if len(set(values)) < len(values):
        raise ValueError("no value may stand there twice")
    return values


def _with_default(entries: dict[str, Any]) -> dict[str, Any]:
    if "default" not in entries:
        raise ValueError("'default' must be among them, for data sets that are not named")
    return entries


INSTANCE_OF = "instance_of"


def instance_of(name: str = "") -> Any:
    """Say of an object that it is of a class, that of its default if not named, or inherits it."""
    return Field(json_schema_extra={INSTANCE_OF: name})


# An object; `pipeline.validate` checks its class, and its arguments against the signature.
Built = Annotated[dict[str, Any], AfterValidator(_names_a_class)]
# An object of the class that the default names, or of one that inherits from it.
Instance = Annotated[Built, instance_of()]
Count = Annotated[int, Field(ge=1)]
Counts = Annotated[list[Count], Field(min_length=1)]
Percents = Annotated[list[Annotated[int, Field(ge=1, le=100)]], AfterValidator(_distinct)]
Share = Annotated[float, Field(gt=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
Names = list[str]
Layers = dict[str, Names]
# Where the training of some networks differs from `training`.
Training = dict[str, Any]
# Of entries by data set.
HasDefault = AfterValidator(_with_default)
Images = Annotated[Count, Field(description="how many of the explained images: the first ones")]
Kept = Annotated[Count, Field(description="images whose maps figures may show")]
Bank = Annotated[str, Field(description="file of config/bank: the concepts that are read")]
Changes = Annotated[
    dict[str, dict[str, Any]],
    Field(
        description="method: {setting: value}, where it differs from its file in config/attribution"
    ),
]
Explainers = Annotated[
    dict[str, Built], Field(description="no setting: the methods with their changes")
]


class Pair(Block):
    """A model on a data set."""

    dataset: str = Field(description="file of config/dataset")
    model: str = Field(description="file of config/model")
