"""What a job says about its inputs."""

import hashlib

from harness.job import digest


def test_a_file_is_told_by_its_sha256(tmp_path):
    file = tmp_path / "weights"
    file.write_bytes(b"1234")
    assert digest(file) == hashlib.sha256(b"1234").hexdigest()[:16]


def test_a_folder_is_told_by_the_names_and_contents_of_its_files(tmp_path):
    def folder(name, **files):
        (tmp_path / name / "deep").mkdir(parents=True)
        for file, text in files.items():
            (tmp_path / name / "deep" / file).write_text(text)
        return digest(tmp_path / name)

    first = folder("first", a="1", b="2")
    assert folder("same", b="2", a="1") == first
    others = [folder("named", a="1", c="2"), folder("changed", a="1", b="3"), folder("less", a="1")]
    assert len({first, *others}) == 4
