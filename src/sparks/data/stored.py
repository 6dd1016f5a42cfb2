"""Sets that are kept in one file of tensors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from torch import Tensor

from sparks.errors import SparksError
from sparks.io import load_tensors, save_tensors, tensor_provenance


class Stored:
    """Base class of sets that are written to a safetensors file and read again."""

    _key: ClassVar[str]  # under which the metadata stand in the file's provenance
    _kind: ClassVar[str]  # and the step that makes such files: for messages

    def save(self, path: str | Path, provenance: Mapping[str, Any] | None = None) -> None:
        """Write the set to one safetensors file; `load` reads it.

        Args:
            path: of the file.
            provenance: facts to be kept in the file, which JSON can hold.

        Raises:
            SparksError: when the file cannot be written.
        """
        tensors, described = self._parts()
        save_tensors(path, tensors, {**(provenance or {}), self._key: described})

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a set written by `save`.

        Raises:
            SparksError: when the file is missing, truncated or holds no such set.
        """
        described = tensor_provenance(path).get(cls._key)
        if described is None:
            raise SparksError(f"{path} holds no {cls._kind}")
        return cls._of_parts(load_tensors(path), described)

    def _parts(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return the tensors, and the metadata that JSON can hold."""
        raise NotImplementedError

    @classmethod
    def _of_parts(cls, tensors: dict[str, Tensor], described: dict[str, Any]) -> Self:
        """Return the set that `_parts` described."""
        raise NotImplementedError
