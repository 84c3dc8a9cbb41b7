"""Redaction of accounts, tokens, names in every script, and of the facts of device and app; what must not go with them."""

import unicodedata

import polars as pl
import pytest
from msgspec.structs import replace

from traceview.analysis import Analysis
from traceview.report.free_text import keeper
from traceview.report.known_names import people_in
from traceview.report.pseudonyms import Pseudonyms
from traceview.report.redact import Level, redact
from traceview_parsers.trace import Device

NOBODY = Device()
ACCOUNTS = (
    "sipUser=§ sipPassword=§ client_secret=§ accessToken=§; end",
    "userPassword: §, refresh_token=§ refreshToken § id_token: §",
    'authToken="§" sessionToken = § device_token=§ voipToken=§ xApiKey=§',
    "authUser=§ login=§ sip_user=§ ha1=§ SIPPassword=§ SIP_PASSWORD=§",
    r'{"refreshToken":"§"} {\"idToken\":\"§\"} tokenString=§ passwordHash=§',
)


@pytest.mark.parametrize("text", ACCOUNTS)
@pytest.mark.parametrize("value", ["s3cr3t", "eyJabc.def", "jane.doe"])
def test_accounts_and_secrets_go_behind_keys_of_any_spelling(text: str, value: str) -> None:
    names = Pseudonyms(NOBODY)
    line = text.replace("refreshToken §", "refreshToken: §").replace("§", value)
    scrubbed = names.scrub(line)
    assert value not in scrubbed
    assert scrubbed.count("name-1") == text.count("§")
    assert names.suspects(pl.Series([line])).len() == 1


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("sipUser=anna:geheim42 SIP_USER=anna:geheim42", "sipUser=name-1 SIP_USER=name-1"),
        ("turnCredentials: anna:geheim42, sipLogin=a:b", "turnCredentials: name-1, sipLogin=name-2"),
        ("sipPwd=(geheim42) voipPwd=<geheim42>", "sipPwd=name-1) voipPwd=name-2>"),
        ("fcmToken=dK3jxAbC:APA91bHxy; refreshToken=v1:8a7b", "fcmToken=name-1; refreshToken=name-2"),
        (r'{"password":"a\"geheim42 xx","n":1}', '{"password":name-1,"n":1}'),
        (r'{"password":"a\\","n":"x"}', '{"password":name-1,"n":"x"}'),
        (r"{\"password\":\"a\\\"geheim\",\"n\":1}", r"{\"password\":name-1,\"n\":1}"),
        (r"{\\\"secret\\\":\\\"geheim\\\",\\\"n\\\":1}", r"{\\\"secret\\\":name-1,\\\"n\\\":1}"),
        (f'secret="{"g" * 3000}" x', "secret=name-1 x"),
        ("login: anna authToken: geheimabc", "login: name-1 authToken: name-2"),
        (r"{\"first_name\":\"Jane\"}", r"{\"first_name\":name-1}"),
        (
            'token: Optional("a b") nickName: Optional("Zo Van Dyk")',
            "token: Optional(name-1) nickName: Optional(name-2)",
        ),
        (r'{"p":"{\"callerName\":\"Max \\\"Mo\\\" Doe\"}"}', r'{"p":"{\"callerName\":name-1}"}'),
        ("callerDisplayName: Token: geheim42", "callerDisplayName: Token: name-1"),
        ("first_name:\n  api_key='0x12 geheim'", "first_name:\n  api_key=name-1"),
        ("caller_last_name: +49 171 1234567 rings", "caller_last_name: phone-1 rings"),
    ],
)
def test_all_of_a_secret_goes(text: str, scrubbed: str) -> None:
    names = Pseudonyms(NOBODY)
    assert names.scrub(text) == scrubbed
    assert names.suspects(pl.Series([text])).len() == 1


@pytest.mark.parametrize("text", ["Bearer abc123", "sent bearer eyJhbGciOi.J9-x_1=="])
def test_bearer_tokens_go(text: str) -> None:
    assert "name-1" in Pseudonyms(NOBODY).scrub(text)


