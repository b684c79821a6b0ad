"""What the tests of this room share: wheels made by hand, and a container's file tree with a program run in it."""

from __future__ import annotations

import ensurepip
import hashlib
import json
import os
import subprocess
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from stepwell.images import commands, layers
from stepwell.images.environments import Environment
from stepwell.launchers import planting


def cache_folder() -> Path:
    """Environments are kept between runs: building one may load hundreds of megabytes."""
    named = os.environ.get("STEPWELL_TEST_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "stepwell-tests"


def plant_layer(environment: Environment, folder: Path, seen_at: str) -> None:
    """The Python of a job in `folder`, as a launcher makes it."""
    tree = layers.tree(environment, seen_at)
    planting.plant(str(folder), [(entry.path, str(entry.kind), entry.content) for entry in tree])


def wheel(folder: Path, name: str, version: str, text: str = "", requires: str = "") -> Path:
    """A wheel of one module `<name>.py`, made by hand so that no network is needed."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    if requires:
        metadata += f"Requires-Dist: {requires}\n"
    files = {
        f"{name}.py": text or f"version = {version!r}\n",
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[console_scripts]\n{name}-tool = {name}:main\n",
        f"{info}/RECORD": "",
    }
    with zipfile.ZipFile(path, "w") as archive:
        # A ZipInfo of its own has a fixed date, so the same wheel always has the same hash.
        for file, content in files.items():
            archive.writestr(zipfile.ZipInfo(file), content)
    return path


def run_inside(python: Path, script: str, document: Any) -> Any:
    """What `script` prints as JSON, given `document` as JSON on its stdin; it can import the package `programs`."""
    code = f"import json, sys\nsys.path.insert(0, {str(commands.PROGRAMS.parent)!r})\n{script}"
    command = [str(python), "-W", "ignore", "-c", code]
    done = subprocess.run(command, input=json.dumps(document), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def lock_line(name: str, path: Path) -> str:
    """A hashed line of a lock file for a wheel on this machine."""
    return f"{name} @ {path.as_uri()} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


def pip_wheel() -> Path:
    """The pip that every Python brings along."""
    found = sorted((Path(ensurepip.__file__).parent / "_bundled").glob("pip-*.whl"))
    if not found:
        pytest.skip("this Python brings no pip wheel with it")
    return found[0]


_RESOURCES: dict[str, Any] = {
    "current_host": "algo-1",
    "current_instance_type": "ml.m5.xlarge",
    "current_group_name": "homogeneousCluster",
    "hosts": ["algo-1"],
    "instance_groups": [
        {"instance_group_name": "homogeneousCluster", "instance_type": "ml.m5.xlarge", "hosts": ["algo-1"]}
    ],
    "network_interface_name": "eth0",
}


@dataclass
class Ran:
    """How a program ended."""

    code: int
    output: str
    errors: str
    failure: str | None


@dataclass
class Container:
    """A container's /opt/ml on this machine, and programs run in it."""

    root: Path
    hyperparameters: dict[str, str] = field(default_factory=dict)
    channels: dict[str, dict[str, str]] = field(default_factory=dict)
    resources: dict[str, Any] = field(default_factory=lambda: dict(_RESOURCES))
    checkpoints: dict[str, str] | None = None

    def file(self, name: str, content: str | bytes) -> Path:
        """Write a file below the root."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def channel(self, name: str, content_type: str | None = "text/csv", **files: str) -> None:
        """A File channel with files; `a_csv="1,2"` makes a file a.csv."""
        self.channels[name] = {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated"}
        if content_type:
            self.channels[name]["ContentType"] = content_type
        (self.root / "input" / "data" / name).mkdir(parents=True, exist_ok=True)
        for file, content in files.items():
            self.file(f"input/data/{name}/{file.replace('_', '.')}", content)

    def run(self, python: Path, *arguments: str, variables: Mapping[str, str] = {}) -> Ran:
        """`python /opt/stepwell <arguments>` as in a container, to its end."""
        self.configure()
        process = subprocess.run(
            [python, commands.PROGRAMS, *arguments],
            cwd="/",
            env={**self.environment(), **variables},
            capture_output=True,
            text=True,
        )
        failure = self.root / "output" / "failure"
        text = failure.read_text() if failure.exists() else None
        return Ran(process.returncode, process.stdout, process.stderr, text)

    def environment(self) -> dict[str, str]:
        """What the container builder would set."""
        return {
            "SAGEMAKER_BASE_DIR": str(self.root),
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.root),
            "PYTHONDONTWRITEBYTECODE": "1",
            "TRAINING_JOB_NAME": "job-1",
        }

    def configure(self) -> None:
        """Write the configuration documents."""
        documents = {
            "hyperparameters": self.hyperparameters,
            "inputdataconfig": self.channels,
            "resourceconfig": self.resources,
            "checkpointconfig": self.checkpoints,
        }
        for name, document in documents.items():
            if document is not None:
                self.file(f"input/config/{name}.json", json.dumps(document))
