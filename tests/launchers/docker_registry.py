"""A registry of one image, as small as the distribution protocol allows: what an engine pulls from."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from docker_daemon import programs_archive

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


@contextmanager
def registry(folder: Path, password: str) -> Iterator[str]:
    """`host:port` of a registry that gives one image, whatever its name, to who knows `password` (user:password)."""
    manifest, blobs = _image(folder)
    wanted = "Basic " + base64.b64encode(password.encode()).decode()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            digest = self.path.rpartition("/")[2]
            if self.headers.get("Authorization") != wanted:
                self._answer(401, b"", "text/plain", ("WWW-Authenticate", 'Basic realm="tests"'))
            elif "/manifests/" in self.path:
                self._answer(200, manifest, MANIFEST, ("Docker-Content-Digest", _digest(manifest)))
            elif "/blobs/" in self.path:
                self._answer(200, blobs[digest], "application/octet-stream")
            else:
                self._answer(200, b"{}", "application/json")

        def do_HEAD(self) -> None:
            self.do_GET()

        def _answer(self, status: int, body: bytes, kind: str, *headers: tuple[str, str]) -> None:
            self.send_response(status)
            for name, value in (("Content-Type", kind), ("Content-Length", str(len(body))), *headers):
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *_words: object) -> None:
            """Nothing is said."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def _image(folder: Path) -> tuple[bytes, dict[str, bytes]]:
    """The manifest, and the blobs by digest."""
    archive = programs_archive(folder)
    # another layer than the imported image's, so that the engine has to ask for it
    with tarfile.open(archive, "a") as tar:
        tar.addfile(tarfile.TarInfo("etc/pulled"), io.BytesIO())
    plain = archive.read_bytes()
    layer = gzip.compress(plain, 1)
    rootfs = {"type": "layers", "diff_ids": [_digest(plain)]}
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs}).encode()
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "size": len(config), "digest": _digest(config)},
        "layers": [{"mediaType": LAYER, "size": len(layer), "digest": _digest(layer)}],
    }
    return json.dumps(document).encode(), {_digest(config): config, _digest(layer): layer}


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
