"""What all tests share: threads, the examples of property tests, and a browser.

Tests run on every core at once: one thread each, or they would wait for one another.
"""

import importlib.util
import os
import shutil

import pytest
from hypothesis import settings

# The same jobs are planned whatever data this machine has.
os.environ.setdefault("SPARKS_ABSENT", "imagenette")

if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# By default property tests try the same examples on every run and every machine; a counterexample
# that exploration finds becomes an `@example` of its test. `-m nightly` explores: other examples on
# every run, and more of them. `--hypothesis-profile` chooses one of the two by name.
settings.register_profile("fixed", derandomize=True, database=None, deadline=None, max_examples=50)
settings.register_profile("nightly", deadline=None, max_examples=200, print_blob=True)
settings.load_profile("fixed")


def _explores(config):
    """Whether `-m` asks for tests that are marked `nightly`."""
    asked = config.option.markexpr
    return "nightly" in asked and "not nightly" not in asked


def pytest_configure(config):
    """Choose the profile before tests are imported."""
    if _explores(config):
        settings.load_profile("nightly")


_NIGHTLY = pytest.StashKey[list[pytest.Item]]()


@pytest.fixture
def nightly_tests(pytestconfig):
    """Tests of the nightly lane that this session has collected, whether it runs them or not."""
    return pytestconfig.stash[_NIGHTLY]


@pytest.hookimpl(tryfirst=True)  # before `-m` selects
def pytest_collection_modifyitems(config, items):
    """Let exploration find all property tests.

    Put the longest first: one core runs the whole workflow while the other does the rest.
    """
    config.stash[_NIGHTLY] = [item for item in items if item.get_closest_marker("nightly")]
    for item in items if _explores(config) else ():
        if getattr(item.obj, "is_hypothesis_test", False):
            item.add_marker("nightly")
    items.sort(
        key=lambda item: (item.path.name != "test_run.py", "workflow" not in item.path.parts)
    )


@pytest.fixture(scope="session")
def chromium():
    """Debian's Chromium, driven by Playwright."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("no Chromium here: install Debian's package `chromium`")
    if importlib.util.find_spec("playwright") is None:
        pytest.skip("playwright drives the browser: install the extra `dev`")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Without a sandbox of its own it runs as root too, as in containers.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


class Watched:
    """A page of the browser, and what went wrong on it."""

    def __init__(self, browser, **options):
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(30_000)  # all cores may be busy
        self.errors, self.requests = [], []
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("dialog", self._dialog)
        self.page.on("request", lambda request: self.requests.append(request.url))

    def _console(self, message):
        if message.type in ("error", "warning"):
            self.errors.append(message.text)

    def _dialog(self, dialog):
        self.errors.append(f"a dialog: {dialog.message}")
        dialog.dismiss()


@pytest.fixture
def watch(chromium):
    """Open pages; what goes wrong on any of them fails the test."""
    opened = []

    def open_page(**options):
        opened.append(Watched(chromium, **options))
        return opened[-1]

    yield open_page
    errors = [error for watched in opened for error in watched.errors]
    for watched in opened:
        watched.context.close()
    assert not errors


@pytest.fixture(scope="session")
def shots(tmp_path_factory):
    """Folder of the screenshots; pytest keeps those of the last three runs."""
    return tmp_path_factory.mktemp("screenshots")