@pytest.mark.parametrize(
    "text",
    [
        "passcode: unlocked, secret: none; user: active user = root",
        'password: "none" login: failed, Login: starting now',
        "cancelToken=12 observerToken=<Token: 0x1> assertionToken: 0x1f2 posixUser = (0|x",
        "-[Manager sandboxExtensionToken:options:] focusOnUser:activatingUser:]",
        "LOGIN: requested, Token: refreshing, not eligible for SecureToken: SecureToken is blocked",
        'my_login = "<Spec 0x1b06960: symbol: arrow, {{0, 0}, {22, 22}}>"',
        "bearer capability speech, EPS bearer 5, Bearer pdp_ip0 up",
        "tokens: 5 secrets were read, 3 users: all",
        "version 44.6.0.29, AcmeVoIP/44.6.0.29 CFNetwork/1410 appVersion=44.6.0.29",
        "Mac (Catalyst), AirPods (Charging), iPhone (Internal)",
        "+1234567890 ns later",
    ],
)
def test_what_only_looks_private_stays(text: str) -> None:
    assert Pseudonyms(NOBODY).scrub(text) == text


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("jane@icloud.com", "email-1"),
        ("jane.doe@example.com", "email-1"),
        ("hello Jane Doe!", "hello owner-1!"),
        ("Jane, Jane\u2019s and Janes", "owner-1, owner-1\u2019s and owner-1s"),
        ("jane CallKit", "owner-1 CallKit"),
        ("Janes-iPhone.local", "device-1.local"),
    ],
)
def test_an_owner_cuts_no_longer_value_in_two(text: str, scrubbed: str) -> None:
    names = Pseudonyms(Device(name="Jane's iPhone"))
    assert names.scrub(text) == scrubbed
    assert names.suspects(pl.Series([text])).len() == 1


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("to Zoë\u2019s iPhone", "to device-1"),
        ("José\u2019s iPhone", "device-1"),
        ("Jürgens iPhone", "device-1"),
        ("iPhone (Jürgen)", "device-1"),
        ("callerName=Zoë Müller, x", "callerName=name-1, x"),
        ("jürgen.müller@example.com", "email-1"),
        ("on Anna-Lena\u2019s iPhone", "on device-1"),
        ("Marie Claire Dupont\u2019s iPhone", "device-1"),
        ("Jane O\u2019Brien\u2019s iPhone", "device-1"),
        ("Incoming Call from Jane\u2019s iPhone", "Incoming Call from device-1"),
        ("राजेश\u2019s iPhone", "device-1"),
        ("iPhone (राजेश)", "device-1"),
        ("callerName = राजेश कुमार, x", "callerName = name-1, x"),
        ("Łukasz\u2019s iPhone", "device-1"),
        (r'callerName = "Jane \"JD\" Doe"; x', "callerName = name-1; x"),
        (r"{\"callerName\":\"Jane\",\"x\":\"y\"}", r"{\"callerName\":name-1,\"x\":\"y\"}"),
    ],
)
def test_names_of_every_script_go_whole(text: str, scrubbed: str, form: str) -> None:
    names, given = Pseudonyms(NOBODY), unicodedata.normalize(form, text)  # type: ignore[arg-type]
    assert names.scrub(given) == scrubbed
    assert names.suspects(pl.Series([given])).len() == 1


def test_a_name_is_one_name_in_both_forms() -> None:
    both = [unicodedata.normalize(form, 'callerName="Zoë Müller"') for form in ("NFC", "NFD")]
    assert people_in(pl.Series(both)) == ["Zoë Müller"]
    names = Pseudonyms(NOBODY)
    assert {names.scrub(text) for text in both} == {"callerName=name-1"}
    decomposed = unicodedata.normalize("NFD", "café")
    assert names.scrub(decomposed) == decomposed


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("192.168.1.5.5060 > 10.1.1.1.80: UDP, length 4", "ip-1.5060 > ip-2.80: UDP, length 4"),
        ("IP 192.168.1.5.5060 > 10.1.1.1.80", "IP ip-1.5060 > ip-2.80"),
        ("tcp4  0  0  192.168.1.5.5060   10.1.1.1.80   ESTABLISHED", "tcp4  0  0  ip-1.5060   ip-2.80   ESTABLISHED"),
        ("udp4  0  0  192.168.1.5.5060   *.*", "udp4  0  0  ip-1.5060   *.*"),
    ],
)
def test_addresses_with_a_port_behind_a_dot_go(text: str, scrubbed: str) -> None:
    names = Pseudonyms(NOBODY)
    assert names.scrub(text) == scrubbed
    assert names.suspects(pl.Series([text])).len() == 1


@pytest.mark.parametrize("name", ["_", "- -", "\u2019", "  ", "a", "App", "Call", "iPhone"])
def test_a_device_that_is_called_nothing_ruins_no_text(name: str) -> None:
    text = "HIGH iOS refused com.acme.call: a Call of App to com.app.call"
    assert Pseudonyms(Device(name=name)).scrub(text) == text


def test_a_device_of_one_word_is_no_part_of_a_bundle_id() -> None:
    assert Pseudonyms(Device(name="Zebra")).scrub("com.zebra.call on Zebra") == "com.zebra.call on device-1"


