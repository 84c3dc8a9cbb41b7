"""The audio server dies in the middle of a call and starts anew; the app's session is made again.

Rests on: the client's ``Posting inner … notification`` (Lost, then Reset) and ``Recreated session with ID`` of iOS 18.0;
WebRTC's ``Media services were reset.``; a new pid of the daemon. That iOS 26 keeps the words is inferred. Before 18 only WebRTC's
lines are known, and from 17.4 the first line of a new audio server.
"""

from typing import Final

from generator import flows
from generator.flows import Call
from generator.phrases import audio, noise
from generator.story import IOS_18, IOS_26, Expected, Story
from generator.values import Static

TITLE = "Audio server dies during a call"
VARIANTS = ((IOS_26, "ndjson"), (IOS_18, "default"))

_CLIENT: Final = {"subsystem": "com.apple.coreaudio", "category": "as_client", "library": "AudioSession"}


def tell(story: Story) -> Expected:
    """Play it."""
    expected = Expected(findings=[("media-services-reset", "critical")])
    app = story.app(812)
    noise.bystanders(story, 0, 40, per_second=0.6)
    story.at(5)
    call = flows.ring(story, app)
    story.wait(2.9)
    flows.pick_up(story, call)
    story.at(41)
    lost = _posted(story, call, "Lost")
    audio.webrtc(story, app, "Media services were lost.")
    story.wait(1.4)
    story.restart("media", 1177)
    if story.os.ios >= 17:
        story.say(
            story.actor("media"), "-CMVAEndptMgr- %s: VA initialization started", Static("VAEMInitialize"),
            subsystem="com.apple.coremedia", library="MediaExperience",
        )  # fmt: skip
    story.wait(0.6)
    _posted(story, call, "Reset")
    if story.os.ios >= 18:
        story.say(
            app, "%25s:%-5d Recreated session with ID: 0x%x", Static("AVAudioSession_iOS.mm"), 1283, call.session.number, **_CLIENT
        )  # fmt: skip
    audio.webrtc(story, app, "Media services were reset.")
    flows.expect(expected, call)
    expected.row("glitches", kind="media_services_reset", start=lost, in_call=True)
    return expected


def _posted(story: Story, call: Call, what: str) -> int:
    """The app is told; return the time."""
    if story.os.ios < 18:
        return story.now_ns
    return story.say(
        call.app, "%25s:%-5d Posting inner %@ notification for session with ID 0x%x", Static("AVAudioSession_iOS.mm"), 1264,
        Static(f"AVAudioSessionMediaServicesWere{what}Notification"), call.session.number, **_CLIENT,
    )  # fmt: skip
