"""Rooms definition and checks: whatever the SDKs build is accepted.

corpus/*.json hold definitions as `Pipeline.definition()` returned them. SDK v2's come from running its own unit tests
of tag v2.257.6 (tests/unit/sagemaker/workflow) with that method's results kept: one for each new combination of
members, with placeholders such as "DummyRole", "my_subnet_id" and "s3://" replaced by values AWS would take, account
ids by 123456789012, and parameters that the tests never declare declared. sdk_v2_257_7_model_steps.json and SDK v3's
(release 3.27.0) come from pipelines typed with the SDKs against a server of ours; the public keys, times and names of
files in them are made up.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stepwell.checks.running import findings
from stepwell.definition.json_text import JSON
from stepwell.definition.parse import parse
from stepwell.spec.models import operation

CORPUS: dict[str, JSON] = {
    f"{file.stem}: {name}": definition
    for file in sorted((Path(__file__).parent / "corpus").glob("*.json"))
    for name, definition in json.loads(file.read_text()).items()
}


@pytest.mark.parametrize("name", CORPUS)
def test_what_an_sdk_builds_has_no_problems(name: str) -> None:
    _pipeline, problems = findings(json.dumps(CORPUS[name]), operation)
    assert problems == []


def test_the_corpus_is_worth_its_name() -> None:
    found = {step.type for definition in CORPUS.values() for step in parse(json.dumps(definition)).steps}
    assert found >= {
        "AutoML", "Callback", "ClarifyCheck", "Cleanup", "Condition", "EMR", "EMRServerless", "Endpoint",
        "EndpointConfig", "Fail", "ForEach", "InferenceComponent", "Lambda", "Lineage", "Model", "Processing",
        "QualityCheck", "RegisterModel", "Training", "Transform", "Tuning",
    }  # fmt: skip
