"""Artifacts: round trips, whole or not at all, and refusals."""

import os
import pickle
import subprocess
import sys

import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sparks.artifacts import (
    atomic,
    count_rows,
    load_table,
    load_tensors,
    save_rows,
    save_table,
    save_tensors,
    table_provenance,
    tensor_provenance,
)
from sparks.errors import SparksError

ARRAYS = hnp.arrays(
    dtype=st.sampled_from(["float32", "float16", "int64", "uint8"]),
    shape=hnp.array_shapes(min_dims=0, max_dims=4, max_side=4),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(arrays=st.dictionaries(st.text("abc._", min_size=1), ARRAYS, min_size=1), made=JSON)
def test_tensors_come_back_bit_by_bit(tmp_path_factory, arrays, made):
    path = tmp_path_factory.mktemp("round") / "a.safetensors"
    tensors = {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}
    save_tensors(path, tensors, {"made": made})
    back = load_tensors(path)
    assert set(back) == set(tensors)
    for name, tensor in tensors.items():
        assert back[name].dtype == tensor.dtype
        assert back[name].numpy().tobytes() == tensor.contiguous().numpy().tobytes()
    assert tensor_provenance(path) == {"made": made}


@given(
    dtypes=st.dictionaries(
        st.text("abc._", min_size=1),
        st.sampled_from(["float32", "float16", "bfloat16", "int64", "uint8", "bool"]),
        min_size=1,
    ),
    sizes=st.lists(st.integers(0, 3), min_size=1, max_size=4),
    made=JSON,
)
def test_rows_written_block_by_block_are_the_same_bytes(tmp_path_factory, dtypes, sizes, made):
    folder = tmp_path_factory.mktemp("rows")
    shapes = [(), (2,), (3, 2)]
    blocks = [
        {
            name: (torch.rand(n, *shapes[i % 3]) * 9).to(getattr(torch, dtype))
            for i, (name, dtype) in enumerate(dtypes.items())
        }
        for n in sizes
    ]
    whole = {name: torch.cat([block[name] for block in blocks]) for name in dtypes}
    save_tensors(folder / "whole.safetensors", whole, {"made": made})
    save_rows(folder / "rows.safetensors", blocks, sum(sizes), {"made": made})
    written = (folder / "rows.safetensors").read_bytes()
    assert written == (folder / "whole.safetensors").read_bytes()
    part = load_tensors(folder / "rows.safetensors", rows=slice(1, 3))
    for name, tensor in whole.items():
        assert count_rows(folder / "rows.safetensors", name) == len(tensor)
        assert torch.equal(part[name], tensor[1:3])


def test_too_few_rows_leave_no_file(tmp_path):
    with pytest.raises(SparksError, match="2 rows came where 3 were announced"):
        save_rows(tmp_path / "a.safetensors", [{"maps": torch.zeros(2, 4)}], 3)
    assert not list(tmp_path.iterdir())


@given(values=st.lists(st.floats(allow_nan=True)), made=JSON)
def test_tables_come_back(tmp_path_factory, values, made):
    path = tmp_path_factory.mktemp("round") / "t.parquet"
    table = pd.DataFrame({"value": pd.Series(values, dtype=float), "name": "x"})
    save_table(path, table, {"made": made})
    pd.testing.assert_frame_equal(load_table(path), table)
    assert table_provenance(path) == {"made": made}


def test_same_content_gives_same_bytes(tmp_path):
    for name in ("a", "b"):
        save_tensors(tmp_path / f"{name}.safetensors", {"x": torch.arange(5)}, {"k": [1]})
        save_table(tmp_path / f"{name}.parquet", pd.DataFrame({"x": [1.0]}), {"k": [1]})
    for end in ("safetensors", "parquet"):
        assert (tmp_path / f"a.{end}").read_bytes() == (tmp_path / f"b.{end}").read_bytes()


def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError), atomic(path) as temporary:
        temporary.write_text("half" * 10000 + "\ud800")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_killed_write_leaves_no_file_of_that_name(tmp_path):
    path = tmp_path / "a.txt"
    program = (
        "import os, signal, sys\nfrom sparks.artifacts import atomic\n"
        "with atomic(sys.argv[1]) as temporary:\n"
        "    temporary.write_text('half')\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], check=False)
    assert done.returncode == -9
    assert not path.exists()


@pytest.mark.parametrize("load", [load_tensors, load_table, tensor_provenance])
def test_missing_file_is_named(tmp_path, load):
    with pytest.raises(SparksError, match=r"gone\.x does not exist"):
        load(tmp_path / "gone.x")


def test_truncated_file_is_refused(tmp_path):
    path = tmp_path / "a.safetensors"
    save_tensors(path, {"x": torch.ones(100)})
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(SparksError, match="not an intact safetensors file"):
        load_tensors(path)
    path = tmp_path / "t.parquet"
    save_table(path, pd.DataFrame({"x": range(100)}))
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(SparksError, match="not an intact Parquet file"):
        load_table(path)


def test_pickle_is_never_opened(tmp_path):
    class Trap:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "sprung"),))

    for load, name in ((load_tensors, "a.safetensors"), (load_table, "a.parquet")):
        (tmp_path / name).write_bytes(pickle.dumps(Trap()))
        with pytest.raises(SparksError, match="not an intact"):
            load(tmp_path / name)
    assert not (tmp_path / "sprung").exists()


def test_foreign_artifact_is_refused_by_what_it_lacks(tmp_path):
    save_tensors(tmp_path / "a.safetensors", {"weights": torch.ones(1)})
    with pytest.raises(SparksError, match=r"no tensor 'maps', only \['weights'\]"):
        load_tensors(tmp_path / "a.safetensors", ["maps"])


FULL_DISK = """
import sys, torch, pandas as pd
from sparks.artifacts import save_table, save_tensors
from sparks.errors import SparksError
x = torch.rand(10**6)
for save in (lambda: save_tensors(sys.argv[1] + "/a.safetensors", {"x": x}),
             lambda: save_table(sys.argv[1] + "/t.parquet", pd.DataFrame({"x": x}))):
    try:
        save()
    except SparksError as error:
        print(error)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_full_disk_is_named_and_leaves_nothing(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        told = subprocess.run(
            [sys.executable, "-c", FULL_DISK, str(disk)], check=True, capture_output=True, text=True
        ).stdout.splitlines()
        assert len(told) == 2
        assert all("cannot write" in line and "space" in line for line in told), told
        assert os.listdir(disk) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)
