"""The user swipes the suspended app away: 0xdeadfa11 is no defect.

Rests on: the ``RBSTerminateContext`` of a real report (iOS 14 to 16), "killed from app switcher".
"""

from generator.phrases import noise, runningboard
from generator.story import IOS_15, IOS_18, IOS_26, Expected, Story

TITLE = "User swipes the app away"
VARIANTS = ((IOS_26, "console"), (IOS_15, "ndjson"), (IOS_18, "json"))


def tell(story: Story) -> Expected:
    """Play it."""
    expected = Expected(findings=[("user-force-quit", "info")], no_finding_above="info")
    app = story.app(533)
    noise.bystanders(story, 0, 50, per_second=0.6)
    story.at(3)
    launched = runningboard.launch(story, app, foreground=True)
    story.wait(11)
    runningboard.to_background(story, app)
    story.wait(4.8)
    suspended = runningboard.suspend(story, app)
    story.wait(20)
    killed = runningboard.terminate(
        story, app, requestor=story.service("com.apple.SpringBoard", "SpringBoard"), domain=10, code=0xDEADFA11, exit_name="frontboard",
        context="explanation:killed from app switcher\nProcessVisibility: Background\nProcessState: Suspended reportType:None maxTerminationResistance:Interactive",
    )  # fmt: skip
    expected.row("processes", pid=app.pid, start=launched, end=killed)
    expected.row("suspensions", start=suspended, end=killed, ended_by="terminated", in_call=False)
    expected.row("terminations", pid=app.pid, start=killed, kind="user", code="0xdeadfa11")
    return expected
