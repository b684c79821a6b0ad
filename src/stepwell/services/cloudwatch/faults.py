"""What CloudWatch says when something is wrong, in its words.

Sources: CloudWatch API Reference, and answers of the service that its clients have recorded. Where several members
are wrong, one message has a line for each.
"""

from __future__ import annotations

from collections.abc import Sequence

from stepwell.base.faults import Fault


def invalid_value(*problems: str) -> Fault:
    """Parameters that cannot be what they are."""
    return Fault("InvalidParameterValue", "\n".join(problems))


def invalid_combination(problem: str) -> Fault:
    """Parameters that cannot stand together."""
    return Fault("InvalidParameterCombination", problem)


def both(one: str, other: str) -> str:
    """Two parameters of which one must be absent."""
    return f"The parameters {one} and {other} are mutually exclusive and you have specified both."


def missing(*problems: str) -> Fault:
    """Parameters that must be there."""
    return Fault("MissingParameter", "\n".join(problems))


def invalid_query(problems: Sequence[str]) -> Fault:
    """What is wrong with the queries of GetMetricData."""
    return Fault("ValidationError", "\n".join(problems))


def invalid_token() -> Fault:
    """A NextToken of GetMetricData that we did not give."""
    return Fault("InvalidNextToken", "The NextToken is not valid. Use the NextToken of the previous answer as it is.")
