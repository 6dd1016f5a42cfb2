"""Moving tensors to a device."""

import os

import pytest
import torch
from pretended_gpu import PretendedGPU

from sparks.engine.inference import evaluating
from sparks.models.device import autocast, free_memory, repeatable, to_device


class Recorded:
    """A tensor in the host's memory that tells how it is moved."""

    device = torch.device("cpu")

    def __init__(self, steps):
        self.steps = steps

    def stride(self):
        return (1,)

    def pin_memory(self):
        return Recorded([*self.steps, "pinned"])

    def to(self, device, non_blocking=False):
        return [*self.steps, str(device), "without waiting" if non_blocking else "waiting"]


def test_a_gpu_reads_from_page_locked_memory_and_nobody_waits():
    moved = to_device(Recorded([]), torch.device("cuda", 1))
    assert moved == ["pinned", "cuda:1", "without waiting"]


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x[:1].expand(3, -1, -1, -1),
        lambda x: x.contiguous(memory_format=torch.channels_last),
        lambda x: x[:, :, ::2].transpose(2, 3),
        lambda x: x.flatten()[0],
    ],
    ids=["expanded", "channels last", "strided", "a number"],
)
def test_tensors_of_every_layout_arrive(change):
    x = change(torch.rand(3, 4, 5, 6))
    with PretendedGPU() as gpu:
        there = to_device(x, gpu.device)
        assert there.device.type == gpu.device.type
        assert torch.equal(there.cpu(), x)


def test_on_the_cpu_nothing_is_copied():
    x = torch.rand(3)
    assert to_device(x, torch.device("cpu")) is x


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
@pytest.mark.parametrize(
    "x",
    [
        torch.rand(64, 3, 224, 224)[:, :, ::2],
        torch.rand(1, 3, 8, 8).expand(64, -1, -1, -1),
    ],
    ids=["strided", "expanded"],
)
def test_what_arrives_is_what_was_sent(x):
    assert to_device(x, torch.device("cuda")).cpu().equal(x)


def allowed():
    return torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        (lambda: autocast("fp32", torch.device("cpu")), (False, False)),
        (lambda: autocast("tf32", torch.device("cpu")), (True, True)),
        (lambda: evaluating(torch.nn.ReLU()), (False, False)),
    ],
    ids=["fp32", "tf32", "evaluating"],
)
def test_fp32_forbids_tf32_and_puts_the_setting_back(context, expected):
    for before in (True, False):
        with repeatable(tf32=before):
            with context():
                assert allowed() == expected
            assert allowed() == (before, before)


def test_only_algorithms_that_repeat_are_used_meanwhile():
    assert not torch.backends.cudnn.deterministic
    with evaluating(torch.nn.ReLU()), autocast("bf16", torch.device("cpu")):
        assert torch.backends.cudnn.deterministic
    assert not torch.backends.cudnn.deterministic


def test_free_memory_is_some_of_what_the_machine_has():
    free = free_memory(torch.device("cpu"))
    assert 0 < free < 2**50
    if hasattr(os, "sysconf"):
        assert free <= os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
