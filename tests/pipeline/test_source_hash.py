"""The code digest: what changes it, and what does not."""

import ast
from importlib.metadata import version

import pytest
from composed import forget_sources

from sparks_thesis.pipeline import source_hash, sources


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
    monkeypatch.setattr(sources, "SOURCES", (tmp_path / "src", tmp_path))
    _forget()
    yield tmp_path
    _forget()


def _forget():
    sources._READ.clear()
    forget_sources()


def code(project, config=None):
    _forget()
    return source_hash.code_digest(project / "scripts/go.py", config)


def edit(project, name, text):
    path = project / "src/lib" / name
    path.write_text(path.read_text() + text)


def test_what_was_noted_of_files_gives_the_same_digest_until_one_changes(project, monkeypatch):
    monkeypatch.setattr(sources, "NOTED", project / "noted/sources.json")
    before = code(project)
    sources.remember()
    _forget()
    parsed, parse = [], sources.tree

    def tree(file):
        parsed.append(file)
        return parse(file)

    monkeypatch.setattr(sources, "tree", tree)
    assert code(project) == before
    assert not parsed
    edit(project, "deep.py", "\nX = 1\n")
    assert code(project) != before
    assert parsed == [project / "src/lib/deep.py"]


def test_what_was_noted_of_other_folders_or_is_cut_short_does_not_count(project, monkeypatch):
    monkeypatch.setattr(sources, "NOTED", project / "sources.json")
    before = code(project)
    sources.remember()
    text = sources.NOTED.read_text()
    for noted in (text.replace('"digest": "', '"digest": "0')[:-9], text.replace("/src", "/other")):
        sources.NOTED.write_text(noted.replace('"digest": "', '"digest": "0'))
        assert code(project) == before


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
    assert sources.module_file("numpy") is None
    assert sources.find("torch.nn.Linear") is None


# A package of a user's beside the project, whose modules import one another in every relative way.
USERS = {
    "mine/__init__.py": "from . import patches\nfrom .deep.nets import Net\nSCALE = 2\n",
    "mine/patches.py": "X = 1\n",
    "mine/helper.py": "from . import SCALE\ndef f():\n    return SCALE\n",
    "mine/starred.py": "def star():\n    return 1\n",
    "mine/linear.py": "try:\n    import torch\nexcept ImportError:\n    from .helper import f\n",
    "mine/unused.py": "X = 1\n",
    "mine/table.csv": "1,2\n",
    "mine/other.csv": "1,2\n",
    "mine/deep/nets.py": (
        "def build():\n    from ..helper import f\n    return f()\n\nclass Net:\n    n: int = 1\n"
    ),
    "mine/deep/methods/__init__.py": "from ...starred import *\nfrom .own import Own\n",
    "mine/deep/methods/own.py": (
        "from .. import nets\nfrom ... import linear\nfrom pathlib import Path\n\n"
        "class Own:\n    table = Path(__file__).parents[2]\n"
    ),
    "mine/reads.py": "from pathlib import Path\nT = Path(__file__).with_name('table.csv')\n",
    "mine/made.py": "from .reads import T\ndef _make(t):\n    return max\nMade = _make(T)\n",
}


@pytest.fixture
def users(project):
    for name, text in USERS.items():
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return project


OWN = {"_target_": "mine.deep.methods.Own"}


@pytest.mark.parametrize(
    ("config", "name"),
    [
        (OWN, "mine/deep/methods/own.py"),
        (OWN, "mine/deep/nets.py"),  # from .. import nets
        (OWN, "mine/linear.py"),  # from ... import linear
        (OWN, "mine/helper.py"),  # from ..helper import f, in a function of nets
        (OWN, "mine/__init__.py"),  # importing a module runs its packages
        (OWN, "mine/patches.py"),  # which they import
        (OWN, "mine/deep/methods/__init__.py"),
        (OWN, "mine/starred.py"),  # from ...starred import *
        ({"_target_": "mine.Net"}, "mine/deep/nets.py"),  # through a relative re-export
        ({"_target_": "mine.deep.methods.star"}, "mine/starred.py"),
        ({"_target_": "mine.made.Made"}, "mine/made.py"),  # made by a call, no class or function
        ({"_target_": "mine.made.Made"}, "mine/reads.py"),
        ({"_target_": "mine.reads.T"}, "mine/table.csv"),  # data that a module names
        ({"_target_": "lib.methods.Rise", "method": "mine.helper.f"}, "mine/helper.py"),
        ({"methods": [{"a": {"loss": "mine.deep.nets.Net"}}]}, "mine/deep/nets.py"),
    ],
)
def test_changes_with_what_a_users_package_imports_relatively(users, config, name):
    before = code(users, config)
    path = users / name
    path.write_text(path.read_text() + ("\nX = 2\n" if name.endswith(".py") else "3,4\n"))
    assert code(users, config) != before


@pytest.mark.parametrize("name", ["mine/unused.py", "mine/other.csv"])
def test_does_not_change_with_what_a_users_package_does_not_use(users, name):
    config = [OWN, {"_target_": "mine.made.Made"}]
    before = code(users, config)
    (users / name).write_text("X = 2\n")
    assert code(users, config) == before


