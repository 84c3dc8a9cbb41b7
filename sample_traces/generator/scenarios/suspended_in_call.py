"""callservicesd lets go of the app while the call goes on: the app is frozen for 23 s, and its audio is stopped.

Rests on: ``Sending stop command … because client is background suspended`` as a real iOS 17 line (forum 759754; mediaserverd
is given the same words, which is inferred); ``Suspending task.`` of a real iOS 15 line; a 2026 iPhone log, shortened by its
author, in which the audio server stopped the app 90 ms after callservicesd had let go.
"""

from generator import flows
from generator.phrases import audio, calls, noise, runningboard
from generator.story import IOS_14, IOS_15, IOS_26, Expected, Story

TITLE = "App suspended in the middle of a call"
VARIANTS = ((IOS_26, "compact"), (IOS_15, "default"), (IOS_14, "logarchive"))


def tell(story: Story) -> Expected:
    """Play it."""
    expected = Expected(findings=[("suspended-during-call", "critical"), ("stopped-because-suspended", "critical")])
    app = story.app(812)
    noise.bystanders(story, 0, 90, per_second=0.5)
    story.at(5)
    call = flows.ring(story, app)
    story.wait(3.4)
    flows.pick_up(story, call)
    story.at(48)
    calls.release(story, app)
    story.wait(0.9)
    suspended = runningboard.suspend(story, app)
    story.wait(0.002)
    stopped = audio.stop_suspended(story, call.session)
    story.at(71)
    calls.keep_awake(story, app)
    resumed = runningboard.resume(story, app)
    story.wait(0.4)
    call.ended = calls.end_by_remote(story, app, call.id)
    call.deactivated = audio.deactivate(story, call.session, by_callkit=True)
    calls.audio_activated(story, app, active=False)
    call.deactivated = None  # the server had stopped it long before
    flows.expect(expected, call)
    expected.row(
        "suspensions",
        start=suspended,
        end=resumed,
        in_call=True,
        start_how="observed",
        end_how="observed",
        ended_by="resumed",
    )
    expected.row("glitches", kind="suspension_gap", start=stopped, end=resumed, in_call=True, cause="suspension")
    expected.notes = f"Audio was stopped {(stopped - suspended) / 1e6:.0f} ms after the suspension."
    return expected
