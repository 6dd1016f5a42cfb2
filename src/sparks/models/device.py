"""Device and precision of computations, resolved from names in the configuration."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sparks.errors import SparksError

PRECISIONS = ("auto", "fp32", "tf32", "bf16")


def resolve_device(device: str | torch.device) -> torch.device:
    """Turn "auto", "cpu", "cuda" or "cuda:1" into a device that exists.

    "auto" is the first GPU where there is one, else the CPU.

    Raises:
        SparksError: when a GPU is asked for where there is none, or the name is unknown.

    Example:
        >>> resolve_device("cpu")
        device(type='cpu')
        >>> resolve_device("auto").type in ("cpu", "cuda")
        True
        >>> resolve_device("gpu")
        Traceback (most recent call last):
        sparks.errors.SparksError: device 'gpu' is unknown: use auto, cpu, cuda or cuda:<number>
    """
    name = str(device)
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, _, index = name.partition(":")
    if kind not in ("cpu", "cuda") or (index and not index.isdecimal()):
        raise SparksError(f"device {name!r} is unknown: use auto, cpu, cuda or cuda:<number>")
    if kind == "cuda" and int(index or 0) >= torch.cuda.device_count():
        raise SparksError(
            f"device {name!r} was asked for, but PyTorch sees {torch.cuda.device_count()} GPUs "
            "here: use device=auto or device=cpu, or run on a machine with a GPU"
        )
    return torch.device(name)


def resolve_precision(precision: str, device: torch.device) -> str:
    """Turn "auto" into "bf16" where `device` has bfloat16 units, else "fp32".

    Without such units bfloat16 is emulated, and several times slower than float32. "tf32" is
    float32 whose products a GPU rounds to 10 bits; a CPU has no such units and computes in fp32.

    Args:
        precision: one of `PRECISIONS`: "auto", "fp32", "tf32" or "bf16".
        device: where the computation runs.

    Raises:
        SparksError: when the name is unknown.

    Example:
        >>> cpu = torch.device("cpu")
        >>> resolve_precision("bf16", cpu)
        'bf16'
        >>> resolve_precision("auto", cpu) in ("bf16", "fp32")
        True
    """
    if precision not in PRECISIONS:
        raise SparksError(f"precision {precision!r} is unknown: use one of {', '.join(PRECISIONS)}")
    if precision != "auto":
        return precision
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    return "bf16" if _cpu_has_bf16() else "fp32"


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """Move a tensor (any shape and type) to a device.

    To a GPU it goes from page-locked memory: the host does not wait, and prepares the next batch.
    """
    if tensor.device.type != "cpu" or device.type in ("cpu", "mps"):
        return tensor.to(device)
    if 0 in tensor.stride():  # of a view whose elements share memory (`expand`) there is no such
        tensor = tensor.contiguous()
    return tensor.pin_memory().to(device, non_blocking=True)


def free_memory(device: torch.device) -> int:
    """Return the bytes of memory that a device still has for this process.

    On a GPU they include what PyTorch holds but does not use. On a CPU with Linux they are what the
    kernel can give without swapping, at most what the control group of the process may still take;
    on other systems 4 GiB are assumed.
    """
    if device.type == "cuda":
        held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + held
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = 1024 * next(int(x.split()[1]) for x in lines if x.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return 2**32
    group = Path("/sys/fs/cgroup")
    with suppress(OSError, ValueError):  # no such group, or no limit: "max"
        limit, used = (int((group / name).read_text()) for name in ("memory.max", "memory.current"))
        free = min(free, max(0, limit - used))
    return free


def autocast(
    precision: str, device: torch.device, cached: bool = True
) -> AbstractContextManager[object]:
    """Return the context in which a forward pass runs at a precision.

    Args:
        precision: of products and convolutions, one of `PRECISIONS`: "auto", "fp32", "tf32" or
            "bf16".
        device: where the pass runs.
        cached: whether weights cast to bfloat16 may be kept (see `keeping_casts`).

    Raises:
        SparksError: when the precision is unknown.

    Example:
        >>> with autocast("bf16", torch.device("cpu")):
        ...     logits = nn.Linear(3, 2)(torch.rand(1, 3))
        >>> logits.dtype
        torch.bfloat16
    """
    resolved = resolve_precision(precision, device)
    if resolved == "bf16":
        return torch.autocast(device.type, dtype=torch.bfloat16, cache_enabled=cached)
    return repeatable(tf32=resolved == "tf32")


def keeping_casts(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """Return the context around many forward passes, each of them under `autocast`.

    PyTorch keeps the weights that it has cast to bfloat16 until the outermost context ends: without
    this one it casts all of them again in every pass.
    """
    if resolve_precision(precision, device) == "bf16":
        return torch.autocast(device.type, enabled=False)
    return nullcontext()


@contextmanager
def repeatable(tf32: bool) -> Iterator[None]:
    """Compute the same bytes each time on a GPU, and float32 as float32 unless TF32 is allowed.

    By default PyTorch takes the algorithm of a convolution that cuDNN thinks fastest, and some for
    gradients add in an order that changes from run to run. It also rounds the factors of
    convolutions to 10 bits (TF32), which changes outputs by some 1e-3.
    """
    kinds: list[Any] = [torch.backends.cudnn, torch.backends.cuda.matmul]
    rounded, fixed = [kind.allow_tf32 for kind in kinds], torch.backends.cudnn.deterministic
    try:
        torch.backends.cudnn.deterministic = True
        for kind in kinds:
            kind.allow_tf32 = tf32
        yield
    finally:
        torch.backends.cudnn.deterministic = fixed
        for kind, was in zip(kinds, rounded, strict=True):
            kind.allow_tf32 = was


def _cpu_has_bf16() -> bool:
    # The public list of capabilities is younger than the oldest PyTorch supported here.
    capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
