"""The user walks out of the house in a call: the app's media connection moves from Wi-Fi to cellular.

Rests on: ``event: path:satisfied_change`` with its interface (seen on 18/26, of apsd's connection). How iOS 15 printed a path is not
known: there the hand-over goes untold.
"""

from generator import flows
from generator.phrases import network, noise
from generator.story import IOS_18, Expected, Story

TITLE = "Wi-Fi to cellular in a call"
VARIANTS = ((IOS_18, "pymobiledevice3"),)


def tell(story: Story) -> Expected:
    """Play it."""
    expected = Expected(no_finding_above="info")
    app = story.app(812)
    noise.bystanders(story, 0, 70, per_second=0.4)
    story.at(4)
    call = flows.ring(story, app)
    story.wait(3)
    flows.pick_up(story, call)
    if story.os.ios >= 17:
        network.path(story, app, 34, "wifi", first=True, since=0.4)
        story.at(36)
        moved = network.path(story, app, 34, "cellular", first=False, since=28.2)
        expected.row(
            "network", kind="handover", start=moved, interface="pdp_ip0", previous_interface="en0", in_call=True
        )
    story.at(58)
    flows.hang_up(story, call)
    suspended = flows.let_go(story, app)
    flows.expect(expected, call)
    expected.row("suspensions", start=suspended, in_call=False)
    return expected
