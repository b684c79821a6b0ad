"""Event patterns: a truth table of every operator, and refusals with their places."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwell.base.documents import Document
from stepwell.services.events import older_rules
from stepwell.services.events.matchers import Wildcard, fits, wildcard_parts
from stepwell.services.events.patterns import PatternError, compiled, matches


def agrees(wanted: object, event: Document) -> bool:
    return matches(compiled(json.dumps(wanted)), event)


@pytest.mark.parametrize(
    ("matcher", "fitting", "others"),
    [
        ("a", ["a", ["b", "a"]], ["A", "ab", "", 1, None, [], {"a": 1}]),
        (3, [3, 3.0, [1, 3]], ["3", 4, True]),
        (1, [1], [True]),
        (True, [True], [1, "true", False]),
        (None, [None], ["", 0, False, []]),
        ("", [""], [None]),
        ({"prefix": "eu-"}, ["eu-", "eu-west"], ["us-eu-", "EU-west", 5]),
        ({"prefix": {"equals-ignore-case": "eu-"}}, ["EU-west", "eu-"], ["us"]),
        ({"suffix": ".png"}, ["a.png", ".png"], ["a.PNG", "png"]),
        ({"suffix": {"equals-ignore-case": ".png"}}, ["a.PNG"], ["a.jpg"]),
        ({"equals-ignore-case": "Abc"}, ["aBC"], ["abcd"]),
        ({"exactly": "x"}, ["x"], ["xx"]),
        ({"anything-but": "a"}, ["b", 1, None, True, ["a", "b"]], ["a", ["a"], []]),
        ({"anything-but": ["a", "b"]}, ["c"], ["a", "b"]),
        ({"anything-but": [1, 2]}, [3, "1"], [1, 2.0]),
        ({"anything-but": 5}, [6, "5"], [5, 5.0]),
        ({"anything-but": {"prefix": "a"}}, ["b", 1], ["ab"]),
        ({"anything-but": {"prefix": ["a", "b"]}}, ["c"], ["ab", "ba"]),
        ({"anything-but": {"suffix": "z"}}, ["za"], ["az"]),
        ({"anything-but": {"suffix": ["y", "z"]}}, ["a"], ["ay", "az"]),
        ({"anything-but": {"equals-ignore-case": "a"}}, ["b"], ["A"]),
        ({"anything-but": {"equals-ignore-case": ["a", "b"]}}, ["c"], ["A", "B"]),
        ({"anything-but": {"wildcard": "*/bin/*.jar"}}, ["/lib/x.jar"], ["/usr/bin/x.jar"]),
        ({"anything-but": {"wildcard": ["a*", "*z"]}}, ["b"], ["ab", "bz"]),
        ({"numeric": ["=", 3.018e2]}, [301.8], [301, "301.8", True]),
        ({"numeric": [">", 0, "<=", 5]}, [0.1, 5], [0, 5.1, "3", None, True]),
        ({"numeric": [">=", 0]}, [0, 9], [-1]),
        ({"numeric": ["<", 10]}, [9.9], [10]),
        ({"numeric": ["<=", 10]}, [10], [10.1]),
        ({"cidr": "10.0.0.0/24"}, ["10.0.0.255", "10.0.0.0"], ["10.0.1.0", "x", 5, "::1"]),
        ({"cidr": "2001:db8::/32"}, ["2001:db8::1"], ["2001:db9::1"]),
        ({"wildcard": "dir/*.png"}, ["dir/a/b.png", "dir/.png"], ["dir.png", "dir/a.jpg", "xdir/a.png"]),
        ({"wildcard": "a\\*b"}, ["a*b"], ["axb"]),
        ({"wildcard": "*"}, ["", "x\ny"], [3]),
        ({"wildcard": "*a*a*"}, ["aa", "xaxax"], ["a", "xax"]),
        ({"wildcard": "ab*ba"}, ["abba", "abxba"], ["aba"]),
        ({"exists": True}, ["x", None, 0, ["x"]], [{"a": 1}, []]),
        ({"exists": False}, [{"a": 1}, []], ["x", None, 0]),
    ],
)
def test_matchers(matcher: object, fitting: list[object], others: list[object]) -> None:
    for value in fitting:
        assert agrees({"detail": {"x": [matcher]}}, {"detail": {"x": value}}), value
    for value in others:
        assert not agrees({"detail": {"x": [matcher]}}, {"detail": {"x": value}}), value


@pytest.mark.parametrize(
    ("pattern", "event", "expected"),
    [
        ({"a": ["1"], "b": ["2"]}, {"a": "1", "b": "2", "c": "3"}, True),
        ({"a": ["1"], "b": ["2"]}, {"a": "1"}, False),
        ({"a": ["1", {"prefix": "2"}]}, {"a": "22"}, True),
        ({"a": {"b": {"c": ["x"]}}}, {"a": {"b": {"c": "x"}}}, True),
        ({"a": {"b": ["x"]}}, {"a": "x"}, False),
        ({"a": {"b": ["x"]}}, {"a": [{"b": "y"}, {"b": "x"}]}, True),
        ({"a": {"b": ["x"], "c": ["y"]}}, {"a": [{"b": "x", "c": "n"}, {"b": "n", "c": "y"}]}, False),
        ({"a": {"b": ["x"], "c": ["y"]}}, {"a": [{"b": "x", "c": "y"}]}, True),
        ({"a": {"b": [{"exists": False}]}}, {}, True),
        ({"a": {"b": [{"exists": True}]}}, {}, False),
        ({"a": {"b": [{"exists": False}]}}, {"a": {"b": 1}}, False),
        ({"a": [{"exists": False}, "x"]}, {"a": "x"}, True),
        ({"a": [{"anything-but": "x"}]}, {}, False),
        ({"$or": [{"a": ["1"]}, {"b": ["2"]}]}, {"b": "2"}, True),
        ({"$or": [{"a": ["1"]}, {"b": ["2"]}]}, {"a": "2", "b": "1"}, False),
        ({"c": ["3"], "$or": [{"a": ["1"]}, {"b": ["2"]}]}, {"a": "1"}, False),
        ({"d": {"$or": [{"a": ["1"]}, {"b": ["2"], "c": ["3"]}]}}, {"d": {"b": "2", "c": "3"}}, True),
        ({"$or": [{"a": ["1"]}, {"$or": [{"b": ["2"]}, {"c": ["3"]}]}]}, {"c": "3"}, True),
        ({"resources": [{"suffix": "/x"}]}, {"resources": ["arn/y", "arn/x"]}, True),
    ],
)
def test_objects(pattern: Document, event: Document, expected: bool) -> None:
    assert agrees(pattern, event) is expected


@pytest.mark.parametrize(
    ("text", "message", "line", "column"),
    [
        # the first two places are those that AWS itself was seen to answer
        (
            '{"source":["test.event-pattern"],"detail":{"lenderId":"LenderA"}}',
            '"lenderId" must be an object or an array',
            1,
            56,
        ),
        ('{"source": ["aws.health"], "detail": {}}', "Empty objects are not allowed", 1, 40),
        ("[]", "Filter is not an object", 1, 2),
        ("{}", "Empty objects are not allowed", 1, 3),
        ('{"a":[]}', "Empty arrays are not allowed", 1, 8),
        ('{"a":[["x"]]}', "Match value must be String, number, true, false, or null", 1, 8),
        ('{\n "a": [{"prefix": 1}]}', "prefix match pattern must be a string", 2, 20),
        ('{"a":[{"suffix":["x"]}]}', "suffix match pattern must be a string", 1, 18),
        ('{"a":[{"prefx":"x"}]}', "Unrecognized match type prefx", 1, 15),
        ('{"a":[{}]}', "Match expression name not found", 1, 9),
        ('{"a":[{"prefix":"x","suffix":"y"}]}', "Only one key allowed in match expression", 1, 22),
        ('{"a":[{"exists":"yes"}]}', "exists match pattern must be either true or false.", 1, 18),
        ('{"a":[{"numeric":5}]}', "Value of numeric must be an array.", 1, 19),
        ('{"a":[{"numeric":[]}]}', "Invalid member in numeric match: ]", 1, 20),
        ('{"a":[{"numeric":["~",5]}]}', "Unrecognized numeric range operator: ~", 1, 22),
        ('{"a":[{"numeric":["=","5"]}]}', "Value of equals must be numeric", 1, 24),
        ('{"a":[{"numeric":[">",5,">",6]}]}', "Bad numeric range operator: >", 1, 28),
        ('{"a":[{"numeric":["<",5,">",6]}]}', "Too many elements in numeric expression", 1, 26),
        ('{"a":[{"numeric":[">",6,"<",5]}]}', "Bottom must be less than top", 1, 30),
        ('{"a":[{"cidr":"10.0.0.0"}]}', "Malformed CIDR, one '/' required", 1, 25),
        ('{"a":[{"cidr":"10.0.0.0/33"}]}', "IPv4 mask bits must be < 32", 1, 28),
        ('{"a":[{"cidr":"ten/8"}]}', "Nonstandard IP address: ten", 1, 22),
        ('{"a":[{"wildcard":"a**"}]}', "Consecutive wildcard characters at pos 2", 1, 24),
        ('{"a":[{"wildcard":"a\\\\x"}]}', "Invalid escape character at pos 2", 1, 25),
        (
            '{"a":[{"anything-but":true}]}',
            "Value of anything-but must be an array or single string/number value.",
            1,
            27,
        ),
        ('{"a":[{"anything-but":{"exists":true}}]}', "Unsupported anything-but pattern: exists", 1, 32),
        ('{"a":[{"anything-but":{"prefix":""}}]}', "Null prefix/suffix not allowed", 1, 35),
        ('{"$or":[{"a":["1"]}]}', "There must have at least 2 Objects in $or relationship.", 1, 21),
        ('{"$or":["a","b"]}', "Only JSON object is allowed in array of $or relationship.", 1, 10),
        (
            '{"$or":[{"prefix":["a"]},{"b":["c"]}]}',
            "prefix is Ruler reserved fieldName which cannot be used inside $or.",
            1,
            18,
        ),
        ('{"a":["x"],"a":["y"]}', "Path `a` cannot be allowed multiple times", 1, 15),
        (
            "{'a'",
            "Unexpected character (''' (code 39)): was expecting double-quote to start field name",
            1,
            3,
        ),
        ('{"a":["x"]', "Unexpected end-of-input", 1, 11),
        ("", "Unexpected end-of-input", 1, 1),
    ],
)
def test_refusals_name_the_place(text: str, message: str, line: int, column: int) -> None:
    with pytest.raises(PatternError) as caught:
        compiled(text)
    assert str(caught.value) == (f'{message}\n at [Source: (String)"{text}"; line: {line}, column: {column}]')


def test_a_long_pattern_is_cut_in_messages() -> None:
    with pytest.raises(PatternError, match=r"\[truncated \d+ chars\]; line: 1"):
        compiled('{"' + "a" * 600 + '": 1}')


def test_deep_nesting_is_refused_not_crashed_on() -> None:
    with pytest.raises(PatternError, match="Nested deeper"):
        compiled('{"a":' * 5000)


@given(st.text(alphabet="ab*", max_size=8).filter(lambda text: "**" not in text), st.text(alphabet="ab", max_size=10))
def test_wildcards_agree_with_a_model(wildcard: str, text: str) -> None:
    def model(pattern: str, rest: str) -> bool:
        if not pattern:
            return not rest
        if pattern[0] == "*":
            return any(model(pattern[1:], rest[place:]) for place in range(len(rest) + 1))
        return rest[:1] == pattern[0] and model(pattern[1:], rest[1:])

    assert fits(Wildcard(wildcard_parts(wildcard)), text) == model(wildcard, text)


@given(st.text(max_size=40))
def test_any_text_is_a_pattern_or_is_refused(text: str) -> None:
    try:
        compiled(text)
    except PatternError:
        pass


def test_a_rule_with_a_lower_cased_pipeline_still_fits() -> None:
    arn = "arn:aws:sagemaker:eu-west-1:123456789012:pipeline/Abalone"
    event = {"source": "aws.sagemaker", "resources": [arn], "detail": {"pipelineArn": arn}}
    assert older_rules.fits(json.dumps({"detail": {"pipelineArn": [arn.lower()]}}), event)
    assert older_rules.fits(json.dumps({"resources": [arn.lower()]}), event)
    assert older_rules.fits(json.dumps({"detail": {"pipelineArn": [arn]}}), event)
    assert not older_rules.fits(json.dumps({"detail": {"pipelineArn": [arn.upper()]}}), event)
    assert not older_rules.fits(json.dumps({"detail": {"pipelineArn": [{"anything-but": arn}]}}), event)
