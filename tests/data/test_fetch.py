"""Published files: whole or not at all, and only what was published."""

import hashlib
import io
import tarfile
import zipfile
from email.message import Message
from pathlib import Path
from urllib.error import HTTPError, URLError

import pytest

from sparks.data import CIFAR10, COCO2014
from sparks.data.fetch import Published, unpack, unreachable
from sparks.errors import SparksError

CONTENT = bytes(range(256)) * 100
URL = "https://example.org/a.bin"


class Answer(io.BytesIO):
    """What a server sends; its header may promise more."""

    def __init__(self, content=b"", promised=None):
        super().__init__(content)
        self.headers = Message()
        self.headers["Content-Length"] = str(len(content) if promised is None else promised)


@pytest.fixture
def serve(monkeypatch):
    """Stand in for the network: what it answers, and what it was asked for."""
    asked = []

    def answer(made):
        def urlopen(request, *args, **kwargs):
            asked.append(request.full_url)
            if isinstance(made, BaseException):
                raise made
            return made

        monkeypatch.setattr("urllib.request.urlopen", urlopen)
        return asked

    return answer


def published(folder: Path, algorithm="sha256") -> Published:
    digest = hashlib.new(algorithm, CONTENT).hexdigest()
    return Published(URL, folder / "deep/a.bin", digest[:8], algorithm)


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("algorithm", ["sha256", "md5"])
def test_a_file_is_fetched_once(tmp_path, serve, algorithm):
    asked = serve(Answer(CONTENT))
    file = published(tmp_path, algorithm)
    assert file.fetch().read_bytes() == CONTENT
    assert file.fetch().read_bytes() == CONTENT
    assert asked == [URL]
    assert files(tmp_path) == ["deep/a.bin"]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda: Answer(CONTENT[:1000], len(CONTENT)), "broke off after 1000 of 25600 bytes"),
        (lambda: Answer(CONTENT[:-1] + b"!"), "not the published file"),
        (lambda: URLError(OSError(101, "Network is unreachable")), "Network is unreachable"),
        (lambda: HTTPError(URL, 404, "Not Found", Message(), None), "404"),
    ],
)
def test_what_cannot_be_fetched_is_named_and_leaves_nothing(tmp_path, serve, answer, message):
    serve(answer())
    with pytest.raises(SparksError, match=message) as caught:
        published(tmp_path).fetch()
    message = str(caught.value)
    assert URL in message
    assert message.endswith(f"put the file at {tmp_path / 'deep/a.bin'}")
    assert "\n" not in message
    assert files(tmp_path) == []


def test_what_a_killed_download_left_is_replaced(tmp_path, serve):
    serve(Answer(CONTENT))
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/.a.bin.part").write_bytes(CONTENT[:100])
    published(tmp_path).fetch()
    assert files(tmp_path) == ["deep/a.bin"]


@pytest.mark.parametrize("content", [b"", CONTENT[:500], CONTENT + b"!"])
def test_another_file_in_its_place_is_refused_and_kept(tmp_path, serve, content):
    asked = serve(Answer(CONTENT))
    file = published(tmp_path)
    file.path.parent.mkdir()
    file.path.write_bytes(content)
    with pytest.raises(SparksError, match=r"a\.bin is not the published file") as caught:
        file.fetch()
    assert URL in str(caught.value)
    assert file.path.read_bytes() == content
    assert asked == []


def test_a_server_that_answers_is_reachable(serve):
    serve(Answer())
    assert unreachable(URL) is None
    serve(HTTPError(URL, 403, "Forbidden", Message(), None))
    assert unreachable(URL) is None
    serve(URLError(OSError(-2, "Name or service not known")))
    assert unreachable(URL) == "example.org cannot be reached: Name or service not known"


# --- archives ------------------------------------------------------------------------------------


