"""A headset at the edge of its range comes and goes seven times in nine seconds during a call.

Rests on: ``Session … posting AVAudioSessionRouteChangeNotification. Reason: …`` of a real iOS 26 log (cut by its author), the
form of a real iOS 14/15 log (which names no session), and
the reasons' names in Apple's documentation.
"""

from generator import flows
from generator.phrases import audio, noise
from generator.story import IOS_18, IOS_26, Expected, Story

TITLE = "Audio route flaps during a call"
VARIANTS = ((IOS_26, "pymobiledevice3"), (IOS_18, "console_columns"))


def tell(story: Story) -> Expected:
    """Play it."""
    expected = Expected(findings=[("route-flapping", "high")])
    app = story.app(812)
    noise.bystanders(story, 0, 60, per_second=0.5)
    story.at(5)
    call = flows.ring(story, app)
    story.wait(3)
    flows.pick_up(story, call)
    story.at(30)
    for number in range(7):
        reason = "OldDeviceUnavailable" if number % 2 == 0 else "NewDeviceAvailable"
        changed = audio.route_changed(story, call.session, reason)
        expected.row("route_changes", start=changed, reason=reason, in_call=True)
        story.wait(1.3)
    story.at(52)
    flows.hang_up(story, call)
    suspended = flows.let_go(story, app)
    flows.expect(expected, call)
    expected.row("suspensions", start=suspended, in_call=False)
    return expected
