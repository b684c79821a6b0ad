"""Importing this module declares every table: a database made afterwards has them all."""

from __future__ import annotations

from stepwell.store import (
    buckets,
    callbacks,
    credentials,
    deliveries,
    job_manifests,
    logs,
    metric_points,
    metric_tails,
    objects,
    outbox,
    queue_messages,
    queues,
    resources,
    signals,
    steps,
    tags,
    unrecorded,
    uploads,
    work,
)

__all__ = [
    "buckets",
    "callbacks",
    "credentials",
    "deliveries",
    "job_manifests",
    "logs",
    "metric_points",
    "metric_tails",
    "objects",
    "outbox",
    "queue_messages",
    "queues",
    "resources",
    "signals",
    "steps",
    "tags",
    "unrecorded",
    "uploads",
    "work",
]
