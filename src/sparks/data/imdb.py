"""IMDB movie reviews (Maas et al. 2011), from the folder that the authors' archive unpacks to."""

from __future__ import annotations

from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from dataclasses import dataclass
from pathlib import Path

import torch

from sparks.checks import whole
from sparks.data.fetch import Published, filled, unpack
from sparks.data.splits import stratified_subset
from sparks.data.texts import TextSet, encode, split_words, vocabulary_of
from sparks.errors import SparksError

URL = "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"
MD5 = "7c2ac02c03563afcf9b574c7e56c153a"  # as torchtext has it
FOLDER = "aclImdb"  # in the archive
CLASSES = {"negative": "neg", "positive": "pos"}  # class → folder


@dataclass(frozen=True)
class Imdb:
    """Builder of IMDB: 25,000 training and 25,000 test reviews of films, two classes.

    A. L. Maas et al., Learning Word Vectors for Sentiment Analysis, ACL 2011.

    Attributes:
        root: folder with train/neg, train/pos, test/neg and test/pos, a text file a review.
        vocabulary: number of words that are known at most: the most frequent ones of the training
            texts, and the two special ones.
        length: number of words of a text at most; longer texts are cut.
        n_train: at most so many training texts, classes in their proportions; None for all.
        n_test: the same for the test texts.
        seed: of that choice.

    Raises:
        SparksError: when a setting is out of its range.

    Example:
        >>> with TemporaryDirectory() as folder:
        ...     for split in ("train", "test"):
        ...         write(Path(folder, split, "neg", "0_2.txt"), "A <br />bad film!")
        ...         write(Path(folder, split, "pos", "0_9.txt"), "A good film.")
        ...     texts = Imdb(root=folder)()["test"]
        >>> texts.words(0), texts.classes[texts.labels[0]]
        (['a', 'bad', 'film'], 'negative')
    """

    root: str
    vocabulary: int = 20000
    length: int = 256
    n_train: int | None = None
    n_test: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        whole(self, 1, "vocabulary", "length")
        if self.n_train is not None:
            whole(self, 1, "n_train")
        if self.n_test is not None:
            whole(self, 1, "n_test")
        whole(self, 0, "seed")

    def __call__(self) -> dict[str, TextSet]:
        """Build the splits "train" and "test".

        Raises:
            SparksError: when a folder is missing or holds no text.
        """
        texts = {split: self._read(split) for split in ("train", "test")}
        known = vocabulary_of((words for words, _ in texts["train"]), self.vocabulary)
        wanted = {"train": self.n_train, "test": self.n_test}
        return {
            split: stratified_subset(self._encoded(read, known), wanted[split], self.seed)
            for split, read in texts.items()
        }

    def require(self) -> None:
        """Look whether there are texts of each class, without reading them.

        Raises:
            SparksError: naming a folder without texts.
        """
        for split in ("train", "test"):
            for name in CLASSES.values():
                self._files(split, name)

    def published(self) -> list[Published]:
        """Return address, place (beside the folder) and digest of the archive."""
        place = Path(self.root).expanduser().parent / URL.rpartition("/")[2]
        return [Published(URL, place, MD5, "md5")]

    def download(self) -> None:
        """Fetch the archive and unpack it; what is there already is kept.

        Raises:
            SparksError: when it cannot be fetched, or what is there is not what was published.
        """
        root = Path(self.root).expanduser()
        if filled(root):
            return
        if root.name != FOLDER:
            raise SparksError(
                f"imdb: the archive unpacks to {FOLDER}: give a root of that name, not {self.root}"
            )
        try:
            unpack([file.fetch() for file in self.published()], root.parent, FOLDER)
        except SparksError as error:
            raise SparksError(f"imdb: {error}") from error

    def _files(self, split: str, name: str) -> list[Path]:
        """List the texts of a class, in the order of their names."""
        folder = Path(self.root).expanduser() / split / name
        files = sorted(
            file
            for file in (folder.iterdir() if folder.is_dir() else ())
            if file.suffix.lower() == ".txt" and not file.name.startswith(".")
        )
        if not files:
            raise SparksError(
                f"imdb: there is no text in {folder}: unpack aclImdb_v1.tar.gz "
                f"(ai.stanford.edu/~amaas/data/sentiment) so that {self.root} holds "
                "train/neg, train/pos, test/neg and test/pos, or run ./sparks python -c "
                f'"from sparks.data import Imdb; Imdb(root={self.root!r}).download()"'
            )
        return files

    def _read(self, split: str) -> list[tuple[list[str], int]]:
        """Return the words and label of each text of a split, in the order of the files' names."""
        found = []
        for label, name in enumerate(CLASSES.values()):
            found += [(split_words(_text(f)), label) for f in self._files(split, name)]
        return found

    def _encoded(self, texts: list[tuple[list[str], int]], vocabulary: tuple[str, ...]) -> TextSet:
        return TextSet(
            tokens=encode([words for words, _ in texts], vocabulary, self.length),
            labels=torch.tensor([label for _, label in texts]),
            classes=tuple(CLASSES),
            vocabulary=vocabulary,
        )


def _text(file: Path) -> str:
    try:
        data = file.read_bytes()
        # Programs that write UTF-16 say so at its beginning; some do for UTF-8.
        return data.decode("utf-16" if data[:2] in (BOM_UTF16_LE, BOM_UTF16_BE) else "utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SparksError(
            f"imdb: {file} cannot be read as UTF-8 text ({error}): save it as UTF-8, or unpack it "
            "again"
        ) from error
