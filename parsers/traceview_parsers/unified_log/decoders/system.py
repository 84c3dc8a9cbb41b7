"""Error numbers, signals and file modes of Darwin.

Texts are those of Apple's C library and Mach (string tables of a real macOS 12 archive); their numbers are in
``sys/errno.h``, ``sys/signal.h``, ``mach/kern_return.h`` and ``mach/message.h`` of Apple's open-source kernel.
"""

from typing import Final

from traceview_parsers.unified_log.darwin_errors import errno_text
from traceview_parsers.unified_log.decoders.values import signed, unsigned

_SIGNALS: Final = (
    ("hup", "Hangup"),
    ("int", "Interrupt"),
    ("quit", "Quit"),
    ("ill", "Illegal instruction"),
    ("trap", "Trace/BPT trap"),
    ("abrt", "Abort trap"),
    ("emt", "EMT trap"),
    ("fpe", "Floating point exception"),
    ("kill", "Killed"),
    ("bus", "Bus error"),
    ("segv", "Segmentation fault"),
    ("sys", "Bad system call"),
    ("pipe", "Broken pipe"),
    ("alrm", "Alarm clock"),
    ("term", "Terminated"),
    ("urg", "Urgent I/O condition"),
    ("stop", "Suspended (signal)"),
    ("tstp", "Suspended"),
    ("cont", "Continued"),
    ("chld", "Child exited"),
    ("ttin", "Stopped (tty input)"),
    ("ttou", "Stopped (tty output)"),
    ("io", "I/O possible"),
    ("xcpu", "Cputime limit exceeded"),
    ("xfsz", "Filesize limit exceeded"),
    ("vtalrm", "Virtual timer expired"),
    ("prof", "Profiling timer expired"),
    ("winch", "Window size changes"),
    ("info", "Information request"),
    ("usr1", "User defined signal 1"),
    ("usr2", "User defined signal 2"),
)

_KERNEL: Final = (
    "successful|invalid address|protection failure|no space available|invalid argument|failure|resource shortage|"
    "not receiver|no access|memory failure|memory error|already in set|not in set|name exists|aborted|invalid name|"
    "invalid task|invalid right|invalid value|urefs overflow|invalid capability|right exists|invalid host|"
    "memory present|memory data moved|memory restart copy|invalid processor set|policy limit|invalid policy|"
    "invalid object|already waiting|default set|exception protected|invalid ledger|invalid memory control|"
    "invalid security|not depressed|object terminated|lock set destroyed|lock unstable|lock owned by another|"
    "lock owned by self|semaphore destroyed|RPC terminated|terminate orphan|let orphan continue|service not supported|"
    "remote node down|thread not waiting|operation timed out|code signing error|policy is static|"
    "insufficient input buffer size"
)
_SEND: Final = {
    0x1: "send in progress",
    0x2: "invalid data",
    0x3: "invalid destination port",
    0x4: "timed out",
    0x5: "invalid voucher",
    0x7: "interrupted",
    0x8: "msg too small",
    0x9: "invalid reply port",
    0xA: "invalid port right",
    0xB: "invalid notify port",
    0xC: "invalid memory",
    0xD: "no msg buffer",
    0xE: "msg too large",
    0xF: "invalid msg-type",
    0x10: "invalid msg-header",
    0x11: "invalid msg-trailer",
    0x12: "invalid context for reply",
    0x15: "out-of-line buffer too large",
    0x16: "destination does not accept OOL ports",
}
_RECEIVE: Final = {
    0x1: "receive in progress",
    0x2: "invalid name",
    0x3: "timed out",
    0x4: "msg too large",
    0x5: "interrupted",
    0x6: "port changed",
    0x7: "invalid notify port",
    0x8: "invalid data",
    0x9: "port died",
    0xA: "port in set",
    0xB: "header error",
    0xC: "body error",
    0xD: "invalid scatter list entry",
    0xE: "overwrite region too small",
    0xF: "invalid msg-trailer",
}
_MACH: Final = (
    {code: f"(os/kern) {text}" for code, text in enumerate(_KERNEL.split("|"))}
    | {0x10000000 + code: f"(ipc/send) {text}" for code, text in _SEND.items()}
    | {0x10004000 + code: f"(ipc/rcv) {text}" for code, text in _RECEIVE.items()}
)

_FILE_TYPES: Final = "-pc#d#b#-#l#s#w#"  # one letter for each value of the mode's upper four bits


def errno(value: bytes | int) -> str | None:
    """``[2: No such file or directory]``; 0 is ``[0: Success]`` (os_log(3); real lines)."""
    number = signed(value)
    return None if number is None else f"[{number}: {errno_text(number) if number else 'Success'}]"


def mode(value: bytes | int) -> str | None:
    """File mode like ``drwxr-xr-x`` (os_log(3)), with set-id and sticky bits as in strmode(3)."""
    number = unsigned(value)
    if number is None:
        return None
    bits = ["rwx"[i % 3] if number >> (8 - i) & 1 else "-" for i in range(9)]
    for bit, place, letter in ((0o4000, 2, "s"), (0o2000, 5, "s"), (0o1000, 8, "t")):
        if number & bit:
            bits[place] = letter if bits[place] == "x" else letter.upper()
    return _FILE_TYPES[number >> 12 & 0xF] + "".join(bits)


def signal(value: bytes | int) -> str | None:
    """``[sigsegv: Segmentation fault]`` (os_log(3))."""
    number = signed(value)
    if number is None:
        return None
    if not 1 <= number <= len(_SIGNALS):
        return f"[{number}: Unknown signal]"
    name, text = _SIGNALS[number - 1]
    return f"[sig{name}: {text}]"


def mach_error(value: bytes | int) -> str | None:
    """``[0x10000003: (ipc/send) invalid destination port]``."""
    number = unsigned(value, 32)
    if number is None:
        return None
    return f"[{f'{number:#x}' if number else '0'}: {_MACH.get(number, 'unknown error code')}]"


DECODERS: Final = {
    "errno": errno,
    "darwin.errno": errno,
    "darwin.mode": mode,
    "darwin.signal": signal,
    "mach.errno": mach_error,
    "odtypes:mach_error_t": mach_error,
}
