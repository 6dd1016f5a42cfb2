"""The static site: atlases → pages that open from the file system or any server, offline.

    index.html                        search, random class, how to read it
    assets/                           style, scripts, the list of classes for the search
    {data set}/compare/class-….html   one class under several models
    {data set}/{model}/index.html     all classes of a model
    {data set}/{model}/class-….html   a class; its images in the folder of the same name

Names of files are made from numbers and from the names of data sets and models, never of classes.
"""

from __future__ import annotations

import json
import multiprocessing
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparks.errors import SparksError
from sparks.io import atomic_folder
from sparks.progress import progress
from sparks_thesis.common.images import save_webp
from sparks_thesis.common.pages import STYLE, environment
from sparks_thesis.lens.folder import Atlas
from sparks_thesis.lens.page import class_page, compare_page, concepts, sizes

if TYPE_CHECKING:
    from sparks_thesis.lens.story import Story

HERE = Path(__file__).parent
TEMPLATES = HERE / "templates"
# Classes shown on the first page.
SAMPLES = 10


@dataclass(frozen=True)
class Shelf:
    """The atlases of one data set, and where their pages lie.

    Attributes:
        dataset: name of the data set.
        atlases: place of the pages → atlas, one a model.
    """

    dataset: str
    atlases: Mapping[str, Atlas]

    @property
    def folder(self) -> str:
        """Folder of the pages on the data set."""
        return safe(self.dataset)

    @cached_property
    def compared(self) -> dict[int, str]:
        """Classes that several models see → address of their comparison."""
        seen = Counter(target for atlas in self.atlases.values() for target in atlas.names)
        return {
            target: f"{self.folder}/compare/class-{target:05d}.html"
            for target, models in sorted(seen.items())
            if models > 1
        }


