"""Predicates on rows: the same as a plain evaluation row by row, and a selection that leaves out none of them."""

import re
import unicodedata
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceview_parsers import schema
from traceview_parsers.predicate import Predicate, containing, parse
from traceview_parsers.predicate.keys import KEYS, LEVEL_NUMBERS, Kind
from traceview_parsers.predicate.syntax import And, Comparison, Constant, Node, Not, Operator, Or
from traceview_parsers.selection import EVERYTHING, Clause, Selection

Row = dict[str, Any]
TEXTS = ("a", "A", "ab", "b.a", "É", "é", "e", "xé\ny", "a*b", "", "zz(")
NAMES = {
    "level": (*schema.LEVELS, None),
    "event": (*schema.EVENTS, None),
    "signpost_type": ("begin", "end", "event", None),
    "signpost_scope": ("thread", "process", "system", None),
}
NUMBERS = (0, 1, 7, 2**40, 2**63 - 1, None)
SCHEMA = schema.SCHEMAS["log"]
COLUMNS = sorted({key.column for key in KEYS} | {key.instead for key in KEYS if key.instead})


def values_of(column: str) -> st.SearchStrategy[Any]:
    if column in NAMES:
        return st.sampled_from(NAMES[column])
    if column == "uid":
        return st.sampled_from((*NUMBERS[:3], -2, None))
    if pa.types.is_unsigned_integer(SCHEMA.field(column).type):
        return st.sampled_from((*NUMBERS, 2**64 - 1))
    if pa.types.is_integer(SCHEMA.field(column).type) or column == "time":
        return st.sampled_from(NUMBERS)
    return st.sampled_from((*TEXTS, None))


ROWS = st.lists(st.fixed_dictionaries({column: values_of(column) for column in COLUMNS}), min_size=1, max_size=4)


def batch_of(rows: list[Row]) -> Any:
    arrays = []
    for field in SCHEMA:
        values = list(range(len(rows))) if field.name == "ref" else [row.get(field.name) for row in rows]
        if pa.types.is_dictionary(field.type):
            names = ["unused", *dict.fromkeys(value for value in values if value is not None), *map(str, range(5))]
            indices = pa.array([None if value is None else names.index(value) for value in values], pa.int32())
            arrays.append(pa.DictionaryArray.from_arrays(indices, pa.array(names, pa.string())))
        else:
            arrays.append(pa.array(values, field.type))
    return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)


def holds(node: Node, row: Row) -> bool:
    """What a predicate means, row by row."""
    match node:
        case Constant(always):
            return always
        case Not(part):
            return not holds(part, row)
        case And(parts):
            return all(holds(part, row) for part in parts)
        case Or(parts):
            return any(holds(part, row) for part in parts)
        case Comparison():
            return holds_of(node, row)


def holds_of(node: Comparison, row: Row) -> bool:
    value = row[node.key.column]
    if value is None and node.key.instead:
        value = row[node.key.instead]
    if value is None and node.key.zero_is_none:
        value = 0
    if value is None and node.key.empty_is_none and node.operator in {Operator.eq, Operator.ne, Operator.in_}:
        value = ""
    if value == "" and node.key.empty_is_none and node.values == (None,):
        value = None
    if node.operator == Operator.eq:
        return compared(node, Operator.eq, value) if value is not None else node.values == (None,)
    if node.operator == Operator.ne:
        return not compared(node, Operator.eq, value) if value is not None else node.values != (None,)
    return value is not None and compared(node, node.operator, value)


def compared(node: Comparison, operator: Operator, value: Any) -> bool:
    wanted = list(node.values)
    if None in wanted:
        return False
    if node.key.kind == Kind.level:
        value, wanted = LEVEL_NUMBERS[value], [LEVEL_NUMBERS[str(one)] for one in wanted]
    if node.key.column == "uid":
        value &= 0xFFFFFFFF
    if node.markless:
        value, *wanted = map(bare, (value, *wanted))
    if node.caseless and operator not in {Operator.like, Operator.matches}:
        value, *wanted = (text.lower() for text in (value, *wanted))
    flags = re.DOTALL if operator == Operator.like else 0
    if node.caseless:
        flags |= re.IGNORECASE
    first, last = wanted[0], wanted[-1]
    return bool(
        {
            Operator.eq: lambda: value == first,
            Operator.lt: lambda: value < first,
            Operator.le: lambda: value <= first,
            Operator.gt: lambda: value > first,
            Operator.ge: lambda: value >= first,
            Operator.between: lambda: first <= value <= last,
            Operator.in_: lambda: value in wanted,
            Operator.contains: lambda: first in value,
            Operator.begins: lambda: value.startswith(first),
            Operator.ends: lambda: value.endswith(first),
            Operator.like: lambda: re.fullmatch(wildcards(first), value, flags),
            Operator.matches: lambda: re.fullmatch(first, value, flags),
        }[operator]()
    )


