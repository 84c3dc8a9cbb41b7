"""Error codes of audio session activation: what they mean for a call and what to do.

A code reaches the log as a number (``561017449``), as four characters (``'!pri'``) or as the audio server's own negative
number (``-12983``). `decode` accepts all three.

Values and names: Apple, AVAudioSession.ErrorCode. Negative server codes: read from audio server builds of iOS 26.1; -12983
and -12988 agree with real lines.
"""

import re
from typing import Final

from msgspec import Struct

from traceview.rules.registry import Severity
from traceview.rules.rows import shown

_NUMBER: Final = re.compile(r"(?<![0-9A-Za-z_])(0x[0-9A-Fa-f]{1,8}|-?\d{1,10})(?![0-9A-Za-z_])")
_QUOTED: Final = re.compile(r"'([\x20-\x7e]{4})'")


class AudioError(Struct, frozen=True):
    """One activation error.

    Attributes:
        name: Case of AVAudioSession.ErrorCode, or a short name of ours for codes outside it.
        value: The OSStatus.
        number: Catalogue number of the pattern.
        outside: Severity outside a call.
        in_call: Severity in a call.
        meaning: What iOS says with it; reads on after "because".
        advice: What to change.
    """

    name: str
    value: int
    number: str
    outside: Severity
    in_call: Severity
    meaning: str
    advice: str

    @property
    def fourcc(self) -> str | None:
        """The code as four characters, or None where it has none."""
        return fourcc(self.value)


_HIGH, _MEDIUM, _LOW, _CRITICAL = Severity.high, Severity.medium, Severity.low, Severity.critical

ERRORS: Final[tuple[AudioError, ...]] = (
    AudioError(
        "cannotStartPlaying",
        561015905,
        "A01",
        _HIGH,
        _CRITICAL,
        "the app may not start playback now: it is in the background without a reason to play",
        "Start audio I/O only after provider(_:didActivate:) in a CallKit call; outside calls declare the audio background "
        "mode and start playback while still in the foreground.",
    ),
    AudioError(
        "cannotStartRecording",
        561145187,
        "A02",
        _HIGH,
        _CRITICAL,
        "the app may not start recording now: iOS forbids to start the microphone from the background outside a call it knows",
        "Let CallKit activate the session and start the microphone in provider(_:didActivate:); never restart input from a "
        "timer or a route change while the app is in the background without a call.",
    ),
    AudioError(
        "insufficientPriority",
        561017449,
        "A03",
        _HIGH,
        _HIGH,
        "a session of higher priority (a phone call, another CallKit call, an alarm) holds the hardware",
        "Do not call setActive(true) yourself in a CallKit call. After another call ends, fulfil the CXSetHeldCallAction and "
        "wait for provider(_:didActivate:) instead of retrying.",
    ),
    AudioError(
        "cannotInterruptOthers",
        560557684,
        "A04",
        _MEDIUM,
        _HIGH,
        "a session that does not mix was activated from the background while another app plays",
        "Activate in the foreground, or add .mixWithOthers where that is right; for calls let CallKit activate the session.",
    ),
    AudioError(
        "missingEntitlement",
        1701737535,
        "A05",
        _MEDIUM,
        _HIGH,
        "the app lacks the right to do this; in a CallKit call the session belongs to the system",
        "Do not activate or override the session while CallKit owns it; wait for provider(_:didActivate:). Check the "
        "entitlements of the signed build otherwise.",
    ),
    AudioError(
        "isBusy",
        560030580,
        "A06",
        _MEDIUM,
        _MEDIUM,
        "the session still ran audio I/O when it was deactivated",
        "Stop the audio engine or unit and wait until it stopped before setActive(false).",
    ),
    AudioError(
        "incompatibleCategory",
        560161140,
        "A06",
        _MEDIUM,
        _MEDIUM,
        "the category does not allow the operation",
        "Set .playAndRecord with mode .voiceChat or .videoChat before the call is answered.",
    ),
    AudioError(
        "resourceNotAvailable",
        561145203,
        "A06",
        _HIGH,
        _HIGH,
        "the hardware that the session needs is not available",
        "Check inputs and permissions, wait for the interruption to end, then activate again.",
    ),
    AudioError(
        "siriIsRecording",
        1936290409,
        "A06",
        _LOW,
        _LOW,
        "Siri is recording",
        "Activate again when the interruption ends.",
    ),
    AudioError(
        "mediaServicesFailed",
        1836282486,
        "A06",
        _CRITICAL,
        _CRITICAL,
        "the audio server died or is being reset",
        "Handle mediaServicesWereResetNotification: drop all audio objects, set the category again and rebuild the engine.",
    ),
    AudioError(
        "sessionNotActive",
        1768841571,
        "A06",
        _MEDIUM,
        _HIGH,
        "the session is not active",
        "Start audio I/O only after the activation succeeded (in CallKit calls: in provider(_:didActivate:)).",
    ),
    AudioError(
        "expiredSession",
        561210739,
        "A06",
        _MEDIUM,
        _HIGH,
        "the session object is no longer valid",
        "Fetch AVAudioSession.sharedInstance() again after a media services reset and set it up anew.",
    ),
    AudioError(
        "unspecified",
        2003329396,
        "A06",
        _MEDIUM,
        _HIGH,
        "iOS gives no closer reason",
        "Look at the audio server's lines around this moment; often the category changed while I/O was running.",
    ),
    AudioError(
        "badParam",
        -50,
        "A06",
        _MEDIUM,
        _MEDIUM,
        "a parameter is invalid, often a combination of category, mode and options that does not exist",
        "Check the combination in the documentation of AVAudioSession.CategoryOptions.",
    ),
)
"""Every activation error that the catalogue knows."""

