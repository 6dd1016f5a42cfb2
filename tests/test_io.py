"""Artifacts: round trips, whole or not at all, and refusals."""

import hashlib
import os
import pickle
import random
import re
import subprocess
import sys

import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.torch import load_file, save_file

from sparks.errors import SparksError
from sparks.io import (
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
        "import os, signal, sys\nfrom sparks.io import atomic\n"
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
    tensors, table = {"x": torch.ones(100)}, pd.DataFrame({"x": range(100)})
    ways = {
        "own.safetensors": (lambda path: save_tensors(path, tensors), load_tensors),
        "own.parquet": (lambda path: save_table(path, table), load_table),
        "foreign.safetensors": (lambda path: save_file(tensors, path), load_tensors),
        "foreign.parquet": (table.to_parquet, load_table),
    }
    for name, (save, load) in ways.items():
        path = tmp_path / name
        save(path)
        path.write_bytes(path.read_bytes()[:-50])
        says = "is damaged" if name.startswith("own") else "is not an intact"
        with pytest.raises(SparksError, match=f"{name} {says}"):
            load(path)


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
from sparks.io import save_table, save_tensors
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
        lines = subprocess.run(
            [sys.executable, "-c", FULL_DISK, str(disk)], check=True, capture_output=True, text=True
        ).stdout.splitlines()
        assert len(lines) == 2
        assert all("cannot write" in line and "space" in line for line in lines), lines
        assert os.listdir(disk) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def flipped(content, step=1):
    """Yield the place of every `step`-th byte, and the content with one bit of it flipped."""
    rng = random.Random(0)
    for place in range(0, len(content), step):
        changed = bytearray(content)
        changed[place] ^= 1 << rng.randrange(8)
        yield place, bytes(changed)


def refusal(load, path):
    """Return the error's line, or None where a file is read."""
    try:
        load(path)
    except SparksError as error:
        return str(error)
    return None


def test_a_flipped_bit_in_a_tensor_artifact_is_noticed_or_harmless(tmp_path):
    tensors = {"x": torch.arange(6.0).view(2, 3), "mask": torch.tensor([True, False])}
    save_tensors(tmp_path / "a.safetensors", tensors, {"seed": 1})
    content = (tmp_path / "a.safetensors").read_bytes()
    header = len(content) - sum(t.nbytes for t in tensors.values())
    harmless = 0
    for place, changed in flipped(content):
        path = tmp_path / f"{place}.safetensors"
        path.write_bytes(changed)
        line = refusal(load_tensors, path)
        if place >= header:
            assert f"{path} is damaged" in line
            assert "delete it and run the same command again" in line
        elif line is None:  # in the name of the digest's field: nothing that is read
            back = load_tensors(path)
            assert all(back[name].equal(tensor) for name, tensor in tensors.items())
            harmless += 1
    assert harmless < 40


def test_a_flipped_bit_in_a_table_is_noticed_or_harmless(tmp_path):
    table = pd.DataFrame({"metric": ["a", "b"], "value": [0.25, 0.5]})
    save_table(tmp_path / "a.parquet", table, {"seed": 1})
    harmless = 0
    for place, changed in flipped((tmp_path / "a.parquet").read_bytes(), step=3):
        path = tmp_path / f"{place}.parquet"
        path.write_bytes(changed)
        line = refusal(load_table, path)
        if line is None:
            pd.testing.assert_frame_equal(load_table(path), table)
            assert table_provenance(path) == {"seed": 1}
            harmless += 1
        else:
            assert str(path) in line
    assert harmless < 14


def test_damage_is_noticed_in_rows_and_in_what_came_block_by_block(tmp_path):
    path = tmp_path / "a.safetensors"
    blocks = [{"x": torch.arange(4.0) + 4 * block} for block in range(3)]
    save_rows(path, blocks, rows=12)
    assert load_tensors(path, rows=slice(0, 2))["x"].tolist() == [0, 1]
    content = bytearray(path.read_bytes())
    content[-1] ^= 1  # of the last row, not of those that are read
    path.write_bytes(content)
    os.utime(path, ns=(0, 0))
    with pytest.raises(SparksError, match="is damaged"):
        load_tensors(path, rows=slice(0, 2))


def test_files_of_others_are_read_without_a_digest(tmp_path):
    save_file({"x": torch.ones(2)}, tmp_path / "a.safetensors", metadata={"format": "pt"})
    assert load_tensors(tmp_path / "a.safetensors")["x"].tolist() == [1, 1]
    assert tensor_provenance(tmp_path / "a.safetensors") == {}
    table = pd.DataFrame({"sha256": ["digest sha256:" + "0" * 64]})
    table.to_parquet(tmp_path / "a.parquet")
    pd.testing.assert_frame_equal(load_table(tmp_path / "a.parquet"), table)


def test_others_read_what_was_written(tmp_path):
    save_tensors(tmp_path / "a.safetensors", {"x": torch.ones(2)}, {"seed": 1})
    assert load_file(tmp_path / "a.safetensors")["x"].tolist() == [1, 1]
    table = pd.DataFrame({"metric": ["a"], "value": [0.5]})
    save_table(tmp_path / "a.parquet", table, {"seed": 1})
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "a.parquet"), table)


@pytest.mark.parametrize("made", [{}, {"digest of a config": "sha256:" + "a" * 64}, None])
def test_the_digest_is_that_of_the_file_with_zeros_in_its_place(tmp_path, made):
    save_tensors(tmp_path / "a.safetensors", {"x": torch.ones(2)}, made)
    save_table(tmp_path / "a.parquet", pd.DataFrame({"value": [0.5]}), made)
    for name in ("a.safetensors", "a.parquet"):
        content = (tmp_path / name).read_bytes()
        found = set(re.findall(rb"sha256:([0-9a-f]{64})", content)) - {b"a" * 64, b"0" * 64}
        [digest] = found
        assert content.count(digest) == 1
        zeroed = content.replace(digest, b"0" * 64)
        assert hashlib.sha256(zeroed).hexdigest().encode() == digest
    assert tensor_provenance(tmp_path / "a.safetensors") == (made or {})
    assert table_provenance(tmp_path / "a.parquet") == (made or {})
