"""Bystanders: what other processes print meanwhile, hidden arguments and other people's apps included.

Formats are real ones of these daemons; values are invented. None of it concerns the app of the story.
"""

from collections.abc import Callable
from typing import Final

from generator.phrases import runningboard
from generator.story import APP_BUNDLE, LABEL, MICROSECOND, Actor, Story
from generator.values import Static

_NO_LEVEL: Final = "default"


def bystanders(story: Story, start: float, end: float, *, per_second: float = 1.5, push_channel: bool = True) -> None:
    """Scatter noise between two times (seconds after the story's start) without moving the story on.

    `push_channel`: apsd is connected all the time and says so.
    """
    chess = story.app(702, "Chess", "com.example.chess")
    talk = story.app(731, "OtherTalk", "com.example.othertalk")
    makers: tuple[Callable[[Story, int, Actor], None], ...] = (
        _handle, _keep_alive, _usage, _location, _dns, _wifi, _radio, _segments, _other_update, _schedule, _parameter,
    )  # fmt: skip
    if not push_channel:
        makers = tuple(maker for maker in makers if maker is not _keep_alive)
    for _ in range(round((end - start) * per_second)):
        offset = round(story.random.uniform(start, end) * 1e6) * MICROSECOND
        story.random.choice(makers)(story, story.start_ns + offset, story.random.choice((chess, talk)))


def _handle(story: Story, when: int, other: Actor) -> None:
    story.add(
        when, story.actor("symptomsd"), "Hit the server for a process handle %llx that resolved to: %{public}@",
        (0x118871F400000000 + other.pid, story.handle(other)),
        ("com.apple.runningboard", "process", "RunningBoardServices", _NO_LEVEL),
    )  # fmt: skip


def _keep_alive(story: Story, when: int, _: Actor) -> None:
    story.add(
        when, story.actor("apsd"),
        "%@: Sending keep alive message via conn: %@ onInterface: %@. Connected on %lu interfaces. Current link quality: %@",
        ("<courier>", "<connection>", "WiFi", 1, "good"), ("com.apple.apsd", "courier", "", _NO_LEVEL),
    )  # fmt: skip


def _usage(story: Story, when: int, other: Actor) -> None:
    received, sent = story.random.randint(1_000, 900_000), story.random.randint(500, 90_000)
    story.add(
        when, story.actor("symptomsd"),
        "Data Usage for %@ on flow %llu - WiFi in/out: %llu/%llu, WiFi delta_in/delta_out: %llu/%llu, Cell in/out: %llu/%llu, Cell delta_in/delta_out: %llu/%llu, RNF: %d, subscriber tag: %d, total duration: %.3f",
        (other.name, story.random.randint(100, 9_999), received, sent, received // 9, sent // 9, 0, 0, 0, 0, 0, 0, 4.812),
        ("com.apple.symptomsd", "netusage", "SymptomEvaluator", _NO_LEVEL),
    )  # fmt: skip


def _location(story: Story, when: int, _: Actor) -> None:
    story.add(
        when, story.actor("locationd"), '{"msg%{public}.0s":"#CLIUA Marking change", "clientKey":%{private}s, "coming":%{public}hhd}',
        ("", "icom.example.chess:", 0), ("com.apple.locationd.Position", "ClientManager", "", _NO_LEVEL),
    )  # fmt: skip


def _dns(story: Story, when: int, other: Actor) -> None:
    story.add(
        when, story.actor("mDNSResponder"), "[R%u] getaddrinfo start -- flags: 0x%X, ifindex: %d, protocols: %d, hostname: %{mask.hash}s, options: 0x%X, client pid: %lld (%{public}s)",
        (story.random.randint(1_000, 60_000), 0xC000D000, 0, 0, story.random.randbytes(16), 0x8000000, other.pid, other.name),
        ("com.apple.mDNSResponder", "Default", "", _NO_LEVEL),
    )  # fmt: skip


def _wifi(story: Story, when: int, _: Actor) -> None:
    story.add(
        when,
        story.actor("wifid"),
        "WifiDeviceManagerGetLinkQuality: rssi %d snr %d",
        (-story.random.randint(45, 70), 28),
        ("com.apple.WiFiManager", "", "", "info"),
    )


def _radio(story: Story, when: int, _: Actor) -> None:
    story.add(
        when,
        story.actor("CommCenter"),
        "#I Signal strength notification: %{private}@ bars: %{public}d",
        ("<slot>", 3),
        ("com.apple.CommCenter", "reg", "", _NO_LEVEL),
    )


def _segments(story: Story, when: int, _: Actor) -> None:
    story.add(
        when, story.actor("kernel"), "vm: segments queued for swapout: %u regular, %u freezer, %u donate, %u ripe, %u darwkwake, %u total",
        (0, 0, story.random.randint(0, 9), 2, 0, 11), ("", "", "", _NO_LEVEL),
    )  # fmt: skip


def _other_update(story: Story, when: int, other: Actor) -> None:
    if story.os.ios < 17:
        return
    story.add(
        when, story.actor("gamepolicyd"), "Received state update for %d (%{public}@, %{public}@%{public}@",
        (other.pid, story.identity(other), "running-suspended", "-NotVisible"),
        ("com.apple.runningboard", "monitor", "RunningBoardServices", _NO_LEVEL),
    )  # fmt: skip


def _schedule(story: Story, when: int, _: Actor) -> None:
    story.add(
        when, story.actor("dasd"), "%{public}@:[\n%{public}s ], Decision: %{public}@ Score: %f}",
        ("com.apple.example-sync:8F2C11", "\t{name: ThermalPolicy, policyWeight: 5.000, response: {Decision: Can Proceed, Score: 0.50}}\n", "CP", 0.5),
        ("com.apple.duetactivityscheduler", "scoring", "", _NO_LEVEL),
    )  # fmt: skip


def _parameter(story: Story, when: int, _: Actor) -> None:
    story.add(
        when,
        story.actor("media"),
        "%25s:%-5d getting parameter %s",
        (Static("VAD_Parameters.cpp"), 211, Static("vprr")),
        ("com.apple.coreaudio", "vad", "CoreAudio", _NO_LEVEL),
    )


def apps_of_powerlog(story: Story) -> None:
    """The PowerLog's list of installed apps, with the label of all samples."""
    for bundle, name in ((APP_BUNDLE, "AcmeVoIP"), ("com.example.sample-generator", LABEL)):
        story.power.append(("PLApplicationAgent_EventNone_AllApps", story.start_ns, (bundle, name, name, 1)))


def other_app_opens(story: Story) -> Actor:
    """Somebody opens another app: a whole launch that has nothing to do with the story."""
    other = story.app(748, "Notes", "com.example.notes")
    runningboard.launch(story, other, foreground=True)
    return other
