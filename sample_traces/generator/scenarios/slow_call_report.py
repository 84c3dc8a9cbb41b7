"""The app reports its call 4.6 seconds after the push was delivered: late, but inside the system's patience.

Rests on: Apple DTS (forum 817976): report at once; callservicesd looks after about 7 s when it launched the app.
"""

from generator import flows
from generator.flows import Call
from generator.phrases import audio, calls, noise
from generator.phrases.audio import Session
from generator.story import IOS_26, Expected, Story, uuid_text

TITLE = "Call reported late"
VARIANTS = ((IOS_26, "syslog"),)


def tell(story: Story) -> Expected:
    """Play it."""
    expected = Expected(findings=[("call-reported-slowly", "high")])
    app = story.app(812)
    noise.bystanders(story, 0, 60, per_second=0.4)
    story.at(5)
    call = Call(uuid_text("slow call"), app, Session(app, 0x6F6A3))
    call.received = calls.push(story, app)
    call.launched = calls.open_for_push(story, app, launch=True)
    call.delivered = calls.deliver(story, app)
    audio.create(story, call.session)
    story.wait(4.6)
    call.reported = calls.report_incoming(story, app, call.id)
    story.wait(2.5)
    flows.pick_up(story, call)
    story.wait(28)
    flows.hang_up(story, call)
    suspended = flows.let_go(story, app)
    flows.expect(expected, call)
    expected.row("suspensions", start=suspended, in_call=False)
    return expected
