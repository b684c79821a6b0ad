"""Room images, inside the container: the user's code brought to /opt/ml/code. In: sagemaker_submit_directory, an S3
URI or a path. Out: the code folder filled.

An archive is the user's word, not ours: members that would leave the folder, devices and the like are refused.
"""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
from pathlib import Path
from urllib.parse import urlparse

from . import downloads
from .contract import ClientError, package


def bring(uri: str, folder: Path) -> None:
    """Fill `folder` from `uri`, unless something is in it already (a job may bring its code by a channel)."""
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        return
    if uri.startswith("s3://"):
        with tempfile.TemporaryDirectory() as scratch:
            archive = Path(scratch) / "sourcedir.tar.gz"
            _download(uri, archive)
            extract(archive, folder)
        return
    source = Path(uri.removeprefix("file://"))
    if source.resolve() == folder.resolve():
        return
    if source.is_dir():
        shutil.copytree(source, folder, dirs_exist_ok=True)
    elif source.is_file() and tarfile.is_tarfile(source):
        extract(source, folder)
    elif source.is_file():
        shutil.copy2(source, folder)
    else:
        raise ClientError(f"sagemaker_submit_directory: there is nothing at {uri!r}.")


def extract(archive: Path, folder: Path) -> None:
    """Unpack a tar archive, gzip or not, member by member."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(archive) as content:
            for member in content:
                _check(member, folder.resolve(), archive.name)
                member.mode &= 0o777
                member.uid, member.gid, member.uname, member.gname = os.getuid(), os.getgid(), "", ""
                content.extract(member, folder)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ClientError(f"{archive.name} is not a readable tar archive: {error}") from error


def _check(member: tarfile.TarInfo, folder: Path, archive: str) -> None:
    """Links that earlier members made are followed here, so no member can go out through one."""
    path = (folder / member.name).resolve()
    if member.issym():
        target = (path.parent / member.linkname).resolve()
    elif member.islnk():
        target = (folder / member.linkname).resolve()
    elif member.isfile() or member.isdir():
        target = path
    else:
        raise ClientError(f"{archive}: member {member.name!r} is neither a file, a folder nor a link.")
    free = shutil.disk_usage(folder).free
    if member.size > free:
        raise ClientError(f"{archive}: member {member.name!r} has {member.size} bytes; there is room for {free}.")
    if not (path.is_relative_to(folder) and target.is_relative_to(folder)):
        raise ClientError(f"{archive}: member {member.name!r} points outside the archive.")


def _download(uri: str, path: Path) -> None:
    place = urlparse(uri)
    key = place.path.lstrip("/")
    if downloads.is_possible(os.environ):
        try:
            downloads.fetch(place.netloc, key, path, os.environ)
            return
        except downloads.NotFetched:
            pass  # boto3 tries again, or says in AWS's words what is wrong
    region = os.environ.get("AWS_REGION") or os.environ.get("SAGEMAKER_REGION")
    client = package("boto3").client("s3", region_name=region, endpoint_url=os.environ.get("S3_ENDPOINT_URL"))
    try:
        client.download_file(place.netloc, key, str(path))
    except client.exceptions.ClientError as error:
        raise ClientError(f"sagemaker_submit_directory: {uri} could not be downloaded: {error}") from error
