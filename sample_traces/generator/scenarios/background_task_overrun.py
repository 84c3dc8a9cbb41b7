"""The app begins a background task on its way out and never ends it: the assertion times out and the app is killed.

Rests on: UIKit's create lines of a real iOS 18/26 device; the shared assertion (15 and 18/26); ``Assertion did invalidate
due to timeout`` (26.4); the kill 0x2182bad2 in namespace 15 (Apple, EXC_CRASH (SIGKILL); WWDC20 10078: no crash report).
The budget is 30 s since iOS 13; UIKit warns after about 35 s of a task's life.
"""

from generator.phrases import noise, runningboard, tasks
from generator.story import IOS_18, IOS_26, Expected, Story

TITLE = "Background task never ended"
VARIANTS = ((IOS_26, "idevicesyslog"), (IOS_18, "ndjson"))
CODE = 0x2182BAD2


def tell(story: Story) -> Expected:
    """Play it."""
    expected = Expected(findings=[("background-task-overrun", "critical")])
    app = story.app(533)
    noise.bystanders(story, 0, 70, per_second=0.6)
    story.at(3)
    launched = runningboard.launch(story, app, foreground=True)
    story.wait(9)
    began, assertion = tasks.begin(story, app, 1)
    story.wait(0.2)
    runningboard.to_background(story, app)
    story.wait(25)
    runningboard.expiring(story, app)
    story.wait(5)
    expired = runningboard.expire(story, app, assertion)
    killed = runningboard.terminate(
        story, app, requestor=f"[{story.os.service}<com.apple.runningboardd>:34]", domain=15, code=CODE, exit_name="runningboard",
        context="explanation:Failed to end background task in time reportType:None maxTerminationResistance:Absolute",
    )  # fmt: skip
    expected.row("processes", pid=app.pid, start=launched, end=killed)
    expected.row("background_tasks", start=began, outcome="killed", end=expired)
    expected.row("terminations", pid=app.pid, start=killed, kind="background_task", code="0x2182bad2")
    return expected
