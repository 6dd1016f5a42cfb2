"""What other libraries say: run by the Python of their environment, never by this project's.

    python peers.py NAME INPUTS.npz OUTPUTS.npz

Each function takes arrays and returns arrays.
"""

import itertools
import os
import sys

import numpy as np

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def shap_of_games(worths, samples, seeds):
    """Shapley values (G, d) by shap's KernelExplainer of games with terms of up to three players.

    Args:
        worths: (G, terms), of every set of one, two and three of nine players, in that order.
        samples: coalitions besides the full and the empty one.
        seeds: (G,).
    """
    import shap

    d = 9
    terms = [list(p) for k in (1, 2, 3) for p in itertools.combinations(range(d), k)]
    found = []
    for worth, seed in zip(worths, seeds, strict=True):

        def game(z, worth=worth):
            return sum(w * z[:, players].prod(1) for players, w in zip(terms, worth, strict=True))

        np.random.seed(int(seed))  # noqa: NPY002
        explainer = shap.KernelExplainer(game, np.zeros((1, d)))
        values = explainer.shap_values(
            np.ones((1, d)), nsamples=int(samples), l1_reg="num_features(9)", silent=True
        )
        found.append(np.asarray(values).reshape(d))
    return {"values": np.stack(found)}


def grad_cam(x, target):
    """Maps (N, H, W), each scaled to [0, 1], of pytorch-grad-cam."""
    import torch
    from net import network
    from pytorch_grad_cam import GradCAM, GradCAMPlusPlus
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    net = network()
    targets = [ClassifierOutputTarget(int(c)) for c in target]
    maps = {}
    for name, kind in (("gradcam", GradCAM), ("gradcam_pp", GradCAMPlusPlus)):
        with kind(model=net, target_layers=[net[3]]) as cam:
            maps[name] = cam(input_tensor=torch.from_numpy(x), targets=targets)
    return maps


def quantus_of_maps(maps, truth, x):
    """Entropy, Gini index and pointing game (N,) of maps (N, H, W) by Quantus."""
    import quantus

    inputs = {
        "model": None, "x_batch": x, "y_batch": np.zeros(len(x), dtype=int),
        "a_batch": maps[:, None], "s_batch": truth[:, None],
    }  # fmt: skip
    silent = {"disable_warnings": True, "display_progressbar": False}
    plain = {**silent, "abs": False, "normalise": False}
    return {
        "entropy": np.asarray(quantus.Complexity(**plain)(**inputs)),
        "gini": np.asarray(quantus.Sparseness(**plain)(**inputs)),
        "pointing": np.asarray(quantus.PointingGame(**plain)(**inputs), dtype=float),
    }


def xplique(x, target, maps, design, masks, scores):
    """Sobol and Occlusion maps, deletion and insertion, and HSIC's estimator, by xplique.

    Args:
        x: images (N, C, H, W).
        target: (N,).
        maps: (N, H, W), scored.
        design: (N (d + 2), d) of a square grid, for Sobol; its own leaves out a sequence's first
            point.
        masks: binary (n, d) of a square grid, and
        scores: (n,) under them, for HSIC.
    """
    import tensorflow as tf
    from net import network
    from xplique.attributions import Occlusion, SobolAttributionMethod
    from xplique.attributions.global_sensitivity_analysis.hsic_estimators import BinaryEstimator
    from xplique.metrics import Deletion, Insertion
    from xplique.wrappers import TorchWrapper

    model = TorchWrapper(network(), device="cpu", is_channel_first=True)
    images = tf.convert_to_tensor(np.moveaxis(x, 1, 3))
    classes = tf.one_hot(target, 4)
    side = round(masks.shape[1] ** 0.5)
    cube = masks.reshape(len(masks), side, side, 1).astype(np.float32)
    sobol = SobolAttributionMethod(model, side, len(design) // (side**2 + 2))
    sobol.masks = tf.reshape(tf.cast(design, tf.float32), (-1, side, side, 1))
    found = {
        "sobol": sobol(images, classes),
        "occlusion": Occlusion(model, patch_size=8, patch_stride=8)(images, classes),
        "hsic": BinaryEstimator(output_kernel="rbf")(cube, scores.astype(np.float32), len(masks)),
    }
    for name, kind in (("deletion", Deletion), ("insertion", Insertion)):
        # One at a time: it averages over images.
        found[name] = [
            kind(model, images[i : i + 1], classes[i : i + 1], steps=10)(maps[i : i + 1])
            for i in range(len(x))
        ]
    return {name: np.asarray(values) for name, values in found.items()}


def autoencoders(a, held_out, concepts, active, epochs, rates):
    """Codes and reconstructions of held-out activations by overcomplete's autoencoders.

    Args:
        a: activations (n, p), trained on in batches of 256.
        held_out: others, (m, p).
        concepts: k.
        active: concepts of a code.
        epochs: passes over the activations.
        rates: of Adam; an answer for each.
    """
    import matplotlib

    # overcomplete 0.3.0 asks for a function that matplotlib has no longer.
    matplotlib.cm.get_cmap = matplotlib.colormaps.__getitem__
    import torch
    from overcomplete.sae import BatchTopKSAE, TopKSAE
    from overcomplete.sae.train import train_sae
    from torch.utils.data import DataLoader, TensorDataset

    found = {}
    known, others = (torch.from_numpy(each) for each in (a, held_out))
    for kind, make, count in (
        ("topk", TopKSAE, int(active)),
        ("batchtopk", BatchTopKSAE, 256 * int(active)),
    ):
        for number, rate in enumerate(rates):
            torch.manual_seed(0)
            model = make(a.shape[1], nb_concepts=int(concepts), top_k=count, device="cpu")
            train_sae(
                model,
                DataLoader(TensorDataset(known), batch_size=256, shuffle=True),
                lambda x, back, before, codes, atoms: (x - back).square().mean(),
                torch.optim.Adam(model.parameters(), lr=float(rate)),
                nb_epochs=int(epochs),
                monitoring=0,
            )
            model.eval()
            with torch.no_grad():
                _, codes, back = model(others)
            found[f"{kind}_{number}_codes"] = codes.numpy()
            found[f"{kind}_{number}_back"] = back.numpy()
    return found


if __name__ == "__main__":
    name, inputs, outputs = sys.argv[1:]
    with np.load(inputs) as arrays:
        answer = globals()[name](**arrays)
    np.savez(outputs, **answer)
