"""Sessions of a role: short-lived keys, made for AssumeRole and for every job that runs.

In: a role's ARN and how long. Out: a stored `Credential` that the gateway accepts until it expires.
"""

from __future__ import annotations

from base64 import b32encode, b64encode
from secrets import token_bytes

from stepwell.base import arn as arns
from stepwell.base.arn import Arn
from stepwell.store import credentials
from stepwell.store.credentials import Credential
from stepwell.store.database import Transaction

REMEMBERED_SECONDS = 24 * 3600.0
"""How long an expired key is kept, so that its use is answered with "expired" and not with "unknown"."""


def issue(transaction: Transaction, role_arn: str, session_name: str, now: float, seconds: float) -> Credential:
    """New keys of the role, good for `seconds` from `now`; the role need not stand any more.

    Raises ValueError when `role_arn` is not the ARN of a role.
    """
    role = arns.parse(role_arn)
    if role is None or role.kind != "role":
        raise ValueError(f"not the ARN of a role: {role_arn}")
    return issue_for(transaction, session_arn(role, session_name), now, seconds)


def issue_for(transaction: Transaction, principal: str, now: float, seconds: float) -> Credential:
    """New keys that stand for `principal` (an ARN), good for `seconds` from `now`."""
    account = arns.parse(principal)
    if account is None:
        raise ValueError(f"not an ARN: {principal}")
    credential = Credential(
        access_key_id="ASIA" + b32encode(token_bytes(10)).decode(),
        secret=b64encode(token_bytes(30)).decode(),
        session_token="IQoJ" + b64encode(token_bytes(189)).decode(),
        account=account.account,
        principal=principal,
        expires=now + seconds,
    )
    credentials.forget_expired(transaction, now - REMEMBERED_SECONDS)
    credentials.add(transaction, credential)
    return credential


def session_arn(role: Arn, session_name: str) -> str:
    """The ARN of a session of `role`: it names the role without its path."""
    name = role.resource.rpartition("/")[2]
    return str(Arn(role.partition, "sts", "", role.account, f"assumed-role/{name}/{session_name}"))
