"""Every part that can compute on a GPU computes there what it computes on the CPU.

Sums are made in another order there, so values agree to rounding: to `CLOSE` of the largest. A
method that sorts or thresholds may turn such a difference into a larger one in a few places, so
maps are compared by their correlation as well.
"""

import copy
import warnings
from dataclasses import replace
from shutil import which

import pytest
import torch
from torch import nn
from torch.nn import functional

import sparks.attribution as methods
from sparks.alignment import harmonizer_loss
from sparks.concepts import NMF, PCA, SAE, Craft, Layer, RandomCrops, nnls
from sparks.data.imageset import ImageSet
from sparks.engine import (
    Baseline,
    Blur,
    Engine,
    FixedMasks,
    Grid,
    Noise,
    Superpixels,
    Uniform,
    Windows,
)
from sparks.lipschitz import SoftHKR
from sparks.metrics import ROAD, Deletion, Explanation, Insertion, MuFidelity
from sparks.models import MLP, Classifier, ConvNet, ResNet18, seeded
from sparks.models.compiled import WORTH_RECORDING, recorded
from sparks.models.device import autocast, free_memory
from sparks.models.lipschitz import LipschitzConvNet
from sparks.models.peak import PeakMemory
from sparks.stability.distances import Distances
from sparks.training import Settings, fit, fit_ensemble, predict
from sparks.verification import Attack, bounds
from sparks.visualization import (
    MACO,
    Ascent,
    Fourier,
    channels,
    image_statistics,
    inversion,
    logits,
    named_crops,
    optimise,
)

CLOSE = 1e-4
GRID = Grid((4, 4), (32, 32))


def close(found, expected, tolerance=CLOSE):
    """Assert that values agree to a share of the largest."""
    assert found.shape == expected.shape
    assert found.isfinite().all()
    scale = float(expected.abs().max().clamp(min=1e-12))
    assert float((found.cpu() - expected).abs().max()) <= tolerance * scale


def correlation(a, b):
    """Return the smallest correlation of rows, of those that are not constant in both."""
    a, b = (t.cpu().flatten(1).double() for t in (a, b))
    varied = (a.amax(1) > a.amin(1)) | (b.amax(1) > b.amin(1))
    a, b = a[varied], b[varied]
    a, b = a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True)
    return float(functional.cosine_similarity(a, b, dim=1).min())


def synchronisations(work):
    """Where the host waits for the GPU while some work is done: file and line, as PyTorch warns."""
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            work()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return [f"{w.filename}:{w.lineno}" for w in seen if "synchronizing" in str(w.message)]


# --- repetition and precision --------------------------------------------------------------------


@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16"])
@pytest.mark.parametrize("name", ["Saliency", "IntegratedGradients", "SmoothGrad", "Sobol"])
def test_the_same_call_gives_the_same_bytes(device, name, precision):
    """On a network as large as those in use: cuDNN has more algorithms for it."""
    with seeded(0):
        model = Classifier(ResNet18(3, 10, filters=32), 3).to(device).eval()
    side = 64 if device.type == "cuda" else 16
    x = torch.rand(4, 3, side, side, generator=torch.Generator().manual_seed(0))
    method = getattr(methods, name)()
    if name == "Sobol":
        method = replace(method, points=8, engine=Engine(precision=precision))
    with autocast(precision, device):
        first, *others = (method(model, x, torch.arange(4)) for _ in range(3))
    assert all(torch.equal(first, other) for other in others)


def test_fp32_is_not_tf32(device, network, images, target):
    """PyTorch rounds factors of convolutions to 10 bits on GPUs unless it is forbidden."""
    masks = torch.rand(50, 16, generator=torch.Generator().manual_seed(1))
    exact = network().double()
    expected = Engine().score(exact, images.double(), target, masks, GRID)
    score = Engine().score(network().to(device), images, target, masks, GRID)
    close(score.double(), expected.double(), 1e-5)
    gradient = methods.Saliency()(network().to(device), images, target)
    close(gradient, methods.Saliency()(exact, images.double(), target).float(), 1e-4)


@pytest.mark.parametrize("precision", ["tf32", "bf16"])
def test_lower_precision_is_close(device, network, images, target, precision):
    masks = torch.rand(50, 16, generator=torch.Generator().manual_seed(1))
    expected = Engine().score(network(), images, target, masks, GRID)
    engine = Engine(precision=precision, channels_last=True)
    found = engine.score(network().to(device), images, target, masks, GRID)
    close(found, expected, 0.05)


