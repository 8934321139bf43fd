"""Resolution of agent references to policies, checkpoints and replays.

An agent reference is a run, ``NAME@best``, ``NAME@STEP``, a model, ``NAME@VERSION``, the path of a bundle or of a
checkpoint's folder, or the name of a published controller.
"""

import errno
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

from tetrarium.environment import EnvConfig
from tetrarium.environment.replays import MAX_FILE_BYTES, REPLAY_SUFFIX, Replay
from tetrarium.errors import ConfigError, ModelError, ReplayError, UnknownAgentError, suggestion
from tetrarium.evaluation import POLICY_NAMES, named_policy
from tetrarium.registry.bundles import BUNDLE_SUFFIX
from tetrarium.registry.home import Home
from tetrarium.registry.versions import CHAMPIONS, champion_names, champion_path
from tetrarium.training.runs.storage.folder import BEST, checkpoint_steps, latest_checkpoint

if TYPE_CHECKING:
    from tetrarium.evaluation.leaderboard import RankedAgent  # which loads the database's library

_JSON_BYTES_ACTION: Final = 5  # an action in JSON is at most "511, "


def resolve_policy(reference: str, home: Home) -> tuple[Any, EnvConfig | None]:
    """Resolves an agent reference to a policy.

    ``reference``: the name of a published controller, or what ``resolve_checkpoint`` accepts.

    Returns:
        The policy, and the config of the game that it was trained for; None for a controller.

    Raises:
        ConfigError: if there is no such agent.
    """
    if reference in POLICY_NAMES:
        return named_policy(reference), None
    if Path(reference).suffix == REPLAY_SUFFIX and not _is_stored(reference, home):
        raise ConfigError(
            f"An agent plays new games, and a replay holds one recorded game; got {reference!r}. "
            "Name a run, or show the replay with `tetrarium watch`."
        )
    from tetrarium.training.checkpoints.agent_checkpoint import read_policy  # loads torch

    path = resolve_checkpoint(reference, home, known=POLICY_NAMES)
    return read_policy(path, _display_name(reference, path, home))


def load_ranked_policy(agent: "RankedAgent", home: Home) -> Any:
    """Loads the policy of a leaderboard entry.

    Raises:
        BundleError: if its file was altered.
    """
    if agent.version is None:
        return named_policy(agent.label)
    from tetrarium.registry.model_store import ModelStore
    from tetrarium.training.checkpoints.agent_checkpoint import read_policy  # loads torch

    return read_policy(ModelStore(home).path(agent.version), agent.label)[0]


def _display_name(reference: str, path: Path, home: Home) -> str:
    """Name of an agent in reports: the run, folder or bundle, or a saved model with its version."""
    stem = path.name.removesuffix(BUNDLE_SUFFIX)
    if path.parent.parent == home.models:
        return f"{path.parent.name}@{stem}"
    return stem if path.suffix == BUNDLE_SUFFIX else Path(reference).name.partition("@")[0]


def _is_stored(reference: str, home: Home) -> bool:
    """Returns whether a run or model has this name, which takes precedence over a file's."""
    is_name = Path(reference).name == reference
    return (
        is_name and _can_exist(reference) and any((folder / reference).is_dir() for folder in (home.runs, home.models))
    )


def _can_exist(reference: str) -> bool:
    """Returns whether a path is short enough for the file system."""
    try:
        Path(reference).lstat()
    except OSError as error:
        return error.errno != errno.ENAMETOOLONG
    return True


def resolve_replay(reference: str, home: Home) -> Replay | None:
    """Reads a replay if the reference is the path of one, ``.tetris-replay`` or ``.json``; else returns None.

    Raises:
        ConfigError: if there is no such file.
        ReplayError: if it is not a replay that this version can read.
    """
    path = Path(reference)
    if (
        path.suffix not in {REPLAY_SUFFIX, ".json"}
        or not _can_exist(reference)
        or path.is_dir()
        or _is_stored(reference, home)
    ):
        return None
    if not path.is_file():
        raise ConfigError(f"There is no replay file {reference!r}. Make one with `tetrarium record`.")
    is_json = path.suffix == ".json"
    limit = MAX_FILE_BYTES * _JSON_BYTES_ACTION if is_json else MAX_FILE_BYTES
    if path.stat().st_size > limit:
        raise ReplayError(
            f"A replay has at most {limit:,} bytes; {reference!r} has {path.stat().st_size:,}. Name another file."
        )
    content = path.read_bytes()
    return Replay.from_json(content) if is_json else Replay.from_bytes(content)


