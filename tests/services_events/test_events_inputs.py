"""Input, InputPath and InputTransformer, after the samples of the EventBridge user guide."""

from __future__ import annotations

import json

import pytest

from stepwell.base.documents import Document
from stepwell.services.events.inputs import Origin, at_path, is_path, payload

ORIGIN = Origin("arn:rule", "the-rule", "2021-03-15T16:10:10Z")
EVENT: Document = {
    "id": "1",
    "detail": {"state": "RUNNING", "n": 5, "list": [{"a": 1}, {"a": 2}], "odd name": 'say "hi"', "nothing": None},
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$", EVENT),
        ("$.detail.state", "RUNNING"),
        ("$.detail.list[1].a", 2),
        ("$.detail['odd name']", 'say "hi"'),
        ('$["detail"]["n"]', 5),
        ("$.detail.list[7]", None),
        ("$.no.such", None),
        ("$.detail.state.x", None),
    ],
)
def test_paths(path: str, found: object) -> None:
    assert is_path(path) and at_path(EVENT, path) == found


@pytest.mark.parametrize("path", ["", "detail", "$..x", "$.detail[*]", "$.a b", "$[x]"])
def test_no_paths(path: str) -> None:
    assert not is_path(path)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ('{"state": <state>, "n": <n>}', '{"state": "RUNNING", "n": 5}'),
        ('{"text": "is <state>, <n>"}', '{"text": "is RUNNING, 5"}'),
        ('"The state is <state>"', '"The state is RUNNING"'),
        ('{"quote": "<odd>"}', '{"quote": "say \\"hi\\""}'),
        ('{"all": <list>}', '{"all": [{"a":1},{"a":2}]}'),
        ('{"missing": <missing>, "in": "<missing>"}', '{"missing": null, "in": ""}'),
        ('{"rule": "<aws.events.rule-name>", "unknown": "<never>"}', '{"rule": "the-rule", "unknown": "<never>"}'),
        ("The state is <state>", "The state is RUNNING"),
        ("<state>", '"RUNNING"'),
        ('{"escaped": "a\\"<state>"}', '{"escaped": "a\\"RUNNING"}'),
    ],
)
def test_templates(template: str, expected: str) -> None:
    paths = {"state": "$.detail.state", "n": "$.detail.n", "odd": "$.detail['odd name']"}
    paths |= {"list": "$.detail.list", "missing": "$.no"}
    transformer = {"InputPathsMap": paths, "InputTemplate": template}
    assert payload({"InputTransformer": transformer}, EVENT, ORIGIN) == expected


def test_the_whole_event_a_part_and_a_constant() -> None:
    assert json.loads(payload({}, EVENT, ORIGIN)) == EVENT
    assert payload({"InputPath": "$.detail.state"}, EVENT, ORIGIN) == '"RUNNING"'
    assert payload({"Input": '{"a":1}'}, EVENT, ORIGIN) == '{"a":1}'
    whole = {
        "InputTransformer": {"InputTemplate": '{"event": <aws.events.event.json>, "arn": <aws.events.rule-arn>}'}
    }
    assert json.loads(payload(whole, EVENT, ORIGIN)) == {"event": EVENT, "arn": "arn:rule"}
