"""Names, accounts and folders that a line tells as such: all of them goes, and nothing of what stands beside them."""

from random import Random

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from traceview.analysis import Analysis
from traceview.report.known_names import MOST_PEOPLE, people_in
from traceview.report.pseudonyms import Pseudonyms
from traceview.report.redact import redact
from traceview_parsers.trace import Device

FRAGMENTS = (
    "displayName=", "caller: ", "caller_name", '":"', "From: ", "Max", " Mustermann", " van der", " Call", ' "', '"', "'",
    " <sip:", "max@x.org", ">", ", ", "=", "user_id", "pass=", "pwd: /", "/Documents/", "max.mustermann/", "a/", "\\", ".",
    "+49 151 2345678", " ", "Zoë", "<private>", "Optional(", "É",
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("displayName=Max Mustermann", "displayName=name-1"),
        (
            "callerName=Max Mustermann, localizedCallerName=Max Mustermann",
            "callerName=name-1, localizedCallerName=name-1",
        ),
        ("localizedCallerName=Max Mustermann UUID=4 video=NO", "localizedCallerName=name-1 UUID=4 video=NO"),
        ("displayName=Max van der Berg Incoming call", "displayName=name-1 Incoming call"),
        ("displayName=Max State: 3", "displayName=name-1 State: 3"),
        ("callerDisplayName=Max Mustermann fromDisplayName: Max", "callerDisplayName=name-1 fromDisplayName: name-2"),
        (
            '{"first_name":"Max","full_name":"Max M","nick_name":"mx"}',
            '{"first_name":name-1,"full_name":name-2,"nick_name":name-3}',
        ),
        ("callerFirstName=Max caller_last_name: Doe", "callerFirstName=name-1 caller_last_name: name-2"),
        ("device_name=x1 network-name: y2 apple_id=z3", "device_name=name-1 network-name: name-2 apple_id=name-3"),
        ("displayName=Max Mustermann: ended", "displayName=name-1: ended"),
        ("<update displayName=Dr. O'Neil Max>", "<update displayName=name-1>"),
        ("callerName: Зоя Иванова; x", "callerName: name-1; x"),
        ("remote_caller_name=Max Mustermann hasVideo: YES", "remote_caller_name=name-1 hasVideo: YES"),
        ('{"caller_name":"Max Mustermann","n":1}', '{"caller_name":name-1,"n":1}'),
        (r"{\"caller_name\":\"Max Mustermann\",\"n\":1}", r"{\"caller_name\":name-1,\"n\":1}"),
        ('callerName: Optional("Max Mustermann")', "callerName: Optional(name-1)"),
        ("caller name: Max Mustermann [video]", "caller name: name-1 [video]"),
        ('caller: Max Mustermann, callerID = "Max Mustermann"', "caller: name-1, callerID = name-1"),
        ('caller: "Max"', "caller: name-1"),
        ('from: "Max Mustermann" <sip:max@x.org>;tag=1', "from: name-1 <sip-1>;tag=1"),
        ("To: Max Mustermann <sip:max@x.org>", "To: name-1 <sip-1>"),
        ("callerName=+49 151 23456789 now", "callerName=phone-1 now"),
        ("phoneNumber = +49 151 2345678", "phoneNumber = phone-1"),
        ("user_id=8812345 userId: 7, account_id=9", "user_id=name-1 userId: name-2, account_id=name-3"),
        ("pass=hunter2 sip_password=abc pwd: x", "pass=name-1 sip_password=name-2 pwd: name-3"),
        ("/var/Documents/logs/max.mustermann/a.log", "/var/Documents/logs/user-1/a.log"),
    ],
)
def test_what_a_key_tells_goes_whole(text: str, scrubbed: str) -> None:
    assert Pseudonyms(Device()).scrub(text) == scrubbed


