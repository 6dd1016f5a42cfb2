"""A GPU that is not there: tensors that say they are elsewhere and lie in this machine's memory.

Each operation on them is done by the CPU under the rules of a GPU: tensors of two devices do not
meet, a generator of the CPU does not draw there, and reading a value counts as a wait. What
is computed is the CPU's, bit for bit, so a difference is a mistake. The device is called "meta",
the only one beside the CPU for which PyTorch differentiates without its hardware.

    with PretendedGPU() as gpu:
        model.to(gpu.device)
        ...
    gpu.waits  # where the host waited for the GPU
"""

from __future__ import annotations

import sys
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map_only

DEVICE = torch.device("meta")
_aten = torch.ops.aten
# Operations whose outcome, or its shape, the host has to know.
_WAITING = {
    _aten._local_scalar_dense, _aten.is_nonzero, _aten.equal, _aten.nonzero, _aten.masked_select,
    _aten._unique2, _aten.unique_dim, _aten.bincount,
}  # fmt: skip
# Views that only mark a tensor as the conjugate, or the negative, of another.
_MARKED = {_aten._conj: torch.conj_physical, _aten._neg_view: torch.neg}
_INDEXING = {_aten.index, _aten.index_put, _aten.index_put_, _aten._index_put_impl_}


class _There(torch.Tensor):
    """A tensor on the GPU; `held` is what it holds, on the CPU."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> _There:
        made: _There = torch.Tensor._make_wrapper_subclass(
            cls,
            held.shape,
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=DEVICE,
        )
        made.held = held
        return made

    def __repr__(self) -> str:  # type: ignore[override]
        return f"there({self.held})"

    def tolist(self) -> Any:
        """What PyTorch does not offer for tensors of other kinds."""
        return self.cpu().tolist()

    def __getitem__(self, index: Any) -> torch.Tensor:
        return super().__getitem__(_listed(index))

    def __setitem__(self, index: Any, value: Any) -> None:
        super().__setitem__(_listed(index), value)

    def __tensor_flatten__(self) -> Any:
        """With this and the next, PyTorch knows what makes a module's parameter another."""
        return ["held"], None

    @staticmethod
    def __tensor_unflatten__(inner: Any, *_: Any) -> _There:
        return _There(inner["held"])

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        raise RuntimeError(f"{func}: a tensor on the pretended GPU is used behind its `with`")


class PretendedGPU(TorchDispatchMode):
    """While entered, `device` is a GPU.

    Attributes:
        waits: an operation for which the host waited, and the line of the library that asked.
        count: operations done here.
    """

    device = DEVICE

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[str] = []
        self.count = 0

    def __enter__(self) -> PretendedGPU:
        self._patch = pytest.MonkeyPatch()
        # Tensors of inference mode cannot be wrapped; without gradients is near enough.
        self._patch.setattr(torch, "inference_mode", torch.no_grad)
        # And the device knows no types of lower precision.
        known = torch.autocast
        self._patch.setattr(
            torch, "autocast", lambda kind, **how: known(kind.replace(DEVICE.type, "cpu"), **how)
        )
        # Nor does a tensor that is made there of Python's numbers come by.
        for name in ("tensor", "as_tensor"):
            self._patch.setattr(torch, name, _made_here_first(getattr(torch, name)))
        # Page-locked memory is other memory with the same strides.
        self._patch.setattr(torch.Tensor, "pin_memory", _pinned)
        # Nor may a parameter here be given what lies there.
        self._patch.setattr(torch.nn.Parameter, "data", property(_data, _set_data), raising=False)
        super().__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        super().__exit__(*exception)
        self._patch.undo()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        tensors = [t for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)]
        there = [t for t in tensors if isinstance(t, _There)]
        wanted = None if kwargs.get("device") is None else torch.device(kwargs["device"])
        if not there and wanted != DEVICE:
            return func(*args, **kwargs)
        operation = func._overloadpacket
        home = wanted is not None and wanted.type == "cpu"
        home |= operation is _aten.copy_ and not isinstance(args[0], _There)
        self.count += 1
        self._obey(func, args, kwargs, tensors)
        if home or operation in _WAITING or _selects(operation, args):
            self.waits.append(f"{func} by {_caller()}")
        inner = tree_map_only(_There, lambda tensor: tensor.held, (args, kwargs))
        if wanted is not None:
            inner[1].update(device=torch.device("cpu"))
        inner[1].pop("pin_memory", None)
        if operation in _MARKED:  # a wrapped tensor has no such mark
            return _There(_MARKED[operation](inner[0][0]))
        made = func(*inner[0], **inner[1])
        if home:
            return args[0] if operation is _aten.copy_ else made
        return return_and_correct_aliasing(
            func, args, kwargs, tree_map_only(torch.Tensor, _There, made)
        )

    @staticmethod
    def _obey(func: Any, args: Any, kwargs: Any, tensors: list[torch.Tensor]) -> None:
        """Refuse what a GPU refuses."""
        operation = func._overloadpacket
        if kwargs.get("generator") is not None:
            raise RuntimeError(f"{func}: a generator of the CPU cannot draw on a GPU")
        if operation in (_aten._to_copy, _aten.copy_):
            return
        if operation in _INDEXING and isinstance(args[0], _There):
            return  # indices may lie on the CPU
        # A number without axes may as well.
        here = [tuple(t.shape) for t in tensors if not isinstance(t, _There) and t.ndim]
        if here and len(here) < len(tensors):
            raise RuntimeError(f"{func}: tensors of two devices, on the CPU: {here}")


def _pinned(tensor: torch.Tensor) -> torch.Tensor:
    other = torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype)
    return other.copy_(tensor)


def _data(parameter: torch.nn.Parameter) -> torch.Tensor:
    return torch.Tensor.data.__get__(parameter)


def _set_data(parameter: torch.nn.Parameter, data: torch.Tensor) -> None:
    if isinstance(data, _There) and not isinstance(parameter, _There):
        torch.utils.swap_tensors(
            parameter, torch.nn.Parameter(data.detach().clone(), parameter.requires_grad)
        )
    else:
        torch.Tensor.data.__set__(parameter, data)


def _listed(index: Any) -> Any:
    """An index whose lists are tensors there, as PyTorch moves them to a GPU."""
    if isinstance(index, list):
        return torch.tensor(index).to(DEVICE)
    return tuple(map(_listed, index)) if isinstance(index, tuple) else index


def _made_here_first(make: Any) -> Any:
    """A function that makes a tensor of data, and moves it."""

    def made(data: Any, *, device: Any = None, **how: Any) -> torch.Tensor:
        tensor: torch.Tensor = make(data, **how)
        return tensor if device is None else tensor.to(device)

    return made


def _selects(operation: Any, args: Any) -> bool:
    """Whether an index is a mask, so that the host has to ask how many it selects."""
    masks = (torch.bool, torch.uint8)
    return operation is _aten.index and any(
        isinstance(t, _There) and t.dtype in masks for t in tree_leaves(args[1])
    )


def _caller() -> str:
    """The innermost line of the library."""
    frame = sys._getframe(1)
    while frame.f_back is not None:
        if "/sparks/" in frame.f_code.co_filename:
            name = frame.f_code.co_filename.rsplit("/sparks/", 1)[1]
            return f"{name}:{frame.f_lineno}"
        frame = frame.f_back
    return "nobody"
