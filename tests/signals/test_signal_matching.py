import re
from collections.abc import Callable

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from traceview.signals.candidates import numbered
from traceview.signals.catalogue import Signal, catalogue
from traceview.signals.identity import identity_fields
from traceview.signals.lines import match_lines, match_table
from traceview.signals.matcher import MAX_MESSAGE, match
from traceview.signals.notation import format_key, literals_of, names_of, to_pattern
from traceview.signals.selection import log_selection
from traceview.signals.vocabulary import EVENT_SCHEMA
from traceview_parsers import schema
from traceview_parsers.selection import Clause, Selection

Rows = Callable[..., pl.DataFrame]
STATE = "Received state update for 77 (app<com.acme.voip((null))>, running-suspended-NotVisible"
SIGNALS = catalogue().signals
MESSAGES = [example.message for signal in SIGNALS for example in signal.examples]


FALSE_FRIENDS = [
    ("audioaccessoryd", "Received Call State changed yes"),
    ("audioaccessoryd", "Mute Control: call state changed, isCallActive: yes, isCallHighPriority: no"),
    ("Acme", "[Detector.cpp:56    rtaid::Detector:0x10a2bcf00] initialized with error = 0"),
    (
        "Acme",
        "[Detector.cpp:154   rtaid::Detector:0x1] Created node rio-outclient with nodeID 3 - reporting period = 10.0",
    ),
    ("callservicesd", "Asked to answer call <private> while disconnecting calls <private> and holding calls <private>"),
    ("Acme", "AVAudioIONodeImpl.mm:235   Engine@0x10a589740: associating with audio session (0xd90994a), error 0"),
    ("coreaudiod", "Audio IO Overload inputs: '' outputs: 'Speaker' cause: 'Unknown' prewarming: yes recovering: no"),
    ("coreaudiod", "Audio IO Overload inputs: '' outputs: 'Speaker' cause: 'Unknown' prewarming: no recovering: yes"),
    ("Acme", "Ignoring audio glitch due to recent output volume change."),
    ("Acme", "Number of detected playout glitches: 0"),
    ("Acme", "background tasks don't expire while the audio session is active"),
    ("Acme", "Added observer for process assertions expiration warning: <_RBSExpirationWarningClient: 0x1058fdfe0>"),
    ("runningboardd", "[app<com.acme.voip((null))>:5] Ignoring GPU update because this process is not GPU managed"),
    ("SpringBoard", "_effectiveVolumeChanged for 'PhoneCall' for reason: RouteChange/0x7889f1460"),
    ("SpringBoard", "Front display did change: (null)"),
    ("Acme", "AVAudioSession.mm:1294: -[AVAudioSession currentRoute]: AudioSessionGetProperty failed with code: 0"),
    ("Acme", "HALC_ProxyIOContext.cpp:1700  IOThread exiting with error 0x0"),
    ("Acme", "AURemoteIO.cpp:1135  failed: 0 (enable 3, outf< 1 ch, 48000 Hz, Float32>)"),
    (
        "SpringBoard",
        "Skip asking delegate to perform action for request ABC; actionWasHandled: YES; isDismissAction: NO",
    ),
]


@pytest.mark.parametrize(("process", "message"), FALSE_FRIENDS)
def test_false_friends_are_silent(process: str, message: str, log_rows: Rows) -> None:
    assert match(log_rows([message], process=process)).is_empty()
    assert match(log_rows([message])).is_empty()


@pytest.mark.parametrize("known", [{}, {"format": "Received state update for %d (%{public}@, %{public}@%{public}@"}])
def test_gamepolicyd_is_never_a_witness_of_visibility(known: dict[str, str], log_rows: Rows) -> None:
    events = match(log_rows([STATE] * 2, process=["gamepolicyd", "dasd"], **known))
    assert events["state"].to_list() == ["running-suspended"] * 2
    assert events["visibility"].to_list() == [None, "NotVisible"]


def test_the_process_and_the_subsystem_are_conditions_where_they_are_known(log_rows: Rows) -> None:
    message = "[app<com.acme.voip((null))>:5] Suspending task."
    kinds = match(log_rows([message] * 3, process=["runningboardd", "Acme", None]))
    assert kinds["ref"].to_list() == [0, 2]
    created = "Created background task <private>."
    events = match(log_rows([created] * 3, process="Acme", subsystem=["com.apple.UIKit", "com.acme.tasks", None]))
    assert events["ref"].to_list() == [0, 2]


