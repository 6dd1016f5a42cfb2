"""Texts: the interface, generated reviews whose truth is checked, and IMDB's folder layout."""

import hashlib
import re
import tarfile
import unicodedata
from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

import sparks.data
from sparks.data.imdb import Imdb
from sparks.data.reviews import Reviews
from sparks.data.texts import PAD, SPECIAL, UNK, TextSet, encode, split_words, vocabulary_of
from sparks.errors import SparksError

VOCABULARY = (*SPECIAL, "bad", "good", "not")
FILES = sorted(Path(__file__).parents[2].glob("config/text/*.yaml"))


def texts(**changes):
    fields = {
        "tokens": torch.tensor([[4, 3, 0], [2, 0, 0], [3, 1, 3], [1, 0, 0]], dtype=torch.int32),
        "labels": torch.tensor([0, 0, 1, 1]),
        "classes": ("negative", "positive"),
        "vocabulary": VOCABULARY,
        "keywords": torch.tensor([[1, 1, 0], [1, 0, 0], [1, 0, 1], [0, 0, 0]]).bool(),
    }
    return TextSet(**(fields | changes))


def same(first, second):
    return (
        torch.equal(first.tokens, second.tokens)
        and torch.equal(first.labels, second.labels)
        and (first.classes, first.vocabulary) == (second.classes, second.vocabulary)
        and (first.keywords is None) == (second.keywords is None)
        and (first.keywords is None or torch.equal(first.keywords, second.keywords))
    )


def test_what_a_set_tells():
    made = texts()
    assert len(made) == 4
    assert made.lengths.tolist() == [2, 1, 3, 1]
    assert made.words(0) == ["not", "good"]
    assert [index.tolist() for index in made.by_length()] == [[1, 3], [0], [2]]
    assert made.batch([2, 1]).tolist() == [[3, 1, 3], [2, 0, 0]]
    assert made.batch(slice(1)).dtype == torch.int64
    joined = [torch.cat(parts) for parts in zip(*made.batches(3), strict=True)]
    assert torch.equal(joined[0], made.tokens.long())
    assert torch.equal(joined[1], made.labels)
    part = made.subset([3, 0])
    assert part.labels.tolist() == [1, 0]
    assert part.keywords.tolist() == [[False] * 3, [True, True, False]]


@pytest.mark.parametrize("keywords", [texts().keywords, None])
def test_a_saved_set_is_read_again(tmp_path, keywords):
    made = texts(keywords=keywords)
    made.save(tmp_path / "texts.safetensors", {"code": "abc"})
    assert same(TextSet.load(tmp_path / "texts.safetensors"), made)


def test_other_artifacts_are_no_text_set(tmp_path):
    from sparks.io import save_tensors

    save_tensors(tmp_path / "other.safetensors", {"labels": torch.zeros(1)})
    with pytest.raises(SparksError, match="holds no text set"):
        TextSet.load(tmp_path / "other.safetensors")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"labels": torch.zeros(4)}, "int64 labels"),
        ({"labels": torch.zeros(3, dtype=torch.int64)}, "3 labels needs int32 tokens"),
        ({"labels": torch.tensor([0, 0, 1, 2])}, "2 classes has a label outside"),
        ({"tokens": texts().tokens.long()}, "int32 tokens"),
        ({"tokens": texts().tokens + 2}, "token outside its vocabulary"),
        ({"tokens": texts().tokens.flip(1)}, "padding only behind"),
        ({"tokens": texts().tokens * 0}, "one word or more"),
        ({"vocabulary": VOCABULARY[1:]}, "begins with"),
        ({"keywords": torch.ones(4, 3, dtype=torch.bool)}, "none is padding"),
        ({"keywords": torch.zeros(4, 3)}, "keywords are bool"),
    ],
)
def test_contradictions_are_refused(changes, expected):
    with pytest.raises(SparksError, match=expected):
        texts(**changes)