def pack(folder: Path, kind: str) -> Path:
    """An archive of a folder `set` with two files that do not compress well."""
    (folder / "set/deep").mkdir(parents=True)
    for name in ("set/a", "set/deep/b"):
        (folder / name).write_bytes(b"".join(hashlib.sha256(b"%d" % i).digest() for i in range(99)))
    path = folder / f"archive.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name in ("set/a", "set/deep/b"):
                archive.write(folder / name, name)
    else:
        with tarfile.open(path, "w:gz" if kind == "tgz" else "w") as archive:
            archive.add(folder / "set", "set")
    return path


KINDS = ["tgz", "tar", "zip"]


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_is_unpacked_whole_over_what_a_killed_run_left(tmp_path, kind):
    archive, root = pack(tmp_path, kind), tmp_path / "root"
    (root / ".set.part/set").mkdir(parents=True)
    (root / ".set.part/set/half").touch()
    unpack([archive], root, "set")
    assert files(root) == ["set/a", "set/deep/b"]
    assert (root / "set/a").read_bytes() == (tmp_path / "set/a").read_bytes()


@pytest.mark.parametrize("kind", ["tgz", "zip"])  # a tar cut between files looks whole: see digests
@pytest.mark.parametrize("share", [0, 0.3, 0.6, 0.95])
def test_half_an_archive_is_named_and_leaves_nothing(tmp_path, kind, share):
    archive, root = pack(tmp_path, kind), tmp_path / "root"
    content = archive.read_bytes()
    archive.write_bytes(content[: int(share * len(content))])
    with pytest.raises(SparksError, match=r"archive\.\w+ is damaged or was cut short") as caught:
        unpack([archive], root, "set")
    assert "\n" not in str(caught.value)
    assert list(root.iterdir()) == []


def test_an_archive_of_something_else_is_refused(tmp_path):
    archive, root = pack(tmp_path, "zip"), tmp_path / "root"
    with pytest.raises(SparksError, match=r"archive\.zip.* holds no folder other"):
        unpack([archive], root, "other")
    assert list(root.iterdir()) == []


def test_a_run_killed_while_unpacking_is_repaired_by_the_next(tmp_path, monkeypatch):
    """What is unpacked in part is not taken for whole."""
    from torchvision.datasets import CIFAR10 as Dataset
    from torchvision.datasets import utils

    archive = pack(tmp_path, "tgz").rename(tmp_path / Dataset.filename)
    digest = hashlib.md5(archive.read_bytes()).hexdigest()
    monkeypatch.setattr(Dataset, "tgz_md5", digest)
    monkeypatch.setattr(CIFAR10, "folder", "set")
    for path in (tmp_path / "set").rglob("*"):
        path.unlink() if path.is_file() else None
    (tmp_path / "set").rename(tmp_path / "made")
    extract = utils._extract_tar

    def killed(source, target, compression):
        (Path(target) / "set").mkdir(parents=True)
        (Path(target) / "set/a").touch()
        raise KeyboardInterrupt

    monkeypatch.setitem(utils._ARCHIVE_EXTRACTORS, ".tar", killed)
    made = CIFAR10(root=str(tmp_path))
    with pytest.raises(KeyboardInterrupt):
        made.download()
    assert not made.is_there()
    monkeypatch.setitem(utils._ARCHIVE_EXTRACTORS, ".tar", extract)
    made.download()
    assert files(tmp_path / "set") == ["a", "deep/b"]


def test_half_an_archive_that_the_user_brought_is_named(tmp_path):
    made = COCO2014(root=str(tmp_path))
    with pytest.raises(SparksError, match=r"coco2014: there is no .*train2014\.zip"):
        made.download()
    archive = pack(tmp_path, "zip")
    (tmp_path / "coco2014").mkdir()
    (tmp_path / "coco2014/train2014.zip").write_bytes(archive.read_bytes()[:-30])
    with pytest.raises(SparksError, match=r"train2014\.zip is damaged or was cut short"):
        made.download()
    assert files(tmp_path / "coco2014") == ["train2014.zip"]
