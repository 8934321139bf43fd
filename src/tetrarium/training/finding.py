"""What people mean by WHAT: a run or one of its checkpoints, a model, a bundle, a folder, a controller or a replay."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

from tetrarium.environment import EnvConfig
from tetrarium.environment.replays import MAX_FILE_BYTES, REPLAY_SUFFIX, Replay
from tetrarium.errors import ConfigError, ModelError, ReplayError, suggestion
from tetrarium.evaluation import POLICY_NAMES, named_policy
from tetrarium.registry.box import champion_names, champion_path
from tetrarium.registry.bundles import BUNDLE_SUFFIX
from tetrarium.registry.home import Home
from tetrarium.training.runs.folder import BEST, checkpoint_steps, latest_checkpoint

if TYPE_CHECKING:
    from tetrarium.evaluation.leaderboard import Player  # which loads the database's library

__all__ = ["find_checkpoint", "find_player_policy", "find_policy", "find_replay"]

_JSON_BYTES_ACTION: Final = 5  # an action in JSON is at most "511, "


def find_policy(what: str, home: Home) -> tuple[Any, EnvConfig | None]:
    """Finds what WHAT names: a known controller, or what ``find_checkpoint`` finds.

    Returns:
        The policy, and the game that it was trained for, if it was.

    Raises:
        ConfigError: if WHAT names nothing.
    """
    if what in POLICY_NAMES:
        return named_policy(what), None
    if Path(what).suffix == REPLAY_SUFFIX:
        raise ConfigError(
            f"A replay is one game that was played, and here an agent plays new ones; got {what!r}. "
            "Name a run, or show the replay by `tetrarium watch`."
        )
    from tetrarium.training.checkpoints.agents import read_policy  # which loads torch

    path = find_checkpoint(what, home, known=POLICY_NAMES)
    return read_policy(path, _shown_name(what, path, home))


def find_player_policy(player: "Player", home: Home) -> Any:
    """Loads who plays for the leaderboard.

    Raises:
        BundleError: if its file was altered.
    """
    if player.version is None:
        return named_policy(player.label)
    from tetrarium.registry.models import ModelStore
    from tetrarium.training.checkpoints.agents import read_policy  # which loads torch

    return read_policy(ModelStore(home).path(player.version), player.label)[0]


def _shown_name(what: str, path: Path, home: Home) -> str:
    """What reports call an agent: a run's or a folder's name, a bundle's, or a saved model's with its version."""
    stem = path.name.removesuffix(BUNDLE_SUFFIX)
    if path.parent.parent == home.models:
        return f"{path.parent.name}@{stem}"
    return stem if path.suffix == BUNDLE_SUFFIX else Path(what).name.partition("@")[0]


def find_replay(what: str) -> Replay | None:
    """Reads the replay that WHAT names by its file, ``.tetris-replay`` or ``.json``, if it names one.

    Raises:
        ConfigError: if there is no such file.
        ReplayError: if it holds no replay that this version reads.
    """
    path = Path(what)
    if path.suffix not in {REPLAY_SUFFIX, ".json"} or path.is_dir():
        return None
    if not path.is_file():
        raise ConfigError(f"A replay is a file; there is no {what!r}. Make one by `tetrarium record`.")
    is_json = path.suffix == ".json"
    limit = MAX_FILE_BYTES * _JSON_BYTES_ACTION if is_json else MAX_FILE_BYTES
    if path.stat().st_size > limit:
        raise ReplayError(
            f"A replay here has at most {limit:,} bytes; {what!r} has {path.stat().st_size:,}. Name a replay."
        )
    content = path.read_bytes()
    return Replay.from_json(content) if is_json else Replay.from_bytes(content)


def find_checkpoint(what: str, home: Home, known: tuple[str, ...] = ()) -> Path:
    """Finds the checkpoint's folder or the bundle's file that a name stands for.

    Args:
        what: A run's name, whose latest checkpoint counts, ``NAME@best`` or ``NAME@STEP``; a model's name or
            ``NAME@VERSION``; a bundle's file, or a folder. What is both a run's and something else is the run's.
        home: Where runs are.
        known: What else could have been named, for the message.

    Raises:
        ConfigError: if there is none.
        ModelError: if there is such a model, but not that version.
    """
    what, at, which = what.partition("@") if not Path(what).is_dir() else (what, "", "")
    path = Path(what)
    folder = home.runs / what
    is_name = path.name == what and not what.startswith(".")
    if path.is_dir() and not (is_name and folder.is_dir()):
        return latest_checkpoint(path) or path
    if path.suffix == BUNDLE_SUFFIX and path.is_file():
        return path
    is_of_run = folder.is_dir() and not (at and which != BEST and not _has_step(folder, which))
    if is_name and not is_of_run:
        try:
            found_model = _model(what, at, which, home)
        except ModelError:
            if not folder.is_dir():
                raise
            found_model = None  # what the run has is told below
        if found_model is not None:
            return found_model
    if not is_name or not folder.is_dir():
        _refuse_unknown(what, home, known)
    if at:
        return _version(folder, which)
    found = latest_checkpoint(folder)
    if found is None:
        raise ConfigError(f"The run {what!r} has no checkpoint yet. Wait for its first one, or name another run.")
    return found


def _has_step(folder: Path, which: str) -> bool:
    return which.isdecimal() and int(which) in checkpoint_steps(folder)


def _model(name: str, at: str, which: str, home: Home) -> Path | None:
    """The bundle of a saved model, if there is such a model."""
    from tetrarium.registry.models import ModelStore  # which loads the database's library

    models = ModelStore(home)
    if champion_path(name) is None and not models.has(name):
        return None
    return models.path(models.find(f"{name}{at}{which}"))


def _refuse_unknown(what: str, home: Home, known: tuple[str, ...]) -> NoReturn:
    from tetrarium.registry.models import ModelStore

    runs = sorted(path.name for path in home.runs.iterdir() if path.is_dir()) if home.runs.is_dir() else []
    models = [*(slot.name for slot in ModelStore(home).slots()), *champion_names()]
    choices = ", ".join(["a run", "NAME@best", "NAME@STEP", "a model", "a bundle", "a checkpoint folder", *known])
    raise ConfigError(
        f"What can be named is {choices}; there is no {what!r}."
        f"{suggestion(what, [*known, *runs, *models]) or ' Train one by `tetrarium train`.'}"
    )


def _version(folder: Path, which: str) -> Path:
    """The best weights of a run, or its checkpoint of a step."""
    path = folder / BEST if which == BEST else folder / "checkpoints" / which
    steps = checkpoint_steps(folder)
    if which != BEST and not (which.isdecimal() and int(which) in steps):
        there = ", ".join(map(str, steps)) or "none yet"
        raise ConfigError(
            f"After {folder.name}@ stands {BEST!r} or the step of a checkpoint, of which there are {there}; "
            f"got {which!r}. Name one of them."
        )
    if not path.is_dir():
        raise ConfigError(f"The run {folder.name!r} has evaluated nothing yet. Wait for that, or leave @{BEST} out.")
    return path
