"""CallKit in the app, callservicesd, and VoIP pushes.

Formats: CallKit and callservicesd strings of iOS 26.1, 18 and tvOS 18.2. Customer devices hide nearly every argument, and
so do these lines. Whether iOS 15 used the same words is inferred; ``Setting disconnected reason …`` is older than 18.0.
"""

from typing import Final

from generator.phrases import runningboard
from generator.story import Actor, Story

_APP: Final = {"subsystem": "com.apple.calls.callkit", "category": "Default", "library": "CallKit"}
_SERVICE: Final = {"subsystem": "com.apple.calls.callservicesd", "category": "Default"}
_APSD: Final = {"subsystem": "com.apple.apsd", "category": "courier"}
_LABEL: Final = "com.apple.telephonyutilities.callservicesd"
_PROVIDER: Final = "<CXProvider>"
_VOIP: Final = (
    "<RBSLegacyAttribute| requestedReason:VoIP reason:VoIP flags:( PreventTaskSuspend PreventTaskThrottleDown )>"
)


def callservicesd(story: Story, text: str, *arguments: str | int | None, level: str = "default") -> int:
    """Let callservicesd say something."""
    return story.say(story.actor("callservicesd"), text, *arguments, level=level, **_SERVICE)


def callkit(story: Story, app: Actor, text: str, *arguments: str | int | None) -> int:
    """Let the CallKit framework inside the app say something."""
    return story.say(app, text, *arguments, **_APP)


def requestor(story: Story) -> str:
    """Return RunningBoard's name of callservicesd."""
    return story.service(_LABEL, "callservicesd")


def push(story: Story, app: Actor) -> int:
    """A VoIP push reaches the device and callservicesd; return the time it was received."""
    story.say(
        story.actor("apsd"),
        "%@: Received message for enabled topic '%@' onInterface: %@ with payload '%@' with priority %@ for device token: %@ isProxyMessage: %@, apsd current QOS: %{public}@",
        "<APSCourier>", f"{app.bundle}.voip", "WWAN", "{}", "10", "<token>", "NO", "UserInitiated", **_APSD,
    )  # fmt: skip
    story.wait(0.004)
    callservicesd(story, "for connection: %@ message: %@", "<APSConnection>", "<APSIncomingMessage>")
    return callservicesd(
        story, "Received incoming APS message from application with bundle identifier %@ and topic %@",
        app.bundle, f"{app.bundle}.voip",
    )  # fmt: skip


def open_for_push(story: Story, app: Actor, *, launch: bool) -> int | None:
    """Let callservicesd open the app and take its assertion; return the launch time, None where it was only resumed."""
    callservicesd(story, "Attempting to open application %@ and acquire a process assertion", app.bundle)
    launched = runningboard.launch(story, app) if launch else None
    keep_awake(story, app)
    if not launch:
        runningboard.resume(story, app)
    callservicesd(story, "Successfully opened application")
    callservicesd(story, "Successfully took out process assertion")
    return launched


def keep_awake(story: Story, app: Actor) -> None:
    """Let callservicesd take its assertion on the app."""
    story.held[app.pid] = runningboard.acquire(
        story, app, requestor(story), "com.apple.telephonyutilities.callservicesd", _VOIP, by=story.actor("callservicesd").pid
    )  # fmt: skip


def release(story: Story, app: Actor) -> int:
    """Let callservicesd drop that assertion; return the time."""
    return runningboard.invalidate(story, app, requestor(story), story.held.pop(app.pid))


def deliver(story: Story, app: Actor) -> int:
    """Hand the push to the app; return the time."""
    callservicesd(story, "Asked to deliver message %p to application %@", 0xC70D028C0, app.bundle)
    callservicesd(story, "Pending PushKit VoIP payload deliveries until a connection exists")
    story.wait(0.31)
    return callservicesd(story, "Delivering %lu VoIP payload(s) to application %@", 1, app.bundle)


def report_incoming(story: Story, app: Actor, call: str) -> int:
    """The app reports a call and callservicesd takes it on; return the time of the report."""
    reported = callkit(
        story, app, "Provider %@ was asked to report a new incoming call with UUID: %@ update: %@",
        _PROVIDER, call, "<CXCallUpdate>",
    )  # fmt: skip
    callservicesd(
        story,
        "Received add incoming call request from call source %@ with UUID %@ update %@",
        "<source>",
        call,
        "<update>",
    )
    callservicesd(story, "Started tracking call: %@", call)
    callservicesd(story, "Starting ringing timer for call with identifier %@", call)
    return reported