def test_words_are_split_from_markup_and_punctuation():
    text = "It wasn't <br /><br />GOOD -- 10/10, 'really'?"
    assert split_words(text) == ["it", "wasn't", "good", "10", "10", "really"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Das Café für Größe", ["das", "café", "für", "größe"]),
        ("L’homme d´été n'a rien", ["l'homme", "d'été", "n'a", "rien"]),
        ("Отличный фильм, ёлка!", ["отличный", "фильм", "ёлка"]),
        ("Η ΟΔΟΣ ήταν ΚΑΛΗ", ["η", "οδος", "ήταν", "καλη"]),
        ("فيلم رائع جدًا، ١٠", ["فيلم", "رائع", "جدًا", "١٠"]),
        ("می\u200cخواهم ببینم", ["می\u200cخواهم", "ببینم"]),
        ("यह हिन्दी में है।", ["यह", "हिन्दी", "में", "है"]),
        ("சிறந்த படம்", ["சிறந்த", "படம்"]),
        ("정말 좋은 영화", ["정말", "좋은", "영화"]),
        ("很好看。10分", ["很", "好", "看", "10", "分"]),
        ("ｶﾞギ良い", ["ガ", "ギ", "良", "い"]),
        ("ดีมาก", ["ดี", "ม", "า", "ก"]),
        ("סרט טוב", ["סרט", "טוב"]),
        ("ＦＵＬＬ ﬁne", ["full", "fine"]),
        ("I <3 it > that <br/>x<!-- no <b> --> y", ["i", "3", "it", "that", "x", "y"]),
        ("👍🎉 !!", []),
        ("snake_case x^2", ["snake", "case", "x", "2"]),
    ],
)
def test_words_of_any_script_are_read(text, words):
    assert split_words(text) == words
    assert split_words(unicodedata.normalize("NFD", text)) == split_words(text)


LETTERS = st.characters(categories=["L", "N", "M", "P", "Z", "S"])


@given(st.text(LETTERS, max_size=40))
def test_no_letter_is_lost(text):
    """All letters and digits of the normalised text are in its words, in their order."""
    # Not here: what opens markup, and a letter that is taken for an apostrophe.
    text = re.sub("[<\u02bc\u00b4]", " ", text)
    normal = unicodedata.normalize("NFKC", text).lower()
    letters = [sign for sign in normal if sign.isalnum()]
    assert [sign for word in split_words(text) for sign in word if sign.isalnum()] == letters


@given(st.text(st.characters(max_codepoint=127, exclude_characters="<'"), max_size=60))
def test_words_of_english_are_as_they_were(text):
    assert split_words(text) == re.findall(r"[a-z0-9]+", text.lower())


def test_texts_that_lost_all_words_are_counted():
    assert texts().wordless.tolist() == [False, False, False, True]
    lost = encode([["new", "newer"], [], ["new", "bad"]], VOCABULARY, 5)
    assert texts(tokens=lost, labels=torch.tensor([0, 0, 1]), keywords=None).wordless.tolist() == [
        True, True, False,
    ]  # fmt: skip


def test_the_vocabulary_holds_the_most_frequent_words_ties_by_alphabet():
    lines = [["b", "a", "c"], ["c", "c", "d"], ["d"]]
    assert vocabulary_of(lines, 5) == (*SPECIAL, "c", "d", "a")
    assert vocabulary_of(lines, 100) == (*SPECIAL, "c", "d", "a", "b")


@given(st.lists(st.lists(st.sampled_from(["bad", "good", "not", "new"]), max_size=6), min_size=1))
def test_encoding_keeps_known_words_in_place(lines):
    length = 4
    tokens = encode(lines, VOCABULARY, length)
    assert tokens.shape[1] <= length
    for row, words in zip(tokens.tolist(), lines, strict=True):
        expected = [word if word in VOCABULARY else "<unk>" for word in words[:length]] or ["<unk>"]
        assert [VOCABULARY[token] for token in row if token != PAD] == expected
        assert row[len(expected) :] == [PAD] * (len(row) - len(expected))


