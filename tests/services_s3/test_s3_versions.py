"""Versions and delete markers, against a model of a few lines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from s3_callers import S3, opened

from stepwell.base.arn import Scope
from stepwell.services.registry import Door


@pytest.fixture
def history(s3: S3, versioned: str) -> Iterator[list[str]]:
    put = [s3("PutObject", Bucket=versioned, Key="key", Body=body)["VersionId"] for body in (b"1", b"2")]
    yield [*put, s3("DeleteObject", Bucket=versioned, Key="key")["VersionId"]]


def test_every_version_can_be_read(s3: S3, versioned: str, history: list[str]) -> None:
    assert len({*history}) == 3
    assert s3.text(versioned, "key", VersionId=history[0]) == b"1"
    assert s3.text(versioned, "key", VersionId=history[1]) == b"2"


def test_a_delete_marker_hides(s3: S3, versioned: str, history: list[str]) -> None:
    fault = s3.refused("GetObject", Bucket=versioned, Key="key")
    assert (fault.code, fault.members["DeleteMarker"], fault.members["VersionId"]) == ("NoSuchKey", True, history[2])
    fault = s3.refused("HeadObject", Bucket=versioned, Key="key", VersionId=history[2])
    assert (fault.code, fault.status, fault.members["Method"]) == ("MethodNotAllowed", 405, "HEAD")
    assert s3("ListObjectsV2", Bucket=versioned)["Contents"] == []


def test_deleting_the_marker_brings_the_object_back(s3: S3, versioned: str, history: list[str]) -> None:
    done = s3("DeleteObject", Bucket=versioned, Key="key", VersionId=history[2])
    assert done == {"DeleteMarker": True, "VersionId": history[2]}
    assert s3.text(versioned, "key") == b"2"
    assert s3("DeleteObject", Bucket=versioned, Key="key", VersionId=history[1]) == {"VersionId": history[1]}
    assert s3.text(versioned, "key") == b"1"
    s3("DeleteObject", Bucket=versioned, Key="key", VersionId=history[0])
    s3("DeleteBucket", Bucket=versioned)


def test_a_version_that_is_not_there(s3: S3, versioned: str, history: list[str]) -> None:
    fault = s3.refused("GetObject", Bucket=versioned, Key="key", VersionId="other")
    assert (fault.code, fault.status) == ("NoSuchVersion", 404)
    assert fault.members == {"Key": "key", "VersionId": "other"}


def test_many_versions_go_at_once(s3: S3, versioned: str, history: list[str]) -> None:
    wanted = [{"Key": "key", "VersionId": version} for version in history]
    done = s3("DeleteObjects", Bucket=versioned, Delete={"Objects": [*wanted, {"Key": "new"}]})["Deleted"]
    assert [each["VersionId"] for each in done[:3]] == history
    assert [each.get("DeleteMarker") for each in done] == [None, None, True, True]
    listed = s3("ListObjectVersions", Bucket=versioned)
    assert (listed["Versions"], len(listed["DeleteMarkers"])) == ([], 1)


KEYS = st.sampled_from(["a", "a/b", "b"])


class Versioning(RuleBasedStateMachine):
    """Random writes and deletes; the model is a list of (version, body) per key, the newest last."""

    @initialize()
    def open(self) -> None:
        self.folder = TemporaryDirectory()
        self.site = opened(Path(self.folder.name))
        self.s3 = S3(Door(self.site), Scope("123456789012", "us-east-1"))
        self.s3("CreateBucket", Bucket="data")
        self.status = ""
        self.model: dict[str, list[tuple[str, bytes | None]]] = {}

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.site.database.close()
            self.folder.cleanup()

    @rule(status=st.sampled_from(["Enabled", "Suspended"]))
    def switch(self, status: str) -> None:
        self.s3("PutBucketVersioning", Bucket="data", VersioningConfiguration={"Status": status})
        self.status = status

    @rule(key=KEYS, body=st.sampled_from([b"", b"1", b"22"]))
    def put(self, key: str, body: bytes) -> None:
        answer = self.s3("PutObject", Bucket="data", Key=key, Body=body)
        version = answer.get("VersionId", "null")
        assert (version == "null") == (self.status != "Enabled")
        self._write(key, version, body)

    @rule(key=KEYS)
    def delete(self, key: str) -> None:
        answer = self.s3("DeleteObject", Bucket="data", Key=key)
        if self.status:
            assert answer["DeleteMarker"]
            self._write(key, answer["VersionId"], None)
        else:
            assert answer == {}
            self._drop(key, "null")

    @rule(key=KEYS, which=st.integers(0, 5))
    def delete_version(self, key: str, which: int) -> None:
        standing = self.model.get(key, [])
        version = standing[which % len(standing)][0] if standing else "other"
        self.s3("DeleteObject", Bucket="data", Key=key, VersionId=version)
        self._drop(key, version)

    def _write(self, key: str, version: str, body: bytes | None) -> None:
        if version == "null":
            self._drop(key, "null")
        self.model.setdefault(key, []).append((version, body))

    def _drop(self, key: str, version: str) -> None:
        self.model[key] = [entry for entry in self.model.get(key, []) if entry[0] != version]

    @invariant()
    def lists_and_objects_are_the_models(self) -> None:
        if not hasattr(self, "model"):
            return
        listed = self.s3("ListObjectVersions", Bucket="data")
        found = {(e["Key"], e["VersionId"], e["IsLatest"], e["Size"]) for e in listed["Versions"]}
        found |= {(e["Key"], e["VersionId"], e["IsLatest"], None) for e in listed["DeleteMarkers"]}
        assert found == {
            (key, version, number == len(entries) - 1, None if body is None else len(body))
            for key, entries in self.model.items()
            for number, (version, body) in enumerate(entries)
        }
        order = [(e["Key"], -self._age(e)) for e in listed["Versions"]]
        assert order == sorted(order)
        now = {key: entries[-1][1] for key, entries in self.model.items() if entries}
        present = {key: body for key, body in now.items() if body is not None}
        contents = self.s3("ListObjectsV2", Bucket="data")["Contents"]
        assert [entry["Key"] for entry in contents] == sorted(present)
        for key, body in present.items():
            assert self.s3.text("data", key) == body

    def _age(self, entry: dict[str, str]) -> int:
        return [version for version, _ in self.model[entry["Key"]]].index(entry["VersionId"])


Versioning.TestCase.settings = settings(max_examples=20, stateful_step_count=15, deadline=None)
TestVersioning = Versioning.TestCase
