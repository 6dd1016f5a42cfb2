"""Classifiers: small networks, those of torchvision and timm, or the user's.

`Classifier` makes any of them take images in [0, 1], and splits it at a layer into g and h.

Examples look at two random images of 32 × 32 pixels:

    >>> import torch
    >>> from torch import nn
    >>> images = torch.rand(2, 3, 32, 32)
"""

from sparks.models.classifier import Classifier
from sparks.models.convnet import ConvNet
from sparks.models.device import autocast, resolve_device, resolve_precision
from sparks.models.heads import some_classes, with_new_head
from sparks.models.mlp import MLP
from sparks.models.pretrained import torchvision_classifier
from sparks.models.resnet import ResNet18
from sparks.models.text import TextClassifier
from sparks.models.timm_nets import efficientnet_lite, timm_classifier
from sparks.models.vit import ViTTiny
from sparks.models.weights import load_weights, save_weights, seeded

__all__ = [
    "MLP",
    "Classifier",
    "ConvNet",
    "ResNet18",
    "TextClassifier",
    "ViTTiny",
    "autocast",
    "efficientnet_lite",
    "load_weights",
    "resolve_device",
    "resolve_precision",
    "save_weights",
    "seeded",
    "some_classes",
    "timm_classifier",
    "torchvision_classifier",
    "with_new_head",
]
