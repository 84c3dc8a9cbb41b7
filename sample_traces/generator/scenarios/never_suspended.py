"""The app is in the background for three minutes and nothing that a line names keeps it awake: it should have been suspended.

Rests on: Apple ("about 30 seconds" of a background task, and without one a few seconds); what is missing is the evidence.
"""

from generator.phrases import noise, runningboard, tasks
from generator.story import IOS_26, Expected, Story

TITLE = "Should have been suspended but was not"
VARIANTS = ((IOS_26, "default"),)


def tell(story: Story) -> Expected:
    """Play it."""
    # Before iOS 17 callservicesd says nothing here, and without its lines a call might have been the reason.
    expected = Expected(findings=[("background-without-reason", "low")] if story.os.ios >= 17 else [])
    app = story.app(533)
    noise.bystanders(story, 0, 225, per_second=0.25)
    story.at(3)
    runningboard.launch(story, app, foreground=True)
    story.wait(9)
    began, assertion = tasks.begin(story, app, 1)
    background = runningboard.to_background(story, app)
    story.wait(6)
    ended = tasks.end(story, app, assertion)
    story.wait(180)
    suspended = runningboard.suspend(story, app)
    expected.row("background_tasks", start=began, end=ended, outcome="ended")
    expected.row("suspensions", start=suspended, in_call=False)
    verdict = "overstayed" if story.os.ios >= 17 else "not_known"
    expected.row("background_runs", start=background, end=suspended, verdict=verdict, ended_by="suspended")
    return expected
