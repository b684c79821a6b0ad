"""The documentation cannot drift: what it lists is what there is."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from stepwell.cli import coverage
from stepwell.cli.main import COMMANDS
from stepwell.settings import Settings

ROOT = Path(__file__).parents[1]


def test_the_coverage_page_is_what_make_docs_writes() -> None:
    assert (ROOT / "docs/coverage.md").read_text() == coverage.page()


def test_every_setting_is_documented_with_its_variable() -> None:
    page = (ROOT / "docs/settings.md").read_text()
    for field in fields(Settings):
        assert f"`STEPWELL_{field.name.upper()}`" in page


def test_every_link_leads_somewhere() -> None:
    for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_command_of_the_readme_exists() -> None:
    used = set(re.findall(r"(?:\$ |`|\()stepwell (\w+)", (ROOT / "README.md").read_text()))
    assert used
    assert used <= set(COMMANDS), used


def test_every_room_says_what_it_is_for() -> None:
    for room in (ROOT / "src/stepwell").glob("*/__init__.py"):
        text = room.read_text()
        assert text.startswith('"""') and "ay import" in text, room
