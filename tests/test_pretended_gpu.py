"""The GPU that tests pretend has a GPU's rules, and the CPU's numbers."""

import pytest
import torch
from pretended_gpu import PretendedGPU
from torch import nn

X = torch.rand(3, 4, generator=torch.Generator().manual_seed(0))
MIXED = {
    "product": lambda there: there @ X.T,
    "sum": lambda there: X + there,
    "looked up from there": lambda there: X[there[:, 0].long()],
    "written there": lambda there: there.mul_(X),
    "a layer here": lambda there: nn.Linear(4, 2)(there),
    "drawn by a generator here": lambda there: there.normal_(generator=torch.Generator()),
}


@pytest.mark.parametrize("use", MIXED.values(), ids=MIXED)
def test_devices_do_not_mix(use):
    with PretendedGPU() as gpu, pytest.raises(RuntimeError, match=r"two devices|of the CPU"):
        use(X.to(gpu.device))


WAITING = {
    "a number": lambda there: there.sum().item(),
    "a condition": lambda there: bool(there.any()),
    "a list": lambda there: there.tolist(),
    "a copy": lambda there: there.cpu(),
    "positions": lambda there: there.nonzero(),
    "those of a mask": lambda there: there[there > 0.5],
    "whether all are equal": lambda there: torch.equal(there, there.clone()),
}


@pytest.mark.parametrize("ask", WAITING.values(), ids=WAITING)
def test_who_asks_for_a_value_waits(ask):
    with PretendedGPU() as gpu:
        there = X.to(gpu.device)
        there = there * 2 + torch.ones(3, 4, device=gpu.device).softmax(1)
        assert gpu.waits == []
        ask(there)
        assert len(gpu.waits) == 1


def test_numbers_are_those_of_the_cpu():
    def work(device):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))
        net.to(device)
        optimizer = torch.optim.NAdam(net.parameters())
        for _ in range(3):
            optimizer.zero_grad()
            spectrum = torch.fft.fft(net(X.to(device)))
            spectrum = (spectrum.conj() * spectrum).real
            spectrum[:, [0]] *= 2
            spectrum.sum().backward()
            optimizer.step()
        return [p.detach().cpu() for p in net.double().parameters()]

    expected = work("cpu")
    with PretendedGPU() as gpu:
        found = work(gpu.device)
    assert all(torch.equal(a, b) for a, b in zip(expected, found, strict=True))


def test_behind_it_there_is_no_gpu():
    known = torch.inference_mode
    with PretendedGPU() as gpu:
        there = X.to(gpu.device)
        assert torch.inference_mode is not known
    assert torch.inference_mode is known
    with pytest.raises(RuntimeError, match="behind its"):
        there + 1
