"""Content-addressed blobs, the same directory layout as stores/blobs.ts: blobs/<first 2 hex>/<hex>."""

import contextlib
import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

from ratchet_gpu.errors import RatchetError

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_CHUNK_BYTES = 1 << 20


def digest_of_bytes(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def digest_of_file(path: Path) -> str:
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


class Blobs:
    def __init__(self, root: Path) -> None:
        self._root = root

    def path(self, digest: str) -> Path:
        if not _DIGEST.fullmatch(digest):
            raise RatchetError("REQUEST_INVALID", "A digest is not sha256: and 64 hex digits.")
        name = digest.removeprefix("sha256:")
        return self._root / name[:2] / name

    def get(self, digest: str) -> bytes:
        """The blob's bytes. Raises NOT_FOUND, or BLOB_CORRUPT when the bytes are not those that the digest names."""
        try:
            data = self.path(digest).read_bytes()
        except FileNotFoundError:
            raise RatchetError("NOT_FOUND", f"No blob {digest} under {self._root.name}/.") from None
        except OSError as error:
            raise RatchetError("STORE_UNAVAILABLE", f"Blob {digest} cannot be read (errno {error.errno}).") from None
        if digest_of_bytes(data) != digest:
            raise RatchetError("BLOB_CORRUPT", f"The bytes stored as {digest} do not match it.")
        return data

    def put(self, data: bytes) -> str:
        return self._write(digest_of_bytes(data), iter((data,)))

    def put_file(self, path: Path) -> str:
        def chunks() -> Iterator[bytes]:
            with path.open("rb") as file:
                while chunk := file.read(_CHUNK_BYTES):
                    yield chunk

        return self._write(digest_of_file(path), chunks())

    def _write(self, digest: str, chunks: Iterator[bytes]) -> str:
        target = self.path(digest)
        if target.exists() and digest_of_file(target) == digest:
            return digest
        written = hashlib.sha256()
        temporary = self._root / "tmp" / secrets.token_hex(16)
        try:
            temporary.parent.mkdir(parents=True, exist_ok=True)
            target.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("xb") as file:
                for chunk in chunks:
                    written.update(chunk)
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            if f"sha256:{written.hexdigest()}" != digest:
                raise RatchetError("STORE_UNAVAILABLE", f"The file of {digest} changed while it was stored.")
            temporary.replace(target)
            directory = os.open(target.parent, os.O_RDONLY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        except OSError as error:
            raise RatchetError("STORE_UNAVAILABLE", f"Blob {digest} cannot be written (errno {error.errno}).") from None
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
        return digest
