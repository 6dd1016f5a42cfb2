"""The code digest: what changes it, and what does not."""

import pytest

from harness import digest, targets


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project of a script, a library with re-exports, and functions that change it."""
    files = {
        "src/lib/__init__.py": '"""Library."""\n',
        "src/lib/methods/__init__.py": (
            '"""Methods."""\nfrom typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n'
            "    from lib.methods.sobol import Sobol\n    from lib.methods.rise import Rise\n"
        ),
        "src/lib/methods/sobol.py": "from lib.shared import f\n\nclass Sobol:\n    n: int = 3\n",
        "src/lib/methods/rise.py": "class Rise:\n    n: int = 4\n",
        "src/lib/shared.py": "def f():\n    from lib.deep import g\n    return g()\n",
        "src/lib/deep.py": "def g():\n    return 1\n",
        "src/lib/typed.py": "T = int\n",
        "scripts/go.py": (
            "import json\nfrom typing import TYPE_CHECKING\nfrom lib.methods import Sobol\n"
            "if TYPE_CHECKING:\n    from lib.typed import T\n"
        ),
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(targets, "SOURCES", (tmp_path / "src", tmp_path / "scripts"))
    _forget()
    yield tmp_path
    _forget()


def _forget():
    for function in (
        targets.tree,
        targets.module_file,
        targets.exports,
        digest.closure,
        digest._imported,
        digest.source_digest,
    ):
        function.cache_clear()


def code(project, config=None):
    _forget()
    return digest.code_digest(project / "scripts/go.py", config)


def edit(project, name, text):
    path = project / "src/lib" / name
    path.write_text(path.read_text() + text)


@pytest.mark.parametrize("name", ["methods/sobol.py", "shared.py", "deep.py"])
def test_changes_with_all_it_imports_however_deep(project, name):
    before = code(project)
    edit(project, name, "\nX = 1\n")
    assert code(project) != before


@pytest.mark.parametrize("name", ["methods/rise.py", "typed.py", "methods/__init__.py"])
def test_does_not_change_with_what_it_does_not_use(project, name):
    before = code(project)
    edit(project, name, "\nX = 1\n")
    assert code(project) == before


def test_follows_the_targets_in_the_configuration(project):
    config = {"method": [{"_target_": "lib.methods.Rise", "n": 1}]}
    before = code(project, config)
    assert before != code(project)
    edit(project, "methods/rise.py", "\nX = 1\n")
    assert code(project, config) != before


def test_values_of_the_configuration_are_not_code(project):
    first = code(project, {"a": {"_target_": "lib.methods.Rise", "n": 1}})
    assert first == code(project, {"a": {"_target_": "lib.methods.Rise", "n": 2}})


def test_comments_and_docstrings_do_not_count(project):
    before = code(project)
    edit(project, "deep.py", "# a comment\n")
    assert code(project) == before
    path = project / "src/lib/deep.py"
    path.write_text('"""Said."""\n\n\ndef g():\n    """Said."""\n    return 1\n')
    assert code(project) == before


def test_reverting_an_edit_reverts_the_digest(project):
    before = code(project)
    path = project / "src/lib/deep.py"
    text = path.read_text()
    path.write_text("def g():\n    return 2\n")
    assert code(project) != before
    path.write_text(text)
    assert code(project) == before


def test_installed_packages_are_not_followed():
    assert targets.module_file("numpy") is None
    assert targets.find("torch.nn.Linear") is None
