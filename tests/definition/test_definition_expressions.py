"""Room definition, expressions: JSON in which some objects stand for values."""

from __future__ import annotations

import pytest

from stepwell.definition.expressions import Get, Join, JsonGet, PropertyFileReference, Tree, parse_tree
from stepwell.definition.json_text import JSON
from stepwell.definition.paths import Path
from stepwell.definition.problems import Problem
from stepwell.definition.reading import Reading
from stepwell.definition.references import Reference, of_tree


def read(value: JSON) -> tuple[Tree, list[Problem]]:
    reading = Reading()
    return parse_tree(value, "/here", reading), reading.problems


X = Get(Path("Parameters", "X"))


@pytest.mark.parametrize(
    ("value", "tree"),
    [
        (None, None),
        (True, True),
        (1, 1),
        (0.5, 0.5),
        ("${Parameters.X}", "${Parameters.X}"),
        ({"Get": "Parameters.X"}, X),
        ({"a": [{"Get": "Parameters.X"}, 1]}, {"a": [X, 1]}),
        ({"Get": "Parameters.X", "other": 1}, {"Get": "Parameters.X", "other": 1}),
        ({"Std:Join": {"On": "-", "Values": ["a", 1, {"Get": "Parameters.X"}]}}, Join("-", ("a", 1, X))),
        ({"Std:Join": {"Values": []}}, Join("", ())),
        (
            {"Std:Join": {"On": "/", "Values": [{"Std:Join": {"On": "", "Values": [True]}}]}},
            Join("/", (Join("", (True,)),)),
        ),
        (
            {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.Eval.PropertyFiles.Report"}, "Path": "a.b[0]"}},
            JsonGet(PropertyFileReference("Eval", "Report"), ("a", "b", 0), "a.b[0]"),
        ),
        (
            {"Std:JsonGet": {"PropertyFile": "Steps.Eval.PropertyFiles['my.file']", "Path": "$"}},
            JsonGet(PropertyFileReference("Eval", "my.file"), (), "$"),
        ),
        (
            {"Std:JsonGet": {"S3Uri": "s3://b/k", "Path": "Result"}},
            JsonGet("s3://b/k", ("Result",), "Result"),
        ),
        (
            {"Std:JsonGet": {"S3Uri": {"Std:Join": {"On": "/", "Values": ["s3://b", "k"]}}, "Path": "R"}},
            JsonGet(Join("/", ("s3://b", "k")), ("R",), "R"),
        ),
    ],
)
def test_expressions_are_read(value: JSON, tree: Tree) -> None:
    assert read(value) == (tree, [])


GET = "/here/Get"
JOIN = "/here/Std:Join"
JSON_GET = "/here/Std:JsonGet"


@pytest.mark.parametrize(
    ("value", "pointer", "message"),
    [
        ({"Get": 3}, GET, "Expecting a Json String."),
        ({"Get": "Nowhere.X"}, GET, "Invalid reference 'Nowhere.X': it must begin with one of [Parameters., "),
        (
            {"Get": "Steps.A..B"},
            GET,
            "Invalid reference 'Steps.A..B': it cannot be read from character 2 on; "
            "paths are such as a.b, a[0] or a['b'].",
        ),
        ({"Std:Join": []}, JOIN, "Expecting start of Json Object."),
        ({"Std:Join": {"On": "/", "Values": "x"}}, JOIN + "/Values", "Expecting start of Json Array."),
        ({"Std:Join": {"On": 1, "Values": []}}, JOIN + "/On", "Expecting a Json String."),
        (
            {"Std:Join": {"Value": [], "Values": []}},
            JOIN + "/Value",
            "Unknown Std:Join member 'Value'. Did you mean 'Values'?",
        ),
        ({"Std:Join": {"Values": [[]]}}, JOIN + "/Values/0", "Expecting a scalar value or an expression."),
        ({"Std:Join": {"Values": [{"Get": ""}]}}, JOIN + "/Values/0/Get", "Invalid reference ''"),
        ({"Std:JsonGet": 1}, JSON_GET, "Expecting start of Json Object."),
        ({"Std:JsonGet": {"Path": "a"}}, JSON_GET, "Exactly one of 'PropertyFile' and 'S3Uri' is required"),
        (
            {"Std:JsonGet": {"Path": "a", "S3Uri": "s3://b/k", "PropertyFile": {"Get": "Steps.A.PropertyFiles.B"}}},
            JSON_GET,
            "Exactly one of",
        ),
        ({"Std:JsonGet": {"S3Uri": "s3://b/k"}}, JSON_GET, "Missing required member 'Path'"),
        ({"Std:JsonGet": {"S3Uri": "s3://b/k", "Path": "a["}}, JSON_GET + "/Path", "Invalid json path 'a['"),
        (
            {"Std:JsonGet": {"S3Uri": 7, "Path": "a"}},
            JSON_GET + "/S3Uri",
            "Expecting an S3 URI, a Get or a Std:Join.",
        ),
        (
            {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.A.B"}, "Path": "a"}},
            JSON_GET + "/PropertyFile",
            'Expecting {"Get": "Steps.<step>.PropertyFiles.<name>"}.',
        ),
        ({"Std:JsonGet": {"PropertyFile": [], "Path": "a"}}, JSON_GET + "/PropertyFile", 'Expecting {"Get": '),
    ],
)
def test_broken_expressions_say_what_and_where(value: JSON, pointer: str, message: str) -> None:
    _, problems = read(value)
    assert (pointer, message) in [(found.pointer, found.message[: len(message)]) for found in problems]


def test_references_carry_the_place_of_each() -> None:
    tree, _ = read(
        {
            "a": {"Get": "Steps.S.X"},
            "b": [{"Std:Join": {"On": "", "Values": ["x", {"Get": "Parameters.P"}]}}],
            "c": {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.E.PropertyFiles.F"}, "Path": "x"}},
            "d": {"Std:JsonGet": {"S3Uri": {"Get": "Steps.U.Uri"}, "Path": "x"}},
        }
    )
    found = list(of_tree(tree, ""))
    assert found == [
        Reference("/a/Get", Path("Steps", "S", ("X",))),
        Reference("/b/0/Std:Join/Values/1/Get", Path("Parameters", "P")),
        Reference("/c/Std:JsonGet/PropertyFile", PropertyFileReference("E", "F")),
        Reference("/d/Std:JsonGet/S3Uri/Get", Path("Steps", "U", ("Uri",))),
    ]
    assert [reference.step for reference in found] == ["S", None, "E", "U"]
