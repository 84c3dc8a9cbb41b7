"""UIKit's background tasks.

Seen on devices (18/26): the create lines and the "created over 30 seconds ago" warning. The names are private on customer
builds. RunningBoard's side is one shared assertion per app, seen on iOS 15 and 18/26; before 17 it stands alone here, UIKit's
words are not known.
"""

from typing import Final

from generator.phrases import runningboard
from generator.story import Actor, Story

_UIKIT: Final = {"subsystem": "com.apple.UIKit", "category": "BackgroundTask", "library": "UIKitCore"}
_FINISH: Final = (
    "<RBSLegacyAttribute| requestedReason:FinishTask reason:FinishTask flags:( PreventTaskSuspend )>,\n"
    "\t<RBSAcquisitionCompletionAttribute| policy:AfterValidation>"
)


def begin(story: Story, app: Actor, number: int) -> tuple[int, str]:
    """``beginBackgroundTask``; return the time and the id of the assertion behind it."""
    began = story.now_ns
    told = story.os.ios >= 17
    if told:
        began = story.say(app, "Creating new assertion because there is no existing background assertion.", **_UIKIT)
        story.say(app, "Creating new background assertion", **_UIKIT)
        story.say(
            app, "Created new background assertion <%{public}@: %p>", "BKSProcessAssertion", 0x104A4D6E0, **_UIKIT
        )
    assertion = runningboard.acquire(
        story, app, story.handle(app), f"Shared Background Assertion {number} for {app.bundle}", _FINISH, by=app.pid
    )
    if not told:
        return began, assertion
    story.say(app, "Incrementing reference count for background assertion %{private}@", "<assertion>", **_UIKIT)
    story.say(app, "Created background task %{private}@.", "<task>", **_UIKIT)
    return began, assertion


def end(story: Story, app: Actor, assertion: str) -> int:
    """``endBackgroundTask`` of the last task; return the time RunningBoard let go."""
    return runningboard.invalidate(story, app, story.handle(app), assertion)


def overdue(story: Story, app: Actor, number: int) -> int:
    """UIKit's warning about a task that is over 30 seconds old; return the time."""
    return story.say(
        app,
        "Background Task %lu (%{private}@), was created over %lu seconds ago. In applications running in the background, this creates a risk of termination. Remember to call UIApplication.endBackgroundTask(_:) for your task in a timely manner to avoid this.",
        number, "<name>", 30, level="error", **_UIKIT,
    )  # fmt: skip
