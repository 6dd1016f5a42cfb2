"""Weights on disk: safetensors, and PyTorch checkpoints, of which no pickled code is run."""

from __future__ import annotations

import pickle
import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sparks.engine.seeds import global_generators
from sparks.errors import SparksError
from sparks.io import save_tensors

# Beginnings of files → what they are, where it is not for us to read.
_OTHER = {
    b"\x1f\x8b": "a gzip archive: unpack it and name the checkpoint in it",
    b"BZh": "a bzip2 archive: unpack it and name the checkpoint in it",
    b"\xfd7zXZ": "an xz archive: unpack it and name the checkpoint in it",
    b"\x89HDF": "an HDF5 file, as of Keras: convert it to a PyTorch state_dict",
    b"\x93NUMPY": "a NumPy array: save a state_dict with torch.save",
    b"<": "a page of the web, not a checkpoint: fetch the file itself",
    b"version https://git-lfs": "a pointer of Git LFS: fetch the file itself with `git lfs pull`",
}
_ZIP, _PICKLE = b"PK\x03\x04", b"\x80"
_HEADER = 100_000_000  # bytes that the header of a safetensors file may have

_COUNTER = "num_batches_tracked"

# Entries of a training checkpoint that hold tensors but no network's.
_NO_NETWORK = ("optim", "sched", "scaler", "loops", "callbacks")


class WeightsWarning(UserWarning):
    """Only one of the networks in a checkpoint is used."""


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Make the initial weights of networks that are built in this block depend on `seed` alone.

    PyTorch's global random state is restored when the block is left.

    Args:
        seed: 0 or more.

    Example:
        >>> with seeded(0):
        ...     first = nn.Linear(3, 2)
        >>> with seeded(0):
        ...     second = nn.Linear(3, 2)
        >>> torch.equal(first.weight, second.weight)
        True
    """
    with global_generators(seed, torch.device("cpu")):
        yield


def save_weights(
    model: nn.Module, path: str | Path, provenance: Mapping[str, Any] | None = None
) -> None:
    """Write parameters and buffers of a network to one safetensors file.

    Args:
        model: the network.
        path: of the file, which is replaced if it is there.
        provenance: facts to be kept in the file, which JSON can hold.

    Raises:
        SparksError: when the file cannot be written.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from sparks.models import load_weights
        >>> model, other = nn.Linear(3, 2), nn.Linear(3, 2)
        >>> with TemporaryDirectory() as folder:
        ...     save_weights(model, f"{folder}/model.safetensors")
        ...     load_weights(other, f"{folder}/model.safetensors")
        >>> torch.equal(model.weight, other.weight)
        True
    """
    # Copies: safetensors refuses weights that share memory (tied layers).
    save_tensors(path, {k: v.clone() for k, v in model.state_dict().items()}, provenance)


def load_weights(model: nn.Module, path: str | Path) -> None:
    """Read parameters and buffers into `model`, in place, all or none.

    The file is safetensors, or a PyTorch checkpoint, read with `weights_only=True`; its content
    decides, not its ending. Networks may lie in entries ("state_dict", "model", "net", ...) beside
    the state of a training, and their names may have a common prefix ("module.", "_orig_mod.",
    "model.", ...). The checkpoint may be of the whole model or of its `net` alone, which leaves
    the mean and std of the model as they are. Where several entries fit, such as a network and
    its moving average, the one that is no average is used, with a `WeightsWarning`.

    Args:
        model: the network, of the same names and shapes.
        path: of the file.

    Raises:
        SparksError: when the file is missing, holds anything but tensors, or does not fit, or when
            several networks in it fit that are no averages.

    Example:
        A checkpoint as a training with `nn.DataParallel` leaves it.

        >>> from tempfile import TemporaryDirectory
        >>> model, other = nn.Linear(3, 2), nn.Linear(3, 2)
        >>> with TemporaryDirectory() as folder:
        ...     state = {f"module.{name}": values for name, values in model.state_dict().items()}
        ...     torch.save({"epoch": 7, "state_dict": state}, f"{folder}/last.pt")
        ...     load_weights(other, f"{folder}/last.pt")
        >>> torch.equal(model.weight, other.weight)
        True
    """
    net = getattr(model, "net", None)
    targets = [model, net] if isinstance(net, nn.Module) else [model]
    states = read_states(path)
    fits = _fits(targets, states) or _fits(targets, dict(_parts(states)))
    if not fits:
        return check_fit(*_nearest(targets, next(iter(states.values()))), path)
    plain = [name for name in fits if not _is_average(name)]
    if len(plain) > 1:
        raise SparksError(
            f"{path} holds several networks that fit the model ({', '.join(map(repr, fits))}): "
            "save the state_dict of one of them alone"
        )
    used = (plain or list(fits))[0]
    target, state = fits[used]
    others = [name for name in fits if name != used]
    if used not in states:
        others = [name for name in dict(_parts(states)) if name != used]
    if others:
        warnings.warn(
            f"{path}: the weights in {used!r} are used, not those in "
            f"{', '.join(map(repr, others))}; save the ones you want alone to use them",
            WeightsWarning,
            stacklevel=2,
        )
    target.load_state_dict(state)
    return None


def read_state(path: str | Path) -> dict[str, Tensor]:
    """Read name → tensor of the one network in a safetensors file or a PyTorch checkpoint.

    Raises:
        SparksError: as `read_states`, and when the file holds several networks.
    """
    states = read_states(path)
    if len(states) > 1:
        raise SparksError(f"{path} holds several networks ({', '.join(map(repr, states))})")
    return next(iter(states.values()))


def read_states(path: str | Path) -> dict[str, dict[str, Tensor]]:
    """Read the networks in a file.

    Returns:
        For each network, the dotted name of its entry ("" for the whole file) → its state (name →
        tensor).

    Raises:
        SparksError: when the file is missing, damaged, of another kind, or holds no network, or
            anything but tensors.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise SparksError(f"the weights {path} do not exist, or are a folder: name a file")
    with path.open("rb") as file:
        start = file.read(64)
    if _is_safetensors(start):
        return {"": _load_safetensors(path)}
    for beginning, kind in _OTHER.items():
        if start.lstrip().lower().startswith(beginning.lower()):
            raise SparksError(f"the weights {path} are {kind}")
    if not start.startswith((_ZIP, _PICKLE)):
        raise SparksError(
            f"the weights {path} are neither a safetensors file nor a PyTorch checkpoint, or are "
            "damaged: fetch them again, or save model.state_dict()"
        )
    if zipfile.is_zipfile(path):
        _check_archive(path)
    states = dict(_networks(_load_checkpoint(path)))
    if not states:
        raise SparksError(f"{path} holds no state_dict (name → tensor): save model.state_dict()")
    return states