def test_reviews_are_seeded_balanced_and_known_word_by_word():
    made = Reviews(n_train=300, n_test=100, seed=1)()
    again, other = Reviews(n_train=300, n_test=100, seed=1)(), Reviews(n_train=300, n_test=100)()
    assert same(made["train"], again["train"])
    assert same(made["test"], again["test"])
    assert not torch.equal(made["train"].tokens[:, :5], other["train"].tokens[:, :5])
    for split, n in (("train", 300), ("test", 100)):
        assert len(made[split]) == n
        assert made[split].labels.bincount().tolist() == [n // 2, n // 2]
        assert not (made[split].tokens == UNK).any()
    train = {tuple(row) for row in made["train"].tokens.tolist()}
    assert not any(tuple(row) in train for row in made["test"].tokens.tolist())


# Written down again, on purpose: the truth is checked by a reader of its own.
GOOD = {"good", "great", "wonderful", "brilliant", "moving"}
GOOD |= {"funny", "clever", "charming", "superb", "delightful"}
GOOD |= {"loved", "enjoyed", "admired", "liked", "praised"}
BAD = {"bad", "awful", "terrible", "dull", "boring"}
BAD |= {"weak", "clumsy", "painful", "dreadful", "tedious"}
BAD |= {"hated", "disliked", "regretted", "loathed", "resented"}
NEGATORS = {"not", "never", "hardly"}


def opinions(words):
    """Label and places of every opinion in a text, by reading it clause by clause."""
    found, clause, negator = [], [], None
    for place, word in enumerate([*words, "and"]):
        if word == "and":
            found += clause
            clause, negator = [], None
        elif word in NEGATORS:
            negator = place
        elif word in GOOD | BAD:
            positive = (word in GOOD) == (negator is None)
            clause = [(int(positive), {place} | ({negator} - {None}))]
    return found


def test_the_keywords_of_reviews_decide_their_class():
    made = Reviews(n_train=500, n_test=2, seed=0)()["train"]
    negated = idle = 0
    for index in range(len(made)):
        words, label = made.words(index), int(made.labels[index])
        found = opinions(words)
        assert {said for said, _ in found} == {label}, words
        decides = set().union(*(places for _, places in found))
        assert set(made.keywords[index].nonzero()[:, 0].tolist()) == decides
        negated += any(len(places) == 2 for _, places in found)
        idle += any(word in NEGATORS and i not in decides for i, word in enumerate(words))
    # Neither a negator nor a keyword says the class by itself.
    assert negated > 150
    assert idle > 150


def test_without_negation_no_keyword_is_a_negator():
    made = Reviews(n_train=50, n_test=2, negated=0)()["train"]
    keywords = {made.vocabulary[token] for token in made.tokens[made.keywords].tolist()}
    assert keywords <= GOOD | BAD
    with pytest.raises(SparksError, match="negated=2"):
        Reviews(negated=2)()


def test_cut_reviews_keep_tokens_and_keywords_together():
    whole, cut = Reviews(n_train=40, n_test=2)()["train"], Reviews(40, 2, length=8)()["train"]
    assert cut.tokens.shape == (40, 8)
    assert cut.words(3) == whole.words(3)[:8]
    assert torch.equal(cut.keywords, whole.keywords[:, :8])


@pytest.fixture
def imdb(tmp_path):
    """The exact layout of the archive, with what lies beside the reviews in it."""
    lines = {
        "train/neg/0_3.txt": "A bad film.<br /><br />Truly bad!",
        "train/neg/1_1.txt": "bad, BAD; bad plot",
        "train/pos/0_9.txt": "A good film",
        "train/pos/1_7.txt": "good caf\u00e9 scene",
        "train/unsup/0_0.txt": "unlabelled",
        "test/neg/0_2.txt": "never good",
        "test/pos/0_10.txt": "A good plot",
        "README": "about",
        "train/urls_pos.txt": "http://example.org",
    }
    for name, text in lines.items():
        path = tmp_path / "aclImdb" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return str(tmp_path / "aclImdb")


def test_imdb_reads_the_layout_of_its_archive(imdb):
    splits = Imdb(root=imdb, vocabulary=5, length=3)()
    train, test = splits["train"], splits["test"]
    assert train.vocabulary == (*SPECIAL, "bad", "a", "film")
    assert train.classes == ("negative", "positive")
    assert train.labels.tolist() == [0, 0, 1, 1]
    assert train.words(0) == ["a", "bad", "film"]
    assert train.words(3) == ["<unk>", "<unk>", "<unk>"]
    assert train.words(1) == ["bad", "bad", "bad"]
    assert test.vocabulary == train.vocabulary
    assert test.labels.tolist() == [0, 1]
    assert test.words(1) == ["a", "<unk>", "<unk>"]
    assert train.keywords is None
    fewer = Imdb(root=imdb, n_train=2)()["train"]
    assert fewer.labels.tolist() == [0, 1]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_imdb_reads_texts_of_any_script(imdb, encoding):
    text = "очень хороший фильм"
    for name in ("0_9", "1_7"):
        Path(imdb, "train", "pos", f"{name}.txt").write_text(text, encoding=encoding)
    Path(imdb, "train", "pos", "._0_9.txt").write_bytes(b"\0\5\x16\7\xff")
    Path(imdb, "train", "pos", "2_9.TXT").write_text("новый", encoding=encoding)
    train = Imdb(root=imdb, length=5)()["train"]
    assert train.words(2) == text.split()
    assert train.words(4) == ["новый"]
    assert not train.wordless.any()


def test_imdb_says_which_files_to_put_where(imdb):
    for path in Path(imdb, "test", "pos").iterdir():
        path.unlink()
    for root in (imdb, "nowhere"):
        with pytest.raises(SparksError, match=r"aclImdb_v1\.tar\.gz .* holds train/neg") as caught:
            Imdb(root=root)()
        assert "\n" not in str(caught.value)
    assert str(Path("nowhere", "train", "neg")) in str(caught.value)


def test_imdb_is_unpacked_from_its_archive(imdb, tmp_path, monkeypatch):
    archive = tmp_path / "elsewhere" / "aclImdb_v1.tar.gz"
    archive.parent.mkdir()
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(imdb, "aclImdb")
    root = archive.parent / "aclImdb"
    with pytest.raises(SparksError, match=r"aclImdb_v1\.tar\.gz is not the published file"):
        Imdb(root=str(root)).download()
    digest = hashlib.md5(archive.read_bytes()).hexdigest()
    monkeypatch.setattr("sparks.data.imdb.MD5", digest)
    Imdb(root=str(root)).download()
    made, expected = Imdb(root=str(root))(), Imdb(root=imdb)()
    assert all(same(made[split], expected[split]) for split in ("train", "test"))
    with pytest.raises(SparksError, match="unpacks to aclImdb"):
        Imdb(root=str(archive.parent / "reviews")).download()


def test_imdb_names_a_damaged_file(imdb):
    Path(imdb, "train", "neg", "1_1.txt").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(SparksError, match=r"1_1\.txt cannot be read as UTF-8"):
        Imdb(root=imdb)()


def compose(path):
    whole = {
        "text": OmegaConf.load(path),
        "shared": {"n_train": 200, "n_test": 10, "train_limit": 200, "test_limit": 10},
        "seed": 3,
        "data_dir": "data",
    }
    return OmegaConf.create(whole).text


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_config_makes_a_builder_and_explains_its_keys(path):
    config = compose(path)
    assert config.name == path.stem
    builder = instantiate(config.builder)
    assert type(builder) is getattr(sparks.data, config.builder._target_.split(".")[-1])
    first, *lines = path.read_text().splitlines()
    assert first.startswith("# ")
    self_evident = ("_target_", "${text", "${shared.n_t")
    for line in lines:
        assert " # " in line or any(word in line for word in self_evident), line


def test_the_config_of_reviews_tells_their_vocabulary_and_classes():
    config = compose(next(path for path in FILES if path.stem == "reviews"))
    made = instantiate(config.builder)()
    assert len(made["train"].vocabulary) < config.vocabulary  # no word is left out
    assert len(made["train"].classes) == config.num_classes
    assert made["train"].tokens.shape[1] < config.builder.length  # no text is cut
