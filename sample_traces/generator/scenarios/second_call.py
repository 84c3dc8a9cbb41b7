"""A second call of the same app comes in: the user holds the first, swaps twice, and both end.

Rests on: callservicesd's ``Performing hold active calls and answer ringing call``, ``Asked to hold calls … while unholding
calls``, ``Holding``/``Unholding call with identifier`` (18.2), CallKit's held action (18). The device keeps private data: with
hidden UUIDs nobody could tell the two calls apart.
"""

from generator import flows
from generator.flows import Call
from generator.phrases import calls, noise
from generator.story import IOS_26, Expected, Story, uuid_text

TITLE = "Second call: hold, swap and back"
VARIANTS = ((IOS_26, "default"),)
PRIVATE_KEPT = True


def tell(story: Story) -> Expected:
    """Play it."""
    expected = Expected(no_finding_above="info", notes="Nothing is wrong here.")
    app = story.app(812)
    noise.bystanders(story, 0, 130, per_second=0.3)
    story.at(5)
    first = flows.ring(story, app)
    story.wait(3.2)
    flows.pick_up(story, first)
    story.at(40)
    second = Call(uuid_text("second call"), app, first.session)
    second.received = calls.push(story, app)
    second.delivered = calls.deliver(story, app)
    story.wait(0.2)
    second.reported = calls.report_incoming(story, app, second.id)
    story.wait(4)
    second.answered = calls.another(story, app, second.id)
    calls.callservicesd(story, "Holding call with identifier: %@", first.id)
    held = calls.hold(story, app, first.id)
    story.at(62)
    swapped = calls.swap(story, app, second.id, first.id)
    story.at(80)
    back = calls.swap(story, app, first.id, second.id)
    story.at(95)
    second.ended = calls.end_by_remote(story, app, second.id, last=False)
    story.wait(0.3)
    calls.callservicesd(story, "Unholding call with identifier: %@", first.id)
    resumed = calls.hold(story, app, first.id)
    story.at(118)
    flows.hang_up(story, first)
    suspended = flows.let_go(story, app)
    flows.expect(expected, first)
    flows.expect(expected, second)
    rows = expected.episodes["calls"]
    rows[0] |= {
        "call_id": first.id,
        "holds": 2,
        "other_calls": 1,
        "held_s": _seconds(held, swapped) + _seconds(back, resumed),
    }
    rows[1] |= {"call_id": second.id, "holds": 1, "other_calls": 1, "held_s": _seconds(swapped, back)}
    expected.row("suspensions", start=suspended, in_call=False)
    return expected


def _seconds(start: int, end: int) -> float:
    return (end - start) / 1e9
