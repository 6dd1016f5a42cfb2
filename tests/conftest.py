"""What all tests share: threads, and a browser.

Tests run on every core at once: one thread each, or they would wait for one another.
"""

import importlib.util
import os
import shutil

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_xdist_auto_num_workers(config):
    """One more than there are cores: runs of the workflow wait now and then."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items):
    """Put the longest first: one core runs the whole workflow while the other does the rest."""
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
