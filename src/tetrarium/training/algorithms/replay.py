"""A replay buffer that stores games, not observations, and expands them when it samples.

An observation of the default game is 3.7 kB, and a transition holds two. What they follow from is a board, the pieces
in view, the action and the one piece that came into view after it: some 50 bytes. In effect the buffer is
Stable-Baselines3's own, but for drawing samples from a generator of its own, which is saved with it.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from gymnasium import spaces
from stable_baselines3.common.buffers import BaseBuffer, ReplayBuffer
from stable_baselines3.common.type_aliases import ReplayBufferSamples
from stable_baselines3.common.vec_env import VecNormalize

from tetrarium.engine import make_layout
from tetrarium.engine.game_rows import COLUMNS, HELD, QUEUE
from tetrarium.environment import EnvConfig
from tetrarium.environment.core import GameCore
from tetrarium.environment.replays import action_type
from tetrarium.training.algorithms.placements import Placements, read_placements

__all__ = ["STORED", "CompactReplayBuffer", "RowSamples"]

STORED: Final = ("columns", "pieces", "actions", "rewards", "endings")
_PIECE_BITS: Final = 3
_OVER: Final = 1  # the placement ended the game
_CUT: Final = 2  # the game was cut after it
_INT32_ROWS: Final = 31

_Index = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]  # places in the buffer, and games


class RowSamples(NamedTuple):
    """A batch of transitions as an afterstate network reads them."""

    rows_t: torch.Tensor  # (batch, row length) the row of the action that was played
    rows_tp1: torch.Tensor  # (batch, n_actions, row length) the observation after the last placement counted
    rewards: torch.Tensor  # (batch,) discounted sum over the placements counted
    terminal: torch.Tensor  # (batch,) bool, the last placement counted ended the game
    discounts: torch.Tensor  # (batch,) what the value of the observation that followed is multiplied by


class CompactReplayBuffer(ReplayBuffer):
    """Replay of straight-drop games, about 50 bytes a transition.

    Memory is taken as the buffer fills, and only the filled part is pickled.

    Args:
        buffer_size: Transitions of all games together.
        observation_space: As of ``TetrisVecEnv``.
        action_space: As of ``TetrisVecEnv``.
        device: Where samples are put.
        n_envs: How many games.
        optimize_memory_usage: Accepted for Stable-Baselines3's sake; must be false.
        env_config: ``EnvConfig.to_dict()`` of the games.
        seed: Of the generator that samples are drawn with.
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
            raise ValueError("This buffer stores no observations to share. Leave optimize_memory_usage off.")
        self.buffer_size = max(buffer_size // n_envs, 1)
        self.optimize_memory_usage = False
        self.handle_timeout_termination = True
        self.random = np.random.default_rng(seed)
        self.config = EnvConfig.from_dict(env_config)
        self.rules = self.config.rules()
        self.layout = make_layout(self.config.features, self.config.width, self.config.preview)
        self._allocate()

    def _allocate(self) -> None:
        size = (self.buffer_size, self.n_envs)
        word = np.int32 if self.rules.height + self.rules.hidden_rows <= _INT32_ROWS else np.int64
        self.columns = np.zeros((*size, self.rules.width), dtype=word)
        # The queue and the piece that came into view, 3 bits each; with hold, two pieces and what was held, 0 for none.
        self.pieces = np.zeros(size, dtype=np.uint32)
        self.actions = np.zeros((*size, 1), dtype=action_type(self.config))
        self.rewards = np.zeros(size, dtype=np.float32)
        self.endings = np.zeros(size, dtype=np.uint8)  # 0, _OVER or _CUT

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
        """Returns what was stored, and the generator, as arrays and numbers that name no class of ours."""
        return {
            "position": self.pos,
            "is_full": self.full,
            "random": self.random.bit_generator.state,
            **self._filled(),
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Puts back what ``state`` gave, into a buffer of the same size and game.

        Raises:
            KeyError, ValueError: if it is something else.
        """
        self._fill(state)
        self.pos, self.full = int(state["position"]), bool(state["is_full"])
        self.random.bit_generator.state = state["random"]

    @property
    def bytes_per_transition(self) -> int:
        """Bytes that one transition takes in memory and on disk."""
        return sum(getattr(self, name)[0, 0].nbytes for name in STORED)

    def add_step(self, core: GameCore, rewards: npt.NDArray[Any]) -> None:
        """Stores what the core's last step did to its games."""
        games = core.games
        self.columns[self.pos] = core.rows_t[:, COLUMNS:]
        in_view = core.rows_t[:, QUEUE : QUEUE + 1 + self.rules.preview]
        if self.rules.hold:
            pieces = np.column_stack([in_view, games.reached.queue[:, -2:], core.rows_t[:, HELD]])
        else:
            pieces = np.column_stack([in_view, games.reached.queue[:, -1]])
        self.pieces[self.pos] = (pieces << self._shifts).sum(axis=1)
        self.actions[self.pos, :, 0] = games.played
        self.rewards[self.pos] = rewards
        self.endings[self.pos] = _OVER * games.step_over + _CUT * games.step_cut
        self.pos += 1
        if self.pos == self.buffer_size:
            self.full = True
            self.pos = 0

    def add(self, *args: Any, **kwargs: Any) -> None:
        """Refuses: an observation does not say which game it shows. Use ``add_step``."""
        raise TypeError("CompactReplayBuffer stores games, not observations. Call add_step with the games' core.")

    def sample(self, batch_size: int, env: VecNormalize | None = None) -> ReplayBufferSamples:
        """Samples whole observations, as Stable-Baselines3's buffer does."""
        if env is not None:
            raise ValueError("Normalised observations cannot be told from illegal ones. Train without VecNormalize.")
        return self.samples_at(*self._draw(batch_size))

    def samples_at(self, steps: npt.NDArray[np.int64], envs: npt.NDArray[np.int64]) -> ReplayBufferSamples:
        """Returns the transitions stored at ``(steps, envs)``."""
        index = (steps, envs)
        placements = self._read(index)
        terminal = (self.endings[index] == _OVER).astype(np.float32)
        data = (
            placements.observations_t(),
            self.actions[index].astype(np.int64),
            placements.observations_tp1(),
            terminal.reshape(-1, 1),
            self.rewards[index].reshape(-1, 1),
        )
        return ReplayBufferSamples(*map(self.to_torch, data))

    def sample_rows(self, batch_size: int, n_steps: int, gamma: float, *, mirroring: bool = False) -> RowSamples:
        """Samples what training needs: of the observation before, only the row that was played.

        Args:
            batch_size: How many transitions.
            n_steps: How many placements' rewards are counted before the value of what follows. Fewer are counted
                where the game ends or is cut, and at the latest transition stored.
            gamma: Discount per placement.
            mirroring: Whether half of them, at random, are returned with left and right swapped.
        """
        index = self._draw(batch_size)
        mirrored = self.random.integers(0, 2, size=batch_size, dtype=np.uint8) > 0 if mirroring else None
        rows_t = self._read(index, mirrored).rows_t()
        last, rewards, discounts = self._returns(index, n_steps, gamma)
        rows_tp1 = self._read(last, mirrored).observations_tp1()
        terminal = self.endings[last] == _OVER
        return RowSamples(*map(self._tensor, (rows_t, rows_tp1, rewards, terminal, discounts)))

    def _returns(
        self, index: _Index, n_steps: int, gamma: float
    ) -> tuple[_Index, npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Returns the last transitions counted, the discounted sums of rewards, and the discounts after them."""
        steps, envs = index[0].copy(), index[1]
        latest = (self.pos - 1) % self.buffer_size
        rewards = self.rewards[index]
        discounts = np.full(len(steps), gamma, dtype=np.float32)
        goes_on = np.ones(len(steps), dtype=np.bool_)
        for _ in range(n_steps - 1):
            goes_on &= (self.endings[steps, envs] == 0) & (steps != latest)
            steps[goes_on] = (steps[goes_on] + 1) % self.buffer_size
            rewards[goes_on] += discounts[goes_on] * self.rewards[steps[goes_on], envs[goes_on]]
            discounts[goes_on] *= np.float32(gamma)
        return (steps, envs), rewards, discounts

    def _draw(self, batch_size: int) -> _Index:
        steps = self.random.integers(0, self.buffer_size if self.full else self.pos, size=batch_size)
        return steps, self.random.integers(0, self.n_envs, size=batch_size)

    @property
    def _shifts(self) -> npt.NDArray[np.int64]:
        n_pieces = self.rules.preview + (4 if self.rules.hold else 2)
        return _PIECE_BITS * np.arange(n_pieces, dtype=np.int64)

    def _read(self, index: _Index, mirrored: npt.NDArray[np.bool_] | None = None) -> Placements:
        columns = self.columns[index].astype(np.int64)
        pieces = (self.pieces[index].astype(np.int64)[:, None] >> self._shifts) & ((1 << _PIECE_BITS) - 1)
        actions = self.actions[index][:, 0].astype(np.int64)
        return read_placements(columns, pieces, actions, mirrored, self.rules, self.layout)

    def _tensor(self, array: npt.NDArray[Any]) -> torch.Tensor:
        return torch.as_tensor(array, device=self.device)