def safe(name: str) -> str:
    """Make the name of a folder: letters, digits, `_` and `-`."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name) or "-"


def build_site(
    path: str | Path, atlases: Sequence[Atlas], workers: int = 1, story: Story | None = None
) -> None:
    """Build the site into a folder, which takes the place of an older one when all is done.

    Args:
        path: the folder.
        atlases: what is shown; those of one data set are compared.
        workers: processes; each holds one class at a time.
        story: of the first atlas, for the first page.

    Raises:
        SparksError: when there is nothing to show, or the folder cannot be written.
    """
    shelves = _shelves(atlases)
    with atomic_folder(path) as folder:
        _assets(folder, shelves)
        for shelf in shelves:
            _lists(folder, shelf)
        jobs = [job for shelf in shelves for job in _jobs(folder, shelf)]
        for _ in progress(_done(jobs, workers), total=len(jobs), unit="page", description="site"):
            pass
        _home(folder, shelves, story)


def _shelves(atlases: Sequence[Atlas]) -> list[Shelf]:
    if not atlases:
        raise SparksError("Lens has no atlas to show: name a data set and a model in studies.lens")
    placed: dict[str, dict[str, Atlas]] = {}
    for atlas in atlases:
        place = f"{safe(atlas.dataset)}/{safe(atlas.model)}"
        shelf = placed.setdefault(atlas.dataset, {})
        if place in shelf:
            raise SparksError(f"two atlases would be shown at {place}: give the models other names")
        shelf[place] = atlas
    return [Shelf(dataset, shelf) for dataset, shelf in placed.items()]


# --- pages of classes, the bulk of the work ------------------------------------------------------

Job = tuple[Any, ...]


def _jobs(folder: Path, shelf: Shelf) -> Iterator[Job]:
    # Copies have no tables read yet: jobs stay small on their way to another process.
    for place, atlas in shelf.atlases.items():
        for target in atlas.names:
            yield (_class_job, folder, place, replace(atlas), target, shelf.compared.get(target))
    for target, page in shelf.compared.items():
        seen = {p: replace(a) for p, a in shelf.atlases.items() if target in a.names}
        yield (_compare_job, folder, page, seen, target)


@lru_cache
def _kept(atlas: Atlas) -> Atlas:
    """Return the same object for equal atlases: a process reads their tables once."""
    return atlas


def _class_job(folder: Path, place: str, atlas: Atlas, target: int, compare: str | None) -> None:
    atlas = _kept(atlas)
    context = class_page(folder, place, atlas, target)
    page = f"{place}/class-{target:05d}.html"
    write_page(folder, page, "class.html", compare=compare, atlas=atlas, place=place, **context)


def _compare_job(folder: Path, page: str, seen: dict[str, Atlas], target: int) -> None:
    models = {place: _kept(atlas) for place, atlas in seen.items()}
    write_page(folder, page, "compare.html", **compare_page(models, target))


def _run(job: Job) -> None:
    job[0](*job[1:])


def _done(jobs: Iterable[Job], workers: int) -> Iterator[None]:
    """Do jobs in processes, and hold no more of them at once than keeps these busy."""
    if workers < 2:
        for job in jobs:
            _run(job)
            yield
        return
    # Forked: nothing is imported twice, and the caller needs no `if __name__ == "__main__"`.
    with ProcessPoolExecutor(workers, multiprocessing.get_context("fork")) as pool:
        waiting: set[Future[None]] = set()
        for job in jobs:
            waiting.add(pool.submit(_run, job))
            if len(waiting) >= 2 * workers:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    future.result()
                    yield
        for future in waiting:
            future.result()
            yield


# --- the rest ------------------------------------------------------------------------------------


def write_page(folder: Path, page: str, template: str, **context: Any) -> None:
    """Write one page.

    Args:
        folder: of the site.
        page: address below it.
        template: its name.
        context: what the template shows.
    """
    root = "../" * page.count("/")
    text = environment(TEMPLATES).get_template(template).render(root=root, **context)
    path = folder / page
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _assets(folder: Path, shelves: Sequence[Shelf]) -> None:
    import bokeh

    assets = folder / "assets"
    shutil.copytree(HERE / "static", assets)
    shutil.copy(STYLE, assets)
    scripts = Path(bokeh.__file__).parent / "server" / "static" / "js"
    shutil.copy(scripts / "bokeh.min.js", assets)
    found = [
        [name, f"{place}/class-{target:05d}.html", f"{atlas.title} on {atlas.on}"]
        for shelf in shelves
        for place, atlas in shelf.atlases.items()
        for target, name in atlas.names.items()
    ]
    text = json.dumps(found, ensure_ascii=True, separators=(",", ":"))
    (assets / "classes.js").write_text(f"window.lensClasses = {text};\n", encoding="utf-8")


def _lists(folder: Path, shelf: Shelf) -> None:
    for place, atlas in shelf.atlases.items():
        rows = atlas.classes.to_dict("records")
        write_page(
            folder, f"{place}/index.html", "model.html", atlas=atlas, rows=rows,
            compared=shelf.compared,
        )  # fmt: skip


def _home(folder: Path, shelves: Sequence[Shelf], story: Story | None) -> None:
    first = shelves[0]
    place, atlas = next(iter(first.atlases.items()))
    known = atlas.classes
    # Spread over the classes, so that neighbours in the list are not alike.
    step = max(1, len(known) // SAMPLES)
    samples = [
        {
            "name": row["name"],
            "page": f"{place}/class-{row['target']:05d}",
            "strategies": row["strategies"],
        }
        for row in known.iloc[::step][:SAMPLES].to_dict("records")
    ]
    drawn = [s for s in samples if (folder / s["page"] / "picture-1.webp").is_file()]
    total = sum(len(atlas.classes) for shelf in shelves for atlas in shelf.atlases.values())
    write_page(
        folder, "index.html", "home.html", shelves=shelves, samples=samples, total=total,
        drawn=bool(drawn), model=atlas.title, dataset=atlas.on,
        story=None if story is None else _story_context(folder, place, atlas, story),
    )  # fmt: skip


def _story_context(folder: Path, place: str, atlas: Atlas, story: Story) -> dict[str, Any]:
    """Write the images of a story, and return what the first page shows of it."""
    (folder / "story").mkdir()
    pairs = zip(story.images, story.covered, strict=True)
    for number, both in enumerate(pairs, 1):
        for name, image in zip(("image", "covered"), both, strict=True):
            save_webp(folder / f"story/{name}-{number}.webp", image.permute(1, 2, 0).numpy())
    one = atlas.load(story.target)
    return {
        "name": one.name,
        "page": f"{place}/class-{story.target:05d}",
        "concept": concepts(one, atlas)[story.concept],
        "size": sizes(one),
        "shows": story.shows,
        "effect": story.effect,
        "changes": story.changes,
        "side": (story.images.shape[3], story.images.shape[2]),
    }