def bare(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn")


def wildcards(text: str) -> str:
    return "".join({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in text)


ORDERED = [Operator.eq, Operator.ne, Operator.lt, Operator.le, Operator.gt, Operator.ge, Operator.between, Operator.in_]
TEXTUAL = [*ORDERED, Operator.contains, Operator.begins, Operator.ends, Operator.like, Operator.matches]


@st.composite
def comparisons(draw: st.DrawFn) -> Comparison:
    key = draw(st.sampled_from([*KEYS, *KEYS[:3], *(key for key in KEYS if key.kind in {Kind.level, Kind.event})]))
    textual = key.kind in {Kind.text, Kind.uuid}
    allowed = TEXTUAL if textual else ORDERED
    if key.kind in {Kind.event, Kind.name}:
        allowed = [Operator.eq, Operator.ne, Operator.in_]
    operator = draw(st.sampled_from(allowed))
    if textual:
        values = st.sampled_from([text for text in TEXTS if text or operator in ORDERED])
        if operator == Operator.like:
            values = st.sampled_from(["*a*", "?", "*é*", "a?b", "x*", "*", "a", "*\n?"])
        if operator == Operator.matches:
            values = st.sampled_from(["a.*", "[a-z]", ".", "(a|b)+", r"x\w\sy", "É|zz."])
    elif key.column in NAMES:
        values = st.sampled_from([name for name in NAMES[key.column] if name is not None])
    else:
        bounds = [*NUMBERS[:-1], -1, 2**64 - 1, 2**70, -(2**70), 0.5, -3.5, 4294967294]
        values = st.sampled_from([bound for bound in bounds if key.kind != Kind.time or abs(bound) < 2**63])
    if operator in {Operator.eq, Operator.ne}:
        values = values | st.none()
    count = {Operator.in_: draw(st.integers(1, 3)), Operator.between: 2}.get(operator, 1)
    options = draw(st.tuples(st.booleans(), st.booleans())) if key.kind == Kind.text else (key.kind == Kind.uuid, False)
    return Comparison(key, operator, tuple(draw(values) for _ in range(count)), *options)


def several(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    parts = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return parts.map(And) | parts.map(Or) | inner.map(Not)


NODES = st.recursive(comparisons() | st.booleans().map(Constant), several, max_leaves=6)
CLAUSES = st.sampled_from(
    [
        Clause(),
        Clause(words=frozenset({"a", "é"})),
        Clause(levels=frozenset({"error", None}), processes=frozenset({"a", "ab"})),
        Clause(events=frozenset({"log", None}), pids=frozenset({0, 7})),
        Clause(process_paths=frozenset({"a"})),
    ]
)
TIMES = st.sampled_from([None, 0, 7, 2**40])


@given(NODES, ROWS)
def test_rows_are_those_of_a_plain_evaluation(node: Node, rows: list[Row]) -> None:
    expected = [holds(node, row) for row in rows]
    batch = batch_of(rows)
    assert Predicate(node).mask(batch).tolist() == expected
    assert Predicate(node).filter(batch).column("ref").to_pylist() == [at for at, keep in enumerate(expected) if keep]


@given(NODES, CLAUSES, TIMES, TIMES, st.lists(ROWS, min_size=1, max_size=4))
def test_a_selection_leaves_out_nothing_that_is_wanted(
    node: Node, clause: Clause, start: int | None, end: int | None, batches: list[list[Row]]
) -> None:
    options = Selection(() if clause == Clause() else (clause,), start_ns=start, end_ns=end)
    predicate = Predicate(node)
    selection = predicate.narrow(options)
    assert len(selection.clauses) <= 64
    for rows in batches:
        batch = batch_of(rows)
        wanted = predicate.mask(batch) & options.mask(batch)
        assert not (wanted & ~selection.mask(batch)).any()
        assert (predicate.mask(batch) & selection.mask(batch)).tolist() == wanted.tolist()


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("p=a AND type>=error", (Clause(processes=frozenset("a"), levels=frozenset({"error", "fault"})),)),
        ("p=a|b OR p=c", (Clause(processes=frozenset("abc")),)),
        ("NOT (messageType != debug OR p=a)", (Clause(levels=frozenset({"debug"})),)),
        ("eventMessage LIKE '*Tunnel established*' AND m:x", (Clause(words=frozenset({"Tunnel established"})),)),
        ("processImagePath ENDSWITH '/Acme'", (Clause(process_paths=frozenset({"/Acme"})),)),
        ("pid IN {1, 2} AND pid IN {2, 3}", (Clause(pids=frozenset({2})),)),
        ("pid == 1 AND pid == 2", (Clause(pids=frozenset()),)),
        ("FALSEPREDICATE", (Clause(pids=frozenset()),)),
        ("p=a OR m!:x", ()),
        ("process CONTAINS 'a' OR eventMessage CONTAINS[c] 'b' OR NOT p=a", ()),
        ("eventMessage MATCHES '.*a.*' AND s=x", (Clause(subsystems=frozenset("x")),)),
        ("eventType == signpostEvent", (Clause(events=frozenset({"signpost"})),)),
    ],
)
def test_what_readers_may_leave_out(text: str, clauses: tuple[Clause, ...]) -> None:
    assert parse(text).narrow(EVERYTHING).clauses == clauses


def test_many_alternatives_fall_back_to_what_is_certain() -> None:
    pairs = " OR ".join(f"(p=a{number} AND s=b{number})" for number in range(65))
    assert parse(pairs).narrow(EVERYTHING).clauses == ()
    assert parse(f"type=error AND ({pairs})").narrow(EVERYTHING).clauses == (Clause(levels=frozenset({"error"})),)
    words = " OR ".join(f"m:word{number}" for number in range(100))
    (clause,) = parse(words).narrow(EVERYTHING).clauses
    assert len(clause.words or ()) == 100


def test_times_narrow_the_window() -> None:
    narrow = parse("date >= '@10' AND date < '@20' AND (date == '@12' OR date BETWEEN {'@13', '@14'})").narrow
    assert (narrow(EVERYTHING).start_ns, narrow(EVERYTHING).end_ns) == (12_000_000_000, 14_000_000_001)
    within = narrow(Selection(start_ns=13_000_000_000, end_ns=99_000_000_000))
    assert (within.start_ns, within.end_ns) == (13_000_000_000, 14_000_000_001)
    assert not parse("NOT date < '@10'").narrow(EVERYTHING).timed


def one(**columns: Any) -> Any:
    return batch_of([{**dict.fromkeys(COLUMNS), **columns}])


@pytest.mark.parametrize(
    ("text", "columns", "expected"),
    [
        # Apple, NSComparisonPredicate.Options
        ("eventMessage LIKE[d] 'naive'", {"message": "naïve"}, True),
        ("eventMessage LIKE[d] '한?'", {"message": "한국"}, True),
        ("eventMessage CONTAINS[d] '하'", {"message": "한국"}, False),
        ("eventMessage LIKE[c] 'next'", {"message": "NeXT"}, True),
        ("eventMessage CONTAINS 'next'", {"message": "NeXT"}, False),
        # the path where there is one, else the name, as the JSON of `log` prints it
        ("processImagePath ENDSWITH 'Acme'", {"process": "Acme"}, True),
        ("processImagePath ENDSWITH 'Acme'", {"process": "Acme", "process_path": "/x/Acme2"}, False),
        # what has no value
        ("subsystem != 'x'", {}, True),
        ("subsystem == NULL AND category == NULL AND subsystem == ''", {"category": ""}, True),
        ("subsystem != '' OR category != ''", {}, False),
        ("process == '' OR sender == NULL", {"sender": ""}, False),
        ("NOT subsystem CONTAINS 'x'", {}, True),
        ("messageType < error", {}, False),
        ("activityIdentifier == 0", {}, True),
        ("activityIdentifier != 0", {}, False),
        ("processIdentifier == 0", {}, False),
        # regular expressions: the whole text, Unicode's classes, no line break in a dot
        ("eventMessage MATCHES 'b'", {"message": "abc"}, False),
        ("eventMessage MATCHES 'a|abc'", {"message": "abc"}, True),
        (r"eventMessage MATCHES '\\w+\\s\\d'", {"message": "naïve\u00a0\u0663"}, True),
        (r"eventMessage MATCHES '\\W\\S[^\\d]\\D'", {"message": "-x-y"}, True),
        ("eventMessage MATCHES '.*'", {"message": "a\nb"}, False),
        ("eventMessage MATCHES '(?s).*'", {"message": "a\nb"}, True),
        (r"eventMessage MATCHES '\\Q(a\\E[[:alpha:](?=]+'", {"message": "(ab("}, True),
        (r"eventMessage MATCHES 'a\\Q(b'", {"message": "a(b"}, True),
        # LIKE: the whole text, line breaks too; a backslash takes the meaning of a wildcard
        ("eventMessage LIKE '*b'", {"message": "a\nb"}, True),
        (r"eventMessage LIKE 'a\\*'", {"message": "a*"}, True),
        (r"eventMessage LIKE 'a\\*'", {"message": "ab"}, False),
        ("eventMessage LIKE '(?)'", {"message": "(x)"}, True),
        ("userID == 4294967294", {"uid": -2}, True),
        ("bootUUID == 'ab-c'", {"boot_uuid": "AB-C"}, True),
        ("date == '1970-01-01 00:00:01+0000'", {"time": 1_000_000_000}, True),
    ],
)
def test_what_is_documented(text: str, columns: Row, *, expected: bool) -> None:
    assert parse(text).mask(one(**columns)).tolist() == [expected]


def test_texts_in_any_letter_case() -> None:
    assert containing(["ERROR", "é"]).mask(one(message="an Error")).tolist() == [True]
    assert containing(["ERROR", "é"]).mask(one(message="É")).tolist() == [True]
    assert containing(["a(b"]).mask(one(message="xA(Bx")).tolist() == [True]
    assert containing(["ERROR"]).mask(one(message=None)).tolist() == [False]


def test_no_rows() -> None:
    empty = batch_of([])
    assert parse("p=a AND m:x OR pid > 5 OR messageType == error").mask(empty).tolist() == []