@pytest.mark.parametrize(
    "text",
    [
        "caller: SpringBoard",
        "caller = pkd.123, extension = com.apple.iBooks",
        "caller:IOKit: IOHIDSetHIDParameterToEventSystem",
        'caller: "com.apple.foo"',
        "caller: Unknown Caller",
        "from: Foreground to: Background",
        "displayName=<private> callerName = (null) displayName=nil hasVideo=NO",
        "PWD=/ ; COMMAND=/usr/bin/pmset",
        "bypass=1",
        "CFBundleDisplayName=AcmeVoIP appDisplayName=Acme",
        "/Documents/Foo.app/x /Documents/foo.app/x /Documents/com.acme/x /Documents/a.log",
        "Audio Session: Call Ended",
    ],
)
def test_what_tells_no_name_stays(text: str) -> None:
    assert Pseudonyms(Device()).scrub(text) == text


def test_names_in_no_quotes_are_known_in_other_lines() -> None:
    texts = [
        "displayName=Max Mustermann UUID=1",
        "caller: Zoë Van Dyk",
        "From: Jo Doe <sip:jo@x.org>",
        "contact: My Headset",
    ]
    assert people_in(pl.Series(texts)) == ["Max Mustermann", "Zoë Van Dyk", "Jo Doe"]


def test_names_that_may_be_any_words_are_not_looked_for_elsewhere() -> None:
    texts = [
        'displayName="audio session"',
        'callerName="jane doe"',
        'callerName="Audio Session"',
        'callerName="\u5c71\u7530 \u592a\u90ce"',
    ]
    assert people_in(pl.Series(texts)) == ["\u5c71\u7530 \u592a\u90ce"]


def test_a_double_name_is_known_without_the_first_one() -> None:
    names = Pseudonyms(Device(), ["J\u00f6rg M\u00fcller-L\u00fcdenscheidt", "Jane Doe"])
    assert names.scrub("M\u00fcller-L\u00fcdenscheidt is not reachable, Doe is") == "name-1 is not reachable, Doe is"


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=9).map("".join))
def test_the_quick_test_misses_no_name(text: str) -> None:
    names = Pseudonyms(Device())
    assert names.scrub(text) == text or names.suspects(pl.Series([text])).len() == 1


def test_names_of_both_origins_are_bounded_together(rich: Analysis) -> None:
    """The regular expressions of polars have a limit of size, which some hundred long names in Cyrillic exceed."""
    letters = "\u0430\u0431\u0432\u0433\u0434\u0435\u0436\u0437\u0438\u043a"

    def names(seed: int) -> list[str]:
        chosen = ["".join(Random(seed + one).choices(letters, k=74)) for one in range(MOST_PEOPLE)]  # noqa: S311
        return [f"\u0410{word[:24]} \u0411{word[24:49]}-\u0411{word[49:]}" for word in chosen]

    said = pl.Series([f"callerName={name}" for name in names(0)])
    lines = pl.concat([rich.lines.head(1).with_columns(message=pl.lit(text)) for text in said])
    hidden = redact(replace(rich, lines=lines), "ids", [*names(1000), *names(2000)])
    assert hidden.lines["message"].str.starts_with("callerName=name-").all()


def test_many_texts_are_tested_as_few_are() -> None:
    names, texts = Pseudonyms(Device()), pl.Series([f"{FRAGMENTS[one % 30]}{one}" for one in range(1500)])
    few = [names.suspects(texts[start : start + 100]) for start in range(0, 1500, 100)]
    assert names.suspects(texts).to_list() == pl.concat(few).to_list()


@pytest.mark.parametrize(
    "unit", ["displayName=Max ", "caller: Max ", "from: ", "Max ", "from: a b c d e ", "/Documents/a/", "max.", "caller ", "pass"]
)  # fmt: skip
def test_long_lines_of_names_take_linear_time(unit: str) -> None:
    """A quadratic pattern would need hours; the time limit of the suite is the assertion."""
    text = unit * (300_000 // len(unit))
    assert Pseudonyms(Device()).scrub(text)
    assert people_in(pl.Series([text])) is not None