def _is_safetensors(start: bytes) -> bool:
    return start[8:9] == b"{" and 2 <= int.from_bytes(start[:8], "little") <= _HEADER


def _check_archive(path: Path) -> None:
    """Refuse zip archives that are intact but no checkpoint."""
    with zipfile.ZipFile(path) as archive:
        names = [name.partition("/")[2] for name in archive.namelist()]
    if "constants.pkl" in names:
        raise SparksError(
            f"the weights {path} are a TorchScript archive: save the state_dict() of what "
            "torch.jit.load makes of it"
        )
    if "data.pkl" not in names:
        raise SparksError(
            f"the weights {path} are a zip archive, but no PyTorch checkpoint: unpack it and name "
            "the checkpoint in it"
        )


def _load_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(path))
    except SafetensorError as error:
        raise SparksError(
            f"the weights {path} are not an intact safetensors file ({error}): fetch them again, "
            "or rerun the job that made them"
        ) from error


def _load_checkpoint(path: Path) -> Any:
    try:
        with path.open("rb") as file:  # of a path, torch would judge by the ending
            return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        found = re.search(r"GLOBAL ([\w.]+)", str(error))
        raise SparksError(
            f"{path} holds more than tensors{f' ({found[1]})' if found else ''} and was not "
            "opened, as arbitrary pickled objects can run code: save the model's state_dict() "
            "instead of the model, best as safetensors"
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, AttributeError) as error:
        line = (str(error).splitlines() or [type(error).__name__])[0]
        raise SparksError(
            f"{path} is not an intact PyTorch checkpoint ({line}): fetch it again"
        ) from error


