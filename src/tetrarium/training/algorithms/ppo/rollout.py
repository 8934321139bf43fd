"""The placements of one rollout: what was drawn among which rows, and the returns that followed."""

import numpy as np
import numpy.typing as npt

from tetrarium.evaluation.kernels.network import CompiledNetwork
from tetrarium.evaluation.kernels.row_sampling import sample_rows

N_BEST = 10  # rows of a choice at most
MARGIN = 6.0  # below the highest score; a row at this distance is 400 times less probable


class Choices:
    """Choices among the best rows of observations, ``(n,)`` or ``(n_steps, n)`` of them.

    Args:
        shape: Shape of the choices.
        row_length: Numbers in a row.
    """

    def __init__(self, shape: tuple[int, ...], row_length: int) -> None:
        self.rows = np.zeros((*shape, N_BEST, row_length), dtype=np.float32)
        self.counts = np.zeros(shape, dtype=np.int64)  # of rows
        self.places = np.zeros(shape, dtype=np.int64)  # of the drawn row among them

    def draw(
        self,
        step: int | tuple[()],
        observations: npt.NDArray[np.float32],
        network: CompiledNetwork,
        uniforms: npt.NDArray[np.float64],
    ) -> npt.NDArray[np.int64]:
        """Draws and stores one choice for each observation; returns the actions ``(n,)``.

        Args:
            step: First index of the choices; () if they have none.
            observations: ``(n, n_actions, row_length)``.
            network: Network that scores the rows.
            uniforms: ``(n,)`` random numbers from 0 up to 1.
        """
        actions = np.empty(len(observations), dtype=np.int64)
        outputs = self.rows[step], self.counts[step], self.places[step], actions
        memory = np.empty(N_BEST, dtype=np.float32), np.empty(N_BEST, dtype=np.int64)
        sample_rows(observations, network, uniforms, *outputs, MARGIN, *memory)
        return actions


class Rollout:
    """Choices of every game in ``n_steps`` steps and after them, with their rewards.

    Args:
        n_steps: Placements of each game.
        n_envs: Number of games.
        row_length: Numbers in a row.
    """

    def __init__(self, n_steps: int, n_envs: int, row_length: int) -> None:
        self.choices = Choices((n_steps + 1, n_envs), row_length)
        self.rewards = np.zeros((n_steps, n_envs), dtype=np.float32)
        self.dones = np.zeros((n_steps, n_envs), dtype=np.bool_)
        self.truncated: list[tuple[int, int, npt.NDArray[np.float32]]] = []  # step, game and final observation

    def clear(self) -> None:
        """Forgets the final observations; all else is overwritten."""
        self.truncated.clear()


def lambda_returns(
    rewards: npt.NDArray[np.float32],
    dones: npt.NDArray[np.bool_],
    values: npt.NDArray[np.float32],
    final_values: npt.NDArray[np.float32],
    gamma: float,
    lambda_: float,
) -> npt.NDArray[np.float32]:
    """Returns the lambda-returns of every step, ``(n_steps, n)`` (Sutton and Barto, 2018, equation 12.18).

    >>> ones = np.ones((2, 1), dtype=np.float32)
    >>> lambda_returns(ones, ones > 1, np.full((3, 1), 4, np.float32), 0 * ones, gamma=0.5, lambda_=0.5).T
    array([[2.75, 3.  ]], dtype=float32)

    Args:
        rewards: ``(n_steps, n)``.
        dones: ``(n_steps, n)``, whether a game ended at a step.
        values: ``(n_steps + 1, n)`` of the states before each step, and after the last one.
        final_values: ``(n_steps, n)`` of the final state of a truncated game; 0 where none was truncated.
        gamma: Discount factor.
        lambda_: Weight of later returns against the next value.
    """
    returns = np.empty_like(rewards)
    following = values[-1]
    for step in range(len(rewards) - 1, -1, -1):
        later = (1 - lambda_) * values[step + 1] + lambda_ * following
        following = rewards[step] + gamma * np.where(dones[step], final_values[step], later)
        returns[step] = following
    return returns
