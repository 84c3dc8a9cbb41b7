"""A VoIP push launches the app, which never reports a call: killed with 0xbaadca11 seven seconds after delivery.

Rests on: Apple DTS (forum 817976): about 7 s; callservicesd's ``VoIP app … failed to post incoming call`` (18.2); the
``RBSTerminateContext`` of a real iOS 17.4 crash report; launchd's exit triple of a real 14.5 line.
"""

from generator.phrases import calls, noise, runningboard
from generator.story import IOS_15, IOS_18, IOS_26, Expected, Story

TITLE = "VoIP push never reported"
VARIANTS = ((IOS_26, "ndjson"), (IOS_15, "idevicesyslog"), (IOS_18, "old_relay"))
CODE = 0xBAADCA11


def tell(story: Story) -> Expected:
    """Play it."""
    expected = Expected(findings=[("push-unreported", "critical")])
    app = story.app(905)
    noise.bystanders(story, 0, 60, per_second=0.5)
    story.at(20)
    received = calls.push(story, app)
    launched = calls.open_for_push(story, app, launch=True)
    delivered = calls.deliver(story, app)
    story.say(app, "push for an unknown account, ignored", subsystem="com.acme.voip", category="push", level="error")
    story.wait(7.0)
    calls.not_reported(story, app)
    killed = kill(story, app.pid)
    expected.row("processes", pid=app.pid, start=launched, end=killed, is_app=True)
    expected.row("pushes", received=received, delivered=delivered, outcome="unreported")
    expected.row("terminations", pid=app.pid, start=killed, kind="push_unreported", code="0xbaadca11")
    return expected


def kill(story: Story, pid: int) -> int:
    """The kill itself; return its time."""
    app = story.app(pid)
    killed = runningboard.terminate(
        story, app, requestor=calls.requestor(story), domain=10, code=CODE, exit_name="frontboard",
        context="explanation:<no explanation given> reportType:CrashLog maxTerminationResistance:Interactive",
    )  # fmt: skip
    story.wait(0.2)
    story.say(
        story.actor("ReportCrash"), "Formulating %{public}s 309 report for %s[%d] %{public}@", "full", app.name, app.pid, "",
        subsystem="com.apple.osanalytics.ReportCrash",
    )  # fmt: skip
    return killed