@pytest.mark.parametrize(
    ("device", "text"),
    [
        ("Acme's iPhone", "CRITICAL iOS suspended com.acme.voip"),
        ("Will's iPhone", "a deadline that will pass"),
        ("May's iPhone", "iOS may suspend it"),
        ("Work", "move video and UI work off the thread"),
    ],
)
def test_an_owner_takes_no_word_and_no_part_of_a_bundle_id(device: str, text: str) -> None:
    names = Pseudonyms(Device(name=device))
    assert names.scrub(text) == text
    name = device.removesuffix("'s iPhone")
    assert names.scrub(f"to {name} now, {name.upper()}").endswith(("-1 now, owner-1", "-1 now, device-1"))


PRIVATE = "Janes phone +491709876543"


@pytest.mark.parametrize("level", ["ids", "all"])
def test_facts_of_device_and_app_hold_nothing_private(rich: Analysis, level: Level) -> None:
    device = Device(model=PRIVATE, os_build=PRIVATE, os_version=PRIVATE, os_name=PRIVATE, board=PRIVATE)
    versions = {
        "com.acme.voip": f"4.2 for jane@corp.example {PRIVATE}",
        "com.b": "44.6.0.29",
        "com.c": "5.3 (17) or 5.4",
    }
    capture = replace(rich.capture, tz=PRIVATE)
    hidden = redact(replace(rich, device=device, app_versions=versions, capture=capture), level)
    assert hidden.app_versions == {"com.b": "44.6.0.29", "com.c": "5.3 (17) or 5.4"}
    assert hidden.capture.tz is None
    assert "491709876543" not in repr(hidden.device)
    if level == "all":
        assert hidden.device == Device()


@pytest.mark.parametrize("level", ["ids", "all"])
@pytest.mark.parametrize(
    "model", ["iPhone17,1", "iPhone 17 Pro", "iPad Pro (12.9-inch) (6th generation)", "iPhone SE (3rd generation)"]
)
def test_what_a_device_tells_stays(rich: Analysis, level: Level, model: str) -> None:
    device = Device(model=model, os_name="iPhone OS", os_version="26.2", os_build="23C5044b", board="D93AP")
    hidden = redact(replace(rich, device=device), level)
    assert (hidden.device, hidden.capture.tz) == (device, rich.capture.tz)


def test_versions_of_four_figures_stay_in_tables(rich: Analysis) -> None:
    reports = pl.DataFrame({"app_version": ["44.6.0.29", "4 of jane@x.org"], "interface": ["44.6.0.29", "en0"]})
    hidden = redact(replace(rich, tables={"reports": reports}), "ids").tables["reports"]
    assert hidden["app_version"][0] == "44.6.0.29"
    assert hidden["app_version"][1].startswith("4 of email-")
    assert hidden["interface"][0].startswith("ip-")


@pytest.mark.parametrize(
    ("column", "text", "kept"),
    [
        ("provider", "<CXProvider com.acme.voip>", True),
        ("provider", "<TUCallProvider 0x1>", True),
        ("provider", "<Jane Doe>", False),
        ("explanation", "killed from app switcher", True),
        ("explanation", "Failed to end background task in time", True),
        ("explanation", "Abort trap: 6", True),
        ("explanation", "Jane trap: 6", False),
        ("task_name", "killed from app switcher", False),
        (
            "level",
            "90 seconds cpu time over 150 seconds (60% cpu average), exceeding limit of 50% cpu over 180 seconds",
            True,
        ),
        (
            "level",
            "45001 wakeups over the last 186 seconds (242 wakeups per second average), exceeding limit of 150 wakeups per second",
            True,
        ),
        ("level", "90 seconds of Jane Doe over 150 seconds", False),
    ],
)
def test_words_of_systems_stay_and_others_go(column: str, text: str, *, kept: bool) -> None:
    assert keeper("events", column)(text) is kept


@pytest.mark.parametrize(
    "unit",
    [
        "Jane-",
        "A b",
        "Anna Lena ",
        "sipToken",
        "_token",
        "Bearer a",
        "1.1.1.1.",
        "é\u0301",
        '"\\"',
        'x="\\',
        "Jane.",
        "Jane Doe ",
        "callerName=",
        "callerName: ",
        "fromDisplayName: Token: ",
    ],
)
def test_long_lines_take_linear_time(unit: str) -> None:
    """A quadratic pattern would need hours; the time limit of the suite is the assertion."""
    names = Pseudonyms(Device(name="Jane's iPhone"))
    names.scrub(unit * (100_000 // len(unit)))
    names.suspects(pl.Series([unit * (100_000 // len(unit))]))
