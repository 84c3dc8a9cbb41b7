"""A scene update on the way to the background takes more than ten seconds: watchdog, 0x8badf00d.

Rests on: the termination text of a real iOS 17 report (scene-update, 10.00 s, visibility Background, CPU statistics).
"""

from generator.phrases import noise, runningboard
from generator.story import IOS_18, IOS_26, Expected, Story

TITLE = "Watchdog kills the app in the background"
VARIANTS = ((IOS_26, "default"), (IOS_18, "idevicesyslog"))
CODE = 0x8BADF00D


def tell(story: Story) -> Expected:
    """Play it."""
    expected = Expected(findings=[("watchdog-termination", "high")])
    app = story.app(1261)
    noise.bystanders(story, 0, 45, per_second=0.6)
    story.at(3)
    launched = runningboard.launch(story, app, foreground=True)
    story.wait(14)
    runningboard.to_background(story, app)
    story.wait(10.1)
    story.say(
        story.actor("SpringBoard"), "%{public}@ Provision violated for watchdog %{public}@: %{public}@", story.handle(app), "scene-update",
        "<FBSProcessResourceProvision: 0x281830800; allowance: <; FBSProcessResourceAllowance; type: realTime; timeValue: 10.0s>; violated: YES>",
        subsystem="com.apple.FrontBoard", category="Watchdog", library="FrontBoard", level="error",
    )  # fmt: skip
    killed = runningboard.terminate(
        story, app, requestor=story.service("com.apple.SpringBoard", "SpringBoard"), domain=10, code=CODE, exit_name="frontboard",
        context=f"explanation:scene-update watchdog transgression: {story.identity(app)}:{app.pid} exhausted real (wall clock) time allowance of 10.00 seconds\n"
        "ProcessVisibility: Background\nProcessState: Running\nWatchdogEvent: scene-update\nWatchdogVisibility: Background\nWatchdogCPUStatistics: (\n"
        '"Elapsed total CPU time (seconds): 13.500 (user 10.890, system 2.610), 21% CPU",\n"Elapsed application CPU time (seconds): 2.119, 3% CPU"\n) '
        "reportType:CrashLog maxTerminationResistance:Interactive",
    )  # fmt: skip
    expected.row("processes", pid=app.pid, start=launched, end=killed)
    expected.row("terminations", pid=app.pid, start=killed, kind="watchdog", code="0x8badf00d", in_call=False)
    return expected
