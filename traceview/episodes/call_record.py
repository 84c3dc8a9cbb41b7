"""A call while its lines are being read."""

from dataclasses import dataclass, field

from traceview.episodes.tables import Row


def by_powerlog(event: Row) -> bool:
    """Tell whether PowerLog tells it: times of whole seconds, and no step of the call but that it runs."""
    return str(event["signal"]).startswith("powerlog.")


@dataclass(slots=True)
class Call:
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
    holds: int = 0
    held: bool = False
    answer_action: int | None = None
    end_action: int | None = None
    kind: str | None = None
    witness: str = "callkit"
    evidence: list[int] = field(default_factory=list)
    told: set[tuple[str | None, str | None]] = field(default_factory=set)

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
        if self.witness == "powerlog" and not by_powerlog(event):
            self.witness = "callkit"
            if event["kind"] in ("call.reported", "call.started"):
                self.start = event["t"]
        self.evidence.append(event["ref"])
        self.told.add((event["process"], event["signal"]))