def test_a_package_imported_whole_counts_with_all_it_exports(project):
    (project / "scripts/go.py").write_text("from lib import methods\n\nmethods.Rise\n")
    before = code(project)
    edit(project, "methods/rise.py", "\nX = 1\n")
    assert code(project) != before


def test_what_is_imported_unless_types_are_checked_counts(project):
    (project / "scripts/go.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from lib.typed import T\n"
        "else:\n    from lib.deep import g\n"
    )
    before = code(project)
    edit(project, "typed.py", "\nX = 1\n")
    assert code(project) == before
    edit(project, "deep.py", "\nX = 1\n")
    assert code(project) != before


def test_a_package_that_is_installed_as_a_link_is_code_of_the_user(project, monkeypatch, tmp_path):
    elsewhere = tmp_path.with_name(f"{tmp_path.name}-linked")
    (elsewhere / "linked_package").mkdir(parents=True)
    file = elsewhere / "linked_package/__init__.py"
    file.write_text("class Method:\n    n = 1\n")
    spec = type("Spec", (), {"origin": str(file)})
    monkeypatch.setattr(
        sources, "find_spec", lambda name: spec if name == "linked_package" else None
    )
    config = {"_target_": "linked_package.Method"}
    before = code(project, config)
    file.write_text("class Method:\n    n = 2\n")
    assert code(project, config) != before


def test_changes_with_the_version_of_a_package_that_the_code_imports(project, monkeypatch):
    edit(project, "deep.py", "\ndef h():\n    import PIL.Image\n")
    installed = {"pillow": "1", "torch": "1", "hydra-core": "1", "scipy": "1"}
    monkeypatch.setattr(source_hash, "version", lambda name: installed[name])
    names = {"PIL": ["pillow"], "hydra": ["hydra-core"], "torch": ["torch"], "scipy": ["scipy"]}
    monkeypatch.setattr(source_hash, "_distributions", lambda: names)
    config = {"_target_": "torch.nn.Linear"}
    (project / "scripts/go.py").write_text("import hydra\nfrom lib.shared import f\n")
    before, with_torch = code(project), code(project, config)
    installed |= {"scipy": "2", "hydra-core": "2"}  # not imported; only carries values
    assert code(project) == before
    installed["torch"] = "2"
    assert code(project) == before
    assert code(project, config) != with_torch
    installed["pillow"] = "2"
    assert code(project) != before


def test_the_packages_that_compute_are_among_those_of_the_projects_jobs():
    _forget()
    found = {
        line.partition("==")[0]
        for script in ("attribute", "train", "holistic", "lipschitz")
        for file in source_hash.closure(sources.ROOT / "scripts" / f"{script}.py")
        for package in source_hash._packages(file)
        for line in source_hash._versions(package)
    }
    assert {"torch", "numpy"} <= found


def test_a_package_is_known_by_the_distribution_that_installed_it():
    names = {"PIL": "pillow", "sklearn": "scikit-learn", "deel": "deel-torchlip", "torch": "torch"}
    for package, distribution in names.items():
        assert source_hash._versions(package) == (f"{distribution}=={version(distribution)}",)
    assert source_hash._versions("sparks_thesis") == ()


def test_a_tree_has_the_same_form_in_every_version_of_python():
    source = (
        "def f(a, *, b=None) -> 'é\\u0560':\n    return f'{a!r:>{b}}' + u'x'\nclass C:\n    pass\n"
    )
    text = sources.normal_form(ast.parse(source))
    # Python 3.12 has type parameters in functions and classes, 3.13 more defaults of fields.
    newer = ast.parse(source)
    for node in list(ast.walk(newer)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            node.__class__ = type(
                type(node).__name__,
                (type(node),),
                {"_fields": (*dict.fromkeys((*type(node)._fields, "type_params", "more")),)},
            )
            node.type_params, node.more = [], None
    newer.type_ignores = []
    assert sources.normal_form(newer) == text
    assert text.isascii()
    # The form that is written down here is that of every version which runs this test.
    assert sources.normal_form(ast.parse("def f(x: int = 1, *, y): return x or None")) == (
        "Module(body=[FunctionDef(name='f',args=arguments(args=[arg(arg='x',"
        "annotation=Name(id='int',ctx=Load()))],kwonlyargs=[arg(arg='y')],kw_defaults=[None],"
        "defaults=[Constant(value=1)]),body=[Return(value=BoolOp(op=Or(),"
        "values=[Name(id='x',ctx=Load()),Constant()]))])])"
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [("x = None", "x = ''"), ("x = 1", "x = 1.0"), ("x = [None]", "x = []"),
     ("x = 'a'", "x = b'a'"), ("f(a, None)", "f(a)"), ("x[:1]", "x[1:]"),
     ("{**a}", "{}"), ("x = -0.0", "x = 0.0"),
     ("def f(): pass", "async def f(): pass"), ("a if b else c", "c if b else a")],
)  # fmt: skip
def test_other_code_has_another_form(one, other):
    assert sources.normal_form(ast.parse(one)) != sources.normal_form(ast.parse(other))


def test_a_file_that_is_not_python_is_named(project):
    (project / "src/lib/deep.py").write_text("def g(:\n")
    with pytest.raises(sources.SparksError, match=r"deep\.py is not valid Python: .*line 1"):
        code(project)