# --- engine --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "remove", [Baseline(0.5), Blur(), Noise(), Uniform()], ids=lambda p: type(p).__name__
)
def test_perturbations(device, network, images, target, remove):
    masks = torch.rand(30, 16, generator=torch.Generator().manual_seed(1))
    expected = Engine().score(network(), images, target, masks, GRID, remove)
    model = network().to(device)
    found = Engine().score(model, images, target, masks, GRID, remove)
    close(found, expected)
    there = (images.to(device), target.to(device), FixedMasks(masks))
    close(Engine().score(model, *there, GRID, remove), expected)


def test_the_host_waits_no_more_with_more_batches(device, network, images, target):
    """The number of waits for the GPU does not grow with the number of batches."""
    if device.type != "cuda":
        pytest.skip("only a GPU is waited for")
    model = network().to(device)
    masks = torch.rand(200, 16, generator=torch.Generator().manual_seed(1))

    def waits(batch_size):
        return synchronisations(
            lambda: Engine(batch_size).score(model, images, target, masks, GRID)
        )

    waits(64)  # libraries load their parts
    few, more = waits(960), waits(64)
    assert len(few) == len(more) <= 4, more


def test_memory_does_not_grow_with_masks(device, network, images, target):
    if device.type != "cuda":
        pytest.skip("the memory of a GPU is measured")
    model = network().to(device)

    def peak(n):
        masks = torch.rand(n, 16, generator=torch.Generator().manual_seed(1))
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        Engine(128).score(model, images, target, masks, GRID)
        return torch.cuda.max_memory_allocated() - before

    peak(100)
    assert peak(1600) <= 1.05 * peak(100) + 1e6


def test_the_probe_finds_a_batch_size(device, network, images, target):
    masks = torch.rand(200, 16, generator=torch.Generator().manual_seed(1))
    found = Engine("auto", largest=64).score(network().to(device), images, target, masks, GRID)
    close(found, Engine().score(network(), images, target, masks, GRID))


@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-3), ("bf16", 0.05)])
def test_a_compiled_network(device, network, images, target, precision, tolerance):
    """Scores are those of the network, also when its weights have changed since."""
    if which("c++") is None:
        pytest.skip("no C++ compiler here")
    masks = torch.rand(50, 16, generator=torch.Generator().manual_seed(1))
    engine = Engine(64, precision=precision, channels_last=True, compiled=True)
    here, there = network(), network().to(device)
    for _ in range(2):
        expected = Engine().score(here, images, target, masks, GRID)
        close(engine.score(there, images, target, masks, GRID), expected, tolerance)
        with torch.no_grad():
            for model in (here, there):
                next(model.parameters()).mul_(1.5)


# --- attribution methods and metrics -------------------------------------------------------------

METHODS = {
    "Saliency": methods.Saliency(),
    "GradientInput": methods.GradientInput(),
    "IntegratedGradients": methods.IntegratedGradients(steps=20),
    "SmoothGrad": methods.SmoothGrad(samples=10),
    "SquareGrad": methods.SquareGrad(samples=10),
    "VarGrad": methods.VarGrad(samples=10),
    "GuidedBackprop": methods.GuidedBackprop(),
    "DeconvNet": methods.DeconvNet(),
    "GradCAM": methods.GradCAM(layer="net.stages.1"),
    "GradCAMPlusPlus": methods.GradCAMPlusPlus(layer="net.stages.1"),
    "XGradCAM": methods.XGradCAM(layer="net.stages.1"),
    "LayerCAM": methods.LayerCAM(layer="net.stages.1"),
    "ScoreCAM": methods.ScoreCAM(layer="net.stages.1"),
    "AblationCAM": methods.AblationCAM(layer="net.stages.1"),
    "BlurIG": methods.BlurIG(steps=8, deviation=5.0),
    "GuidedIG": methods.GuidedIG(steps=8, slack=0.1),
    "ExpectedGradients": methods.ExpectedGradients(samples=8),
    "FORGrad": methods.FORGrad(methods.Saliency(), cutoff=4.0),
    "Occlusion": methods.Occlusion(),
    "windows": methods.Occlusion(features=Windows(side=8, stride=4)),
    "superpixels": methods.KernelSHAP(samples=200, features=Superpixels(count=12)),
    "RISE": methods.RISE(masks=200),
    "LIME": methods.LIME(samples=200),
    "KernelSHAP": methods.KernelSHAP(samples=200),
    "Sobol": methods.Sobol(grid=6, points=8),
    "HSIC": methods.HSIC(masks=100),
    "Random": methods.Random(),
    "Captum": methods.Captum(method="captum.attr.DeepLift"),
}


