"""Texts and the numbers that they are in every layer; the page reads the same ones."""

from typing import Final

NUMBER_TEXTS: Final[dict[str, float | None]] = {  # None: no number
    "1e6": 1_000_000, "1E6": 1_000_000, "1e+3": 1_000, "1_000_000": 1_000_000, "1,000,000": 1_000_000,
    "12 345.5": 12_345.5, "-1,000": -1_000, " 7 ": 7, "+7": 7, "007": 7, "1_0": 10, "0x10": 16, "0b11": 3,
    ".001": 0.001, "1.": 1, "1e-3": 0.001, "-.5": -0.5, "1_0.2_5": 10.25,
    "": None, " ": None, "nan": None, "inf": None, "-Infinity": None, "1,5": None, "0,001": None, "10,00": None,
    "1000,000": None, "1__0": None, "_1": None, "1_": None, "1e": None, "e6": None, ".": None, "1e6.5": None,
    "1 0": None, "\N{FULLWIDTH DIGIT ONE}": None, "\N{ARABIC-INDIC DIGIT ONE}": None, "\N{MINUS SIGN}1": None,
    "1k": None, "1M": None, "0x": None, "true": None, "1" * 1_001: None, "1e99999": None,
}  # fmt: skip
