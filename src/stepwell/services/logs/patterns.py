"""Filter patterns of FilterLogEvents: which messages are wanted.

Understood is the language for unstructured messages (CloudWatch Logs User Guide, "Filter pattern syntax"): terms
that must all occur, `?term` of which one must, `-term` that must not; phrases in double quotes; capitals count.
Patterns for JSON (`{…}`), for columns (`[…]`) and regular expressions (`%…%`) are refused out loud.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from stepwell.base.faults import Fault
from stepwell.services.logs.faults import invalid_parameter

TERM = re.compile(r'\s*(?P<sign>[?-]?)(?:"(?P<phrase>(?:[^"\\]|\\.)*)"|(?P<word>[^\s"]+))(?=\s|$)')


@dataclass(frozen=True, slots=True)
class Pattern:
    """What a message must have: all of `every`, one of `some` (unless empty), none of `never`."""

    every: tuple[str, ...] = ()
    some: tuple[str, ...] = ()
    never: tuple[str, ...] = ()

    def matches(self, message: str) -> bool:
        """Whether the message is wanted."""
        return (
            all(term in message for term in self.every)
            and (not self.some or any(term in message for term in self.some))
            and not any(term in message for term in self.never)
        )


def parse(text: str) -> Pattern:
    """The pattern of `text`; an empty one wants everything. Raises InvalidParameterException."""
    stripped = text.strip()
    if stripped[:1] in ("{", "[", "%"):
        raise _not_understood(stripped)
    found: dict[str, list[str]] = {"": [], "?": [], "-": []}
    position = 0
    while position < len(stripped):
        term = TERM.match(stripped, position)
        if term is None:
            raise invalid_parameter(f"Invalid filter pattern: {text!r} is not closed or not separated by spaces.")
        phrase = term["phrase"]
        found[term["sign"]].append(term["word"] if phrase is None else re.sub(r"\\(.)", r"\1", phrase))
        position = term.end()
    return Pattern(tuple(found[""]), tuple(found["?"]), tuple(found["-"]))


def _not_understood(text: str) -> Fault:
    return invalid_parameter(
        f"Invalid filter pattern: Stepwell understands terms, phrases in double quotes, ?any and -none, "
        f"but not patterns that begin with {text[0]!r} (JSON, columns, regular expressions)."
    )
