"""Language of the source as a lint: docstring summaries, verbs and spelling, configured as data.

A docstring opens with a noun phrase or a verb in the third person. Each rule is also shown an offending source, so that
it is seen to fail.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OPENERS = ("What", "Who", "Whoever", "Whose", "How", "Whether", "Where", "Why", "Which", "When", "Says", "Tells")
SOURCES = ("src", "tests", "bench", "tools")
DOCUMENTS = ("docs", "README.md", "CONTRIBUTING.md", "CHANGELOG.md")


@dataclass(frozen=True, slots=True, kw_only=True)
class WordRule:
    """Words that a kind of file may not contain, with the word to write instead."""

    pattern: re.Pattern[str]
    instead: str


WORDS = (
    WordRule(
        pattern=re.compile(r"(?<![A-Za-z.])(?:tell|tells|told|telling)(?![A-Za-z])", re.IGNORECASE),
        instead="returns, reports, publishes, receives",
    ),
    WordRule(
        pattern=re.compile(
            r"colour|behaviour|neighbour|favour|normalis(?=[ei])|initialis(?=[ei])|optimis(?=[ei])|serialis(?=[ei])"
            r"|organis(?=[ei])|recognis(?=[ei])|(?<![A-Za-z])centre|catalogue|artefact|licence(?![A-Za-z])",
            re.IGNORECASE,
        ),
        instead="American spelling",
    ),
)
EXEMPT = {"tests/test_language.py"}
# Names in files of users, which keep their spelling so that the files stay readable.
ON_DISK = ('"told"', "surface_centre")


def docstring_findings(path: str, source: str) -> Iterator[str]:
    """Yields the docstrings of a module that open with a clause."""
    documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, documented):
            first = (ast.get_docstring(node) or "").split(maxsplit=1)[:1]
            if first and first[0].rstrip(",:") in OPENERS:
                yield f"{path}:{getattr(node, 'lineno', 1)}: {first[0]!r} opens a docstring; write a noun or a verb"


def word_findings(path: str, text: str) -> Iterator[str]:
    """Yields the words of a text that a rule refuses."""
    for number, line in enumerate(text.splitlines(), start=1):
        for rule in WORDS:
            for found in rule.pattern.finditer(re.sub("|".join(ON_DISK), "", line)):
                yield f"{path}:{number}: {found[0]!r}; write {rule.instead}"


def files(names: tuple[str, ...], suffixes: set[str]) -> list[Path]:
    """Files below these names, without fixtures and built pages."""
    found = [path for name in names for path in ((ROOT / name).rglob("*") if (ROOT / name).is_dir() else [ROOT / name])]
    skipped = {"fixtures", "_build", "__pycache__"}
    return sorted(path for path in found if path.suffix in suffixes and not skipped & set(path.parts))


def test_docstrings_open_with_a_noun_phrase_or_a_verb() -> None:
    found = [
        finding
        for path in files(SOURCES, {".py"})
        for finding in docstring_findings(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_source_and_documents_use_the_words_of_the_field() -> None:
    paths = files(SOURCES, {".py", ".js", ".html", ".css"}) + files(DOCUMENTS, {".md", ".py"})
    found = [
        finding
        for path in paths
        if path.relative_to(ROOT).as_posix() not in EXEMPT
        for finding in word_findings(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize("opener", OPENERS)
def test_clause_as_docstring_is_refused(opener: str) -> None:
    source = f'def play():\n    """{opener} a game is."""\n\n\nclass Game:\n    """A game."""\n'
    assert list(docstring_findings("game.py", source)) == [
        f"game.py:1: {opener!r} opens a docstring; write a noun or a verb"
    ]


@pytest.mark.parametrize("word", ["tell", "told", "Tells", "colour", "neighbours", "normalised", "centre"])
def test_word_is_refused(word: str) -> None:
    assert len(list(word_findings("game.py", f"x = 1  # {word} them\n"))) == 1


@pytest.mark.parametrize(
    "word", ["retells", "file.tell()", "color", "normalize", "concentrate", "promise", "optimistic", "center"]
)
def test_other_word_passes(word: str) -> None:
    assert list(word_findings("game.py", f"x = 1  # {word}\n")) == []