def answer(story: Story, app: Actor, call: str) -> int:
    """The user answers and the app fulfils the action; return the time CallKit asked the app."""
    callservicesd(story, "Performing answer request %@ for call %@", "<TUAnswerRequest>", call)
    callservicesd(story, "Answering incoming call: %@, %@", call, "<TUAnswerRequest>")
    callkit(story, app, "Received request to commit transaction %@", "<CXTransaction>")
    answered = callkit(story, app, "Asking delegate to perform action %@", f"<CXAnswerCallAction {call}>")
    story.wait(0.012)
    callservicesd(story, "Answer call action fulfilled: %@", f"<CXAnswerCallAction {call}>")
    return answered


def audio_activated(story: Story, app: Actor, *, active: bool) -> int:
    """CallKit tells the app's delegate that the system (de)activated its audio session; return the time."""
    callkit(story, app, "Notified that audio session activation state changed to: %d", int(active))
    return callkit(story, app, "Notifying delegate that audio session activation state changed to: %d", int(active))


def end_by_remote(story: Story, app: Actor, call: str, *, last: bool = True) -> int:
    """The other side hung up and the app reports it (reason 2, remote ended); return the time."""
    ended = callkit(
        story, app, "Provider %@ was asked to report that call with UUID %@ ended at date %@ with reason %ld",
        _PROVIDER, call, "(null)", 2,
    )  # fmt: skip
    callservicesd(
        story, "Call source %@ ended call with UUID %@ with ended at date %@ with reason %ld failure context %@",
        "<source>", call, "<date>", 2, None,
    )  # fmt: skip
    callservicesd(story, "Setting disconnected reason to remote hangup because ended reason is %ld", 2)
    disconnected(story, call, last=last)
    return ended


def end_by_user(story: Story, app: Actor, call: str) -> int:
    """The user hangs up; return the time CallKit asked the app."""
    callservicesd(story, "Asked to disconnect call %@ while ungrouping call %@", call, None)
    ended = callkit(story, app, "Asking delegate to perform action %@", f"<CXEndCallAction {call}>")
    callservicesd(story, "End call action fulfilled: %@", f"<CXEndCallAction {call}>")
    disconnected(story, call)
    return ended


def disconnected(story: Story, call: str, *, last: bool = True) -> int:
    """Callservicesd's bookkeeping after a call, and after the last one; return the time."""
    when = callservicesd(story, "Updating client %@ with disconnected call: %@ calls: %@", "<client>", call, "()")
    callservicesd(story, "Stopped tracking call: %@", call)
    if not last:
        return when
    return callservicesd(story, "All calls ended. Setting uplink and downlink muted to NO")


def start_outgoing(story: Story, app: Actor, call: str) -> int:
    """The app starts a call from its user interface; return the time."""
    callservicesd(
        story,
        "Call controller host %@ requested transaction %@ for connection with identifier: %@",
        "<host>",
        "<CXTransaction>",
        "<id>",
    )
    callservicesd(story, "Allowing requested transaction: %@", "<CXTransaction>")
    callservicesd(story, "Asked to perform start call action %@ for call %@", "<CXStartCallAction>", call)
    started = callkit(story, app, "Asking delegate to perform action %@", f"<CXStartCallAction {call}>")
    callservicesd(story, "Call started outgoing: %@", call)
    return started


def connecting(story: Story, app: Actor, call: str) -> int:
    """The outgoing call rings at the other end; return the time."""
    return callkit(
        story,
        app,
        "Provider %@ was notified that outgoing call with UUID %@ started connecting at date %@",
        _PROVIDER,
        call,
        "(null)",
    )


def connected(story: Story, app: Actor, call: str) -> int:
    """The outgoing call was answered; return the time."""
    when = callkit(
        story,
        app,
        "Provider %@ was notified that outgoing call with UUID %@ connected at date %@",
        _PROVIDER,
        call,
        "(null)",
    )
    callservicesd(story, "Call source %@ connected outgoing call with UUID %@ at date %@", "<source>", call, "<date>")
    return when


def another(story: Story, app: Actor, call: str) -> int:
    """The user holds the active call and takes the ringing one; return the time CallKit asked the app to answer."""
    callservicesd(
        story,
        "Performing hold active calls and answer ringing call %@ for answer request %@",
        call,
        "<TUAnswerRequest>",
    )
    return answer(story, app, call)


