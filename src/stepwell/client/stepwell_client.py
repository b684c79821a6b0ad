"""A botocore plugin: requests that would still leave for AWS go to AWS_ENDPOINT_URL instead.

The SageMaker SDKs build their STS client with an explicit regional URL, which beats AWS_ENDPOINT_URL. botocore loads
this module because BOTOCORE_EXPERIMENTAL__PLUGINS names it; it runs inside the user's process and therefore needs
nothing but the standard library.
"""

from __future__ import annotations

import os
from urllib.parse import urlsplit, urlunsplit

AWS_DOMAINS = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")


def redirect(params, **_unused):  # type: ignore[no-untyped-def]
    """Point one request at the endpoint of the environment, if its host is AWS's."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    asked = urlsplit(params["url"])
    if endpoint and (asked.hostname or "").endswith(AWS_DOMAINS):
        ours = urlsplit(endpoint)
        params["url"] = urlunsplit((ours.scheme, ours.netloc, asked.path, asked.query, asked.fragment))


def initialize_client_plugin(client):  # type: ignore[no-untyped-def]
    """Called by botocore for every client it makes."""
    client.meta.events.register_last("before-call.*.*", redirect, unique_id="stepwell-redirect")
