"""Importing this module declares every table: a database made afterwards has them all."""

from __future__ import annotations

from stepwell.store import buckets, credentials, logs, objects, resources, steps, tags, uploads, work

__all__ = ["buckets", "credentials", "logs", "objects", "resources", "steps", "tags", "uploads", "work"]
