"""Importing this module declares every table: a database made afterwards has them all."""

from __future__ import annotations

from stepwell.store import credentials, resources, steps, tags, work

__all__ = ["credentials", "resources", "steps", "tags", "work"]