def test_a_text_that_proves_nothing_needs_a_known_origin(log_rows: Rows) -> None:
    message = "Starting task: com.acme.refresh"
    assert match(log_rows([message], process="Acme")).is_empty()
    assert match(log_rows([message], process="Acme", subsystem="com.acme")).is_empty()
    known = match(
        log_rows([message] * 2, process="Acme", subsystem=["com.apple.BackgroundTasks", None], sender="BackgroundTasks")
    )
    assert known["kind"].to_list() == ["background_task.began"] * 2
    assert match(log_rows(["task=1 visiblity is no"])).is_empty()


@pytest.mark.parametrize(
    "message",
    [
        STATE + "\n",
        STATE + "   ",
        f"  {STATE}",
        f"default 14:29:55.265908-0400 locationd {STATE}",
    ],
)
def test_blanks_and_unknown_columns_around_a_message_do_not_matter(message: str, log_rows: Rows) -> None:
    assert match(log_rows([message]))["subject_pid"].to_list() == [77]


@pytest.mark.parametrize(
    "prefix",
    [
        "    AVAudioSession_iOS.mm:996   ",
        "AVAudioSession_iOS.mm:2,654 ",
        "AVAudioSession.mm:1049:-[AVAudioSession setActive:]: ",
        "[avas] ",
        "",
    ],
)
def test_source_positions_are_never_matched(prefix: str, log_rows: Rows) -> None:
    events = match(log_rows([f"{prefix}Activated session 0x6800C"], process="Acme"))
    assert events["session_id"].to_list() == ["0x6800c"]


def test_values_that_are_hidden_become_null(log_rows: Rows) -> None:
    events = match(log_rows(["VoIP push for app <private> dropped on the floor"], process="callservicesd"))
    assert events.select("kind", "bundle").row(0) == ("push.blocked", None)


@pytest.mark.parametrize(
    ("printed", "code"),
    [("3735883980", "0xdead10cc"), ("0xDEAD10CC", "0xdead10cc"), ("0x8badf00d", "0x8badf00d")],
)
def test_codes_are_lower_case_hexadecimal(printed: str, code: str, log_rows: Rows) -> None:
    assert match(log_rows([f"Termination Reason: RUNNINGBOARD {printed}"]))["code"].to_list() == [code]


@pytest.mark.parametrize(("printed", "limit"), [("80", 80.0), ("1" + "0" * 400, None), ("9" * 30, 1e30)])
def test_numbers_that_no_double_holds_become_null(printed: str, limit: float | None, log_rows: Rows) -> None:
    message = f"process AcmeVoIP[700] thread 7 caught burning CPU! It used more than {printed}% CPU over 60 seconds"
    events = match(log_rows([message], process="kernel"))
    assert events.select("limit", "duration_s").rows() == [(limit, 60.0)]


def test_identity_forms_of_all_releases() -> None:
    uuid = "6B0B5A7C-1111-4222-8333-444455556666"
    found = identity_fields(
        [
            "[application<com.acme.voip>:716]",
            f"[app<com.acme.voip({uuid})>:1259]",
            "app<com.acme.voip((null))>",
            "[app<application.com.acme.voip.19062835.19062841(501)>:78860]",
            "[xpcservice<com.acme.voip.push([application<com.acme.voip>:716])>:721:721]",
            f"[xpcservice<com.acme.net([app<com.acme.voip((null))>:7507])>{{vt hash: 1}}[uuid:{uuid}]{{definition:x[extension][client]}}:7550]",
            "[xpcservice<com.acme.tts([osservice<com.apple.VoiceOver(501)>:47902])(501)>{vt hash: 0}{definition:x[extension][client]}:47925]",
            "[daemon<com.apple.SpringBoard>:59]",
            "[osservice<com.apple.dasd>:76]",
            "[Acme Voice:123]",
            "application<...>:23483",
            "application<…>:23484",
            "daemon<微信>:61",
            "<private>",
        ]
    )
    assert found.rows() == [
        ("com.acme.voip", None, "716", None, None),
        ("com.acme.voip", None, "1259", None, None),
        ("com.acme.voip", None, None, None, None),
        ("com.acme.voip", None, "78860", None, None),
        ("com.acme.voip.push", None, "721", "com.acme.voip", "716"),
        ("com.acme.net", None, "7550", "com.acme.voip", "7507"),
        ("com.acme.tts", None, "47925", "com.apple.VoiceOver", "47902"),
        (None, "com.apple.SpringBoard", "59", None, None),
        (None, "com.apple.dasd", "76", None, None),
        (None, "Acme Voice", "123", None, None),
        (None, None, "23483", None, None),
        (None, None, "23484", None, None),
        (None, "微信", "61", None, None),
        (None, None, None, None, None),
    ]


