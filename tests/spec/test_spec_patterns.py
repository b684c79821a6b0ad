"""The models' patterns: all compile, mean what they mean in Java, and end on hostile texts."""

from __future__ import annotations

import re

import pytest

from stepwell.spec import models, patterns, validation
from stepwell.spec.models import Shape

SERVICES = (
    *("sagemaker", "sagemaker-runtime", "sagemaker-metrics", "iam", "sts", "logs", "lambda", "events", "sqs"),
    *("s3", "cloudformation", "scheduler", "ecr", "servicecatalog", "codepipeline", "codebuild", "codecommit"),
    *("emr", "emr-serverless"),
)
UNMATCHED = ("bedrock",)
"""Services of which pipelines know the shapes and nobody asks for anything: their patterns are never tried."""

REPEATED = ("a", "a-", "-", "1.", ".", " ", "a ", "a/", "/", ":", "a:", "\t", "=", "A", "@", "0", "\n", "a\n")


def strings_with_pattern(service: str) -> list[Shape]:
    model = models.service(service)
    names = [name for name, traits in model._raw_shapes.items() if traits.get("pattern")]
    return [model.shape(name) for name in names]


@pytest.mark.parametrize("service", (*SERVICES, *UNMATCHED))
def test_every_pattern_compiles(service: str) -> None:
    for shape in strings_with_pattern(service):
        assert patterns.compiled(shape.traits["pattern"]), shape


def beginnings(pattern: str) -> set[str]:
    """Texts that get a matcher past the pattern's fixed start."""
    literal = re.match(r"\^?\(?((?:[a-zA-Z:/]|\\[./])+)", pattern)
    found = {"", literal[1].replace("\\", "") if literal else ""}
    if "arn:" in pattern:
        found |= {"arn:aws:", "arn:aws-a", "arn:aws:sagemaker:", "arn:aws:sagemaker:us-east-1:123456789012:"}
    return found


@pytest.mark.timeout(60)
@pytest.mark.parametrize("service", SERVICES)
def test_no_pattern_is_led_into_endless_backtracking(service: str) -> None:
    for shape in strings_with_pattern(service):
        longest = validation.longest_matched(shape) or min(shape.traits.get("max", 20_000), 20_000)
        expression = patterns.compiled(shape.traits["pattern"])
        for text in (start + part * longest for start in beginnings(shape.traits["pattern"]) for part in REPEATED):
            expression.match(text[: longest - 1] + "\x01")


MEANINGS = {
    "\\p{L} takes letters of all scripts": ("[\\p{L}]+", "aéЖ漢𐐷", "a1"),
    "\\p{N} takes digits of all scripts": ("[\\p{N}]+", "1٣Ⅷ", "a"),
    "\\p{Z} takes spaces": ("[\\p{Z}]+", " \u00a0\u3000", "\t"),
    "\\p{S} takes symbols": ("[\\p{S}]+", "+€", "a"),
    "\\p{P} takes punctuation": ("[\\p{P}]+", "!¿、", "+"),
    "\\p{M} takes marks": ("[\\p{M}]+", "\u0301", "e"),
    "outside of a class": ("a\\p{Alnum}b", "a1b", "a-b"),
    "negated": ("[^\\p{L}]+", "123", "1a"),
    "\\p{ASCII}": ("\\p{ASCII}*", "az~\x00", "é"),
    "\\w is ASCII": ("\\w+", "az_09", "é"),
    "\\d is ASCII": ("\\d+", "09", "٣"),
    "\\z is the end": ("\\Aa\\z", "a", "a\n"),
    "the end is the end": ("^[a-z]+$", "a", "a\n"),
    "the whole is matched": ("a|ab", "ab", "abc"),
    "a bracket in a class": ("[\\[\\]a]+", "[a]", "b"),
    "characters above the first plane": ("[\\x{10000}-\\x{10FFFF}]", "😀", "a"),
    "a surrogate pair is one character": ("\\uD83D\\uDE00", "😀", "😁"),
    "surrogate pairs bound a range": (
        "[\\u0020-\\uD7FF\\uD800\\uDC00-\\uDBFF\\uDFFF]*",
        "a😀\U00010000\U0010ffff",
        "\t",
    ),
    "and nothing between them": ("[\\uD800\\uDC00-\\uDBFF\\uDFFF]", "\U0010ffff", "\ud800"),
    "a half of a pair stands for itself": ("[\\uDBFF-\\uDFFF]", "\udc00", "😀"),
}


@pytest.mark.parametrize("case", MEANINGS)
def test_java_meanings(case: str) -> None:
    pattern, yes, no = MEANINGS[case]
    assert patterns.compiled(pattern).match(yes)
    assert not patterns.compiled(pattern).match(no)


def test_unknown_classes_are_refused() -> None:
    with pytest.raises(re.error, match="InGreek"):
        patterns.compiled("\\p{InGreek}")


@pytest.mark.parametrize(
    ("pattern", "is_flat"),
    [
        (".*", True),
        ("[a-z]{1,63}", True),
        ("^[\\w-]+$", True),
        ("([\\p{L}_.]*)", True),
        ("a+b+", False),
        ("(a+)+", False),
        (".*:.*", False),
        ("[a-z](-*[a-z])*", False),
    ],
)
def test_flat_patterns(pattern: str, is_flat: bool) -> None:
    assert patterns.is_flat(pattern) is is_flat


def test_a_text_without_a_stated_bound_is_not_matched_forever() -> None:
    shape = models.service("codepipeline").shape("PipelineArn")
    text = "arn:aws:codepipeline:" + "a" * 5000
    assert validation.violations(shape, text)[0].endswith("Member must have length less than or equal to 4096")


EQUAL_LANGUAGES = {
    ("sagemaker", "RepositoryUrl"): (
        ["https://a.b", "https://ab/c", "https://a/b/c/", "https://github.com/org/repo.git"],
        ["https://ab", "https://a//bc", "https:///abc", "http://abc", "https://a b c"],
    ),
    ("sagemaker", "ClusterSchedulerPriorityClassName"): (["a", "a-b", "a--b", "ab"], ["", "-a", "a-", "A"]),
    ("ecr", "ScanningRepositoryFilterValue"): (["a", "a.b", "*", "a/b-c"], ["", ".a", "a.", "a..b", "A"]),
    ("events", "HeaderValue"): (["a", " a\tb ", "  a  b"], ["", "\t", "é"]),
    ("events", "AuthHeaderParameters"): (["a", "a\tb"], ["", "a:b"]),
    ("logs", "ResourceType"): (["", "a-b_c"], ["a b"]),
}


@pytest.mark.parametrize(("service", "name"), EQUAL_LANGUAGES)
def test_corrected_patterns_accept_what_the_originals_do(service: str, name: str) -> None:
    stated = models.data_file(service, "service-2")
    assert stated is not None
    original = stated["shapes"][name]["pattern"].replace("\\w-_", "\\w\\-_")
    corrected = models.service(service).shape(name).traits["pattern"]
    accepted, refused = EQUAL_LANGUAGES[service, name]
    for pattern in (original, corrected):
        assert all(patterns.compiled(pattern).match(text) for text in accepted)
        assert not any(patterns.compiled(pattern).match(text) for text in refused)
