"""The user answers, but the app never fulfils the answer action: CallKit gives up on it and ends the call.

Rests on: CallKit's ``Notified that action timed out`` and ``Notifying delegate that action timed out`` (18), callservicesd's
``Using call ended reason failed`` (18/26).
"""

from generator import flows
from generator.phrases import calls, noise
from generator.story import IOS_26, Expected, Story

TITLE = "Answer action timed out"
VARIANTS = ((IOS_26, "compact"),)
PRIVATE_KEPT = True


def tell(story: Story) -> Expected:
    """Play it."""
    # Whoever answered heard nothing, and the failed action tells why: both are right.
    expected = Expected(findings=[("answer-without-audio-activation", "high"), ("call-action-timeout", "high")])
    app = story.app(812)
    noise.bystanders(story, 0, 40, per_second=0.4)
    story.at(4)
    call = flows.ring(story, app)
    story.wait(3)
    action = f"<CXAnswerCallAction {call.id}>"
    calls.callservicesd(story, "Performing answer request %@ for call %@", "<TUAnswerRequest>", call.id)
    calls.callservicesd(story, "Answering incoming call: %@, %@", call.id, "<TUAnswerRequest>")
    calls.callkit(story, app, "Asking delegate to perform action %@", action)
    story.wait(10)
    calls.timed_out(story, app, action)
    calls.callservicesd(story, "Using call ended reason failed because ended reason is %@", "1")
    call.ended = calls.disconnected(story, call.id)
    suspended = flows.let_go(story, app)
    expected.row("pushes", received=call.received, delivered=call.delivered, reported=call.reported, outcome="reported")
    expected.row(
        "calls", direction="incoming", reported=call.reported, ended=call.ended, audio_activated=None, outcome="failed",
        failed_actions=1,
    )  # fmt: skip
    expected.row("suspensions", start=suspended, in_call=False)
    return expected
