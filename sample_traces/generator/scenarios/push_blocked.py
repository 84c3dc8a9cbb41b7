"""Three pushes in a row go unreported; the fourth is not delivered any more.

Rests on: iOS 26.1 code (more than two failures lead to ``no longer eligible to launch``, then ``dropped on the floor``);
the refusal as a real iOS 17 line; Apple DTS (forum 768136): the system stops delivering and only logs it.
"""

from generator.phrases import calls, noise
from generator.scenarios.push_never_reported import kill
from generator.story import IOS_18, IOS_26, Expected, Story

TITLE = "Push delivery blocked after three unreported pushes"
VARIANTS = ((IOS_26, "default"), (IOS_18, "ndjson"))
PRIVATE_KEPT = ("ndjson",)


def tell(story: Story) -> Expected:
    """Play it."""
    expected = Expected(findings=[("push-unreported", "critical")] * 3 + [("push-delivery-blocked", "critical")])
    noise.bystanders(story, 0, 1900, per_second=0.04)
    for number, pid in enumerate((640, 655, 671)):
        story.at(30 + 600 * number)
        app = story.app(pid)
        received = calls.push(story, app)
        calls.open_for_push(story, app, launch=True)
        calls.deliver(story, app)
        story.wait(7.0)
        calls.not_reported(story, app)
        killed = kill(story, pid)
        expected.row("pushes", received=received, outcome="unreported")
        expected.row("terminations", pid=pid, start=killed, kind="push_unreported", code="0xbaadca11")
    calls.callservicesd(story, "VoIP app %@ no longer eligible to launch", app.bundle)
    story.at(1860)
    blocked = calls.push(story, app)
    calls.callservicesd(
        story,
        "Application %@ will not be launched because it failed to report an incoming call too many times (or repeatedly crashed.)",
        app.bundle,
    )
    calls.callservicesd(story, "VoIP push for app %@ dropped on the floor", app.bundle)
    expected.row("pushes", received=blocked, outcome="blocked")
    return expected
