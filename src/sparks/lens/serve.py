"""A local page that explains an image of one's own; nothing on it comes from any network."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from sparks.errors import SparksError
from sparks.lens.atlas import as_bytes
from sparks.lens.explain import Explained
from sparks.lens.images import lit, save_webp, sheet
from sparks.lens.site import environment
from sparks.lens.upload import Limits, read_image

if TYPE_CHECKING:
    from flask import Flask

# Nothing but this page's own style, script and images; nobody may frame it.
POLICY = (
    "default-src 'none'; img-src data:; style-src 'self'; script-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# What a multipart form adds to a file, in bytes, generously.
FORM = 100_000


def create_app(
    explain: Callable[[Tensor], Explained],
    size: int,
    channels: int,
    title: str,
    limits: Limits | None = None,
    hosts: tuple[str, ...] = ("127.0.0.1", "localhost"),
) -> Flask:
    """Make the page.

    Args:
        explain: explains an image (1, C, H, W), such as an `Explainer`.
        size: side of the model's input.
        channels: of it.
        title: the model and its data set, as shown.
        limits: what files are taken.
        hosts: names that the page answers to: others are refused, lest a page of the web reaches it
            under a name of its own.
    """
    from flask import Flask, request
    from werkzeug.exceptions import HTTPException

    limits = limits or Limits()
    here = Path(__file__).parent
    app = Flask("sparks.lens", static_folder=str(here / "static"), static_url_path="/assets")
    app.config.update(MAX_CONTENT_LENGTH=limits.bytes + FORM, TRUSTED_HOSTS=list(hosts))
    template = environment().get_template("serve.html")
    # One image at a time: a model on all cores gains nothing from two.
    one = Lock()

    def page(status: int = 200, **shown: Any) -> tuple[str, int]:
        shown = {"message": None, "found": None} | shown
        return template.render(root="/", title=title, limits=limits, **shown), status

    @app.get("/")
    def ask() -> tuple[str, int]:
        return page()

    @app.post("/")
    def answer() -> tuple[str, int]:
        file = request.files.get("image")
        data = file.read() if file else b""
        if not data:
            return page(400, message="No file came: choose an image.")
        try:
            x = read_image(data, size, channels, limits)
        except SparksError as error:
            return page(400, message=str(error))
        with one:
            return page(found=shown(x, explain(x)))

    @app.errorhandler(HTTPException)
    def refuse(error: HTTPException) -> tuple[str, int]:
        too_large = f"The file is too large: at most {limits.megabytes:g} MB are taken."
        message = too_large if error.code == 413 else error.description
        return page(error.code or 500, message=message)

    @app.after_request
    def protect(response: Any) -> Any:
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Cache-Control"] = "no-store"
        return response

    return app


def shown(x: Tensor, found: Explained) -> dict[str, Any]:
    """What the template shows of an explanation; images as data addresses."""
    image = as_bytes(x)
    return {
        "predicted": found.predicted,
        "logit": found.logit,
        "image": webp(image),
        "heat": webp(lit(image, as_bytes(found.heat)[None])),
        "concepts": [
            {
                "number": one.number,
                "share": one.share,
                "contribution": one.contribution,
                "seen": webp(lit(image, as_bytes(one.seen)[None])),
                "picture": None if one.picture is None else webp(one.picture[None]),
                "crops": webp(one.crops),
            }
            for one in found.concepts
        ],
        "nearest": None if found.nearest is None else webp(found.nearest),
    }


def webp(images: Tensor | np.ndarray[Any, Any]) -> str:
    """Images (N, C, h, w), uint8, side by side as a data address."""
    target = io.BytesIO()
    save_webp(target, sheet(images, len(images)), quality=85)
    return "data:image/webp;base64," + base64.b64encode(target.getvalue()).decode()
