"""Requirements that a game and training settings meet together, checked before a run has a folder."""

import math
from itertools import pairwise
from typing import Final

import numpy as np

from tetrarium.engine import PIECES, Rules, make_layout, row_length
from tetrarium.engine.features import feature_spec
from tetrarium.engine.rules import SCRIPTED, UNIFORM_OF
from tetrarium.environment import EnvConfig
from tetrarium.environment.replays import action_type
from tetrarium.errors import ConfigError
from tetrarium.training.config import TrainingConfig
from tetrarium.training.memory import require_memory

_MIRRORED: Final = str.maketrans("LJSZ", "JLZS")
_SYMMETRIC_SETTINGS: Final = {  # others spawn pieces half a column to the left, and have kicks that do not mirror
    "game_over": "overflow",
    "actions": "drop",
}
_INT32_ROWS: Final = 31
_N_BYTES_REST: Final = 9  # of a stored transition: pieces, reward and ending
_N_BYTES_WEIGHT: Final = 24  # the networks for play, target and training, its gradient, and two moments of Adam
_N_BYTES_FLOAT: Final = 4


def require_trainable(env_config: EnvConfig, config: TrainingConfig) -> None:
    """Checks that an agent with these settings can be made for this game on this machine.

    Raises:
        ConfigError: if it cannot.
    """
    env_config.rules()
    if env_config.observation != "rows":
        raise rows_error(f"observation={env_config.observation!r}")
    if config.algorithm == "cma-es":
        require_linear_features(env_config, config)
        require_independent_pieces(env_config, config)
        return
    if config.mirroring and config.algorithm != "maskable-ppo":
        require_symmetric(_asymmetry(env_config))
    require_network_memory(config)
    n_bytes_rows = _n_bytes_rows(env_config)
    if config.algorithm in ("ppo", "maskable-ppo"):
        n = config.ppo_n_steps * config.n_envs
        require_memory("ppo_n_steps", f"a rollout of {n:,} placements", 2 * n * n_bytes_rows)  # flattened, in a copy
        return
    require_replay_memory(env_config, config.buffer_size // config.n_envs * config.n_envs)
    require_memory("batch_size", f"a batch of {config.batch_size:,} transitions", config.batch_size * n_bytes_rows)
    if config.algorithm == "qr-dqn":
        n_bytes = config.batch_size * config.n_quantiles**2 * _N_BYTES_FLOAT  # each quantile with each target
        require_memory("n_quantiles", f"the loss of {config.n_quantiles:,} quantiles", n_bytes)


def rows_error(got: str) -> ConfigError:
    """Returns the error for an observation without rows."""
    return ConfigError(
        f"An agent reads one row of features per action; got {got}. "
        "Use observation='rows', or train MultiInputPolicy with Stable-Baselines3 itself.",
        field="observation",
    )


def linear_features(env_config: EnvConfig, config: TrainingConfig) -> tuple[str, ...]:
    """Returns the features that CMA-ES weighs: those that differ between placements, with ``cma_columns`` all."""
    weighable = (name for name in env_config.features if feature_spec(name).is_weighable and name != "game_over")
    return tuple(name for name in weighable if config.cma_columns or feature_spec(name).per == "board")


def require_linear_features(env_config: EnvConfig, config: TrainingConfig) -> tuple[str, ...]:
    """Returns the features whose weights CMA-ES searches.

    Raises:
        ConfigError: if there are none, or the observation does not show the end of a game.
    """
    features = linear_features(env_config, config)
    if not features or "game_over" not in env_config.features:
        weighed = "of a placement" if config.cma_columns else "of a single number"
        raise ConfigError(
            f"The algorithm 'cma-es' requires 'game_over' and at least one feature {weighed}; got "
            f"{', '.join(env_config.features)}. Add 'game_over' and 'holes', for example, to features.",
            field="features",
        )
    return features


def require_independent_pieces(env_config: EnvConfig, config: TrainingConfig) -> None:
    """Checks that the walkers of CMA-ES can draw pieces anew.

    Raises:
        ConfigError: if there are walkers and pieces depend on each other.
    """
    if config.cma_walkers and env_config.randomizer != "uniform":
        raise ConfigError(
            f"Walkers need independent pieces, randomizer='uniform'; got cma_walkers={config.cma_walkers} and "
            f"randomizer={env_config.randomizer!r}. Set randomizer='uniform', or cma_walkers=0.",
            field="cma_walkers",
        )


def _deals_mirrored_alike(rules: Rules) -> bool:
    """Returns whether each piece is dealt as often as its mirror image, after whatever pieces."""
    if rules.compiled.randomizer == UNIFORM_OF:
        pieces = {PIECES[piece] for piece in rules.script}
        return pieces == {piece.translate(_MIRRORED) for piece in pieces}
    return rules.compiled.randomizer != SCRIPTED


def _asymmetry(env_config: EnvConfig) -> str | None:
    """Returns a property of a game that mirroring would change; None if it is symmetric."""
    if not _deals_mirrored_alike(env_config.rules()):
        return f"the pieces {env_config.randomizer!r}"
    for name, symmetric in _SYMMETRIC_SETTINGS.items():
        if getattr(env_config, name) != symmetric:
            return f"{name}={getattr(env_config, name)!r}"
    return None


def require_symmetric(asymmetric: str | None) -> None:
    """Refuses to mirror a game with a property that mirroring would change.

    Raises:
        ConfigError: if there is one.
    """
    if asymmetric is not None:
        raise ConfigError(
            f"mirroring requires a game of tetrarium that is symmetric left to right; got {asymmetric}. "
            "Set mirroring=False.",
            field="mirroring",
        )


def require_network_memory(config: TrainingConfig) -> None:
    """Checks that the networks fit into memory.

    Raises:
        ConfigError: if they do not.
    """
    n_weights = sum(width * width_tp1 for width, width_tp1 in pairwise(config.net_arch))
    require_memory("net_arch", f"a network of widths {config.net_arch}", n_weights * _N_BYTES_WEIGHT)


def column_type(env_config: EnvConfig) -> type[np.int32 | np.int64]:
    """Returns the type that stores a column of the board."""
    return np.int32 if env_config.height + env_config.hidden_rows <= _INT32_ROWS else np.int64


def require_replay_memory(env_config: EnvConfig, n: int) -> None:
    """Checks that a compact replay buffer of n transitions fits into memory.

    Raises:
        ConfigError: if it does not.
    """
    n_bytes_columns = env_config.width * np.dtype(column_type(env_config)).itemsize
    n_bytes = n_bytes_columns + action_type(env_config).itemsize + _N_BYTES_REST
    require_memory("buffer_size", f"a replay buffer of {n:,} transitions", n * n_bytes)


def _n_bytes_rows(env_config: EnvConfig) -> int:
    layout = make_layout(env_config.features, env_config.width, env_config.preview)
    return math.prod((env_config.rules().n_actions, row_length(layout), _N_BYTES_FLOAT))
