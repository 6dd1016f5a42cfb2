"""Artifacts: tensors and tables on disk, written whole or not at all, read without pickle.

A tensor artifact is one safetensors file, a table is one Parquet file. Both carry their
*provenance*: a JSON object that says how they were made (configuration, code, seed, versions,
digests of the inputs), and a digest of the whole file, which is compared when the file is read: a
disk or a copy that changed a single bit is noticed.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from sparks.errors import SparksError

if TYPE_CHECKING:
    import pandas as pd
    import torch

PROVENANCE = "provenance"

# The digest of a file lies in the file, and is computed with zeros in its place.
DIGEST = "digest"
_PREFIX = "sha256:"
_ZEROS = "0" * 64
# What precedes the digits: in safetensors, JSON inside the JSON of the header; in Parquet, an entry
# of the footer (a field of type string and its length, as Thrift's compact protocol writes them).
_IN_HEADER = rf"{{\"{DIGEST}\":\"{_PREFIX}".encode()
_IN_FOOTER = f"{DIGEST}\x18{chr(len(_PREFIX + _ZEROS))}{_PREFIX}".encode()
_CHUNK = 2**20
_LONGEST_HEADER = 100_000_000  # bytes, of safetensors


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, and rename it to `path` when the block succeeds.

    A killed or failed block leaves `path` as it was, and no temporary file unless it was killed.

    Raises:
        SparksError: when the file cannot be written (a full disk, a read-only folder).
    """
    path = Path(path)
    with _disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(path.suffix, f".{path.stem}.", path.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path` that takes its place when the block succeeds.

    A killed or failed block leaves `path` as it was.

    Raises:
        SparksError: when the folder cannot be written (a full disk, a read-only folder).
    """
    path = Path(path)
    with _disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        try:
            yield temporary
            temporary.chmod(0o777 & ~_umask())
            old = temporary.with_name(temporary.name + ".old")
            if path.exists():
                path.rename(old)
            temporary.rename(path)
            shutil.rmtree(old, ignore_errors=True)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise


@contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    """Turn an error of the disk, not of the program, into one line with a way out."""
    try:
        yield
    except Exception as error:
        if not isinstance(error, OSError) and "I/O error" not in str(error):  # of safetensors
            raise
        raise SparksError(
            f"cannot write {path}: {error}. Free some space or choose another folder, "
            "then run the same command again; nothing half-written was left."
        ) from error


def _umask() -> int:
    """Return the permissions that new files lack; the system tells it only when it is set."""
    umask = os.umask(0)
    os.umask(umask)
    return umask


def write_text(path: str | Path, text: str) -> None:
    """Write a text file in UTF-8, whole or not at all.

    Raises:
        SparksError: when the file cannot be written.
    """
    with atomic(path) as temporary:
        temporary.write_text(text, "utf-8")


def save_tensors(
    path: str | Path,
    tensors: Mapping[str, torch.Tensor],
    provenance: Mapping[str, Any] | None = None,
) -> None:
    """Write named tensors and their provenance to one safetensors file.

    Args:
        path: where to; missing folders are made.
        tensors: name → tensor of any shape and of any dtype that safetensors knows.
        provenance: anything JSON can hold.

    Raises:
        SparksError: when the file cannot be written.
    """
    from safetensors.torch import save_file

    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic(path) as temporary:
        save_file(contiguous, temporary, metadata={PROVENANCE: _with_digest(provenance)})
        _write_digest(temporary)


def save_rows(
    path: str | Path,
    blocks: Iterable[Mapping[str, torch.Tensor]],
    rows: int,
    provenance: Mapping[str, Any] | None = None,
) -> None:
    """Write tensors whose rows come block by block, with no more than a block in memory.

    The file is the one that `save_tensors` writes of the whole tensors, byte for byte.

    Args:
        path: where to; missing folders are made.
        blocks: at least one; name → tensor (B, ...), all of a block with the same B. Names, dtypes
            and the axes after the first are those of the first block.
        rows: how many there are in all blocks together.
        provenance: anything JSON can hold.

    Raises:
        SparksError: when the file cannot be written, or the blocks have not as many rows.
    """
    import torch

    blocks = iter(blocks)
    first = next(blocks)
    header, places = _layout(first, rows, provenance)
    done = 0
    with atomic(path) as temporary, temporary.open("wb") as file:
        file.write(header)
        for block in chain([first], blocks):
            for name, tensor in block.items():
                start, size = places[name]
                file.seek(start + done * size)
                file.write(tensor.detach().cpu().contiguous().view(torch.uint8).numpy().data)
            done += len(next(iter(block.values())))
        if done != rows:
            raise SparksError(f"{path}: {done} rows came where {rows} were announced")
        file.flush()
        _write_digest(temporary)


def _layout(
    first: Mapping[str, torch.Tensor], rows: int, provenance: Mapping[str, Any] | None
) -> tuple[bytes, dict[str, tuple[int, int]]]:
    """Return a file's header, and of each tensor where it starts and the bytes of one row."""
    from safetensors.torch import save

    empty = {name: tensor.detach().cpu()[:0].contiguous() for name, tensor in first.items()}
    made = save(empty, metadata={PROVENANCE: _with_digest(provenance)})
    described = json.loads(made[8 : 8 + int.from_bytes(made[:8], "little")])
    places, end = {}, 0
    for name, entry in described.items():  # in the order in which safetensors lays them out
        if name == "__metadata__":
            continue
        size = math.prod(entry["shape"][1:]) * first[name].element_size()
        entry["shape"] = [rows, *entry["shape"][1:]]
        entry["data_offsets"] = [end, end + rows * size]
        places[name], end = (end, size), end + rows * size
    text = json.dumps(described, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    header = len(text).to_bytes(8, "little") + text
    return header, {name: (len(header) + start, size) for name, (start, size) in places.items()}


def count_rows(path: str | Path, name: str) -> int:
    """Return the length of a tensor's first axis, without reading it.

    Raises:
        SparksError: as `load_tensors`.
    """
    with _open_tensors(path, "cpu") as file:
        _require(path, file, [name])
        return int(file.get_slice(name).get_shape()[0])


def load_tensors(
    path: str | Path,
    names: Iterable[str] | None = None,
    device: str = "cpu",
    rows: slice = slice(None),
) -> dict[str, torch.Tensor]:
    """Read the tensors of a safetensors file, or those in `names` only, or some rows of them.

    Raises:
        SparksError: when the file is missing, damaged, of another format (a pickle is never
            opened), or lacks one of `names`.
    """
    check_digest(path)
    with _open_tensors(path, device) as file:
        wanted = sorted(file.keys()) if names is None else list(names)
        _require(path, file, wanted)
        if rows == slice(None):
            return {name: file.get_tensor(name) for name in wanted}
        return {name: file.get_slice(name)[rows] for name in wanted}


def _require(path: str | Path, file: Any, names: Iterable[str]) -> None:
    present = set(file.keys())
    if missing := [name for name in names if name not in present]:
        raise SparksError(
            f"{path} holds no tensor {missing[0]!r}, only {sorted(present)}: "
            "it is another kind of artifact, or made by another version; delete it and rerun"
        )


def tensor_provenance(path: str | Path) -> dict[str, Any]:
    """Read how a tensor artifact was made, without reading the tensors."""
    with _open_tensors(path, "cpu") as file:
        metadata: dict[str, str] = file.metadata() or {}
    made = dict(json.loads(metadata.get(PROVENANCE, "{}")))
    made.pop(DIGEST, None)
    return made


@contextmanager
def _open_tensors(path: str | Path, device: str) -> Iterator[Any]:
    from safetensors import SafetensorError, safe_open

    if not Path(path).is_file():
        raise SparksError(f"{path} does not exist: run the job that makes it first")
    try:
        with safe_open(path, framework="pt", device=device) as file:
            yield file
    except SafetensorError as error:
        raise SparksError(
            f"{path} is not an intact safetensors file ({error}): delete it and rerun the job "
            "that makes it (pickled checkpoints are never opened here)"
        ) from error


def save_table(
    path: str | Path, table: pd.DataFrame, provenance: Mapping[str, Any] | None = None
) -> None:
    """Write a table and its provenance to one Parquet file (without the index).

    Raises:
        SparksError: when the file cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrow = pa.Table.from_pandas(table, preserve_index=False)
    metadata = {**(arrow.schema.metadata or {}), PROVENANCE.encode(): _to_json(provenance).encode()}
    arrow = arrow.replace_schema_metadata(metadata)
    with atomic(path) as temporary:
        with pq.ParquetWriter(temporary, arrow.schema) as writer:
            writer.write_table(arrow)
            writer.add_key_value_metadata({DIGEST: _PREFIX + _ZEROS})
        _write_digest(temporary)


def load_table(path: str | Path) -> pd.DataFrame:
    """Read a table written by `save_table`.

    Raises:
        SparksError: when the file is missing, damaged or of another format.
    """
    frame: pd.DataFrame = _read_parquet(path).to_pandas()
    return frame


def table_provenance(path: str | Path) -> dict[str, Any]:
    """Read how a table was made."""
    metadata = _read_parquet(path).schema.metadata or {}
    return dict(json.loads(metadata.get(PROVENANCE.encode(), b"{}")))


def _read_parquet(path: str | Path) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not Path(path).is_file():
        raise SparksError(f"{path} does not exist: run the job that makes it first")
    check_digest(path)
    try:
        return pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        line = str(error).splitlines()[0]
        raise SparksError(
            f"{path} is not an intact Parquet file ({line}): delete it and rerun the job "
            "that makes it"
        ) from error


def _to_json(provenance: Mapping[str, Any] | None) -> str:
    return json.dumps(dict(provenance or {}), sort_keys=True)


# --- the digest of a file, in the file -----------------------------------------------------------


def check_digest(path: str | Path) -> None:
    """Compare a file with the digest that was written into it; once in a process for each file.

    Files without one, such as a user's checkpoint, are not checked.

    Raises:
        SparksError: when the file was changed after it was written.
    """
    path = Path(path)
    if path.is_file():
        status = path.stat()
        _check_digest(path, (status.st_ino, status.st_size, status.st_mtime_ns))


@lru_cache(maxsize=4096)
def _check_digest(path: Path, status: tuple[int, ...]) -> None:
    with path.open("rb") as file:
        place = _place_of_digest(file)
        if place is None:
            return
        file.seek(place)
        written = file.read(len(_ZEROS))
        if written != _digest(file, place):
            raise SparksError(
                f"{path} is damaged: its contents are not what was written (a disk or a copy "
                "changed them). If a job made it here, delete it and run the same command again; a "
                "copy is to be copied again"
            )


def _write_digest(path: Path) -> None:
    with path.open("rb+") as file:
        place = _place_of_digest(file)
        assert place is not None, f"{path} has no place for its digest"
        digest = _digest(file, place)
        file.seek(place)
        file.write(digest)


def _digest(file: IO[bytes], place: int) -> bytes:
    """Digest a whole file, with zeros where its digest is."""
    file.seek(0)
    made = hashlib.sha256(file.read(place))
    made.update(_ZEROS.encode())
    file.seek(place + len(_ZEROS))
    while chunk := file.read(_CHUNK):
        made.update(chunk)
    return made.hexdigest().encode()


def _place_of_digest(file: IO[bytes]) -> int | None:
    """Find where the digits of a file's digest are; None where it has none."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    start = file.read(8)
    if start.startswith(b"PAR1"):
        file.seek(max(0, size - 8))
        length = min(size, 8 + int.from_bytes(file.read(4), "little"))
        file.seek(size - length)
        found = file.read(length).rfind(_IN_FOOTER)
        return None if found < 0 else size - length + found + len(_IN_FOOTER)
    length = int.from_bytes(start, "little")
    found = file.read(length).find(_IN_HEADER) if length <= min(size, _LONGEST_HEADER) else -1
    return None if found < 0 else len(start) + found + len(_IN_HEADER)


def _with_digest(provenance: Mapping[str, Any] | None) -> str:
    """Write a provenance as JSON that begins with a place for the digest."""
    rest = _to_json(provenance)[1:]
    return f'{{"{DIGEST}":"{_PREFIX}{_ZEROS}"{"," if rest != "}" else ""}{rest}'