def _networks(content: Any, name: str = "") -> Iterator[tuple[str, dict[str, Tensor]]]:
    """Yield what may be a network's state in a checkpoint, with its name, outermost first."""
    if not isinstance(content, Mapping) or not content:
        return
    if all(isinstance(key, str) and isinstance(v, Tensor) for key, v in content.items()):
        yield name, dict(content)
        return
    for key, value in content.items():
        if isinstance(key, str) and not key.lower().startswith(_NO_NETWORK):
            yield from _networks(value, f"{name}.{key}" if name else key)


def _is_average(name: str) -> bool:
    """Return whether an entry's name says that it is an average over training (EMA, SWA)."""
    return bool({"ema", "swa", "averaged", "average"} & set(re.split(r"[^a-z]+", name.lower())))


def _parts(states: Mapping[str, dict[str, Tensor]]) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """Yield the state of each module in a state: of a Lightning module, network and loss."""
    for name, state in states.items():
        for part in dict.fromkeys(key.partition(".")[0] for key in state):
            inside = {k: v for k, v in state.items() if k.startswith(f"{part}.")}
            if inside:
                yield f"{name}.{part}" if name else part, inside


def _fits(
    targets: Sequence[nn.Module], states: Mapping[str, dict[str, Tensor]]
) -> dict[str, tuple[nn.Module, dict[str, Tensor]]]:
    """Return the states that fit, by name: the target and the naming of each (see `_fit`)."""
    found = {name: _fit(targets, state) for name, state in states.items()}
    return {name: fit for name, fit in found.items() if fit is not None}


def _fit(
    targets: Sequence[nn.Module], state: dict[str, Tensor]
) -> tuple[nn.Module, dict[str, Tensor]] | None:
    """Return the first target that the state fits under one of its namings, and that naming."""
    for named in _namings(state):
        for target in targets:
            if not _problems(target, named):
                return target, named
    return None


def _nearest(
    targets: Sequence[nn.Module], state: dict[str, Tensor]
) -> tuple[nn.Module, dict[str, Tensor]]:
    """Return the target and the naming that have most names in common."""
    pairs = [(target, named) for named in _namings(state) for target in targets]
    return max(pairs, key=lambda pair: len(pair[0].state_dict().keys() & pair[1].keys()))


def _namings(state: dict[str, Tensor]) -> Iterator[dict[str, Tensor]]:
    """Yield a state under its own names, then without each prefix that wrappers put before them."""
    yield state
    # torch.compile's, which may lie inside; the counter of torch.optim.swa_utils.AveragedModel.
    bare = {name.replace("_orig_mod.", ""): tensor for name, tensor in state.items()}
    if bare.keys() != state.keys():
        yield bare
    if all(name.startswith("module.") for name in bare.keys() - {"n_averaged"}):
        bare.pop("n_averaged", None)
    while len({name.partition(".")[0] for name in bare}) == 1 and all("." in name for name in bare):
        bare = {name.partition(".")[2]: tensor for name, tensor in bare.items()}
        yield bare


def check_fit(model: nn.Module, state: Mapping[str, Tensor], source: str | Path) -> None:
    """Check that `state` has the names and shapes of `model`.

    Raises:
        SparksError: naming the first missing, unexpected or misshapen weights.
    """
    if problems := _problems(model, state):
        raise SparksError(
            f"the weights {source} do not fit the model: {'; '.join(problems)}. "
            "Use the model (and its settings) that they were trained with"
        )


def _problems(model: nn.Module, state: Mapping[str, Tensor]) -> list[str]:
    """Return how names and shapes of `state` differ from those of `model`, a phrase each."""
    expected = model.state_dict()
    misshapen = [
        f"{name} is {tuple(state[name].shape)}, not {tuple(expected[name].shape)}"
        for name in expected
        if name in state and state[name].shape != expected[name].shape
    ]
    return [
        f"{kind} {', '.join(found[:3])}{f' and {len(found) - 3} more' if len(found) > 3 else ''}"
        for kind, found in (
            # BatchNorm's counter: PyTorch before 0.4.1 had none, and nothing here depends on it.
            ("missing", [n for n in expected if n not in state and not n.endswith(_COUNTER)]),
            ("unexpected", [name for name in state if name not in expected]),
            ("of another shape", misshapen),
        )
        if found
    ]
