"""A whole incoming call, from the push to the hang-up: what most scenarios begin with or stray from."""

from dataclasses import dataclass

from generator.phrases import audio, calls, runningboard
from generator.phrases.audio import Session
from generator.story import Actor, Expected, Story, uuid_text


@dataclass(slots=True)
class Call:
    """An incoming call and its times (UTC nanoseconds, None where it did not come to that)."""

    id: str
    app: Actor
    session: Session
    received: int = 0
    launched: int | None = None
    delivered: int = 0
    reported: int = 0
    answered: int = 0
    activated: int | None = None
    io_started: int | None = None
    ended: int | None = None
    deactivated: int | None = None


def ring(story: Story, app: Actor, *, launch: bool = True, session_number: int = 0x6F6A3) -> Call:
    """A VoIP push comes, the app reports its call in time and the phone rings."""
    call = Call(uuid_text(f"call {story.name} {story.now_ns}"), app, Session(app, session_number))
    call.received = calls.push(story, app)
    call.launched = calls.open_for_push(story, app, launch=launch)
    call.delivered = calls.deliver(story, app)
    story.wait(0.18)
    if launch:
        audio.create(story, call.session)
    story.wait(0.06)
    call.reported = calls.report_incoming(story, app, call.id)
    return call


def pick_up(story: Story, call: Call) -> None:
    """The user answers; CallKit activates the session and the app starts audio."""
    call.answered = calls.answer(story, call.app, call.id)
    story.wait(0.05)
    calls.callservicesd(
        story, "Decreasing priority of other AVAudioSession interruption provider %@ to Default", "<provider>"
    )
    call.activated = audio.activate(story, call.session, by_callkit=True)
    calls.audio_activated(story, call.app, active=True)
    story.wait(0.03)
    call.io_started = audio.start_io(story, call.session)
    accessory_noise(story)


def accessory_noise(story: Story) -> None:
    """A false friend: audioaccessoryd says "call" for any session that looks like voice chat (seen on iOS 26)."""
    if story.os.ios >= 26:
        story.say(
            story.actor("audioaccessoryd"),
            "Received Call State changed %{public}s",
            "yes",
            subsystem="com.apple.bluetooth",
        )


def hang_up(story: Story, call: Call) -> None:
    """The other side ends the call and everything is put away."""
    call.ended = calls.end_by_remote(story, call.app, call.id)
    audio.stop_io(story, call.session)
    story.wait(0.08)
    call.deactivated = audio.deactivate(story, call.session, by_callkit=True)
    calls.audio_activated(story, call.app, active=False)


def let_go(story: Story, app: Actor) -> int:
    """Callservicesd drops its assertion, and the app is suspended; return the time of the suspension."""
    calls.release(story, app)
    story.wait(4.9)
    return runningboard.suspend(story, app)


def expect(expected: Expected, call: Call, *, outcome: str = "answered") -> None:
    """Expect the push, the call and its session."""
    expected.row("pushes", received=call.received, delivered=call.delivered, reported=call.reported, outcome="reported")
    times = {"answered": call.answered, "audio_activated": call.activated, "ended": call.ended}
    known = {name: time for name, time in times.items() if time}
    expected.row("calls", direction="incoming", kind="callkit", reported=call.reported, outcome=outcome, **known)
    if call.activated:
        expected.row(
            "audio_sessions", session_id=call.session.id, activated_by="callkit", start=call.activated, start_how="observed",
            **({"end": call.deactivated, "end_how": "observed"} if call.deactivated else {}),
        )  # fmt: skip
