"""Pages of Apple that rules cite, in one place so that a moved page is one edit.

Addresses and contents were compared with stored copies of the pages, threads of the forum also with mirrors; of
`VOIP_PUSH` only an older spelling of the address was found there, and `CALLKIT`, `AUDIO_SESSION` and `REVIEW` are entry
pages that were not compared.
"""

from typing import Final

_DOC: Final = "https://developer.apple.com/documentation"

VOIP_PUSH: Final = f"{_DOC}/pushkit/responding-to-voip-notifications-from-pushkit"
PUSH_TYPE_VOIP: Final = f"{_DOC}/pushkit/pkpushtype/voip"
PROVIDER_DELEGATE: Final = f"{_DOC}/callkit/cxproviderdelegate"
DID_ACTIVATE: Final = f"{_DOC}/callkit/cxproviderdelegate/provider(_:didactivate:)"
CALLKIT: Final = f"{_DOC}/callkit"
SIGKILL: Final = f"{_DOC}/xcode/sigkill"
WATCHDOG: Final = f"{_DOC}/xcode/addressing-watchdog-terminations"
JETSAM: Final = f"{_DOC}/xcode/identifying-high-memory-use-with-jetsam-event-reports"
CRASH_REPORT: Final = f"{_DOC}/xcode/examining-the-fields-in-a-crash-report"
BACKGROUND_TIME: Final = f"{_DOC}/uikit/extending-your-app-s-background-execution-time"
BACKGROUND_MODES: Final = f"{_DOC}/xcode/configuring-background-execution-modes"
AUDIO_SESSION: Final = f"{_DOC}/avfaudio/avaudiosession"
AUDIO_ERRORS: Final = f"{_DOC}/coreaudiotypes/avaudiosession/errorcode"
INTERRUPTIONS: Final = f"{_DOC}/avfaudio/handling-audio-interruptions"
ROUTE_CHANGES: Final = f"{_DOC}/avfaudio/responding-to-audio-route-changes"
MEDIA_RESET: Final = f"{_DOC}/avfaudio/avaudiosession/mediaserviceswereresetnotification"
SILENT_PUSH: Final = f"{_DOC}/usernotifications/pushing-background-updates-to-your-app"
PUSH_TO_TALK: Final = f"{_DOC}/pushtotalk/creating-a-push-to-talk-app"
PTT_DID_ACTIVATE: Final = f"{_DOC}/pushtotalk/ptchannelmanagerdelegate/channelmanager(_:didactivate:)"
REVIEW: Final = "https://developer.apple.com/app-store/review/guidelines/"
FORUM_PUSH_DEADLINE: Final = "https://developer.apple.com/forums/thread/781211"
FORUM_PUSH_BLOCKED: Final = "https://developer.apple.com/forums/thread/768136"
FORUM_PUSH_CHANNEL: Final = "https://developer.apple.com/forums/thread/834530"
FORUM_PTT_AUDIO: Final = "https://developer.apple.com/forums/thread/812592"
FORUM_CALLKIT_AUDIO: Final = "https://developer.apple.com/forums/thread/783870"
FORUM_ACTIVE_SESSION: Final = "https://developer.apple.com/forums/thread/764762"
FORUM_SUSPENDED: Final = "https://developer.apple.com/forums/thread/759754"