@pytest.mark.parametrize("name", METHODS)
def test_methods(device, network, images, target, name):
    expected = METHODS[name](network(), images, target)
    found = METHODS[name](network().to(device), images, target)
    assert found.device == images.device
    tolerance = 1e-2 if name == "VarGrad" else 2e-3  # a difference of nearly equal numbers
    close(found, expected, tolerance)
    assert correlation(found, expected) > 0.999
    there = METHODS[name](network().to(device), images.to(device), target.to(device))
    assert there.device.type == device.type
    close(there, expected, tolerance)


def test_lrp(device):
    """Of a network without branches."""
    with seeded(0):
        pool = (nn.AdaptiveAvgPool2d(4), nn.Flatten())
        net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), *pool, nn.Linear(128, 5)).eval()
    x = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(3))
    target = torch.arange(4)
    for rule in ("epsilon", "gamma", "composite"):
        expected = methods.LRP(rule)(net, x, target)
        close(methods.LRP(rule)(copy.deepcopy(net).to(device), x, target), expected, 2e-3)


@pytest.mark.parametrize(
    "metric",
    [Deletion(steps=8), Insertion(steps=8), MuFidelity(subsets=50), ROAD(shares=(0.2, 0.5))],
    ids=lambda m: type(m).__name__,
)  # fmt: skip
def test_metrics(device, network, images, target, metric):
    maps = torch.rand(24, 32, 32, generator=torch.Generator().manual_seed(0))
    expected = metric(Explanation(model=network(), x=images, target=target, maps=maps))
    found = metric(Explanation(model=network().to(device), x=images, target=target, maps=maps))
    for name, value in expected.items():
        close(found[name], value, 1e-3)


def test_distances_of_maps(device):
    a, b = torch.rand(2, 8, 16, 16, generator=torch.Generator().manual_seed(0))
    expected = Distances()(a, b)
    for name, value in Distances()(a.to(device), b.to(device)).items():
        close(value.float(), expected[name].float(), 1e-3)


# --- verified bounds -----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("method", ["ibp", "forward", "backward", "ibp+forward+backward"])
def test_bounds(device, dtype, method):
    """Bounds are those of the CPU, and hold at corners, at random points and at attacked ones."""
    with seeded(0):
        model = Classifier(ConvNet(1, 4, 8, (4, 6)), 1).to(dtype).eval()
    x = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(3)).to(dtype)
    low, high = (side.detach() for side in bounds(model, x - 0.02, x + 0.02, method))
    there = copy.deepcopy(model).to(device)
    box = ((x - 0.02).to(device), (x + 0.02).to(device))
    found = [side.detach() for side in bounds(there, *box, method)]
    width = (high - low).amax()
    for side, expected in zip(found, (low, high), strict=True):
        assert float((side.cpu() - expected).abs().max() / width) < (
            1e-9 if dtype == torch.float64 else 1e-2
        )
    share = torch.rand(2000, 3, 1, 8, 8, device=device, dtype=dtype)
    share[:1000] = (share[:1000] > 0.5).to(share)
    points = ((x - 0.02).to(device) + share * 0.04).flatten(0, 1)
    with torch.inference_mode():
        outputs = there(points).view(2000, 3, 4)
    assert bool((outputs >= found[0]).all())
    assert bool((outputs <= found[1]).all())


@pytest.mark.parametrize(
    "settings", [{}, {"layer": "stages.0", "samples": 8}, {"norm": "2", "clip": False}]
)
def test_eva(device, settings):
    with seeded(0):
        model = Classifier(ConvNet(1, 4, 8, (4, 6)), 1).eval()
    x = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(3))
    explain = methods.EVA(epsilon=0.02, grid=3, **settings)
    expected = explain.overlaps(model, x, torch.tensor([0, 1]))
    found = explain.overlaps(model.to(device), x.to(device), torch.tensor([0, 1], device=device))
    close(found, expected, 1e-3)


