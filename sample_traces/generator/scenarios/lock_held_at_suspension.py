"""The app is suspended while it holds a lock on a database in its shared container: killed with 0xdead10cc.

Rests on: RunningBoard's texts before and since 18.4, its check after suspension (18.2), the code and namespace of real reports
(iOS 14 to 18).
"""

from generator.phrases import noise, runningboard
from generator.story import IOS_15, IOS_18, IOS_26, Expected, Story

TITLE = "Suspended with a locked database"
VARIANTS = ((IOS_26, "default"), (IOS_15, "idevicesyslog"), (IOS_18, "pymobiledevice3_json"))
CODE = 0xDEAD10CC
_SINCE_18_4 = (
    "BUG IN %@: RunningBoard terminated %@ because it was suspended while holding a shared file lock:\n%@\n"
    "File locks MUST be held in one of the following directories:\n%@"
)
_BEFORE = "%@ was suspended with locked system files:\n%@\nnot in allowed directories:\n%@"


def tell(story: Story) -> Expected:
    """Play it."""
    expected = Expected(findings=[("lock-held-termination", "critical")])
    app = story.app(533)
    daemon = story.actor("runningboardd")
    where = {"subsystem": "com.apple.runningboard", "category": "process", "library": "RunningBoard"}
    file = "/var/mobile/Containers/Shared/AppGroup/0C2F1A55-6B1D-4E0A-9C3B-2D5E6F708192/calls.sqlite"
    noise.bystanders(story, 0, 40, per_second=0.6)
    story.at(3)
    launched = runningboard.launch(story, app, foreground=True)
    story.wait(9)
    runningboard.to_background(story, app)
    story.wait(5.1)
    suspended = runningboard.suspend(story, app)
    story.say(daemon, "%{public}@ check if suspended process is holding locks", story.handle(app), **where)
    story.wait(0.05)
    if story.os.ios < 18:
        story.say(daemon, _BEFORE, story.handle(app), file, "()", level="fault", **where)
    else:
        story.say(daemon, _SINCE_18_4, app.name, story.handle(app), file, "()", level="fault", **where)
    killed = runningboard.terminate(
        story, app, requestor=f"[{story.os.service}<com.apple.runningboardd>:34]", domain=15, code=CODE, exit_name="runningboard",
        context="explanation:<no explanation given> reportType:CrashLog maxTerminationResistance:Absolute",
    )  # fmt: skip
    expected.row("processes", pid=app.pid, start=launched, end=killed)
    expected.row("suspensions", start=suspended, end=killed, ended_by="terminated", in_call=False)
    expected.row("terminations", pid=app.pid, start=killed, kind="lock_held", code="0xdead10cc")
    return expected
