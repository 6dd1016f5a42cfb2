"""The network that is read is the network: every form of it is read right, or refused by name."""

import copy
from functools import partial

import pytest
import torch
from torch import nn

from sparks.errors import SparksError
from sparks.models import Classifier
from sparks.verification import Balls, Boxes, bounds, layers, read

from .nets import Drawn, inside

POINTS = torch.rand(3, 2, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


class Form(nn.Module):
    """Some expression of two activations u and v (2, 4, 4), between a convolution and a head."""

    def __init__(self, expression, outputs=32):
        super().__init__()
        torch.manual_seed(0)
        self.one, self.two = (nn.Conv2d(2, 2, 3, padding=1) for _ in range(2))
        self.head = nn.Linear(outputs, 3)
        self.expression = expression
        self.register_buffer("buffer", torch.randn(2, 1, 1))
        self.weight = nn.Parameter(torch.randn(2, 4, 4))
        self.plain = torch.randn(4)

    def forward(self, x):
        return self.head(self.expression(self, self.one(x).relu(), self.two(x)).flatten(1))


F = nn.functional
READ = {
    "u + v": lambda m, u, v: u + v,
    "u + u": lambda m, u, v: u + u,
    "u - u": lambda m, u, v: u - u,
    "1 + u": lambda m, u, v: 1 + u,
    "u + 1.5": lambda m, u, v: u + 1.5,
    "sum of a list": lambda m, u, v: sum([u, v]),
    "sum of a generator": lambda m, u, v: sum(t for t in (u, v, u)),
    "sum with a start": lambda m, u, v: sum([u, v], 2.0),
    "torch.add": lambda m, u, v: torch.add(u, v),
    "torch.add, alpha": lambda m, u, v: torch.add(u, v, alpha=0.5),
    "torch.add, by name": lambda m, u, v: torch.add(input=u, other=v, alpha=-2),
    "torch.add of a number, alpha": lambda m, u, v: torch.add(u, 3, alpha=0.5),
    "torch.add to a number, alpha": lambda m, u, v: torch.add(3, u, alpha=0.5),
    "add": lambda m, u, v: u.add(v),
    "add, alpha": lambda m, u, v: u.add(v, alpha=2),
    "add_": lambda m, u, v: u.add_(v),
    "add_ of a number": lambda m, u, v: v.add_(0.3),
    "+=": lambda m, u, v: _added(u, v),
    "+= number": lambda m, u, v: _added(u, 0.2),
    "buffer + u": lambda m, u, v: m.buffer + u,
    "u + buffer": lambda m, u, v: u + m.buffer,
    "parameter + u": lambda m, u, v: m.weight + u,
    "u + parameter of a batch": lambda m, u, v: u + m.weight[None],
    "tensor + u": lambda m, u, v: m.plain + u,
    "u + number as tensor": lambda m, u, v: u + torch.tensor(0.7),
    "constant made of parameters": lambda m, u, v: u * m.weight.exp() + m.buffer.sum(),
    "u - v": lambda m, u, v: u - v,
    "u - 1": lambda m, u, v: u - 1,
    "1 - u": lambda m, u, v: 1 - u,
    "parameter - u": lambda m, u, v: m.weight - u,
    "torch.sub, alpha": lambda m, u, v: torch.sub(u, v, alpha=3),
    "sub_": lambda m, u, v: u.sub_(v),
    "torch.sub from a number": lambda m, u, v: torch.sub(2, u, alpha=0.3),
    "torch.rsub": lambda m, u, v: torch.rsub(u, v),
    "torch.rsub from a number, alpha": lambda m, u, v: torch.rsub(u, 2, alpha=0.3),
    "2 * u": lambda m, u, v: 2 * u,
    "u * parameter": lambda m, u, v: u * m.weight,
    "u *= tensor": lambda m, u, v: u.mul_(m.plain),
    "u / 3": lambda m, u, v: u / 3,
    "u / parameter": lambda m, u, v: torch.div(u, m.weight),
    "-u": lambda m, u, v: -u + torch.neg(v),
    "u / channels": lambda m, u, v: u / u.shape[1],
    "cat": lambda m, u, v: torch.cat([u, v, u], 2)[:, :, 2:6],
    "cat by name": lambda m, u, v: torch.cat(tensors=(u, v), dim=-1)[:, :, ..., 1:5],
    "relu6": lambda m, u, v: F.relu6(9 * v),
    "clamp": lambda m, u, v: v.clamp(-0.1, 0.2) + v.clamp(min=0.05) + torch.clamp(v, max=0),
    "hardtanh": lambda m, u, v: F.hardtanh(v) + F.hardtanh(v, -0.2, max_val=0.1),
    "transpose": lambda m, u, v: u.transpose(1, 2).permute(0, 2, 1, 3).transpose(-1, -2),
    "sums": lambda m, u, v: torch.cat([torch.sum(v, 2, True).mean((-1,), True)] * 16, 1),
    "squeeze": lambda m, u, v: u.unsqueeze(2).squeeze(2).reshape(-1, 2, 16).unflatten(2, (4, 4)),
    "linear": lambda m, u, v: F.linear(u, m.weight[0], bias=m.weight[1, 0]),
    "conv2d": lambda m, u, v: F.conv2d(u, m.one.weight, None, padding="same") / 2,
    "conv2d, groups": lambda m, u, v: F.conv2d(u, m.two.weight[:, :1], None, 1, 1, groups=2),
    "views": lambda m, u, v: torch.reshape(u, (u.shape[0], -1)).view(-1, 2, 4, 4).contiguous(),
}  # fmt: skip


def _added(u, v):
    u += v
    return u


REFUSED = {
    "broadcasts activations": (
        lambda m, u, v: u + v.mean((2, 3), keepdim=True),
        r"layer add has no rule.*broadcasts activations of shapes \(2, 4, 4\) and \(2, 1, 1\)",
    ),
    "sum that broadcasts": (
        lambda m, u, v: sum([v[:, :1], u]),
        r"layer add has no rule.*broadcasts activations of shapes \(1, 4, 4\) and \(2, 4, 4\)",
    ),
    "constant larger than the activation": (
        lambda m, u, v: u[:, :1] + m.weight,
        r"layer add has no rule.*broadcasts a constant.*\(2, 4, 4\) and \(1, 4, 4\)",
    ),
    "constant for each input of a batch": (
        lambda m, u, v: u + torch.ones(3, 1, 1, 1),
        "layer add has no rule.*broadcasts a constant",
    ),
    "weights that depend on the input": (
        lambda m, u, v: F.linear(u, v[0, 0]), "layer getitem.*inputs of a batch",
    ),
    "two activations": (
        lambda m, u, v: F.conv2d(u, v), "layer conv2d.*it takes more than one activation",
    ),
    "u * v": (lambda m, u, v: u * v, "layer mul has no rule.*a product of two activations"),
    "u * u": (lambda m, u, v: u * u, "layer mul has no rule.*a product of two activations"),
    "1 / u": (lambda m, u, v: 1 / u, "layer truediv has no rule.*a division by an activation"),
    "rounded": (lambda m, u, v: torch.div(u, 2, rounding_mode="floor"), "layer div.*it rounds"),
    "out=": (
        lambda m, u, v: torch.add(u, v, out=torch.empty(0)),
        "layer add has no rule.*argument 'out' is not read",
    ),
    "cat of inputs": (lambda m, u, v: torch.cat([u, v]), "layer cat.*mixes the inputs of a batch"),
    "cat of a constant": (
        lambda m, u, v: torch.cat([u, torch.ones(3, 1, 4, 4)], 1), "layer cat.*joins a constant",
    ),
    "stack": (lambda m, u, v: torch.stack([u, v]).sum(0), "layer stack has no rule"),
    "chunk": (lambda m, u, v: u.chunk(2, 1)[0], "layer chunk has no rule.*returns a tuple"),
    "mean over inputs": (lambda m, u, v: u - u.mean(0), "layer mean has no rule"),
    "some inputs": (lambda m, u, v: u[:1], "layer getitem has no rule.*inputs of a batch"),
    "an index from the left": (lambda m, u, v: u[..., 1:], "layer getitem has no rule.*index"),
    "maximum": (lambda m, u, v: torch.maximum(u, v), "layer maximum has no rule"),
    "item": (lambda m, u, v: u * u.sum().item(), "layer sum has no rule"),
    "reflected": (lambda m, u, v: F.pad(u, (1, 1, 1, 1), "reflect"), "layer pad.*than zeros"),
    "ones": (lambda m, u, v: F.pad(u, (1, 1), value=1.0), "layer pad.*than zeros"),
    "dropout": (lambda m, u, v: F.dropout(u, 0.5, True), "layer dropout.*draws in evaluation"),
    "float": (lambda m, u, v: u.float(), "layer float has no rule"),
    "constant output": (lambda m, u, v: m.weight[None], "outputs do not depend on its input"),
}  # fmt: skip


@pytest.mark.parametrize("form", READ)
@pytest.mark.parametrize("precision", [torch.float32, torch.float64])
def test_each_form_of_arithmetic_is_read_and_bounded(form, precision):
    model = Form(READ[form]).to(precision).eval()
    network = read(model, POINTS[:2])
    torch.testing.assert_close(
        network(POINTS), copy.deepcopy(model).double()(POINTS), atol=1e-13, rtol=1e-12
    )
    lower, upper = POINTS - 0.2, POINTS + 0.2
    points = inside(lower, upper, 100, 0)
    with torch.no_grad():
        outputs = copy.deepcopy(model).double()(points.flatten(0, 1)).unflatten(0, (100, 3))
        low, high = bounds(model, lower, upper)
    assert (low <= outputs.amin(0)).all()
    assert (high >= outputs.amax(0)).all()


@pytest.mark.parametrize("form", REFUSED)
def test_what_cannot_be_read_is_refused_by_name(form):
    expression, message = REFUSED[form]
    with pytest.raises(SparksError, match=message):
        read(Form(expression), POINTS)


def test_a_refusal_says_where_the_layer_is():
    model = nn.Sequential(nn.ReLU(), Form(lambda m, u, v: u * v))
    with pytest.raises(SparksError, match=r"layer mul in 1 \(Form\) has no rule"):
        read(model, POINTS)
    model[1].one.padding_mode = "circular"
    with pytest.raises(SparksError, match=r"layer 1\.one \(Conv2d\) has no rule.*'circular'"):
        read(model, POINTS)


class Stale(nn.Module):
    """An activation that is changed in place after it was taken, and used again."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x):
        y = self.first(x)
        y.add_(1.0)
        return self.last(torch.relu(y))


class OfTheBatch(nn.Module):
    """What an output is depends on how many inputs there are."""

    def forward(self, x):
        return x / x.shape[0]


class AtRandom(nn.Module):
    """Draws a constant of its own each time."""

    def forward(self, x):
        return x + torch.rand(4)


def hooked():
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    model[1].register_forward_hook(lambda module, inputs, output: output + 0.1)
    return model


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (hooked, r"layer 1 \(ReLU\) computes something else"),
        (Stale, "layer relu computes something else"),
        (OfTheBatch, "something else on a single input than on a batch"),
        (AtRandom, "than when it was traced"),
    ],
)
def test_a_network_that_is_not_what_it_seems_is_refused(make, message):
    torch.manual_seed(0)
    with pytest.raises(SparksError, match=message):
        bounds(make().double(), torch.zeros(1, 4).double(), torch.ones(1, 4).double())


@pytest.mark.parametrize("rule", ["Add", "ReLU", "Clip", "Conv", "Dense", "Scale", "Average"])
def test_a_rule_that_is_wrong_is_noticed_at_its_first_layer(rule, monkeypatch):
    """Each layer but this gives a rule's result; this one gives 1 % more."""
    model = nn.Sequential(
        nn.ZeroPad2d(1), nn.BatchNorm2d(2), nn.Conv2d(2, 2, 3), nn.ReLU6(), nn.ReLU(),
        Form(lambda m, u, v: u + v),
    ).eval()  # fmt: skip
    read(model, POINTS)
    where = {
        "Add": r"add in 5 \(Form\)", "ReLU": r"4 \(ReLU\)", "Clip": r"3 \(ReLU6\)",
        "Conv": r"2 \(Conv2d\)", "Dense": r"5\.head \(Linear\)", "Scale": r"1 \(BatchNorm2d\)",
        "Average": r"0 \(ZeroPad2d\)",
    }  # fmt: skip
    kind = getattr(layers, rule)
    right = kind.__call__
    monkeypatch.setattr(kind, "__call__", lambda self, *x: 1.01 * right(self, *x))
    with pytest.raises(SparksError, match=f"layer {where[rule]} computes something else"):
        read(model, POINTS)


@pytest.mark.parametrize("seed", range(3))
def test_weights_are_merged_in_double_precision(seed):
    """A float32 model is bounded as it is, not as float32 rounds the products of its weights."""
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 3)
    )
    nn.init.uniform_(model[1].running_mean, -3, 3)
    model = Classifier(model, 2, [0.4, 0.5], [0.3, 0.25]).eval()
    exact = copy.deepcopy(model).double()(POINTS)
    assert (read(model, POINTS)(POINTS) - exact).abs().max() < 1e-13
    low, high = bounds(model, POINTS, POINTS)
    assert (low <= exact).all()
    assert (high >= exact).all()
    assert (high - low).max() < 1e-11


