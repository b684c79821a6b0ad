"""Room base: one hash of what lies in a place. In: names below the place with their blobs. Out: a text.

Equal for equal bytes under equal names, wherever they lie: data that only moved to another bucket or prefix has the
hash it had. Nothing is read: a blob is named by the hash of its bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


def digest(names: Iterable[tuple[str, str]]) -> str:
    """The hash of (name, blob) in this order: whoever compares two brings both in the order of their names."""
    found = hashlib.sha256()
    for name, blob in names:
        # the length says where the name ends: it may hold anything
        text = name.encode()
        found.update(b"%d:%s%s\n" % (len(text), text, blob.encode()))
    return found.hexdigest()
