"""Moving tensors to a device."""

import pytest
import torch

from sparks.models.device import to_device


class Recorded:
    """A tensor in the host's memory that tells how it is moved."""

    device = torch.device("cpu")

    def __init__(self, steps):
        self.steps = steps

    def pin_memory(self):
        return Recorded([*self.steps, "pinned"])

    def to(self, device, non_blocking=False):
        return [*self.steps, str(device), "without waiting" if non_blocking else "waiting"]


def test_a_gpu_reads_from_page_locked_memory_and_nobody_waits():
    moved = to_device(Recorded([]), torch.device("cuda", 1))
    assert moved == ["pinned", "cuda:1", "without waiting"]


def test_on_the_cpu_nothing_is_copied():
    x = torch.rand(3)
    assert to_device(x, torch.device("cpu")) is x


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_what_arrives_is_what_was_sent():
    x = torch.rand(64, 3, 224, 224)[:, :, ::2]
    assert to_device(x, torch.device("cuda")).cpu().equal(x)
