"""Values of Open Directory.

Error numbers: Apple, OpenDirectory ``CFODErrors``; identifier types: ``membership.h``; layouts: libyal dtformats. Texts:
string table of the decoder in a real macOS 12 archive (which shortens the name of 1000).
"""

import struct
from typing import Final

from traceview_parsers.unified_log.decoders.values import data, signed

_ERRORS: Final = {
    0: "ODNoError",
    2: "Not Found",
    1000: "ODErrorLocalOnlyDaemonInUse",
    1001: "ODErrorSessionNormalDaemonInUse",
    1002: "ODErrorSessionDaemonNotRunning",
    1003: "ODErrorSessionDaemonRefused",
    1100: "ODErrorSessionProxyCommunicationError",
    1101: "ODErrorSessionProxyVersionMismatch",
    1102: "ODErrorSessionProxyIPUnreachable",
    1103: "ODErrorSessionProxyUnknownHost",
    2000: "ODErrorNodeUnknownName",
    2001: "ODErrorNodeUnknownType",
    2002: "ODErrorNodeDisabled",
    2100: "ODErrorNodeConnectionFailed",
    2200: "ODErrorNodeUnknownHost",
    3000: "ODErrorQuerySynchronize",
    3100: "ODErrorQueryInvalidMatchType",
    3101: "ODErrorQueryUnsupportedMatchType",
    3102: "ODErrorQueryTimeout",
    4000: "ODErrorRecordReadOnlyNode",
    4001: "ODErrorRecordPermissionError",
    4100: "ODErrorRecordParameterError",
    4101: "ODErrorRecordInvalidType",
    4102: "ODErrorRecordAlreadyExists",
    4103: "ODErrorRecordTypeDisabled",
    4104: "ODErrorRecordNoLongerExists",
    4200: "ODErrorRecordAttributeUnknownType",
    4201: "ODErrorRecordAttributeNotFound",
    4202: "ODErrorRecordAttributeValueSchemaError",
    4203: "ODErrorRecordAttributeValueNotFound",
    5000: "ODErrorCredentialsInvalid",
    5001: "ODErrorCredentialsInvalidComputer",
    5100: "ODErrorCredentialsMethodNotSupported",
    5101: "ODErrorCredentialsNotAuthorized",
    5102: "ODErrorCredentialsParameterError",
    5103: "ODErrorCredentialsOperationFailed",
    5200: "ODErrorCredentialsServerUnreachable",
    5201: "ODErrorCredentialsServerNotFound",
    5202: "ODErrorCredentialsServerError",
    5203: "ODErrorCredentialsServerTimeout",
    5204: "ODErrorCredentialsContactPrimary",
    5205: "ODErrorCredentialsServerCommunicationError",
    5300: "ODErrorCredentialsAccountNotFound",
    5301: "ODErrorCredentialsAccountDisabled",
    5302: "ODErrorCredentialsAccountExpired",
    5303: "ODErrorCredentialsAccountInactive",
    5304: "ODErrorCredentialsAccountTemporarilyLocked",
    5305: "ODErrorCredentialsAccountLocked",
    5400: "ODErrorCredentialsPasswordExpired",
    5401: "ODErrorCredentialsPasswordChangeRequired",
    5402: "ODErrorCredentialsPasswordQualityFailed",
    5403: "ODErrorCredentialsPasswordTooShort",
    5404: "ODErrorCredentialsPasswordTooLong",
    5405: "ODErrorCredentialsPasswordNeedsLetter",
    5406: "ODErrorCredentialsPasswordNeedsDigit",
    5407: "ODErrorCredentialsPasswordChangeTooSoon",
    5408: "ODErrorCredentialsPasswordUnrecoverable",
    5500: "ODErrorCredentialsInvalidLogonHours",
    6000: "ODErrorPolicyUnsupported",
    6001: "ODErrorPolicyOutOfRange",
    10000: "ODErrorPluginOperationNotSupported",
    10001: "ODErrorPluginError",
    10002: "ODErrorDaemonError",
    10003: "ODErrorPluginOperationTimeout",
}
_IDENTIFIER_TYPES: Final = {
    0: "UID",
    1: "GID",
    3: "SID",
    4: "Username",
    5: "Groupname",
    6: "UUID",
    7: "Group NFSv4",
    8: "User NFSv4",
    10: "GSS Exported Name",
    11: "X509 DN",
    12: "Kerberos ID",
}
_MEMBER_NAMES: Final = {0x24: "user", 0xA0: "user", 0xA4: "user", 0x44: "group"}
_MEMBER_NUMBERS: Final = {0x23: "user", 0xA3: "user", 0xC3: "group"}
_SHORT: Final = "<decode failure: short data>"


def error(value: bytes | int) -> str | None:
    """Open Directory error: ``ODErrorCredentialsInvalid``."""
    number = signed(value)
    return None if number is None else _ERRORS.get(number)


def identifier_type(value: bytes | int) -> str | None:
    """Kind of a membership identifier: ``Username``."""
    number = signed(value)
    return None if number is None else _IDENTIFIER_TYPES.get(number, f"Unknown type {number}")


def membership(value: bytes | int) -> str | None:
    """User or group and where it was found: ``user: 501@/Local/Default``, without a place ``user: 501 <not found>``."""
    raw = data(value)
    if raw is None:
        return None
    if not raw:
        return _SHORT
    if raw[0] in _MEMBER_NUMBERS:
        if len(raw) < 5:
            return _SHORT
        who = f"{_MEMBER_NUMBERS[raw[0]]}: {struct.unpack_from('<i', raw, 1)[0]}"
        rest = raw[5:]
    elif raw[0] in _MEMBER_NAMES:
        name, _, rest = raw[1:].partition(b"\0")
        who = f"{_MEMBER_NAMES[raw[0]]}: {name.decode('utf-8', 'replace')}"
    else:
        return f"unknown type: {raw[0]}"
    place = rest.partition(b"\0")[0].decode("utf-8", "replace")
    return f"{who}@{place}" if place else f"{who} <not found>"


def security_identifier(value: bytes | int) -> str | None:
    """Windows security identifier: ``S-1-5-21-…`` (layout: Microsoft, MS-DTYP 2.4.2)."""
    raw = data(value)
    if raw is None:
        return None
    if len(raw) < 8 or len(raw) < 8 + 4 * raw[1]:
        return _SHORT
    parts = [raw[0], int.from_bytes(raw[2:8], "big"), *struct.unpack_from(f"<{raw[1]}I", raw, 8)]
    return "S-" + "-".join(map(str, parts))


DECODERS: Final = {
    "odtypes:ODError": error,
    "odtypes:mbridtype": identifier_type,
    "odtypes:mbr_details": membership,
    "odtypes:nt_sid_t": security_identifier,
}
