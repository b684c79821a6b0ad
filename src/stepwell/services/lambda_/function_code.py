"""A function's code on disk: `<data>/functions/<SHA-256 of the archive>/`, unpacked once, shared, never changed.

In: the Code of a request: bytes, or an object in S3. Out: `Code`. A folder appears whole, by rename, before any row
names it; what a crash leaves half-unpacked, and code that no row names any more, goes at the next start (`tidy`).
"""

from __future__ import annotations

import base64
import hashlib
import io
import shutil
import tempfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from stepwell.base import ids
from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.services.lambda_ import archives, faults
from stepwell.services.registry import Call

FOLDER = "functions"
MOST_DIRECT_BYTES = 52_428_800
"""Of an archive inside a request; larger ones come by way of S3 (Lambda quotas)."""
IN_MEMORY = 1 << 20
PRIVATE = 0o700


@dataclass(frozen=True, slots=True)
class Code:
    """An archive that is unpacked. `hash` is its SHA-256 in hexadecimal, `size` its bytes while packed."""

    hash: str
    size: int

    @property
    def sha256(self) -> str:
        """The hash as the API shows it."""
        return base64.b64encode(bytes.fromhex(self.hash)).decode()


def folder(data: Path, code_hash: str) -> Path:
    """Where the code of that hash lies."""
    return data / FOLDER / code_hash


def receive(call: Call, given: Document) -> Code:
    """The code of a request, unpacked. Raises InvalidParameterValueException; then nothing is left behind."""
    if "ZipFile" in given:
        if "S3Bucket" in given or "S3Key" in given:
            raise faults.invalid("Please do not provide other FunctionCode parameters when providing a ZipFile.")
        return _direct(call.site.data, bytes(given["ZipFile"]))
    if "S3Bucket" in given and "S3Key" in given:
        return _from_s3(call, given)
    raise faults.invalid("Please provide a source for function code.")


def tidy(data: Path, used: Collection[str]) -> None:
    """Remove code that is half-unpacked or not among `used`. Only while nobody creates functions."""
    for entry in (data / FOLDER).glob("*"):
        if entry.name not in used:
            shutil.rmtree(entry, ignore_errors=True)


def _direct(data: Path, archive: bytes) -> Code:
    if not archive:
        raise faults.invalid("Uploaded file must be a non-empty zip")
    if len(archive) > MOST_DIRECT_BYTES:
        raise faults.invalid(f"Zipped size must be smaller than {MOST_DIRECT_BYTES} bytes")
    code = Code(hashlib.sha256(archive).hexdigest(), len(archive))
    _keep(data, code, io.BytesIO(archive))
    return code


def _from_s3(call: Call, given: Document) -> Code:
    wanted = {"Bucket": given["S3Bucket"], "Key": given["S3Key"]}
    if "S3ObjectVersion" in given:
        wanted["VersionId"] = given["S3ObjectVersion"]
    try:
        body = call.call("s3", "GetObject", wanted)["Body"]
    except Fault as fault:
        raise faults.invalid(
            f"Error occurred while GetObject. S3 Error Code: {fault.code}. S3 Error Message: {fault.message}"
        ) from None
    if body.length > archives.MOST_BYTES:
        raise faults.invalid(f"Unzipped size must be smaller than {archives.MOST_BYTES} bytes")
    digest = hashlib.sha256()
    with tempfile.SpooledTemporaryFile(IN_MEMORY) as copy:
        for piece in body.iterate():
            digest.update(piece)
            copy.write(piece)
        code = Code(digest.hexdigest(), copy.tell())
        copy.seek(0)
        _keep(call.site.data, code, copy)
    return code


def _keep(data: Path, code: Code, archive: IO[bytes]) -> None:
    final = folder(data, code.hash)
    if final.is_dir():
        return
    draft = final.with_name(f".{code.hash}-{ids.token(8)}")
    final.parent.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    draft.mkdir()
    draft.chmod(0o755)
    try:
        archives.unpack(archive, draft)
        draft.rename(final)
    except OSError:
        # Somebody else unpacked the same code meanwhile; a rename never replaces a folder that has files.
        if not final.is_dir():
            raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)