def test_eva_of_the_affine_head_of_a_real_network(device):
    """62,720 inputs: the bounds are exact, and take some megabytes, not d x d numbers (31 GB)."""
    with seeded(0):
        body, head = nn.Conv2d(3, 1280, 32, 32), nn.Linear(1280, 10)
    net = nn.Sequential(body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), head).eval().to(device)
    x = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(3)).to(device)
    explain = methods.EVA(epsilon=0.02, grid=2, layer="0", samples=1)
    before = PeakMemory(device)
    found = explain.overlaps(net, x, torch.tensor([3], device=device))
    if device.type == "cuda":
        assert before.megabytes() < 1024
        assert 0 < free_memory(device) < torch.cuda.get_device_properties(device).total_memory
    with torch.no_grad():  # the one sample moves nothing
        logits = net.double()(x.double())[0]
    margin = logits[torch.arange(10, device=device) != 3].max() - logits[3]
    close(found.double().cpu(), margin.expand(1, 5).cpu(), 1e-3)


def test_attacks(device, network, images, target):
    epsilon = torch.full((24,), 0.03)
    call = (images, target, torch.ones_like(images), epsilon)
    expected = Attack(steps=10)(network(), *call)
    found = Attack(steps=10)(network().to(device), *(t.to(device) for t in call))
    close(found, expected, 1e-2)


# --- training ------------------------------------------------------------------------------------


