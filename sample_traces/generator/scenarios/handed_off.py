"""Two calls that this device does not finish: one is answered on another device, one is handed off to it while it goes on.

Rests on: callservicesd's ``Setting disconnected reason to answered elsewhere`` and ``… handed off because ended reason is``
(before 18.0 to 26.x), reasons 4 (Apple) and 102 (read from its strings).
"""

from generator import flows
from generator.flows import Call
from generator.phrases import audio, calls, noise
from generator.story import IOS_15, Expected, Story, uuid_text

TITLE = "Answered elsewhere, handed off"
VARIANTS = ((IOS_15, "compact"),)
_ELSEWHERE, _HANDED_OFF = 4, 102


def tell(story: Story) -> Expected:
    """Play it."""
    expected = Expected(no_finding_above="info", notes="Nothing is wrong here.")
    app = story.app(812)
    noise.bystanders(story, 0, 110, per_second=0.3)
    story.at(4)
    first = flows.ring(story, app)
    story.wait(7.2)
    first.ended = calls.end_reported(story, app, first.id, _ELSEWHERE, "answered elsewhere")
    slept = flows.let_go(story, app)
    story.at(40)
    second = Call(uuid_text("handed off"), app, first.session)
    second.received = calls.push(story, app)
    calls.open_for_push(story, app, launch=False)
    woke = story.now_ns
    second.delivered = calls.deliver(story, app)
    story.wait(0.2)
    second.reported = calls.report_incoming(story, app, second.id)
    story.wait(4)
    flows.pick_up(story, second)
    story.at(80)
    calls.callservicesd(story, "Setting disconnected reason to handed off because ended reason is %ld", _HANDED_OFF)
    second.ended = calls.disconnected(story, second.id)
    audio.stop_io(story, second.session)
    second.deactivated = audio.deactivate(story, second.session, by_callkit=True)
    calls.audio_activated(story, app, active=False)
    suspended = flows.let_go(story, app)
    flows.expect(expected, first, outcome="missed")
    flows.expect(expected, second)
    rows = expected.episodes["calls"]
    rows[0]["end_reason"], rows[1]["end_reason"] = "answered elsewhere", "handed off"
    expected.row("suspensions", start=slept, end=woke, in_call=False)
    expected.row("suspensions", start=suspended, in_call=False)
    return expected
