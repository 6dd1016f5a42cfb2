"""Settings of the holistic framework."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from sparks_thesis.common.settings import (
    ENGINE,
    SEED,
    Bank,
    Block,
    Changes,
    Count,
    Counts,
    Instance,
    Layers,
    Names,
    built,
    methods_of,
    refers,
)

_MASKS = refers("shared.concept_masks")


class Holistic(Block):
    """Dictionaries compared, every attribution method on concepts, layers and strategies."""

    layers: Layers = Field(
        refers("studies.craft.layers"),
        description="model: layers whose concepts are found, from input to output",
    )
    bank: Bank = refers("studies.craft.bank")
    # Not here: methods that read feature maps (GradCAM) or bound a network over boxes of pixels
    # (EVA), as coefficients are neither. GuidedBackprop and DeconvNet explain only where a ReLU
    # follows the layer.
    methods: Names = Field(
        [
            *("saliency", "gradient_input", "integrated_gradients", "smoothgrad", "squaregrad"),
            *("vargrad", "guided_backprop", "deconvnet", "occlusion", "rise", "lime"),
            *("kernelshap", "sobol", "sobol_first", "hsic", "random"),
        ],
        description="methods applied to concepts as to any features, files of config/attribution",
    )
    changes: Changes = Field(
        {
            "rise": {"masks": _MASKS},
            "lime": {"samples": _MASKS},
            "kernelshap": {"samples": _MASKS},
            "hsic": {"masks": _MASKS},
        }
    )
    study: Instance = Field(
        built(
            "sparks_thesis.holistic.study.HolisticStudy",
            dictionaries=refers("studies.craft.study.dictionaries"),
            methods=methods_of("studies.holistic.methods"),
            sizes=[2, 5, 10, 20, 50],
            mufidelity=built(
                "sparks.metrics.MuFidelity",
                subsets=refers("shared.subsets"),
                share=0.2,
                correlation="pearson",
                engine=ENGINE,
                seed=SEED,
            ),
            judged=None,
            ranked_layers=None,
            swept=3,
            folds=3,
            most=refers("studies.craft.study.most"),
            images=8,
            cluster_images=200,
            steps=[0.25, 0.5, 1.0, 2.0, 4.0, 8.0],
            steered=3,
            seed=SEED,
        ),
        description="the measurements",
    )


_ATOMS = refers("studies.fronts.atoms")
_ITERATIONS = refers("studies.fronts.iterations")


def _dictionary(name: str, **arguments: Any) -> Any:
    return built(f"sparks.concepts.{name}", **arguments, seed=SEED)


def _autoencoder(kind: str) -> Any:
    epochs = refers("studies.fronts.epochs")
    return _dictionary("SAE", kind=kind, concepts=_ATOMS, epochs=epochs)


class Fronts(Block):
    """Dictionaries with more atoms than channels: sparsity against reconstruction, stability."""

    layers: dict[str, str] = Field(
        refers("studies.maco.layers"),
        description="model: layer whose activations are decomposed",
    )
    networks: Counts = Field(
        [1],
        description="seeds of other networks of the same kind, with whose dictionaries they are "
        "compared",
    )
    atoms: Count = Field(
        256, description="atoms of each dictionary; the default network has 32 channels there"
    )
    epochs: Count = Field(
        100, description="epochs of the autoencoders: 800 steps of 256 activations"
    )
    iterations: Count = Field(50, description="iterations of the matrix factorisations")
    study: Instance = Field(
        built(
            "sparks_thesis.holistic.fronts.FrontsStudy",
            dictionaries={  # null leaves one out
                "NMF": _dictionary("NMF", concepts=_ATOMS, iterations=_ITERATIONS),
                "Semi-NMF": _dictionary("SemiNMF", concepts=_ATOMS, iterations=_ITERATIONS),
                # Its cost grows with the square of the activations: at scale workstation.
                "Convex-NMF": None,
                "K-Means": _dictionary("KMeans", concepts=_ATOMS),
                "PCA": _dictionary("PCA"),
                "ReLU-SAE": _autoencoder("relu"),
                "TopK-SAE": _autoencoder("topk"),
                "BatchTopK-SAE": _autoencoder("batchtopk"),
                "Exemplars": _dictionary("Exemplars", concepts=_ATOMS),
                "Random directions": _dictionary("RandomDirections", concepts=_ATOMS),
            },
            levels=[1, 3, 8],  # six principal components explain 99 % here
            penalties=[0.5, 0.1, 0.02],
            images=400,
            places=5,
            fits=2,
            seed=SEED,
        ),
        description="the measurements",
    )