def swap(story: Story, app: Actor, held: str, taken: str) -> int:
    """The user puts `held` on hold and goes on with `taken`; return the time."""
    when = callservicesd(story, "Asked to hold calls %@ while unholding calls %@", held, taken)
    callservicesd(story, "Holding call with identifier: %@", held)
    hold(story, app, held)
    callservicesd(story, "Unholding call with identifier: %@", taken)
    hold(story, app, taken)
    return when


def end_reported(story: Story, app: Actor, call: str, reason: int, words: str | None = None) -> int:
    """The app reports an end with one of CallKit's public reasons; `words` are callservicesd's. Return the time."""
    ended = callkit(
        story, app, "Provider %@ was asked to report that call with UUID %@ ended at date %@ with reason %ld",
        _PROVIDER, call, "(null)", reason,
    )  # fmt: skip
    callservicesd(
        story, "Call source %@ ended call with UUID %@ with ended at date %@ with reason %ld failure context %@",
        "<source>", call, "<date>", reason, None,
    )  # fmt: skip
    if words:
        callservicesd(story, f"Setting disconnected reason to {words} because ended reason is %ld", reason)
    disconnected(story, call)
    return ended


def timed_out(story: Story, app: Actor, action: str) -> int:
    """The app did not fulfil an action in time, and CallKit tells its delegate; return the time."""
    when = callkit(story, app, "Notified that action timed out: %@", action)
    callkit(story, app, "Notifying delegate that action timed out: %@", action)
    return when


def failed(story: Story, app: Actor, call: str) -> int:
    """The outgoing call cannot be placed; return the time."""
    when = callkit(
        story, app, "Provider %@ was notified that call with UUID %@ failed at date %@ with context %@",
        _PROVIDER, call, "(null)", "<failure>",
    )  # fmt: skip
    callservicesd(story, "Using call ended reason failed because ended reason is %@", "1")
    disconnected(story, call)
    return when


def hold(story: Story, app: Actor, call: str) -> int:
    """CallKit puts the app's call on hold or takes it back; return the time."""
    when = callkit(story, app, "Asking delegate to perform action %@", f"<CXSetHeldCallAction {call}>")
    callservicesd(story, "Set held call action fulfilled: %@", f"<CXSetHeldCallAction {call}>")
    return when


def not_reported(story: Story, app: Actor) -> int:
    """Callservicesd's verdict: the app had its seconds and posted no call; return the time."""
    return callservicesd(story, "VoIP app %@ failed to post incoming call", app.bundle)


def channel_joined(story: Story, app: Actor, channel: str) -> int:
    """The app joins a Push-to-Talk channel; return the time."""
    return callkit(
        story,
        app,
        "Provider %@ was notified that channel with UUID %@ connected at date %@",
        _PROVIDER,
        channel,
        "(null)",
    )


def channel_left(story: Story, app: Actor, channel: str) -> int:
    """The app leaves the channel; return the time."""
    return callkit(
        story, app, "Provider %@ was notified that channel with UUID %@ disconnected at date %@ disconnectedReason: %ld",
        _PROVIDER, channel, "(null)", 0,
    )  # fmt: skip


def channel_push(story: Story, app: Actor) -> int:
    """A push of the channel reaches callservicesd, which takes its assertion; return the time."""
    received = callservicesd(
        story, "Received incoming APS message from application with bundle identifier %@ and topic %@",
        app.bundle, f"{app.bundle}.voip-ptt",
    )  # fmt: skip
    callservicesd(story, "Attempting to open application %@ and acquire a process assertion", app.bundle)
    keep_awake(story, app)
    return received


def channel_deliver(story: Story, app: Actor) -> int:
    """Hand the channel's push to the app; return the time."""
    callservicesd(story, "Successfully took out process assertion")
    return callservicesd(story, "Delivering %lu channel push payload(s) to application %@", 1, app.bundle)


def transmission(story: Story, app: Actor, channel: str, *, begins: bool) -> int:
    """Somebody begins or ends to speak; return the time."""
    if begins:
        return callkit(
            story, app, "Provider %@ reports channel with UUID %@ started an incoming transmission with update %@",
            _PROVIDER, channel, "<update>",
        )  # fmt: skip
    return callkit(
        story, app, "Provider %@ reports channel with UUID %@ ended an incoming transmission with reason %ld", _PROVIDER, channel, 0
    )  # fmt: skip
