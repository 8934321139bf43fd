"""Parser of values that people write: in flags, ``--set``, environment variables, ranges and form fields.

Numbers have ASCII digits: ``1e6``, ``1_000_000``, ``1,000,000`` and ``.001`` are numbers. The page's ``parseNumber``
reads the same texts; a test compares both.
"""

import re
from typing import Any, Final

_NUMBER: Final = re.compile(r"[+-]?(\d(_?\d)*(\.(\d(_?\d)*)?)?|\.\d(_?\d)*)(e[+-]?\d{1,4})?", re.ASCII | re.IGNORECASE)
_GROUPED: Final = re.compile(r"[+-]?[1-9]\d{0,2}([,_\s]\d{3})+(\.\d+)?", re.ASCII)
_OTHER_BASE: Final = re.compile(r"0(x[0-9a-f]+|o[0-7]+|b[01]+)", re.IGNORECASE)
_SEPARATORS: Final = re.compile(r"[,_\s]")
_MAX_DIGITS: Final = 1_000  # Python refuses to convert more than 4,300
_BOOLEANS: Final = {"true": True, "false": False}
_QUOTED: Final = re.compile(r"""(["'])(.*)\1""")


class UnsupportedEncodingError(ValueError):
    """A text file that is not in UTF-8; the message is a predicate without a subject or a full stop."""


def parse_number(text: str) -> int | float | None:
    """Parses a number; a whole one gives an int, also with an exponent.

    >>> parse_number("1e6"), parse_number("1_000"), parse_number(".001"), parse_number("1,5")
    (1000000, 1000, 0.001, None)

    Returns:
        The number, infinity for one that is too large for a float, or None if the text is no number.
    """
    text = text.strip()
    if len(text) > _MAX_DIGITS:
        return None
    if _OTHER_BASE.fullmatch(text):
        return int(text, 0)
    if not (_NUMBER.fullmatch(text) or _GROUPED.fullmatch(text)):
        return None
    digits = _SEPARATORS.sub("", text)
    if re.fullmatch(r"[+-]?\d+", digits):
        return int(digits)
    number = float(digits)
    is_whole = "e" in digits.lower() and number.is_integer()
    return int(number) if is_whole else number


def parse_value(text: str, default: Any) -> Any:
    """Parses a text by the kind of a setting's default; a text of another kind is returned as it is.

    >>> parse_value("none", None), parse_value("true", False), parse_value("64, 32", (64, 64)), parse_value("1", "cpu")
    (None, True, (64, 32), '1')
    """
    text = text.strip()
    match default:
        case bool():
            return _BOOLEANS.get(text.lower(), text)
        case str():
            return _unquoted(text)
        case tuple():
            return parse_list(text)
    if is_none(text) and default is None:
        return None
    number = parse_number(text)
    return text if number is None else number


def parse_list(text: str) -> tuple[Any, ...]:
    """Parses numbers and words with commas between them, with or without brackets around them."""
    text = text.strip()
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    parts = [part.strip() for part in text.split(",") if part.strip()]
    return tuple(_unquoted(part) if (number := parse_number(part)) is None else number for part in parts)


def is_none(value: object) -> bool:
    """Returns whether a value is the word ``none``, as TOML, which has no null, must write it."""
    return isinstance(value, str) and value.strip().lower() == "none"


def decode_text(content: bytes) -> str:
    """Decodes a text file in UTF-8, with or without a byte order mark.

    Raises:
        UnsupportedEncodingError: if it is in another encoding.
    """
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UnsupportedEncodingError("is in UTF-16; save it in UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UnsupportedEncodingError(f"is not in UTF-8 (line {line}); save it in UTF-8") from error


def _unquoted(text: str) -> str:
    quoted = _QUOTED.fullmatch(text)
    return quoted[2] if quoted else text