@given(st.lists(st.none() | st.sampled_from(["", "a", "b", "ä"])))
def test_numbers_stand_for_distinct_values(values: list[str | None]) -> None:
    number, distinct = numbered(pl.Series(values, dtype=pl.String))
    assert [None if at < 0 else distinct[int(at)] for at in number] == values
    assert distinct.n_unique() == len(distinct)


def test_events_keep_schema_and_identity_of_their_rows(log_rows: Rows) -> None:
    frame = log_rows(["noise", STATE, "noise", STATE], process="dasd", level="default")
    events = match(frame)
    assert dict(events.schema) == EVENT_SCHEMA
    assert events["ref"].to_list() == [1, 3]
    assert events.select("process", "level", "message").row(0) == ("dasd", "default", STATE)
    assert dict(match(frame.head(0)).schema) == EVENT_SCHEMA
    assert dict(match(log_rows(["noise", None])).schema) == EVENT_SCHEMA


def test_arrow_batches_of_the_log_schema_are_taken() -> None:
    batch = schema.log_batch(
        2, {"ref": pa.array([5, 6], pa.uint64()), "message": pa.array([STATE, "noise"]), "process": "dasd", "pid": 12}
    )
    events = match(batch)
    assert events.select("ref", "process", "pid", "subject_pid").row(0) == (5, "dasd", 12, 77)


def rendered(signal: Signal) -> list[tuple[str, str]]:
    """Pair the formats of a signal with the examples that they print (examples are in the order of the formats)."""
    if signal.patterns or len(signal.formats) != len(signal.examples):
        return []
    return list(zip(signal.formats, (example.message for example in signal.examples), strict=True))


def test_known_formats_and_bare_text_are_recognised_alike(log_rows: Rows) -> None:
    pairs = [(signal, text, message) for signal in SIGNALS for text, message in rendered(signal)]
    assert len(pairs) > 300
    messages = [message for _, _, message in pairs]
    processes = [next(iter(sorted(signal.processes)), "Acme") for signal, _, _ in pairs]
    formats = [re.sub(r"<[a-z_]+>", "", text) for _, text, _ in pairs]
    known = {"process": processes, "subsystem": [signal.subsystem for signal, _, _ in pairs]}
    by_text = match(log_rows(messages, **known))
    by_format = match(log_rows(messages, **known, format=formats))
    assert by_format.drop("message").equals(by_text.drop("message"))
    assert by_format["signal"].to_list() == [signal.id for signal, _, _ in pairs]


def test_a_format_is_known_without_its_annotations() -> None:
    assert format_key("Session 0x%{public}x<session_id> posting %@ ") == "Session 0x%x posting %@"
    assert names_of("%d<subject_pid> of %@<reason>, %@") == ["subject_pid", "reason"]
    assert literals_of("%25s:%-5d Activated session 0x%x") == ["Activated session 0x"]
    assert literals_of("a  b\nc %d") == ["a", "b", "c"]


def test_patterns_allow_cut_ends_and_any_blanks() -> None:
    pattern = to_pattern("Call %@<reason> was  ended.")
    assert re.search(pattern, "Call x was ended")
    assert re.search(pattern, "Call x was\t ended. and more")
    assert not re.search(pattern, "Call x was endedness")


def test_selection_lets_every_example_through() -> None:
    rows = [(signal, example) for signal in SIGNALS for example in signal.examples]
    unplaced = {"crash_text": "launchd", "system": "launchd"}  # printed by daemons, not by apps
    processes = [
        example.process or next(iter(sorted(signal.processes)), unplaced.get(signal.family, "Acme"))
        for signal, example in rows
    ]
    columns = {
        "ref": pa.array(range(len(rows)), pa.uint64()),
        "process": pa.array(processes).dictionary_encode(),
        "subsystem": pa.array([signal.subsystem for signal, _ in rows]).dictionary_encode(),
        "sender": pa.array([min(signal.senders, default=None) for signal, _ in rows], pa.string()).dictionary_encode(),
        "message": pa.array([example.message for _, example in rows]),
    }
    batch = schema.log_batch(len(rows), columns)
    assert log_selection(catalogue()).mask(batch).all()
    mask = log_selection(catalogue(), apps=["Acme"]).mask(batch)
    assert mask.all(), [rows[index][0].id for index in np.flatnonzero(~mask)]


def test_a_selection_is_made_once_for_the_same_apps() -> None:
    known = catalogue()
    assert log_selection(known, ["Acme", "Other"]) is log_selection(known, ("Other", "Acme"))
    assert log_selection(known, ["Acme"]) != log_selection(known)


