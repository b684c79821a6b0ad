"""The one name for "a JSON object whose shape the service model knows". Values are str, int, float, bool, None,
lists and documents; blobs are bytes, and times are epoch seconds (float)."""

from __future__ import annotations

from typing import Any, TypeAlias

Document: TypeAlias = dict[str, Any]