@pytest.fixture
def blobs():
    """96 images (3, 16, 16) of 3 classes: the class is the row that is bright."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(96) % 3
    pixels = torch.randint(0, 100, (96, 3, 16, 16), generator=generator, dtype=torch.uint8)
    pixels[torch.arange(96), :, 4 * labels + 2] += 100
    return ImageSet(labels=labels, classes=("a", "b", "c"), images=pixels)


def small(kind, seed=0):
    makers = {
        "convnet": lambda: ConvNet(3, 3, 16, (8, 16)),
        "mlp": lambda: MLP(3, 3, 16, (16,)),
        "lipschitz": lambda: LipschitzConvNet(3, 3, 16, (8, 16), (16,)),
    }
    with seeded(seed):
        return Classifier(makers[kind](), 3)


@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16"])
@pytest.mark.parametrize("kind", ["convnet", "mlp"])
def test_training_learns_and_repeats(device, blobs, kind, precision):
    """The loss falls as on the CPU, and the same call gives the same weights bit by bit."""
    settings = Settings(epochs=6, batch_size=16, precision=precision, validation=0.0)
    here, first, second = small(kind), small(kind), small(kind)
    expected = fit(here, blobs, None, settings, device="cpu").epochs
    found = fit(first, blobs, None, settings, device=device).epochs
    fit(second, blobs, None, settings, device=device)
    for name, weight in first.state_dict().items():
        assert torch.equal(weight, second.state_dict()[name]), name
    assert found[0]["loss"] == pytest.approx(expected[0]["loss"], rel=0.03)
    assert found[-1]["loss"] < 0.8 * found[0]["loss"]
    close(predict(first, blobs, device=device), predict(first, blobs, device="cpu"), 1e-3)


def test_training_lipschitz_networks(device, blobs):
    settings = Settings(epochs=3, batch_size=16, precision="fp32", validation=0.0)
    loss = SoftHKR()
    here = fit(small("lipschitz"), blobs, None, settings, device="cpu", loss=loss).epochs
    there = fit(small("lipschitz"), blobs, None, settings, device=device, loss=loss).epochs
    assert there[0]["loss"] == pytest.approx(here[0]["loss"], rel=0.02)


def test_networks_of_all_folds_train_together(device, blobs):
    settings = Settings(epochs=2, batch_size=16, precision="fp32", validation=0.0)
    here, there = ([small("convnet", s) for s in (1, 2)] for _ in range(2))
    fit_ensemble(here, [blobs, blobs], settings, [5, 6], device="cpu")
    fit_ensemble(there, [blobs, blobs], settings, [5, 6], device=device)
    for one, other in zip(here, there, strict=True):
        close(predict(other, blobs, device=device), predict(one, blobs, device="cpu"), 0.02)


def test_the_harmonizers_loss(device, network, images, target):
    human = torch.rand(24, 32, 32, generator=torch.Generator().manual_seed(2))
    found = []
    for there in (torch.device("cpu"), device):
        saliency = images.mean(1).to(there).requires_grad_()
        value = harmonizer_loss(saliency, human.to(there))
        (gradient,) = torch.autograd.grad(value.sum(), saliency)
        found.append((value.detach().cpu(), gradient.cpu()))
    close(found[1][0], found[0][0])
    close(found[1][1], found[0][1], 1e-3)


# --- concepts and pictures -----------------------------------------------------------------------


@pytest.mark.parametrize("method", [NMF(concepts=4), PCA(concepts=4), SAE(concepts=6, epochs=5)])
def test_dictionaries(device, method):
    a = torch.rand(300, 12, generator=torch.Generator().manual_seed(0))
    expected, found = method.fit(a), method.fit(a.to(device))
    assert found.atoms.device.type == device.type
    codes = [d.encode(x) for d, x in ((expected, a), (found, a.to(device)))]
    close(found.decode(codes[1]), expected.decode(codes[0]), 0.05)


def test_non_negative_least_squares(device):
    generator = torch.Generator().manual_seed(0)
    a, v = torch.rand(50, 12, generator=generator), torch.rand(20, 12, generator=generator)
    close(nnls(a.to(device), v.to(device)), nnls(a, v), 1e-3)


@pytest.mark.parametrize("name", ["stages.0", "stages.1"])
def test_craft(device, network, images, name):
    """Few iterations, as rounding takes a factorisation to another of its many solutions."""
    craft = Craft(
        dictionary=NMF(concepts=4, iterations=10),
        crops=RandomCrops(number=6),
        importance=methods.Sobol(points=16),
    )
    results = []
    for there in (torch.device("cpu"), device):
        layer = Layer(network().to(there), name, images[:1])
        concepts = craft.fit(layer, images)
        results.append((concepts.maps(images), craft.rank(concepts, images, 1)))
    (expected, ranks), (found, found_ranks) = results
    assert correlation(found.transpose(0, 1), expected.transpose(0, 1)) > 0.999
    close(found_ranks, ranks, 0.05)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize(
    ("parametrisation", "crops"),
    [(MACO(), "paper"), (Fourier(), "olah")],
    ids=["MACO", "Fourier"],
)
def test_pictures(device, network, images, parametrisation, crops, precision):
    statistics = image_statistics(lambda: iter(images.split(8)))
    ascent = Ascent(
        parametrisation=parametrisation, crops=named_crops(crops, 4), steps=6, precision=precision
    )
    expected = ascent(logits(network(), range(4)), statistics, (32, 32))
    found = ascent(logits(network().to(device), range(4)), statistics, (32, 32))
    close(found.history[:2], expected.history[:2], 1e-3 if precision == "fp32" else 0.1)
    assert found.images.isfinite().all()
    assert 0 <= float(found.images.min()) <= float(found.images.max()) <= 1


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("of", ["logits", "channels", "inversion"])
def test_recorded_pictures(device, network, images, of, precision, monkeypatch):
    """They repeat, and are those that are not recorded."""
    model = network().to(device)
    layer = Layer(model, "stages.1", images[:1])
    objective = {
        "logits": lambda: logits(model, range(4)),
        "channels": lambda: channels(layer, range(4)),
        "inversion": lambda: inversion(layer, images[:4]),
    }[of]()
    statistics = image_statistics(lambda: iter(images.split(8)))
    # 20 crops in passes of 16 and 4: the second is not recorded.
    ascent = Ascent(
        crops=named_crops("paper", 5), steps=WORTH_RECORDING, batch_size=16, precision=precision
    )
    found, again = (ascent(objective, statistics, (32, 32)) for _ in range(2))
    assert torch.equal(again.images, found.images)
    monkeypatch.setattr(optimise, "recorded", lambda network, *_: network)
    expected = ascent(objective, statistics, (32, 32))
    assert torch.equal(found.images, expected.images)


def test_a_network_that_looks_at_values_is_not_recorded(device, network, images):
    model = network().to(device)

    def looks(x):
        return model(x) if float(x.sum()) > 0 else -model(x)

    x = images[:4].to(device)
    passes = recorded(looks, x, "fp32")
    assert passes is looks
    close(passes(x).detach(), network()(images[:4]).detach())  # the GPU is still of use


def test_the_host_waits_no_more_with_more_steps_of_pictures(device, network, images):
    if device.type != "cuda":
        pytest.skip("only a GPU is waited for")
    model = network().to(device)
    statistics = image_statistics(lambda: iter(images.split(8)))

    def waits(steps):
        ascent = Ascent(crops=named_crops("paper", 4), steps=steps, precision="bf16")
        return synchronisations(lambda: ascent(logits(model, range(4)), statistics, (32, 32)))

    waits(2)  # libraries load their parts
    few, more = waits(3), waits(12)
    assert len(few) == len(more), more


def test_moving_a_model_leaves_no_tensor_behind(device, network):
    """Buffers and parameters are all on the device, so that no call mixes two of them."""
    model: nn.Module = network().to(device)
    kinds = {t.device.type for t in (*model.parameters(), *model.buffers())}
    assert kinds == {device.type}
