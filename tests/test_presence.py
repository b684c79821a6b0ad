"""Which server serves a folder: the lock goes with its process, whatever is left in the folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stepwell import presence
from stepwell.presence import Presence

HERE = Presence("http://127.0.0.1:1", "us-east-1", "AKIA", "secret", 1)


def test_a_server_is_found_while_it_holds_the_folder(tmp_path: Path) -> None:
    lock = presence.claim(tmp_path)
    presence.announce(tmp_path, HERE)
    assert presence.read(tmp_path) == HERE
    assert (tmp_path / "server.json").stat().st_mode & 0o777 == 0o600
    os.close(lock)
    assert presence.read(tmp_path) is None


def test_a_second_server_is_refused_and_told_where_the_first_is(tmp_path: Path) -> None:
    lock = presence.claim(tmp_path)
    presence.announce(tmp_path, HERE)
    with pytest.raises(presence.AlreadyServed, match=r"http://127\.0\.0\.1:1"):
        presence.claim(tmp_path)
    os.close(lock)
    os.close(presence.claim(tmp_path))


def test_a_folder_that_cannot_be_made_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(presence.CannotClaim, match="file/data cannot be used: Not a directory"):
        presence.claim(tmp_path / "file" / "data")


def test_a_folder_that_was_never_served_has_no_server(tmp_path: Path) -> None:
    assert presence.read(tmp_path / "nothing") is None
