"""The site as files: names, addresses, escaping, weight, and the same bytes again."""

import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

from sparks.errors import SparksError
from sparks_thesis.lens import Atlas

from .conftest import NAMES


class Page(HTMLParser):
    """What a page refers to, and its elements."""

    def __init__(self, text):
        super().__init__()
        self.links, self.tags, self.ids, self.images = [], [], set(), []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        known = dict(attributes)
        self.tags.append(tag)
        self.links += [known[name] for name in ("href", "src") if name in known]
        if "id" in known:
            assert known["id"] not in self.ids
            self.ids.add(known["id"])
        if tag == "img":
            self.images.append(known)


@pytest.fixture(scope="module")
def pages(site):
    return {path: Page(path.read_text()) for path in site.rglob("*.html")}


def test_every_link_leads_to_a_file_of_the_folder(site, pages):
    assert len(pages) == 1 + 2 * (1 + 3) + 3  # home, two models, comparisons
    for path, page in pages.items():
        for link in page.links:
            if link == "data:,":
                continue
            file, _, anchor = link.partition("#")
            target = (path.parent / file).resolve() if file else path
            assert target.is_relative_to(site), link
            assert target.is_file(), f"{path}: {link}"
            if anchor:
                assert anchor in pages[target].ids


def test_no_page_names_an_address_outside(site):
    for path in site.rglob("*"):
        if path.suffix in (".html", ".css") or path.name in ("site.js", "classes.js"):
            assert not re.search(r"https?:|[\"'(]//|@import", path.read_text()), path


def test_class_names_are_text_and_files_have_safe_names(site, pages):
    for path, page in pages.items():
        assert "alert" not in " ".join(page.links)
        scripts = page.tags.count("script")
        assert scripts == path.read_text().count("<script"), "a name has become a tag"
    for path in site.rglob("*"):
        assert re.fullmatch(r"[A-Za-z0-9_.-]+", path.name)
    named = (site / "blobs/convnet/class-00000.html").read_text()
    assert "&lt;script&gt;alert(&#34;class&#34;)&lt;/script&gt;" in named
    text = (site / "assets/classes.js").read_text()
    listed = json.loads(text.removeprefix("window.lensClasses = ").rstrip(";\n"))
    assert [row[0] for row in listed] == [*NAMES, *NAMES]


def test_images_are_webp_lazy_and_described(pages):
    for page in pages.values():
        for image in page.images:
            assert image["src"].endswith(".webp")
            assert image["loading"] == "lazy"
            assert "alt" in image
            if "tile" not in image.get("class", "tile"):
                assert image["alt"]
                assert int(image["width"]) > 0


def test_every_chart_has_a_description_and_a_table(pages):
    for path, page in pages.items():
        text = path.read_text()
        charts = re.findall(r'<div class="chart"[^>]*>', text)
        assert all('role="img"' in c and "table below" in c for c in charts)
        assert not charts or "table" in page.tags


def test_a_page_weighs_little(site):
    """All that a class page can load at once, opened details and all."""
    page = site / "blobs/convnet/class-00001.html"
    assets = [site / "assets" / name for name in ("bokeh.min.js", "site.js", "site.css")]
    images = (site / "blobs/convnet/class-00001").iterdir()
    assert sum(path.stat().st_size for path in [page, *assets, *images]) < 1.5e6


def test_the_same_atlas_gives_the_same_bytes_in_one_process_or_two(site, atlas, tmp_path):
    from sparks_thesis.lens import build_site

    def digests(folder):
        files = sorted(p for p in folder.rglob("*") if p.is_file())
        return {str(p.relative_to(folder)): hashlib.md5(p.read_bytes()).hexdigest() for p in files}

    build_site(
        tmp_path / "lens",
        [atlas, Atlas(atlas.path, "blobs", "other <model>")],
        workers=2,
    )
    assert digests(tmp_path / "lens") == digests(site)


def test_numbers_of_a_page_are_those_of_the_atlas(site, atlas):
    one = atlas.load(2)
    text = (site / "blobs/convnet/class-00002.html").read_text()
    for share in one.tensors["importance"].tolist():
        assert f"<td>{100 * share:.1f}\u00a0%</td>" in text
    assert f"<strong>{int(one.tensors['strategies'])} important concept" in text


def test_nothing_to_show_and_two_of_one_name_are_refused(atlas, tmp_path):
    from sparks_thesis.lens import build_site

    with pytest.raises(SparksError, match="no atlas to show"):
        build_site(tmp_path / "a", [])
    with pytest.raises(SparksError, match="two atlases would be shown"):
        build_site(tmp_path / "b", [atlas, atlas])
    assert not list(tmp_path.iterdir())