@pytest.mark.parametrize("padding", [1, (0, 2), "same", "valid"])
@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("kernel", [1, 2, (3, 2), (4, 5)])
def test_convolutions_of_every_kind_have_the_bounds_of_their_matrix(padding, groups, kernel):
    """One affine layer on a box: the bounds are exact, and known from the matrix written out."""
    torch.manual_seed(0)
    for stride, dilation in [(1, 1), (2, 1), (1, 2), ((2, 3), (2, 1))]:
        if padding == "same" and stride != 1:
            continue
        conv = nn.Conv2d(4, 8, kernel, stride, padding, dilation, groups).double()
        x = torch.randn(2, 4, 10, 11, dtype=torch.float64)
        model = nn.Sequential(conv, nn.Flatten())
        with torch.no_grad():
            bias = model(torch.zeros_like(x[:1]))
            columns = torch.eye(x[0].numel(), dtype=torch.float64).view(-1, *x.shape[1:])
            reach = 0.3 * (model(columns) - bias).abs().sum(0)
            for method in ("ibp", "forward", "backward"):
                low, high = bounds(model, x - 0.3, x + 0.3, method)
                torch.testing.assert_close(high, model(x) + reach)
                torch.testing.assert_close(low, model(x) - reach)


def test_networks_that_people_use_are_read():
    models = pytest.importorskip("torchvision.models")
    torch.manual_seed(0)
    x = torch.rand(2, 3, 64, 64, dtype=torch.float64)
    makers = {
        "mobilenet_v2": partial(models.mobilenet_v2, width_mult=0.1),  # ReLU6, depthwise
        "resnet18": models.resnet18,  # residual sums, padded pooling
        "vgg11_bn": partial(models.vgg11_bn, init_weights=False),
        "squeezenet1_1": models.squeezenet1_1,  # concatenation
        "shufflenet_v2_x0_5": models.shufflenet_v2_x0_5,
        "densenet": partial(models.DenseNet, 4, (2, 2, 2, 2), 8),
    }
    for name, make in makers.items():
        model = make(num_classes=4).double().eval()
        if name == "shufflenet_v2_x0_5":
            with pytest.raises(SparksError, match=r"layer chunk.*has no rule"):
                read(model, x)
            continue
        torch.testing.assert_close(read(model, x)(x), model(x), atol=1e-10, rtol=1e-8)


def test_points_are_drawn_from_the_sets_in_turn():
    centre = torch.rand(1, 2, 3, dtype=torch.float64)
    free = torch.tensor([[[1.0] * 3] * 2, [[1.0, 0, 0]] * 2], dtype=torch.float64)
    for region in (Boxes(centre, 0.1 * free), Balls(centre, 0.1, free)):
        away = region.draw(400) - centre
        assert (away[1::2][:, :, 1:] == 0).all()
        size = away.flatten(1).abs().amax(1) if isinstance(region, Boxes) else away.norm(dim=(1, 2))
        assert (size <= 0.1 + 1e-12).all()
        assert size.max() > 0.0999
        assert size.min() < 0.09
        assert torch.equal(region.draw(400), region.draw(400))


def test_random_networks_have_every_kind_of_layer():
    kinds = set()
    for seed in range(40):
        network = read(Drawn(seed).double().eval(), torch.rand(2, 2, 6, 6))
        kinds |= {type(step.layer).__name__ for step in network.steps[1:]}
    assert kinds == {
        "Scale",
        "Average",
        "Conv",
        "Add",
        "Dense",
        "Clip",
        "ReLU",
        "Reshape",
        "MaxPool",
    }
