"""Termination codes and namespaces.

Sources: Apple, "Understanding the exception types in a crash report" (EXC_CRASH, SIGKILL) for the codes; the names and
numbers of the namespaces as in xnu's ``bsd/sys/reason.h``; 0xdeadfa11 as real logs explain it ("killed from app
switcher"); 0xfa1cdead as FrontBoard's code for a process that did not exit.
"""

from typing import Final

KIND_OF_CODE: Final = {
    0x8BADF00D: "watchdog",
    0xDEAD10CC: "lock_held",
    0xBAADCA11: "push_unreported",
    0xBAD22222: "resumed_too_often",
    0x2182BAD2: "background_task",
    0x2182BAD3: "background_task",
    0x2182BAD4: "background_task",
    0xC00010FF: "thermal",
    0xBADDD15C: "disk",
    0xD00D2BAD: "resource",
    0xDEADFA11: "user",
    0xFA1CDEAD: "watchdog",
}

NAMESPACES: Final = {
    "1": "JETSAM",
    "2": "SIGNAL",
    "3": "CODESIGNING",
    "6": "DYLD",
    "7": "LIBXPC",
    "8": "OBJC",
    "9": "EXEC",
    "10": "FRONTBOARD",
    "11": "TCC",
    "15": "RUNNINGBOARD",
    "18": "LIBSYSTEM",
    "20": "WATCHDOG",
    "23": "GUARD",
    "33": "MEDIA",
}

CRASH_SIGNALS: Final = frozenset({3, 4, 5, 6, 7, 8, 10, 11, 12})
"""SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGEMT, SIGFPE, SIGBUS, SIGSEGV, SIGSYS: the signals of a crash (XNU, signal.h)."""

_LIMIT: Final = 1 << 64


def number(text: str | None) -> int | None:
    """Return the code as a number: hexadecimal with 0x, else decimal; None where it is neither."""
    if text is None:
        return None
    cleaned = text.strip().lower()
    digits, base = (cleaned[2:], 16) if cleaned.startswith("0x") else (cleaned, 10)
    allowed = "0123456789abcdef" if base == 16 else "0123456789"
    if not digits or len(digits) > 20 or any(digit not in allowed for digit in digits):
        return None
    value = int(digits, base)
    return value if value < _LIMIT else None


def normalised(text: str | None) -> str | None:
    """Return the code in lower-case hexadecimal (``0x8badf00d``), the text itself where it is no number."""
    value = number(text)
    return text if value is None else hex(value)


def namespace(text: str | None) -> str | None:
    """Return the name of a termination namespace given as number or name (SPRINGBOARD is FRONTBOARD's older name)."""
    if text is None:
        return None
    name = NAMESPACES.get(text.strip(), text.strip().upper().removeprefix("OS_REASON_"))
    return "FRONTBOARD" if name == "SPRINGBOARD" else name
