"""A local page that explains an image of one's own; nothing on it comes from any network."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import numpy as np
from torch import Tensor

from sparks.errors import SparksError
from sparks_thesis.common.images import heated, lit, save_webp, sheet
from sparks_thesis.common.pages import STYLE, environment
from sparks_thesis.lens.atlas import as_bytes
from sparks_thesis.lens.charts import COLOURS, GREY
from sparks_thesis.lens.explain import Explained, Found
from sparks_thesis.lens.server import make_server, names_of
from sparks_thesis.lens.site import TEMPLATES
from sparks_thesis.lens.upload import Limits, read_image

if TYPE_CHECKING:
    from flask import Flask

# Nothing but this page's own style, script and images; nobody may frame it.
POLICY = (
    "default-src 'none'; img-src data:; style-src 'self'; script-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# Upper bound of the bytes that a multipart form adds to a file.
FORM = 100_000
# Side of an example's picture on the page, in pixels.
TILE = 96


# Models held in memory at a time.
MODELS = 3


@dataclass(frozen=True, eq=False)
class Loaded:
    """A model that explains images.

    Attributes:
        explain: explains an image (1, C, H, W), such as an `Explainer`.
        size: side of the model's input.
        channels: of it.
        white: of the data set, as for `read_image`.
    """

    explain: Callable[[Tensor], Explained]
    size: int
    channels: int
    white: float | None = None


@dataclass(frozen=True, eq=False)
class Served:
    """A model that the page offers.

    Attributes:
        key: tells it from others, as DATASET/MODEL.
        title: as shown.
        about: a sentence on what it knows.
        load: makes it ready; called when it is first asked.
    """

    key: str
    title: str
    about: str
    load: Callable[[], Loaded]


class Example(NamedTuple):
    """An image that the page offers.

    Attributes:
        name: what it shows.
        credit: photographer and licence.
        data: content of an image file.
    """

    name: str
    credit: str
    data: bytes


def create_app(
    models: Sequence[Served],
    limits: Limits | None = None,
    hosts: tuple[str, ...] = ("127.0.0.1", "localhost", "::1"),
    addresses: bool = False,
    examples: Sequence[Example] = (),
) -> Flask:
    """Make the page.

    Args:
        models: that can be chosen; the page opens with the first, which is loaded at once.
        limits: what files are taken.
        hosts: names that the page answers to: others are refused, lest a page of the web reaches it
            under a name of its own.
        addresses: whether it also answers to any address as a name.
        examples: images that can be chosen.
    """
    from flask import Flask, Response, abort, request, send_file
    from werkzeug.exceptions import HTTPException

    limits = limits or Limits()
    here = Path(__file__).parent
    app = Flask("sparks_thesis.lens", static_folder=str(here / "static"), static_url_path="/assets")
    app.config.update(MAX_CONTENT_LENGTH=limits.bytes + FORM)
    template = environment(TEMPLATES).get_template("serve.html")

    @app.get("/assets/site.css")
    def style() -> Response:
        return send_file(STYLE)

    offered = {model.key: model for model in models}
    tiles = [(e.name, e.credit, webp(as_bytes(read_image(e.data, TILE, 3)))) for e in examples]
    # One image at a time, its decoding included: a model on all cores gains nothing from two, and
    # 25 megapixels are some hundred megabytes.
    one = Lock()

    @lru_cache(MODELS)
    def loaded(key: str) -> Loaded:
        return offered[key].load()

    loaded(models[0].key)

    def page(model: Served, status: int = 200, **shown: Any) -> tuple[str, int]:
        shown = {"message": None, "found": None} | shown
        text = template.render(
            root="/", models=models, model=model, limits=limits, tiles=tiles, **shown
        )
        return text, status

    def asked() -> Served:
        return offered.get(request.values.get("model", ""), models[0])

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
        return page(asked())

    @app.post("/")
    def answer() -> tuple[str, int]:
        model = asked()
        file = request.files.get("image")  # parts beyond half a megabyte wait on disk
        with one:
            data = file.read() if file else b""
            number = request.form.get("example", "")
            if number.isdigit() and int(number) < len(examples):
                data = examples[int(number)].data
            if not data:
                return page(model, 400, message="No file came: choose an image.")
            try:
                asks = loaded(model.key)
                x = read_image(data, asks.size, asks.channels, limits, asks.white)
                return page(model, found=shown(x, asks.explain(x)))
            except SparksError as error:
                return page(model, 400, message=str(error))

    @app.errorhandler(HTTPException)
    def refuse(error: HTTPException) -> tuple[str, int]:
        too_large = f"The file is too large: at most {limits.megabytes:g} MB are taken."
        message = too_large if error.code == 413 else error.description
        return page(models[0], error.code or 500, message=message)

    @app.after_request
    def protect(response: Any) -> Any:
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Cache-Control"] = "no-store"
        return response

    return app


def serve_page(
    models: Sequence[Served], host: str, port: int, limits: Limits, examples: Sequence[Example] = ()
) -> None:
    """Serve the page until interrupted, and print its address.

    Args:
        models: see `create_app`.
        host: address to listen on.
        port: likewise; 0 for any that is free.
        limits: what files are taken.
        examples: images that can be chosen.
    """
    names, addresses = names_of(host)
    app = create_app(models, limits, names, addresses, examples)
    server = make_server(host, port, app)
    shown = names[-1] if addresses else f"[{host}]" if ":" in host else host
    print(f"Lens explains your images at http://{shown}:{server.port}/ (Ctrl-C ends)", flush=True)
    with suppress(KeyboardInterrupt):
        server.serve_forever()


def is_named(host: str, hosts: Collection[str], addresses: bool) -> bool:
    """Return whether a request's `Host` is one of the page's names, or an address where allowed."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        if name in hosts:
            return True
        ip_address(name)
    except ValueError:
        return False
    return addresses


def is_own(origin: str | None, site: str | None, host: str) -> bool:
    """Return whether a request comes from the page itself, or from no page at all.

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
    """Return the template's values for an explanation; images as data URLs."""
    image = as_bytes(x)
    return {
        "image": webp(image),
        "candidates": [
            {
                "name": one.name,
                "probability": one.probability,
                "heat": webp(heated(image, as_bytes(one.heat)[None])),
            }
            for one in found.candidates
        ],
        "distance": found.distance,
        "explained": None if found.explained is None else found.explained.name,
        "logit": found.logit,
        "concepts": [
            {
                "number": one.number,
                "tone": (one.number - 1) % len(COLOURS) if one.important else "none",
                "share": one.share,
                "contribution": one.contribution,
                "seen": webp(lit(image, as_bytes(one.seen)[None], _colour(one))),
                "picture": None if one.picture is None else webp(one.picture[None]),
                "crops": webp(one.crops),
            }
            for one in found.concepts
        ],
        "nearest": None if found.nearest is None else webp(found.nearest),
    }


def _colour(one: Found) -> str:
    return COLOURS[(one.number - 1) % len(COLOURS)] if one.important else GREY


def webp(images: Tensor | np.ndarray[Any, Any]) -> str:
    """Return images (N, C, h, w), uint8, side by side as a data address."""
    target = io.BytesIO()
    save_webp(target, sheet(images, len(images)), quality=85)
    return "data:image/webp;base64," + base64.b64encode(target.getvalue()).decode()
