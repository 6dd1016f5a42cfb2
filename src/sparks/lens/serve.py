"""A local page that explains an image of one's own; nothing on it comes from any network."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Collection
from ipaddress import ip_address
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

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
    hosts: tuple[str, ...] = ("127.0.0.1", "localhost", "::1"),
    addresses: bool = False,
    white: float | None = None,
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
        addresses: whether it also answers to any address as a name.
        white: of the data set, as for `read_image`.
    """
    from flask import Flask, abort, request
    from werkzeug.exceptions import HTTPException

    limits = limits or Limits()
    here = Path(__file__).parent
    app = Flask("sparks.lens", static_folder=str(here / "static"), static_url_path="/assets")
    app.config.update(MAX_CONTENT_LENGTH=limits.bytes + FORM)
    template = environment().get_template("serve.html")
    # One image at a time, its decoding included: a model on all cores gains nothing from two, and
    # 25 megapixels are some hundred megabytes.
    one = Lock()

    def page(status: int = 200, **shown: Any) -> tuple[str, int]:
        shown = {"message": None, "found": None} | shown
        return template.render(root="/", title=title, limits=limits, **shown), status

    @app.before_request
    def only_from_here() -> None:
        if not is_named(request.host, hosts, addresses):
            abort(400, "This page is not served under that name.")
        sent = request.headers
        if request.method != "GET" and not is_own(
            sent.get("Origin"), sent.get("Sec-Fetch-Site"), request.host
        ):
            abort(403, "This page takes images from its own form only.")

    @app.get("/")
    def ask() -> tuple[str, int]:
        return page()

    @app.post("/")
    def answer() -> tuple[str, int]:
        file = request.files.get("image")  # parts beyond half a megabyte wait on disk
        with one:
            data = file.read() if file else b""
            if not data:
                return page(400, message="No file came: choose an image.")
            try:
                x = read_image(data, size, channels, limits, white)
            except SparksError as error:
                return page(400, message=str(error))
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


def is_named(host: str, hosts: Collection[str], addresses: bool) -> bool:
    """Whether a request's `Host` is one of the page's names, which any address may be."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        if name in hosts:
            return True
        ip_address(name)
    except ValueError:
        return False
    return addresses


def is_own(origin: str | None, site: str | None, host: str) -> bool:
    """Whether a request comes from the page itself, or from no page at all.

    Browsers say where a form comes from; another site's form reaches a page on this machine.

    Args:
        origin: the request's `Origin`.
        site: its `Sec-Fetch-Site`, where it has no `Origin`.
        host: its `Host`.
    """
    if origin is not None:
        return origin.partition("://")[2].lower() == host.lower() != ""
    return site in (None, "none", "same-origin")


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