def test_selection_asks_for_apps_only_where_nothing_else_is_known() -> None:
    selection = log_selection(catalogue(), apps=["Acme"])
    assert isinstance(selection, Selection)
    assert all(clause.words for clause in selection.clauses)
    assert all(clause.processes or clause.subsystems or clause.senders for clause in selection.clauses)
    for apps in ([], ["com.acme.voip"]):
        of_apps = [clause for clause in log_selection(catalogue(), apps).clauses if clause.process_paths]
        assert len(of_apps) == 1, "a bundle id does not tell how the process is called"
        assert of_apps[0] == Clause(
            words=of_apps[0].words, process_paths=of_apps[0].process_paths, events=of_apps[0].events
        )


def test_what_drivers_print_in_the_kernels_process_is_not_read() -> None:
    message = "memorystatus: killing_specific_process pid 7 [Acme] (vm-pageshortage 3) 100KB"
    senders = pa.array(["kernel", None, "corecapture"], pa.string())
    columns = {
        "ref": pa.array(range(3), pa.uint64()),
        "process": pa.array(["kernel"] * 3).dictionary_encode(),
        "sender": senders.dictionary_encode(),
        "message": pa.array([message] * 3),
    }
    assert log_selection(catalogue()).mask(schema.log_batch(3, columns)).tolist() == [True, True, False]


def test_lines_of_mixed_layouts_keep_their_numbers() -> None:
    found = list(
        match_lines(
            [
                f"default\t22:25:59.310427-0500\tsymptomsd\t{STATE}\n",
                "no event at all",
                "",
                "Nov 12 12:24:57 iPad runningboardd(RunningBoard)[31] <Notice>: Removing process: [application<com.acme.voip>:796]",
                "Termination Reason: FRONTBOARD 0xbaadca11 ",
            ]
        )
    )
    assert [one["line"] for one in found] == [1, 2, 3, 4, 5]
    kinds = ["process.state", None, None, "process.exited", "process.terminated"]
    assert [one["kind"] for one in found] == kinds
    assert found[1] == {"line": 2, "signal": None, "kind": None, "fields": {}}
    assert found[3]["fields"] == {"bundle": "com.acme.voip", "subject_pid": 796}
    assert match_table(["a", STATE])["kind"].to_list() == [None, "process.state"]


def test_pasted_source_text_is_no_event() -> None:
    lines = ["Executing launch request for %{public}@ (%{public}@)", "Number of detected playout glitches: %lld"]
    assert [one["kind"] for one in match_lines(lines)] == [None, None]


def test_no_lines_give_no_rows() -> None:
    assert list(match_lines([])) == []


def test_megabyte_messages_are_cut_not_searched(log_rows: Rows) -> None:
    long = "[" * 2_000_000 + STATE
    events = match(log_rows([long, STATE + " x" * MAX_MESSAGE], process="dasd"))
    assert events["ref"].to_list() == [1]


fragments = st.sampled_from([piece for message in MESSAGES[::7] for piece in (message[: len(message) // 2], message)])
texts = st.lists(
    st.one_of(st.text(max_size=80), fragments, st.sampled_from(["\0", "<private>", "\ud800"[:0], "[[[", "%@"])),
    max_size=4,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(texts.map("".join), max_size=12), st.integers(0, 12))
def test_any_text_is_matched_without_failing_and_row_by_row(messages: list[str], cut: int) -> None:
    frame = pl.DataFrame({"message": messages}, schema={"message": pl.String})
    frame = frame.with_columns(ref=pl.int_range(pl.len(), dtype=pl.UInt64), process=pl.lit(None, pl.String))
    whole = match(frame)
    parts = pl.concat([match(frame[:cut]), match(frame[cut:])])
    assert whole.equals(parts)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=60), max_size=8))
def test_any_lines_give_one_row_each(lines: list[str]) -> None:
    assert [one["line"] for one in match_lines(lines)] == list(range(1, len(lines) + 1))


def test_only_messages_are_events(log_rows: Rows) -> None:
    kinds = ["log", "state", "activity", "signpost", None]
    events = match(log_rows([STATE] * len(kinds), process="dasd", event=kinds))
    assert events["ref"].to_list() == [0, 4]


def test_a_handle_whose_name_is_hidden_still_tells_the_pid() -> None:
    lines = ["[application<<private>>:812] Suspending task.", "[app<<private>(<private>)>:812] Suspending task."]
    found = match_table(lines)
    assert found["subject_pid"].to_list() == [812, 812]
    assert found["bundle"].to_list() == [None, None]
