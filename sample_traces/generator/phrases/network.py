"""Connections of the app, background transfers, and the device's connection to the push service.

Seen on devices: the socket's ``SO_ERROR`` line, ``event: path:satisfied_change`` with its interface (18/26, apsd's own
connection), ``Creating session with identifier`` and ``NDSession … Using XPC connection``. Formats: apsd and nsurlsessiond of
tvOS 18.2 (same code line as iOS 18.2); that iOS 17 and 26 keep them is inferred, older words are not known.
"""

from typing import Final

from generator.story import Actor, Story

_NETWORK: Final = {"subsystem": "com.apple.network", "category": "connection", "library": "Network"}
_APSD: Final = {"subsystem": "com.apple.apsd", "category": "courier"}
_TRANSFERS: Final = {"subsystem": "com.apple.nsurlsessiond", "category": ""}
_PATHS: Final = {
    "wifi": "satisfied (Path is satisfied), interface: en0[802.11], ipv4, dns, uses wifi, LQM: good",
    "cellular": "satisfied (Path is satisfied), interface: pdp_ip0[lte], ipv4, ipv6, dns, expensive, uses cell, LQM: good",
}


def socket_reset(story: Story, app: Actor, number: int, code: int, words: str) -> int:
    """A socket of the app reports an error; return the time."""
    return story.say(
        app, "nw_socket_handle_socket_event [C%{public}s:%u] Socket SO_ERROR %{public}s", f"{number}", 1, f"[{code}: {words}]",
        level="error", **_NETWORK,
    )  # fmt: skip


def path(story: Story, app: Actor, number: int, medium: str, *, first: bool, since: float) -> int:
    """The path of a connection is there, or is another one now; return the time. `medium` is wifi or cellular."""
    return story.say(
        app, "[C%{public}s %{public}s%{public}s %{public}s %{public}s (%{public}@)] event: %{public}s:%{public}s @%u.%03us",
        f"{number}", "IPv4#b71cac13", ":443", "ready", "parent-flow", _PATHS[medium],
        "path", "satisfied_change" if not first else "satisfied", int(since), int(since * 1000) % 1000, **_NETWORK,
    )  # fmt: skip


def push_channel_lost(story: Story, failures: int) -> int:
    """The connection to the push service fails; return the time."""
    return story.say(
        story.actor("apsd"),
        "%@: Disconnected in response to connection failure on interface %@. (Consecutive failures: %lu) isConnected %@ onInterface %@  shouldUseDualChannel %@ criticalReliability %@ cmaType %lu. Connected on %lu interfaces.",
        "<APSCourier>", "WWAN", failures, "NO", "WWAN", "NO", "NO", 0, 0, **_APSD,
    )  # fmt: skip


def push_channel_back(story: Story) -> int:
    """The push service is connected again; return the time."""
    return story.say(
        story.actor("apsd"),
        "%@: Connected to courier %@ (%@) connection: %@ usingPackedFormat %@ secureHandshakeEnabled %@ onInterface: %@",
        "<APSCourier>", "<courier>", "<address>", "<connection>", "YES", "YES", "WWAN", **_APSD,
    )  # fmt: skip


def transfer_done(story: Story, task: str, *, woke: bool) -> int:
    """A background transfer is complete; return the time."""
    story.say(
        story.actor("nsurlsessiond"), "%{public}@ completion woke client: %c", task, ord("Y" if woke else "N"), **_TRANSFERS
    )  # fmt: skip
    if woke:
        return story.say(
            story.actor("nsurlsessiond"), "%{public}@ completion woke client or client is active - not requesting delayed wake",
            task, **_TRANSFERS,
        )  # fmt: skip
    return story.say(
        story.actor("nsurlsessiond"), "%{public}@ completion did not wake client and client is not active - requesting delayed wake",
        task, **_TRANSFERS,
    )  # fmt: skip


def transfer_client(story: Story, app: Actor, session: str, identifier: str) -> int:
    """The app comes back to its background session; return the time. Seen."""
    return story.say(
        story.actor("nsurlsessiond"), "NDSession <%{public}@> Using XPC connection %@ for client %@ with identifier %@ and PID %d",
        session, "<connection>", app.bundle, identifier, app.pid, **_TRANSFERS,
    )  # fmt: skip
