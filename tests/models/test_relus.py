"""ReLUs with another backward pass: what passes, of whom, and through every way to call one."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from sparks.models.relus import redirecting

CALLS = {
    "module": nn.ReLU(),
    "module in place": nn.ReLU(inplace=True),
    "ReLU6": nn.ReLU6(),
    "functional": functional.relu,
    "method": lambda x: x.relu(),
    "in place": lambda x: x.clone().relu_(),
    "hardtanh": lambda x: functional.hardtanh(x, 0.0, 6.0),
}
# Two living inputs with a value of each kind, a dead one, and one above the cap.
X = torch.tensor([[1.0, -1.0, 7.0], [-2.0, 3.0, -4.0], [-1.0, -2.0, -3.0], [8.0, 9.0, 10.0]])
UP = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, -8.0, 9.0], [1.0, 1.0, 1.0]])


def passed(relu, redirected):
    x = X.clone().requires_grad_()
    if redirected:
        with redirecting():
            y = relu(x * 1)
    else:
        y = relu(x * 1)
    (slope,) = torch.autograd.grad((UP * y).sum(), x)
    return y.detach(), slope


@pytest.mark.parametrize("name", CALLS)
def test_only_a_dead_input_gets_another_gradient(name):
    usual, without = passed(CALLS[name], False)
    outputs, slope = passed(CALLS[name], True)
    assert torch.equal(outputs, usual)
    dead = (without == 0).all(1)
    assert dead.tolist()[:3] == [False, False, True]
    assert torch.equal(slope[~dead], without[~dead])
    # Where a larger input to the ReLU would raise the score, and nowhere else.
    assert slope[2].tolist() == [7.0, 0.0, 9.0]


def test_other_activations_are_as_ever():
    for function in (torch.tanh, functional.leaky_relu, functional.hardtanh, functional.gelu):
        usual, there = passed(function, False), passed(function, True)
        assert all(torch.equal(a, b) for a, b in zip(usual, there, strict=True))
