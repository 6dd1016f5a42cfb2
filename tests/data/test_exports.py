"""The package is cheap to import, and every name it promises is there."""

import subprocess
import sys

import pytest

import sparks.data


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.path[:0] = sys.argv[1:]; import sparks.data;"
        "sys.exit(', '.join({'torch', 'torchvision', 'numpy', 'PIL'} & set(sys.modules)))"
    )
    paths = filter(None, sys.path)
    done = subprocess.run(
        [sys.executable, "-c", code, *paths], capture_output=True, text=True, check=False
    )
    assert done.stderr.strip() == ""


def test_every_promised_name_is_there() -> None:
    assert set(sparks.data.__all__) == set(sparks.data._MODULES)
    for name in sparks.data.__all__:
        assert getattr(sparks.data, name).__name__ == name
    with pytest.raises(AttributeError, match="Minist"):
        _ = sparks.data.Minist
