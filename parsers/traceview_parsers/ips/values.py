"""Values of JSON reports, whatever their type: what is not of the wanted type is None."""

from typing import Any

Row = dict[str, Any]


def whole_text(value: Any) -> Any:
    """Return a parsed JSON value with lone surrogates, which no table can hold, replaced. Raises RecursionError."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [whole_text(one) for one in value]
    if isinstance(value, dict):
        return {whole_text(key): whole_text(one) for key, one in value.items()}
    return value


def text(value: Any) -> str | None:
    """Return a non-empty text or a number as text."""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) and value != "" else None


def mapping(value: Any) -> dict[str, Any]:
    """Return the object, or an empty one."""
    return value if isinstance(value, dict) else {}


def several(value: Any) -> list[Any]:
    """Return a list, or the one value as a list."""
    return value if isinstance(value, list) else [] if value is None else [value]


def integer(value: Any) -> int | None:
    """Return a whole number that fits 64 bits."""
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63 else None


def real(value: Any) -> float | None:
    """Return a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e300 or value != value:  # noqa: PLR0124  (NaN)
        return None
    return float(value)


def pid(value: Any) -> int | None:
    """Return a process id."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 31 else None


def digits(value: str | None) -> int | None:
    """Return a printed whole number that fits 63 bits."""
    return int(value) if value and value.isascii() and value.isdecimal() and len(value) < 19 else None


def filled(first: Row, second: Row) -> Row:
    """Return both rows as one; values of `second` win where they are set."""
    return first | {key: value for key, value in second.items() if value is not None}
