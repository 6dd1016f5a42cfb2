"""What SECURITY.md promises, of all code of the project: see the rules below."""

import ast
import io
import sys
import tarfile
import urllib.request
import zipfile
from contextlib import suppress
from email.message import Message
from pathlib import Path
from urllib.error import URLError

import pytest

from sparks.data.fetch import guarded, has_digest
from sparks.errors import SparksError
from sparks.models.pretrained import torchvision_weights

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted(
    file for part in ("src", "scripts", "benchmarks") for file in (ROOT / part).rglob("*.py")
)

# Dotted name of what may not be called → keywords with which it may.
FORBIDDEN = {
    **{f"pickle.{name}": None for name in ("load", "loads", "Unpickler")},
    **dict.fromkeys(("eval", "exec", "os.system", "marshal.loads", "yaml.unsafe_load")),
    **{"yaml.load": None, "yaml.full_load": None, "pd.read_pickle": None, "joblib.load": None},
    "shutil.unpack_archive": None,
    "torch.load": {"weights_only": True},
    "np.load": {"allow_pickle": False},
}


def calls(file):
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), {k.arg: ast.unparse(k.value) for k in node.keywords}


def test_nothing_runs_what_it_reads():
    found = []
    for file in FILES:
        for name, keywords in calls(file):
            if name in FORBIDDEN:
                with_these = FORBIDDEN[name]
                if with_these is None or any(
                    keywords.get(k) != str(v) for k, v in with_these.items()
                ):
                    found.append(f"{file.relative_to(ROOT)}: {name}")
            if name.endswith(".extractall"):  # reading one member is no unpacking
                found.append(f"{file.relative_to(ROOT)}: {name}")
            if keywords.get("shell") == "True":
                found.append(f"{file.relative_to(ROOT)}: {name}(shell=True)")
    assert found == []


def test_the_scan_sees_what_it_looks_for(tmp_path):
    file = tmp_path / "bad.py"
    file.write_text("import torch\ntorch.load('x', weights_only=False)\nrun('x', shell=True)\n")
    assert list(calls(file)) == [
        ("torch.load", {"weights_only": "False"}),
        ("run", {"shell": "True"}),
    ]


def test_nothing_is_fetched_without_encryption():
    with guarded(), pytest.raises(URLError, match="only https is fetched"):
        urllib.request.urlopen("http://127.0.0.1:9/data")
    with pytest.raises(URLError, match="refused"):  # outside the block: nothing listens there
        urllib.request.urlopen("http://127.0.0.1:9/data")


def write_tar(path, name):
    with tarfile.open(path, "w") as archive:
        member = tarfile.TarInfo(name)
        member.size = 4
        archive.addfile(member, io.BytesIO(b"evil"))


def write_link_tar(path):
    with tarfile.open(path, "w") as archive:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "../outside"
        archive.addfile(link)


# Python has a filter of its own from 3.11.4 on; without it, ours looks at the members.
REFUSED = (SparksError, getattr(tarfile, "FilterError", SparksError))


WITH_FILTERS = pytest.mark.skipif(
    sys.version_info >= (3, 12), reason="every such Python knows filters for archives"
)


@pytest.fixture(params=["this Python", pytest.param("an old one", marks=WITH_FILTERS)])
def python(request, monkeypatch):
    if request.param == "an old one":
        monkeypatch.delattr(tarfile, "data_filter", raising=False)


@pytest.mark.parametrize("name", ["../evil", "/tmp/sparks-evil", "a/../../evil"])
@pytest.mark.usefixtures("python")
def test_archives_are_not_unpacked_outside_their_folder(tmp_path, name):
    """By the function that torchvision unpacks every data set with."""
    from torchvision.datasets.utils import extract_archive

    inside = tmp_path / "inside"
    inside.mkdir()
    write_tar(tmp_path / "evil.tar", name)
    with guarded(), suppress(*REFUSED):
        extract_archive(str(tmp_path / "evil.tar"), str(inside))
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr(name, "evil")
    extract_archive(str(tmp_path / "evil.zip"), str(inside))
    assert not (tmp_path / "evil").exists()
    assert not Path("/tmp/sparks-evil").exists()


@pytest.mark.usefixtures("python")
def test_links_out_of_the_folder_are_refused(tmp_path):
    from torchvision.datasets.utils import extract_archive

    write_link_tar(tmp_path / "evil.tar")
    with guarded(), pytest.raises(REFUSED):
        extract_archive(str(tmp_path / "evil.tar"), str(tmp_path / "inside"))


@pytest.mark.usefixtures("python")
def test_what_belongs_in_the_folder_is_unpacked(tmp_path):
    from torchvision.datasets.utils import extract_archive

    write_tar(tmp_path / "good.tar", "a/good")
    with guarded():
        extract_archive(str(tmp_path / "good.tar"), str(tmp_path / "inside"))
    assert (tmp_path / "inside/a/good").read_bytes() == b"evil"


# --- Weights --------------------------------------------------------------------------------------


def serve(monkeypatch, content, seen):
    """Stand in for the network."""

    class Answer(io.BytesIO):
        headers = Message()

    def urlopen(request, *args, **kwargs):
        seen.append(request.full_url)
        return Answer(content)

    monkeypatch.setattr("urllib.request.urlopen", urlopen)


def test_weights_that_are_not_the_published_ones_are_refused(tmp_path, monkeypatch):
    seen = []
    serve(monkeypatch, b"something else", seen)
    with pytest.raises(SparksError, match="is not the published file"):
        torchvision_weights("squeezenet1_1", True, tmp_path).fetch()
    assert list(tmp_path.iterdir()) == []
    assert len(seen) == 1
    assert all(url.startswith("https://") for url in seen)


def test_published_weights_have_digests(tmp_path):
    """Those of torchvision are in the names of the files: eight digits of SHA-256."""
    for name in ("resnet50", "vit_b_16", "squeezenet1_1"):
        file = torchvision_weights(name, True, tmp_path)
        assert len(file.digest) == 8
        assert set(file.digest) <= set("0123456789abcdef")
        assert file.algorithm == "sha256"


def test_a_digest_is_that_of_the_content(tmp_path):
    path = tmp_path / "a"
    assert not has_digest(path, "")
    path.write_bytes(b"abc")
    assert has_digest(path, "ba7816bf")  # FIPS 180-2, appendix B.1
    assert not has_digest(path, "ba7816be")


def test_every_published_data_set_comes_by_https(monkeypatch):
    from sparks import data

    seen = []

    def urlopen(request, *args, **kwargs):
        seen.append(request.full_url)
        raise URLError("no network in tests")

    monkeypatch.setattr("urllib.request.urlopen", urlopen)
    for name in ("MNIST", "FashionMNIST", "CIFAR10", "EuroSAT", "Imagenette"):
        with pytest.raises(SparksError):
            getattr(data, name)(root="/nonexistent/sparks").download()
    assert len(seen) >= 5
    hosts = {url.split("/")[2] for url in seen}
    assert len(hosts) >= 4
