"""Events for functions. In: bytes from a client, or a text from inside. Out: the JSON text, or a Fault.

Limits: 6 MB for a caller who waits, 1 MB for one who does not (Lambda quotas, "Invocation payload").
"""

from __future__ import annotations

import json

from stepwell.services.lambda_ import faults

MOST_WAITED_BYTES = 6_291_456
MOST_UNWAITED_BYTES = 1_048_576
EMPTY = "{}"
"""What a function gets when the caller says nothing."""


def event(given: bytes | str, most: int = MOST_WAITED_BYTES) -> str:
    """The JSON text of an event. Raises RequestTooLargeException and InvalidRequestContentException."""
    content = given.encode() if isinstance(given, str) else given
    if len(content) > most:
        raise faults.too_large(most)
    if not content.strip():
        return EMPTY
    try:
        text = content.decode()
        json.loads(text, parse_constant=_refuse)
    except UnicodeDecodeError as error:
        raise faults.not_json(f"Invalid UTF-8 at byte {error.start}") from None
    except RecursionError:
        raise faults.not_json("The document is nested too deeply.") from None
    except ValueError as error:
        raise faults.not_json(str(error)) from None
    return text


def _refuse(constant: str) -> object:
    raise ValueError(f"Non-standard token '{constant}'")
