"""The app is suspended for a minute; when a push wakes it, its connection to the server is dead.

Rests on: the socket's ``SO_ERROR`` line (seen); Apple TN2277: the system reclaims the sockets of a suspended app. How iOS 15 printed
a dead socket is not known: there the connection goes untold.
"""

from generator import flows
from generator.flows import Call
from generator.phrases import calls, network, noise, runningboard
from generator.phrases.audio import Session
from generator.story import IOS_26, Expected, Story, uuid_text

TITLE = "Connection lost at suspension"
VARIANTS = ((IOS_26, "syslog"),)
_ABORTED = (53, "Software caused connection abort")


def tell(story: Story) -> Expected:
    """Play it."""
    expected = Expected()
    app = story.app(812)
    noise.bystanders(story, 0, 130, per_second=0.3)
    story.at(3)
    runningboard.launch(story, app, foreground=True)
    story.wait(6)
    runningboard.to_background(story, app)
    story.wait(4.8)
    slept = runningboard.suspend(story, app)
    story.at(74)
    call = Call(uuid_text("call after sleep"), app, Session(app, 0x6F6A3))
    call.received = calls.push(story, app)
    calls.open_for_push(story, app, launch=False)
    woke = story.now_ns
    call.delivered = calls.deliver(story, app)
    if story.os.ios >= 17:
        lost = network.socket_reset(story, app, 18, *_ABORTED)
        expected.row("network", kind="connection_lost", start=lost, error=_ABORTED[1], after_suspension=True)
    story.wait(0.2)
    call.reported = calls.report_incoming(story, app, call.id)
    story.wait(3)
    flows.pick_up(story, call)
    story.wait(20)
    flows.hang_up(story, call)
    suspended = flows.let_go(story, app)
    flows.expect(expected, call)
    expected.row("suspensions", start=slept, end=woke, in_call=False)
    expected.row("suspensions", start=suspended, in_call=False)
    return expected