def resolve_checkpoint(reference: str, home: Home, known: tuple[str, ...] = ()) -> Path:
    """Resolves an agent reference to the folder of a checkpoint or the file of a bundle.

    Args:
        reference: A run's name for its latest checkpoint, ``NAME@best`` or ``NAME@STEP``; a model's name or
            ``NAME@VERSION``; the path of a bundle or of a folder. A run takes precedence over everything else.
        home: The home to search.
        known: Further accepted names, for the error message.

    Raises:
        ConfigError: if there is no such agent.
        ModelError: if the model exists, but not this version.
    """
    if not _can_exist(reference):
        _raise_unknown(reference, home, known)
    name, at, version = reference.partition("@") if not Path(reference).is_dir() else (reference, "", "")
    path = Path(name)
    folder = home.runs / name
    is_name = path.name == name and not name.startswith(".")
    if path.is_dir() and not (is_name and folder.is_dir()):
        return latest_checkpoint(path) or path
    if path.is_file() and not (is_name and folder.is_dir()):
        if path.suffix == BUNDLE_SUFFIX:
            return path
        if path.suffix == ".zip":
            _refuse_sb3_model(path)
    is_of_run = folder.is_dir() and not (at and version != BEST and not _has_step(folder, version))
    if is_name and not is_of_run:
        try:
            model = _model_path(name, at, version, home)
        except ModelError:
            if not folder.is_dir():
                raise
            model = None  # the error below lists the run's checkpoints
        if model is not None:
            return model
    if not is_name or not folder.is_dir():
        _raise_unknown(name, home, known)
    if at:
        return _run_checkpoint(folder, version)
    checkpoint = latest_checkpoint(folder)
    if checkpoint is None:
        raise UnknownAgentError(f"The run {name!r} has no checkpoint yet. Wait for its first one, or name another run.")
    return checkpoint


def reference_of(path: Path, home: Home) -> str | None:
    """Returns the agent reference that resolves to a checkpoint or bundle; None outside of the home.

    >>> home = Home(Path("/home"))
    >>> reference_of(home.run_folder("first") / "checkpoints" / "4000", home)
    'first@4000'
    """
    if path.parent == CHAMPIONS:
        return path.name.removesuffix(BUNDLE_SUFFIX)
    run = path.parent if path.name == BEST else path.parent.parent
    owner = path.parent if path.parent.parent == home.models else run if run.parent == home.runs else None
    return None if owner is None else f"{owner.name}@{path.name.removesuffix(BUNDLE_SUFFIX)}"


def _refuse_sb3_model(path: Path) -> NoReturn:
    from tetrarium.training.checkpoints.model_bundles import read_network  # loads torch

    read_network(path)
    raise UnknownAgentError(
        f"A model.zip holds no settings of its game; got {str(path)!r}. Import it with `tetrarium models import "
        f"{shlex.quote(str(path))}`, then name the model."
    )


def _has_step(folder: Path, version: str) -> bool:
    return version in map(str, checkpoint_steps(folder))


def _model_path(name: str, at: str, version: str, home: Home) -> Path | None:
    """Path of a saved model's bundle; None if there is no such model."""
    from tetrarium.registry.model_store import ModelStore  # loads the database library

    models = ModelStore(home)
    if champion_path(name) is None and not models.has(name):
        return None
    return models.path(models.find(f"{name}{at}{version}"))


def _raise_unknown(name: str, home: Home, known: tuple[str, ...]) -> NoReturn:
    from tetrarium.registry.model_store import ModelStore

    models = [*(slot.name for slot in ModelStore(home).slots()), *champion_names()]
    choices = ", ".join(["a run", "NAME@best", "NAME@STEP", "a model", "a bundle", "a checkpoint folder", *known])
    raise UnknownAgentError(
        f"Unknown agent {name!r:.82}. Name one of: {choices}."
        f"{suggestion(name, [*known, *home.run_names(), *models]) or ' Train one with `tetrarium train`.'}"
    )


def _run_checkpoint(folder: Path, version: str) -> Path:
    """Folder of a run's best weights, or of its checkpoint at a step."""
    path = folder / BEST if version == BEST else folder / "checkpoints" / version
    if version != BEST and not _has_step(folder, version):
        steps = ", ".join(map(str, checkpoint_steps(folder))) or "none yet"
        raise UnknownAgentError(
            f"{folder.name}@ is followed by {BEST!r} or by the step of a checkpoint, of which there are {steps}; "
            f"got {version!r}. Name one of them."
        )
    if not path.is_dir():
        raise UnknownAgentError(
            f"The run {folder.name!r} has not been evaluated yet. Wait for the first evaluation, or omit @{BEST}."
        )
    return path
