"""All that is left of a call is the PowerLog: its begin and end in whole seconds, and the states of the app around it.

Rests on: the tables of a real PowerLog of iPadOS 15 (``InCallService`` with ``callStart`` and ``callStop``, states of applications);
releases from 17 on name them with a suffix. No log, so this story exists in no log format.
"""

from generator.phrases import noise
from generator.story import APP_BUNDLE, IOS_18, SECOND, Expected, Story

TITLE = "Call known from PowerLog alone"
VARIANTS = ((IOS_18, "powerlog"),)
FORMATS = ("powerlog",)
_FOREGROUND, _BACKGROUND, _SUSPENDED = 8, 4, 2
_TEAM = "ABCDE12345"


def tell(story: Story) -> Expected:
    """Play it."""
    expected = Expected(
        findings=[("call-single-witness", "info"), ("powerlog-limited", "info")],
        notes="PowerLog alone: what happened inside the call is not known.",
    )
    noise.apps_of_powerlog(story)
    times = [story.start_ns + seconds * SECOND for seconds in (20, 47, 60, 65, 190, 196)]
    front, started, back, _, stopped, slept = times
    for time, state in ((front, _FOREGROUND), (back, _BACKGROUND), (slept, _SUSPENDED)):
        story.power.append(("PLApplicationAgent_EventForward_Application", time, (APP_BUNDLE, 812, state, 0)))
    for time, status in ((started, "callStart"), (stopped, "callStop")):
        story.power.append(
            ("PLXPCAgent_EventForward_InCallService", time, (APP_BUNDLE, f"{_TEAM}.{APP_BUNDLE}", status, 0))
        )
    app = story.app(812)
    story.entered(app, "foreground", front)
    story.entered(app, "background", back)
    story.entered(app, "suspended", slept)
    expected.row("calls", start=started, ended=stopped, witness="powerlog")
    expected.row("suspensions", start=slept, in_call=False)
    return expected
