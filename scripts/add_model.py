"""Write the file of a network that timm or torchvision knows by name.

    ./sparks python scripts/add_model.py timm/convnext_tiny
    ./sparks python scripts/add_model.py torchvision/regnet_y_400mf --random

The network is built with random weights, and its layers are looked at with one image. The workflow
fetches the published weights.
"""

from sparks_thesis.common.add_model import main
from sparks_thesis.pipeline.paths import CONFIG

if __name__ == "__main__":
    main(__doc__ or "", CONFIG)
