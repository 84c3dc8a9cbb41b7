"""The device restarts while the app is suspended; after the restart a VoIP push launches the app anew, under its old pid.

Rests on: the same lines as the healthy call. Boots are told apart by their UUIDs, so this story exists in the formats that have them; the
restart itself has no line here: the log of the old boot just ends, and with it all that ran.
"""

from generator import flows
from generator.phrases import noise, runningboard
from generator.story import IOS_26, Expected, Story

TITLE = "Relaunched after a restart, under the same pid"
VARIANTS = ((IOS_26, "logarchive"),)
FORMATS = ("ndjson", "json", "logarchive", "sysdiagnose")
_REBOOT = 70.0


def tell(story: Story) -> Expected:
    """Play it."""
    expected = Expected(no_finding_above="info", notes="Nothing is wrong here.")
    story.reboots.append(story.start_ns + int(_REBOOT) * 1_000_000_000)
    app = story.app(533)
    noise.bystanders(story, 0, 58, per_second=0.5)
    noise.bystanders(story, _REBOOT + 5, 150, per_second=0.4)
    story.at(3)
    first = runningboard.launch(story, app, foreground=True)
    story.wait(8)
    runningboard.to_background(story, app)
    story.wait(4.8)
    slept = runningboard.suspend(story, app)
    story.at(_REBOOT - 0.3)
    chess = story.app(702, "Chess", "com.example.chess")
    ended = runningboard.calculated(story, chess, "running-active", "Background")
    story.entered(app, "not_running", ended, "inferred")
    story.at(_REBOOT + 30)
    call = flows.ring(story, app)
    story.wait(3)
    flows.pick_up(story, call)
    story.wait(25)
    flows.hang_up(story, call)
    suspended = flows.let_go(story, app)
    flows.expect(expected, call)
    expected.row("processes", pid=app.pid, start=first, end=ended, end_how="inferred", is_app=True)
    expected.row("processes", pid=app.pid, start=call.launched, is_app=True)
    expected.row("suspensions", start=slept, end=ended, end_how="inferred", in_call=False)
    expected.row("suspensions", start=suspended, in_call=False)
    return expected
