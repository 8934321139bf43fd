"""Replay buffer that stores game states instead of observations, and expands them when it samples.

An observation of the default game takes 3.7 kB, and a transition has two. They follow from a board, the visible pieces,
the action and the one piece that it reveals: some 50 bytes. ``Transitions`` computes them by the kernels for the kind
of game. The buffer behaves like Stable-Baselines3's own, except that it samples with its own generator, which is saved
with it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from gymnasium import spaces
from stable_baselines3.common.buffers import BaseBuffer, ReplayBuffer
from stable_baselines3.common.type_aliases import ReplayBufferSamples
from stable_baselines3.common.vec_env import VecNormalize

from tetrarium.engine import Layout, Rules, make_layout
from tetrarium.engine.placement import transitions
from tetrarium.engine.state_layout import COLUMNS, HELD, QUEUE, GameRows
from tetrarium.environment import EnvConfig
from tetrarium.environment.core import GameCore
from tetrarium.environment.replays import action_type
from tetrarium.training.requirements import column_type, require_replay_memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Transitions:
    """A batch of n transitions."""

    games: GameRows  # (n, COLUMNS + width)
    revealed: npt.NDArray[np.int64]  # (n, N_REVEALED) the last preview pieces after the action
    actions: npt.NDArray[np.int64]  # (n,)
    rules: Rules
    layout: Layout

    def rows_t(self) -> npt.NDArray[np.float32]:
        """Returns ``(n, row_length)``: the observation row of each executed action."""
        return transitions.game_action_rows(self.games, self.actions, self.rules, self.layout)

    def observations_t(self) -> npt.NDArray[np.float32]:
        """Returns ``(n, n_actions, row_length)``: the observations before the actions."""
        return transitions.observe_games(self.games, self.rules, self.layout)

    def observations_tp1(self) -> npt.NDArray[np.float32]:
        """Returns ``(n, n_actions, row_length)``: the observations after the actions; -1 where the game ended."""
        games_tp1 = transitions.place_in_games(self.games, self.revealed, self.actions, self.rules)
        return transitions.observe_games(games_tp1, self.rules, self.layout)


def make_transitions(
    columns: npt.NDArray[np.int64],
    pieces: npt.NDArray[np.int64],
    actions: npt.NDArray[np.int64],
    mirrored: npt.NDArray[np.bool_] | None,
    rules: Rules,
    layout: Layout,
) -> Transitions:
    """Makes transitions from the arrays of a replay buffer.

    Args:
        columns: ``(n, width)`` boards.
        pieces: The queue and the revealed piece; with hold, two revealed pieces and the held piece, 0 for none.
        actions: ``(n,)``.
        mirrored: ``(n,)``, the transitions to mirror; None for none.
        rules: Rules of the games.
        layout: Layout of the observation rows.
    """
    end = 1 + rules.preview
    held = pieces[:, -1] if rules.hold else np.zeros(len(pieces), dtype=np.int64)
    revealed = (
        np.ascontiguousarray(pieces[:, end : end + transitions.N_REVEALED]) if rules.hold else pieces[:, [end, end]]
    )
    games = transitions.make_games(columns, pieces[:, :end], held)
    if mirrored is not None:
        transitions.mirror_games(games, revealed, actions, mirrored, rules)
    return Transitions(games=games, revealed=revealed, actions=actions, rules=rules, layout=layout)


STORED: Final = ("columns", "pieces", "actions", "rewards", "endings")
_PIECE_BITS: Final = 3
_TERMINATED: Final = 1  # the placement ended the game
_TRUNCATED: Final = 2  # the game was truncated after it

_Index = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]  # positions in the buffer, and environments


class RowSamples(NamedTuple):
    """A batch of n-step transitions for an afterstate network."""

    rows_t: torch.Tensor  # (batch, row_length) the row of the executed action
    rows_tp1: torch.Tensor  # (batch, n_actions, row_length) the observation after the last of the n placements
    rewards: torch.Tensor  # (batch,) discounted sum of the n rewards
    terminal: torch.Tensor  # (batch,) bool, the last of the n placements ended the game
    discounts: torch.Tensor  # (batch,) factor of the value of rows_tp1


class CompactReplayBuffer(ReplayBuffer):
    """Replay buffer of placement games, about 50 bytes per transition.

    Memory is committed as the buffer fills, and only the filled part is pickled.

    Args:
        buffer_size: Capacity in transitions, of all games together.
        observation_space: That of the ``TetrisVecEnv``.
        action_space: That of the ``TetrisVecEnv``.
        device: Device of the samples.
        n_envs: Number of parallel games.
        optimize_memory_usage: Part of Stable-Baselines3's interface; must be false.
        env_config: ``EnvConfig.to_dict()`` of the games.
        seed: Seed of the sampling generator.
    """

    def __init__(
        self,
        buffer_size: int,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        device: torch.device | str = "auto",
        n_envs: int = 1,
        optimize_memory_usage: bool = False,
        *,
        env_config: dict[str, Any],
        seed: int,
    ) -> None:
        BaseBuffer.__init__(self, buffer_size, observation_space, action_space, device, n_envs=n_envs)
        if optimize_memory_usage:
            raise ValueError("This buffer stores no observations. Set optimize_memory_usage=False.")
        self.buffer_size = max(buffer_size // n_envs, 1)
        self.optimize_memory_usage = False
        self.handle_timeout_termination = True
        self.random = np.random.default_rng(seed)
        self.config = EnvConfig.from_dict(env_config)
        self.rules = self.config.rules()
        self.layout = make_layout(self.config.features, self.config.width, self.config.preview)
        self._allocate()

    def _allocate(self) -> None:
        """Makes empty arrays.

        Raises:
            ConfigError: if they do not fit into the memory of this machine.
        """
        size = (self.buffer_size, self.n_envs)
        require_replay_memory(self.config, math.prod(size))
        self.columns = np.zeros((*size, self.rules.width), dtype=column_type(self.config))
        # The queue and the revealed piece, 3 bits each; with hold, two revealed pieces and the held piece, 0 for none.
        self.pieces = np.zeros(size, dtype=np.uint32)
        self.actions = np.zeros((*size, 1), dtype=action_type(self.config))
        self.rewards = np.zeros(size, dtype=np.float32)
        self.endings = np.zeros(size, dtype=np.uint8)  # 0, _TERMINATED or _TRUNCATED

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, **self._filled()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._allocate()
        self._fill(state)

    def _filled(self) -> dict[str, npt.NDArray[Any]]:
        n_steps = self.buffer_size if self.full else self.pos
        return {name: getattr(self, name)[:n_steps].copy() for name in STORED}

    def _fill(self, state: Mapping[str, Any]) -> None:
        for name in STORED:
            getattr(self, name)[: len(state[name])] = state[name]

    def state(self) -> dict[str, Any]:
        """Returns the stored transitions and the generator's state, as arrays and numbers without custom classes."""
        return {"position": self.pos, "is_full": self.full, "random": self.random.bit_generator.state, **self._filled()}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Restores what ``state`` returned, into a buffer of the same size and game.

        Raises:
            KeyError, ValueError: if the state is invalid.
        """
        self._fill(state)
        self.pos, self.full = int(state["position"]), bool(state["is_full"])
        self.random.bit_generator.state = state["random"]

    @property
    def bytes_per_transition(self) -> int:
        """Size of a transition in memory and on disk, in bytes."""
        return sum(getattr(self, name)[0, 0].nbytes for name in STORED)

    def add_step(self, core: GameCore, rewards: npt.NDArray[Any]) -> None:
        """Stores the transitions of the core's last step."""
        games = core.games
        self.columns[self.pos] = core.states_t[:, COLUMNS:]
        in_view = core.states_t[:, QUEUE : QUEUE + 1 + self.rules.preview]
        if self.rules.hold:
            pieces = np.column_stack([in_view, games.state_after.queue[:, -2:], core.states_t[:, HELD]])
        else:
            pieces = np.column_stack([in_view, games.state_after.queue[:, -1]])
        self.pieces[self.pos] = (pieces << self._shifts).sum(axis=1)
        self.actions[self.pos, :, 0] = games.executed_actions
        self.rewards[self.pos] = rewards
        self.endings[self.pos] = _TERMINATED * games.step_terminated + _TRUNCATED * games.step_truncated
        self.pos += 1
        if self.pos == self.buffer_size:
            self.full = True
            self.pos = 0

    def end_returns(self) -> None:
        """Ends n-step returns at the latest transition, because the next one to be stored does not follow it."""
        latest = self.endings[self.pos - 1]
        latest[latest == 0] = _TRUNCATED

    def add(self, *args: Any, **kwargs: Any) -> None:
        """Raises ``TypeError``: a game cannot be recovered from an observation. Use ``add_step``."""
        raise TypeError(
            "CompactReplayBuffer stores games, not observations. Call add_step with the environment's core."
        )

    def sample(self, batch_size: int, env: VecNormalize | None = None) -> ReplayBufferSamples:
        """Samples whole observations, as Stable-Baselines3's buffer does."""
        if env is not None:
            raise ValueError("VecNormalize would make illegal rows unrecognizable. Train without VecNormalize.")
        return self.samples_at(*self._draw(batch_size))

    def samples_at(self, steps: npt.NDArray[np.int64], envs: npt.NDArray[np.int64]) -> ReplayBufferSamples:
        """Returns the transitions stored at ``(steps, envs)``."""
        index = (steps, envs)
        transitions = self._read(index)
        terminal = (self.endings[index] == _TERMINATED).astype(np.float32)
        data = (
            transitions.observations_t(),
            self.actions[index].astype(np.int64),
            transitions.observations_tp1(),
            terminal.reshape(-1, 1),
            self.rewards[index].reshape(-1, 1),
        )
        return ReplayBufferSamples(*map(self.to_torch, data))

    def sample_rows(self, batch_size: int, n_steps: int, gamma: float, *, mirroring: bool = False) -> RowSamples:
        """Samples transitions with only the executed action's row of the first observation, which training needs.

        Args:
            batch_size: Number of transitions.
            n_steps: Length of the n-step returns; shorter where the game ends or is truncated, and at the latest
                stored transition.
            gamma: Discount factor per placement.
            mirroring: Mirror half of the transitions, chosen at random.
        """
        index = self._draw(batch_size)
        mirrored = self.random.integers(0, 2, size=batch_size, dtype=np.uint8) > 0 if mirroring else None
        rows_t = self._read(index, mirrored).rows_t()
        last, rewards, discounts = self._returns(index, n_steps, gamma)
        rows_tp1 = self._read(last, mirrored).observations_tp1()
        terminal = self.endings[last] == _TERMINATED
        return RowSamples(*map(self._tensor, (rows_t, rows_tp1, rewards, terminal, discounts)))

    def _returns(
        self, index: _Index, n_steps: int, gamma: float
    ) -> tuple[_Index, npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Returns the last transitions of the n-step returns, the discounted rewards, and the final discounts."""
        steps, envs = index[0].copy(), index[1]
        latest = (self.pos - 1) % self.buffer_size
        rewards = self.rewards[index]
        discounts = np.full(len(steps), gamma, dtype=np.float32)
        extends = np.ones(len(steps), dtype=np.bool_)
        for _ in range(n_steps - 1):
            extends &= (self.endings[steps, envs] == 0) & (steps != latest)
            steps[extends] = (steps[extends] + 1) % self.buffer_size
            rewards[extends] += discounts[extends] * self.rewards[steps[extends], envs[extends]]
            discounts[extends] *= np.float32(gamma)
        return (steps, envs), rewards, discounts

    def _draw(self, batch_size: int) -> _Index:
        steps = self.random.integers(0, self.buffer_size if self.full else self.pos, size=batch_size)
        return steps, self.random.integers(0, self.n_envs, size=batch_size)

    @property
    def _shifts(self) -> npt.NDArray[np.int64]:
        n_pieces = self.rules.preview + (4 if self.rules.hold else 2)
        return _PIECE_BITS * np.arange(n_pieces, dtype=np.int64)

    def _read(self, index: _Index, mirrored: npt.NDArray[np.bool_] | None = None) -> Transitions:
        columns = self.columns[index].astype(np.int64)
        pieces = (self.pieces[index].astype(np.int64)[:, None] >> self._shifts) & ((1 << _PIECE_BITS) - 1)
        actions = self.actions[index][:, 0].astype(np.int64)
        return make_transitions(columns, pieces, actions, mirrored, self.rules, self.layout)

    def _tensor(self, array: npt.NDArray[Any]) -> torch.Tensor:
        return torch.as_tensor(array, device=self.device)
