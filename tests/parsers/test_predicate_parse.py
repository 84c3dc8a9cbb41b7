"""Predicates as text: what people write, what is wrong with it and where."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceview_parsers import schema
from traceview_parsers.errors import UsageError
from traceview_parsers.predicate import Predicate, PredicateError, keys, parse
from traceview_parsers.predicate.keys import EVENT_NAMES, KEYS, LEVEL_NUMBERS, Kind
from traceview_parsers.predicate.syntax import And, Comparison, Constant, Node, Not, Operator, Or

PUBLISHED = [
    # Apple's and other people's pages about `log show` and `log stream`
    ('process == "kernel"', 'process == "kernel"'),
    ("processIdentifier == 0", "processIdentifier == 0"),
    (
        '(subsystem == "com.apple.sharing") && (category == "AirDrop")',
        'subsystem == "com.apple.sharing" AND category == "AirDrop"',
    ),
    ('(category IN {"AirDrop", "Bonjour"})', 'category IN {"AirDrop", "Bonjour"}'),
    (
        'processImagePath ENDSWITH "/Acme" AND logType == error',
        'processImagePath ENDSWITH "/Acme" AND messageType == "error"',
    ),
    ("processImagePath endswith 'Acme'", 'processImagePath ENDSWITH "Acme"'),
    (
        'processID=0 && senderImagePath contains "YogaSMC"',
        'processIdentifier == 0 AND senderImagePath CONTAINS "YogaSMC"',
    ),
    ("messageType IN {'Error', 'Fault'}", 'messageType IN {"error", "fault"}'),
    ("messageType == 16 or messageType = 17", 'messageType == "error" OR messageType == "fault"'),
    ('logType == "fault" OR logType == "error"', 'messageType == "fault" OR messageType == "error"'),
    ("eventType == logEvent", 'eventType == "logEvent"'),
    (
        "eventType == 1024 OR eventType == activityTransitionEvent",
        'eventType == "logEvent" OR eventType == "activityTransitionEvent"',
    ),
    (
        'subsystem == "com.apple.UVCExtension" and composedMessage contains "Post PowerLog"',
        'subsystem == "com.apple.UVCExtension" AND eventMessage CONTAINS "Post PowerLog"',
    ),
    (
        '\n process == "kernel" AND\n NOT composedMessage CONTAINS[c] "wlan0" AND\n (composedMessage CONTAINS[c] "AppleUSB" OR sender == "x")',
        'process == "kernel" AND NOT eventMessage CONTAINS[c] "wlan0" AND (eventMessage CONTAINS[c] "AppleUSB" OR sender == "x")',
    ),
    (
        'eventMessage LIKE "*Tunnel established*" OR eventMessage LIKE "*for server port*"',
        'eventMessage LIKE "*Tunnel established*" OR eventMessage LIKE "*for server port*"',
    ),
    (
        "process == 'diskarbitrationd' AND eventMessage MATCHES '.*\\\\bdisk4(s[0-9]+)*\\\\b.*'",
        'process == "diskarbitrationd" AND eventMessage MATCHES ".*\\\\bdisk4(s[0-9]+)*\\\\b.*"',
    ),
    (
        'eventMessage MATCHES[c] ".*(pid|process)[ :=]+12345([^0-9].*|$)"',
        'eventMessage MATCHES[c] ".*(pid|process)[ :=]+12345([^0-9].*|$)"',
    ),
    (
        "eventMessage contains 'foo' || eventMessage MATCHES 'ban(t|s)'",
        'eventMessage CONTAINS "foo" OR eventMessage MATCHES "ban(t|s)"',
    ),
    # Apple, Predicate Programming Guide
    ('"x" =< process', 'process >= "x"'),
    ('"err" IN eventMessage', 'eventMessage CONTAINS "err"'),
    ('{"a", "b"} CONTAINS process', 'process IN {"a", "b"}'),
    ("threadID == 0x1F3 OR pid BETWEEN {1, 2}", "threadIdentifier == 499 OR processIdentifier BETWEEN {1, 2}"),
    ("subsystem = nil AND NOT category == NULL", "subsystem == NULL AND NOT category == NULL"),
    ("!(TRUEPREDICATE) or falsepredicate", "NOT TRUEPREDICATE OR FALSEPREDICATE"),
    ("processIdentifier <> -1", "processIdentifier != -1"),
    ("userID < 5.0", "userIdentifier < 5"),
    ('date >= CAST(0, "NSDate")', 'date >= "@978307200.000000000"'),
    ('timestamp > "2026-01-15 10:30:00+0100"', 'date > "@1768469400.000000000"'),
    ("bootUUID == 'ab-1'", 'bootUUID ==[c] "ab-1"'),
    ("signpostScope == process", 'signpostScope == "process"'),
    # the shorthand
    ("s=com.apple.sharing", 'subsystem == "com.apple.sharing"'),
    ("p=Safari|Finder and type=error", '(process == "Safari" OR process == "Finder") AND messageType == "error"'),
    ("type=error|fault", 'messageType == "error" OR messageType == "fault"'),
    ("type=loss", 'eventType == "lossEvent"'),
    ("type == logEvent", 'eventType == "logEvent"'),
    (
        's=com.example.app AND c:networking AND "timeout"',
        'subsystem == "com.example.app" AND category CONTAINS "networking" AND eventMessage CONTAINS "timeout"',
    ),
    ("p=CommCenter AND type>=error", 'process == "CommCenter" AND messageType >= "error"'),
    ("pid=100|200", "processIdentifier == 100 OR processIdentifier == 200"),
    ('m!:"tick" and p:^Acme', 'NOT eventMessage CONTAINS "tick" AND process BEGINSWITH "Acme"'),
    ('"[" or "(" and m == "{"', 'eventMessage CONTAINS "[" OR (eventMessage CONTAINS "(" AND eventMessage == "{")'),
    ("process=Safari", 'process == "Safari"'),
    ("p!=a|b", 'process != "a" AND process != "b"'),
]


@pytest.mark.parametrize(("text", "meant"), PUBLISHED)
def test_what_people_write(text: str, meant: str) -> None:
    assert str(parse(text)) == meant
    assert parse(meant) == parse(text)


def test_and_binds_tighter_than_or_and_not_tightest() -> None:
    a, b, c = (parse(f'process == "{name}"').node for name in "abc")
    assert parse("NOT p=a AND p=b OR p=c").node == Or((And((Not(a), b)), c))
    assert parse("p=a OR p=b AND p=c").node == Or((a, And((b, c))))
    assert parse("(p=a OR p=b) AND p=c").node == And((Or((a, b)), c))


WRONG = [
    ("", "the predicate is empty: received ''", None),
    ("  ", "the predicate is empty: received '  '", None),
    ("process ==", "expected a value", 10),
    ("process == kernel", 'kernel is a text without quotes: write "kernel"', 11),
    ("subsystem == com.apple.x AND p=a", "single quotes", 13),
    (
        "proces == 'x'",
        "no such key: proces (did you mean process?); there are eventMessage/composedMessage/message, process",
        0,
    ),
    ("process foo 'x'", "expected an operator", 8),
    ("(process == 'x'", "expected ) for the bracket of character 1", 15),
    ("process == 'x')", "an opening bracket", 14),
    ("process == 'x", "has no closing '", 11),
    ("process == “x”", "straight quotes", 11),
    ("process == 'a' 'b'", "expected AND, OR or the end", 15),
    ("process == 'a' & pid == 1", "expected &&", 15),
    ("process == %@", "write the value", 11),
    ("messageType == warn", "one of default, info, debug, error, fault", 15),
    ("eventType == 1", "one of logEvent", 13),
    ("eventType > logEvent", "it takes ==, !=, IN", 10),
    ("processID == '5'", "is a number", 13),
    ("processID CONTAINS 5", "is no text", 10),
    ("subsystem == 5", "is text", 13),
    ("pid == 1e999", "too large a number", 7),
    ("pid == 1_000", "1_000 is no number", 7),
    ("pid == -.5", "-.5 is no number", 7),
    ("pid == " + "9" * 5_000, "too large a number", 7),
    ("type == 1e999", "eventType is never 1e999", 8),
    ("type == " + "9" * 5_000, "eventType is never", 8),
    ("date > CAST('(', 'NSDate')", "expected CAST(seconds", 12),
    ("process CONTAINS ''", "an empty text", 17),
    ("process CONTAINS[ci] 'a'", "[c], [d] and [cd]", 17),
    ("process IN 'a'", "expected { and values", 11),
    ("process IN {'a' 'b'}", "expected , or }", 16),
    ("pid BETWEEN {1}", "two values", 13),
    ("pid < NULL", "NULL stands only behind == and !=", 6),
    ("size > 3", "do not tell size", 0),
    ("ANY process == 'x'", "ANY is for keys with several values", 0),
    ("process == sender", "sender", 11),
    ("pid == tid", "is a number", 7),
    ("date > 'yesterday'", "a time is written", 7),
    ("date > '@99999999999'", "a time is written", 7),
    ("date > '@9999999999'", "64-bit", 7),
    ("process == CAST(1, 'NSDate')", "process is no time", 11),
    ("m~/'x'", "write MATCHES", 1),
    ("eventMessage MATCHES '(?=a)b'", "look-ahead", 21),
    ("eventMessage MATCHES '(?<!a)b'", "look-behind", 21),
    ("eventMessage MATCHES '(a)\\\\1'", "back references", 21),
    ("eventMessage MATCHES '(?>a)'", "atomic group", 21),
    ("eventMessage MATCHES 'a{2}+'", "possessive", 21),
    ("eventMessage MATCHES 'a*+'", "not a regular expression", 21),
    ("eventMessage MATCHES '[a&&[b]]'", "sets of characters", 21),
    ("eventMessage MATCHES 'a)(?:b'", "not a regular expression", 21),
    ("eventMessage MATCHES '[a'", "not a regular expression", 21),
    ("eventMessage LIKE '" + "é?*" * 40_000 + "'", "more text than can be compared", 18),
    ("(" * 100, "more than 60 brackets", 60),
    ("NOT " * 100 + "p=a", "more than 60 brackets", 240),
]


@pytest.mark.parametrize(("text", "told", "at"), WRONG)
def test_what_is_wrong_and_where(text: str, told: str, at: int | None) -> None:
    with pytest.raises(PredicateError) as raised:
        parse(text)
    error = raised.value
    assert isinstance(error, UsageError)
    assert told in str(error)
    assert len(str(error).splitlines()) == 1
    if at is not None:
        assert error.at == at
        shown, caret = error.picture().splitlines()
        assert caret.strip() == "^"
        assert shown[len(caret) - 1 :] in ("", text[at:], text[at : at + 60] + "…")


def test_the_caret_stands_below_the_place_in_long_wide_and_hostile_texts() -> None:
    with pytest.raises(PredicateError) as raised:
        parse("p=a AND " * 40 + "日本 == 1")
    shown, caret = raised.value.picture().splitlines()
    assert shown.startswith("…")
    assert shown[len(caret) - 1 :] == "日本 == 1"
    with pytest.raises(PredicateError) as raised:
        parse("process == '日本\x1b[2J\n' x")
    shown, caret = raised.value.picture().splitlines()
    assert "\x1b" not in shown
    assert len(caret) - 1 == len("process == '日本\x1b[2J\n' ") + 2
    with pytest.raises(PredicateError, match="no UTF-8"):
        parse("process == '\udc80'")


def test_a_backslash_that_stands_for_nothing_is_dropped_and_told() -> None:
    dropped = parse(r"eventMessage MATCHES '\d+'")
    assert str(dropped) == 'eventMessage MATCHES "d+"'
    assert "character 23" in dropped.notes[0]
    kept = parse(r"eventMessage MATCHES '\\d+\"\'\n'")
    assert kept.notes == ()
    assert kept.node == Comparison(keys.named("m"), Operator.matches, ("\\d+\"'\n",))


def test_every_key_is_answered_by_a_column_and_named_once() -> None:
    names = [name.lower() for key in KEYS for name in (key.name, *key.aliases)]
    assert len(names) == len(set(names))
    columns = set(schema.SCHEMAS["log"].names)
    assert {key.column for key in KEYS} | {key.instead for key in KEYS if key.instead} <= columns
    assert set(LEVEL_NUMBERS) == set(schema.LEVELS)
    assert set(EVENT_NAMES) == set(schema.EVENTS)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
ORDERED = [Operator.eq, Operator.ne, Operator.lt, Operator.le, Operator.gt, Operator.ge, Operator.between, Operator.in_]
TEXTUAL = [*ORDERED, Operator.contains, Operator.begins, Operator.ends, Operator.like, Operator.matches]


@st.composite
def comparisons(draw: st.DrawFn) -> Comparison:
    key = draw(st.sampled_from(KEYS))
    few = {Kind.level: list(LEVEL_NUMBERS), Kind.event: list(EVENT_NAMES), Kind.name: list(key.words)}
    if key.kind in {Kind.text, Kind.uuid}:
        operator, values = draw(st.sampled_from(TEXTUAL)), TEXT.filter(bool)
    elif key.kind in few:
        allowed = ORDERED if key.kind == Kind.level else [Operator.eq, Operator.ne, Operator.in_]
        operator, values = draw(st.sampled_from(allowed)), st.sampled_from(few[key.kind])
    elif key.kind == Kind.time:
        operator, values = draw(st.sampled_from(ORDERED)), st.integers(0, 2**63 - 1)
    else:
        numbers = st.integers(-(2**65), 2**65) | st.floats(-1e20, 1e20).filter(lambda value: not value.is_integer())
        operator, values = draw(st.sampled_from(ORDERED)), numbers
    if operator == Operator.matches:
        values = st.sampled_from(["a.*b", "x|y", "[^a-z]+", r"\s\d\W[\w]"])
    elif operator in {Operator.eq, Operator.ne}:
        values = values | st.none()
    count = {Operator.in_: draw(st.integers(1, 3)), Operator.between: 2}.get(operator, 1)
    options = draw(st.tuples(st.booleans(), st.booleans()))
    if key.kind != Kind.text:
        options = (key.kind == Kind.uuid, False)
    return Comparison(key, operator, tuple(draw(values) for _ in range(count)), *options)


def several(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    parts = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return parts.map(And) | parts.map(Or) | inner.map(Not)


NODES = st.recursive(comparisons() | st.booleans().map(Constant), several, max_leaves=6)


@given(NODES)
def test_a_printed_predicate_is_read_again(node: Node) -> None:
    assert parse(str(Predicate(node))).node == node


@given(st.text(max_size=40) | st.text("pm=:|'\"(){}[],!<>&c \\a1", max_size=30))
def test_any_text_is_read_or_told(text: str) -> None:
    try:
        read = parse(text)
    except PredicateError as error:
        pictured = error.picture()
        read = parse("TRUEPREDICATE")
    else:
        pictured = "^"
    assert pictured.endswith("^")
    assert parse(str(read)) == read
