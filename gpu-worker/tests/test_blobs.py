"""Blobs: the layout that the TypeScript side reads, whole or not there, checked against their digest."""

import hashlib

import pytest

from ratchet_gpu.blobs import Blobs, digest_of_bytes
from ratchet_gpu.errors import RatchetError
from ratchet_gpu.home import Home


def test_put_and_get(tmp_path):
    blobs = Blobs(tmp_path)
    digest = blobs.put(b"content")
    name = hashlib.sha256(b"content").hexdigest()
    assert digest == f"sha256:{name}"
    assert (tmp_path / name[:2] / name).read_bytes() == b"content"
    assert blobs.get(digest) == b"content"
    assert blobs.put(b"content") == digest
    assert not list((tmp_path / "tmp").iterdir())


def test_put_file_takes_large_files_in_pieces(tmp_path):
    file = tmp_path / "weights"
    file.write_bytes(b"ab" * (1 << 20))
    blobs = Blobs(tmp_path / "blobs")
    assert blobs.put_file(file) == digest_of_bytes(file.read_bytes())
    assert blobs.get(digest_of_bytes(file.read_bytes())) == file.read_bytes()


def test_damaged_bytes_are_not_given_out_and_can_be_stored_again(tmp_path):
    blobs = Blobs(tmp_path)
    digest = blobs.put(b"content")
    blobs.path(digest).write_bytes(b"c0ntent")
    with pytest.raises(RatchetError) as caught:
        blobs.get(digest)
    assert caught.value.code == "BLOB_CORRUPT"
    blobs.put(b"content")
    assert blobs.get(digest) == b"content"


@pytest.mark.parametrize(
    ("digest", "code"),
    [("sha256:" + "0" * 64, "NOT_FOUND"), ("../../etc/passwd", "REQUEST_INVALID"), ("sha256:XYZ", "REQUEST_INVALID")],
)
def test_missing_and_malformed(tmp_path, digest, code):
    with pytest.raises(RatchetError) as caught:
        Blobs(tmp_path).get(digest)
    assert caught.value.code == code


def test_run_directories_never_leave_home_nor_meet(tmp_path):
    home = Home(tmp_path)
    assert home.run("nightly-tickets-2026-11-25T02:00:00Z").parent == tmp_path / "runs"
    assert home.run("plain_id-1.2").name == "plain_id-1.2"
    hostile = ["../../x", "..", ".", "", "a/b", "a b", "a:b", "x" * 300, "/etc"]
    paths = [home.run(run_id) for run_id in hostile]
    assert len(set(paths)) == len(paths)
    for path in paths:
        assert path.resolve().parent == tmp_path.resolve() / "runs"
        assert len(path.name) <= 120
