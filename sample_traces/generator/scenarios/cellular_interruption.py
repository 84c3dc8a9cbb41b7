"""A cellular call interrupts the VoIP call; the VoIP call is held, and taken back when the cellular call is over.

Rests on: ``cmsInterruptSession`` with its suffix `` (PHONE CALL)`` (26.1 format; older releases go without, their words are not
known, and who interrupted stays unknown), CallKit's held action, WebRTC's own lines from its source.
"""

from generator import flows
from generator.phrases import audio, calls, noise
from generator.story import IOS_15, IOS_26, Expected, Story

TITLE = "VoIP call interrupted by a cellular call, then resumed"
VARIANTS = ((IOS_26, "console"), (IOS_15, "default"))


def tell(story: Story) -> Expected:
    """Play it."""
    expected = Expected(no_finding_above="low", notes="Interruption and resumption as Apple documents them.")
    app = story.app(812)
    noise.bystanders(story, 0, 130, per_second=0.4)
    story.at(5)
    call = flows.ring(story, app)
    story.wait(3.1)
    flows.pick_up(story, call)
    story.at(40)
    ringing = calls.callservicesd(story, "Handling incoming call: %@", "<TUCall>")
    story.wait(5)
    taken = calls.callservicesd(
        story, "Performing hold active calls and answer ringing call %@ for answer request %@", "<call>", "<request>"
    )
    calls.hold(story, app, call.id)
    interrupted = audio.interrupt(story, call.session, "sid:0x6f001, callservicesd(130), 'prim'", phone_call=True)
    began = audio.webrtc(story, app, "Audio session interruption began.")
    audio.stop_io(story, call.session)
    audio.deactivate(story, call.session, by_callkit=True)
    calls.audio_activated(story, app, active=False)
    story.at(84)
    over = calls.callservicesd(story, "Setting disconnected reason to remote hangup because ended reason is %ld", 2)
    unheld = calls.callservicesd(story, "Unholding call with identifier: %@", call.id)
    calls.hold(story, app, call.id)
    resumed = audio.activate(story, call.session, by_callkit=True)
    calls.audio_activated(story, app, active=True)
    audio.webrtc(story, app, "Audio session interruption ended.")
    audio.start_io(story, call.session)
    story.at(112)
    flows.hang_up(story, call)
    suspended = flows.let_go(story, app)
    call.deactivated = None  # two windows of one session: before and after the interruption
    flows.expect(expected, call)
    expected.episodes["calls"][0] |= {"holds": 1, "held_s": (unheld - taken) / 1e9}
    expected.row(
        "calls", app=None, direction="incoming", reported=ringing, answered=taken, ended=over, outcome="answered"
    )
    expected.row("audio_sessions", session_id=call.session.id, activated_by="callkit", start=resumed)
    expected.row(
        "interruptions", start=interrupted or began, resumed=True, in_call=True,
        **({"session_id": call.session.id, "interrupter": "callservicesd(130)"} if interrupted else {"interrupter": None}),
    )  # fmt: skip
    expected.row("suspensions", start=suspended, in_call=False)
    return expected
