"""A call while its lines are being read."""

from typing import Final

from msgspec import Struct, field

from traceview.episodes.intervals import NS
from traceview.episodes.tables import Row

AT_ONCE: Final = 64
"""A line belongs to one of so many latest calls: far more than a phone holds at once; bounds the work (heuristic)."""
TROUBLE_ECHO_NS: Final = 2 * NS
"""CallKit prints one failed action on both sides of its connection within this time (heuristic)."""


def by_powerlog(event: Row) -> bool:
    """Tell whether PowerLog tells it: times of whole seconds, and no step of the call but that it runs."""
    return str(event["signal"]).startswith("powerlog.")


def weak_witness(event: Row) -> str | None:
    """Return the witness that tells only that a call runs (``powerlog``, ``audio_routing``); None for CallKit's lines."""
    if not by_powerlog(event):
        return None
    return "audio_routing" if str(event["signal"]).endswith(".audio_routing") else "powerlog"


class Call(Struct):
    """A call under construction; times in UTC nanoseconds."""

    start: int
    start_how: str
    direction: str | None
    call_id: str | None = None
    app: str | None = None
    owner: int | None = None
    provider: str | None = None
    reported: int | None = None
    answered: int | None = None
    audio_activated: int | None = None
    connected: int | None = None
    end: int | None = None
    end_how: str = "capture_edge"
    end_is_rough: bool = False
    """The end is one of whole seconds (PowerLog) that a line may still correct."""
    end_reason: str | None = None
    failed: bool = False
    holds_known_until: int | None = None
    """From when on its holds are not known, if ever: a line tells of a hold, or of the end of one, that may be another call's,
    that failed, or of which no line tells the begin."""
    hold_awaits: dict[str, int] = field(default_factory=dict)
    """Lines still to come about its going on or off hold (``asked``, ``fulfilled``): since when."""
    hold_implied: int | None = None
    """When it last went on hold because another call was answered."""
    ran: list[tuple[int, int]] = field(default_factory=list)
    """Time and line of steps that only a call takes which runs."""
    doomed: int | None = None
    """When another call was answered for which this one was to end."""
    unclear_ends: list[tuple[int, int]] = field(default_factory=list)
    """Time and line of ends that are this call's or another's."""
    ringing: int | None = None
    held_windows: list[tuple[int, int | None]] = field(default_factory=list)
    """Times on hold; the end of the last one is null while it is held."""
    took_over: list[int] = field(default_factory=list)
    """When it was answered, connected or resumed."""
    troubles: list[tuple[int, str]] = field(default_factory=list)
    """Actions that timed out or were refused: when, and which with its reason."""
    contradicted_by: list[int] = field(default_factory=list)
    answer_action: int | None = None
    end_action: int | None = None
    kind: str | None = None
    witness: str = "callkit"
    evidence: list[int] = field(default_factory=list)
    told: set[tuple[str | None, str | None]] = field(default_factory=set)
    begun_by: set[tuple[str | None, str | None, str | None]] = field(default_factory=set)
    """Lines that told its begin: process, signal and how the line begins."""

    def fits(self, event: Row) -> bool:
        """Tell whether nothing known of the event contradicts what is known of this call."""
        return all(
            mine is None or theirs is None or mine == theirs
            for mine, theirs in (
                (self.call_id, event["call_id"]),
                (self.app, event["call_app"]),
                (self.direction, event["direction"]),
            )
        )

    @property
    def turned(self) -> int:
        """When it last went on hold or came off it; its start where it never did."""
        if not self.held_windows:
            return self.start
        since, over = self.held_windows[-1]
        return since if over is None else over

    def doubt_holds(self, since: int) -> None:
        """Take in that its holds are not known from ``since`` on."""
        self.holds_known_until = since if self.holds_known_until is None else min(since, self.holds_known_until)

    def held_until(self, end: int) -> list[tuple[int, int]]:
        """Return the times on hold before ``end``, which ends the last one where no line does."""
        return [(since, end if over is None else min(over, end)) for since, over in self.held_windows if since < end]

    @property
    def held(self) -> bool:
        """Whether the call is on hold."""
        return bool(self.held_windows) and self.held_windows[-1][1] is None

    def active_at(self, t: int) -> bool:
        """Tell whether people talked or were on hold at ``t``, as far as is known: a call that rings cannot be held."""
        begun = min((step for step in (self.answered, self.connected) if step is not None), default=None)
        if begun is None and self.start_how == "capture_edge":
            begun = self.start
        return begun is not None and begun <= t and self.open_at(t)

    def hold(self, t: int) -> None:
        """Put the call on hold."""
        if not self.held:
            self.hold_awaits = {"asked": t, "fulfilled": t}
            self.held_windows.append((t, None))

    def unhold(self, t: int) -> None:
        """Take the call from hold."""
        if self.held:
            self.hold_awaits = {"asked": t, "fulfilled": t}
            self.held_windows[-1] = (self.held_windows[-1][0], t)

    def turn(self, t: int) -> None:
        """Put the call on hold, or take it from there."""
        if self.held:
            self.unhold(t)
            self.took_over.append(t)
        else:
            self.hold(t)

    def note(self, ref: int) -> None:
        """Keep a line as evidence, once."""
        if ref not in self.evidence[-1:]:
            self.evidence.append(ref)

    def trouble(self, t: int, what: str) -> None:
        """Note that an action on the call failed; client and daemon tell one failure within `TROUBLE_ECHO_NS`."""
        if not any(known == what and t - before <= TROUBLE_ECHO_NS for before, known in self.troubles):
            self.troubles.append((t, what))

    def open_at(self, t: int, slack: int = 0) -> bool:
        """Tell whether the call had begun and not ended at ``t``."""
        return self.end is None or t <= self.end + slack

    def learn(self, event: Row) -> None:
        """Take over what the event knows and this call does not."""
        self.call_id = self.call_id or event["call_id"]
        self.app = self.app or event["call_app"]
        self.direction = self.direction or event["direction"]
        self.provider = self.provider or event["provider"]
        if self.owner is None:
            self.owner = event["owner"]
        told_by = weak_witness(event)
        if self.witness == "audio_routing" and told_by == "powerlog":
            self.witness = told_by
        if self.witness in ("audio_routing", "powerlog") and told_by is None:
            self.witness = "callkit"
            if event["kind"] in ("call.reported", "call.started"):
                self.start = event["t"]
        self.evidence.append(event["ref"])
        self.told.add((event["process"], event["signal"]))