SERVER_ALIASES: Final = {-12983: 561017449, -12988: 1701737535, -12989: 1936290409}
"""The audio server's own numbers for errors that the app sees under their public value."""

_BY_VALUE: Final = {error.value: error for error in ERRORS}
_BY_NAME: Final = {error.name.lower(): error for error in ERRORS}


def fourcc(value: int) -> str | None:
    """Return a non-negative 32-bit OSStatus as four printable characters, or None where it is none.

    >>> fourcc(561017449)
    '!pri'
    """
    if not 0 <= value < 1 << 32:
        return None
    text = value.to_bytes(4, "big")
    return text.decode("ascii") if all(0x20 <= byte < 0x7F for byte in text) else None


def number(text: str) -> int | None:
    """Return the OSStatus in `text`: a decimal or hexadecimal number, or four characters with or without quotes.

    >>> number("'!pri'"), number("561017449"), number("0x21707269")
    (561017449, 561017449, 561017449)
    """
    quoted = _QUOTED.search(text)
    if quoted:
        return int.from_bytes(quoted[1].encode("ascii"), "big")
    digits = _NUMBER.search(text)
    if digits:
        return int(digits[1], 0) if digits[1].startswith("0x") else int(digits[1])
    bare = text.strip()
    if len(bare) == 4 and bare.isascii() and bare.isprintable():
        return int.from_bytes(bare.encode("ascii"), "big")
    return None


def decode(text: str) -> AudioError | None:
    """Return the known error that `text` names by number, four characters or case name, or None.

    >>> decode("-12983").name
    'insufficientPriority'
    """
    value = number(text)
    if value is not None:
        return _BY_VALUE.get(SERVER_ALIASES.get(value, value))
    return _BY_NAME.get(text.strip().rpartition(".")[2].lower())


def describe(text: str) -> str:
    """Return a code both ways, as ``'!pri' (561017449, insufficientPriority)``; unknown codes as far as they decode."""
    value = number(text)
    error = decode(text)
    if value is None:
        return error.name if error else shown(text)
    characters = fourcc(value)
    inside = [str(value)] if characters else []
    if error:
        inside.append(error.name)
    code = f"'{characters}'" if characters else str(value)
    return f"{code} ({', '.join(inside)})" if inside else code
