"""Location updates keep the app awake in the background for five minutes: an assertion of locationd, and no task of the app.

Rests on: RunningBoard's assertion lines (15 to 26). The name of locationd's assertion is made up after its kind: no real one is
known.
"""

from generator.phrases import noise, runningboard
from generator.story import IOS_18, Expected, Story

TITLE = "Kept awake by location"
VARIANTS = ((IOS_18, "compact"),)
_LOCATION = (
    "<RBSLegacyAttribute| requestedReason:LocationServices reason:LocationServices flags:( PreventTaskSuspend )>"
)


def tell(story: Story) -> Expected:
    """Play it."""
    expected = Expected()
    app = story.app(533)
    originator = story.service("com.apple.locationd", "locationd")
    noise.bystanders(story, 0, 330, per_second=0.2)
    story.at(3)
    runningboard.launch(story, app, foreground=True)
    story.wait(9)
    assertion = runningboard.acquire(
        story, app, originator, "com.apple.locationd.background", _LOCATION, by=story.actor("locationd").pid
    )
    background = runningboard.to_background(story, app)
    story.wait(300)
    runningboard.invalidate(story, app, originator, assertion)
    story.wait(1.5)
    suspended = runningboard.suspend(story, app)
    expected.row("suspensions", start=suspended, in_call=False)
    expected.row("background_runs", start=background, end=suspended, verdict="held", ended_by="suspended")
    return expected
