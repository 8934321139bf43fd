"""Labels of a run, by which people sort their runs: its group, tags and note, in ``labels.json`` of its folder.

They are in a file of their own, so that they can change while the process that trains the run writes ``config.json``.
A trial that an earlier version started has no such file; its group is its study.
"""

import json
import re
from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from tetrarium.errors import ConfigError, HomeError
from tetrarium.registry.bundles import check_note, check_tag
from tetrarium.registry.files.atomic import folder_lock, write_file
from tetrarium.registry.files.safe_files import read_object
from tetrarium.registry.home import NAME_RULE

LABELS: Final = "labels.json"
MAX_TAGS: Final = 32
TRIAL_NAME: Final = re.compile(rf"({NAME_RULE.pattern})-[0-9]{{4}}")  # of the run of a study's trial
_FORMAT_VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLabels:
    """Labels of one run.

    >>> RunLabels(group="rates", tags=("good",)).with_changes(add_tags=["late"], note="the first try")
    RunLabels(group='rates', tags=('good', 'late'), note='the first try')
    """

    group: str | None = None
    tags: tuple[str, ...] = ()  # sorted
    note: str = ""

    def __post_init__(self) -> None:
        if self.group is not None and not NAME_RULE.allows(self.group):
            raise ConfigError(
                f"The name of a group {NAME_RULE.text}; got {self.group!r:.82}. Choose another name.", field="group"
            )
        object.__setattr__(self, "tags", tuple(sorted({check_tag(tag) for tag in self.tags})))
        if len(self.tags) > MAX_TAGS:
            raise ConfigError(f"A run has up to {MAX_TAGS} tags; got {len(self.tags)}. Remove some.", field="tags")
        check_note(self.note)

    def with_changes(
        self,
        *,
        group: str | None = None,
        add_tags: Collection[str] = (),
        remove_tags: Collection[str] = (),
        note: str | None = None,
    ) -> "RunLabels":
        """Returns the labels with another group, tags or note.

        Args:
            group: The new group; empty for none, None to keep it.
            add_tags: Further tags.
            remove_tags: Tags to remove; those that the run does not have are ignored.
            note: The new note; None to keep it.

        Raises:
            ConfigError, BundleError: if one of them is invalid.
        """
        return replace(
            self,
            group=self.group if group is None else group or None,
            tags=tuple({*self.tags, *add_tags} - set(remove_tags)),
            note=self.note if note is None else note,
        )

    def to_bytes(self) -> bytes:
        """Returns the content of ``labels.json``."""
        return (json.dumps({"format_version": _FORMAT_VERSION, **asdict(self)}, indent=2) + "\n").encode()


def read_labels(folder: Path, *, is_trial: bool = False) -> RunLabels:
    """Returns the labels of a run; ``is_trial``: whether a study started it.

    Raises:
        HomeError: if they cannot be read.
    """
    path = folder / LABELS
    try:
        values: dict[str, Any] = read_object(path)
        return RunLabels(group=values["group"], tags=tuple(values["tags"]), note=values["note"])
    except FileNotFoundError:
        study = TRIAL_NAME.fullmatch(folder.name) if is_trial else None
        return RunLabels(group=study[1] if study else None)
    except (OSError, ValueError, KeyError, TypeError) as error:  # a ConfigError is a ValueError
        raise HomeError(f"The run's {str(path)!r} cannot be read ({error}). Repair or delete the file.") from error


def change_labels(
    folder: Path,
    *,
    is_trial: bool = False,
    group: str | None = None,
    add_tags: Collection[str] = (),
    remove_tags: Collection[str] = (),
    note: str | None = None,
) -> RunLabels:
    """Changes the labels of a run, as ``RunLabels.with_changes`` does, and returns them.

    Raises:
        ConfigError, BundleError: if one of them is invalid.
        HomeError: if those that the run has cannot be read.
        OSError: if they cannot be written.
    """
    with folder_lock(folder.parent):  # as renaming and deletion do
        labels = read_labels(folder, is_trial=is_trial).with_changes(
            group=group, add_tags=add_tags, remove_tags=remove_tags, note=note
        )
        write_file(folder / LABELS, labels.to_bytes())
    return labels
