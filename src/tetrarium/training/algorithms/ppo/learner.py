"""PPO over afterstates: a score of each row is the logit of its action, and games are played by compiled kernels.

As in ``maskable-ppo``, actor and critic are small networks that read one row at a time, and the value of a state is the
critic's mean over its rows, weighted by the actor's probabilities (Schulman et al., arXiv 1707.06347; such a mean as
the baseline: Asadi et al., "Mean Actor Critic", 2017). It is several times as fast: a kernel draws the actions, and
only among the rows of the highest scores (``N_BEST``, ``MARGIN``), the only ones that the gradient steps read. A
placement's advantage is its lambda-return less the value of its state, in units of the rollout's standard deviation.

The policy that plays is not the actor but the average of its weights over the latest gradient steps (Polyak and
Juditsky, 1992): it takes the best row where the actor, which explores, draws one.

A round is a rollout of every game and its epochs. With ``mirroring`` every second rollout is seen in a mirror.

Files in a checkpoint:

=======================  ============================================================================================
networks.safetensors     the weights of the actor, the critic and the average
optimizer.safetensors    the moments of Adam
games.safetensors        the running games
=======================  ============================================================================================

Random numbers are drawn from a generator that is made anew for each round. There are no pickles.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, NamedTuple

import gymnasium
import numpy as np
import numpy.typing as npt
import safetensors.numpy
import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.utils import LinearSchedule, get_device
from stable_baselines3.common.vec_env import VecEnv
from torch import nn

from tetrarium.engine.features import mirrored_numbers
from tetrarium.environment import EnvConfig
from tetrarium.environment.interfaces.vec_env import TetrisVecEnv
from tetrarium.evaluation import NetworkPolicy
from tetrarium.evaluation.kernels.network import CompiledNetwork
from tetrarium.registry.files.tensors import write_tensors
from tetrarium.training.algorithms import learner, training_env
from tetrarium.training.algorithms.callback_model import CallbackModel
from tetrarium.training.algorithms.networks import (
    ACTIVATION_CLASSES,
    EagerAdam,
    RowScorer,
    input_scale,
    network_policy,
    network_specs,
    update_average,
)
from tetrarium.training.algorithms.ppo.rollout import N_BEST, Choices, Rollout, lambda_returns
from tetrarium.training.config import TrainingConfig
from tetrarium.training.requirements import require_trainable

_NETWORKS: Final = "networks.safetensors"
_OPTIMIZER: Final = "optimizer.safetensors"
_PLAYING: Final = "averaged"
_OUTPUT_SCALE: Final = 0.1  # of the initial scores, so that the first rows are drawn nearly alike
_EPSILON: Final = 1e-5  # of Adam, whose gradients vanish as the policy becomes certain
_N_PREDICTED: Final = 1_024  # choices at once, which fit into a processor's cache
_MOMENTS: Final = ("step", "exp_avg", "exp_avg_sq")


class _Batch(NamedTuple):
    """Choices as the networks read them, one after another: m choices among n rows."""

    rows: torch.Tensor  # (n, row_length)
    first: torch.Tensor  # (m,) first row of each choice
    counts: torch.Tensor  # (m,) number of its rows
    places: torch.Tensor  # (m,) place of the drawn row among them


class PpoLearner(learner.Learner):
    """Proximal policy optimization over afterstates, with compiled choices."""

    algorithm: ClassVar[str] = "ppo"
    shape_settings: ClassVar[tuple[str, ...]] = ("net_arch", "activation")
    vec_env: TetrisVecEnv
    env_config: EnvConfig
    model: CallbackModel

    def __init__(self, env: gymnasium.Env[Any, Any] | VecEnv, config: TrainingConfig) -> None:
        self.vec_env, self.env_config = training_env.require_tetris_vec_env(
            *training_env.make_training_env(env, config), self.algorithm
        )
        self.config = config.with_changes(n_envs=self.vec_env.num_envs)
        require_trainable(self.env_config, self.config)
        self.device = get_device(config.device)
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(config.seed)
            self.networks = nn.ModuleDict({name: self._make_network() for name in ("actor", "critic")})
        self.networks[_PLAYING] = self._make_network()
        self.networks[_PLAYING].load_state_dict(self.networks["actor"].state_dict())
        self.networks.to(self.device)
        self._trained = [*self.networks["actor"].parameters(), *self.networks["critic"].parameters()]
        self.optimizer = EagerAdam(self._trained, lr=config.learning_rate, eps=_EPSILON, fused=True)
        self.n_rounds = 0
        self.n_averaged = 0  # gradient steps in the average
        self.latest_loss: float | None = None
        self.latest_value: float | None = None
        self.model = CallbackModel(self.vec_env)
        row_length = len(input_scale(self.env_config))
        self._rollout = Rollout(config.ppo_n_steps, self.vec_env.num_envs, row_length)
        self._mirrored = torch.from_numpy(
            mirrored_numbers(self.env_config.features, self.env_config.width, self.env_config.preview)
        ).to(self.device)
        self._schedule = LinearSchedule(config.learning_rate, config.learning_rate_final, 1.0)
        self._observations = self.vec_env.reset()

    def _make_network(self) -> RowScorer:
        scale = input_scale(self.env_config)
        activation = ACTIVATION_CLASSES[self.config.activation]
        network = RowScorer(len(scale), list(self.config.net_arch), activation, scale)
        with torch.no_grad():
            for value in network.q_net[-1].parameters():
                value.mul_(_OUTPUT_SCALE)
        return network

    @property
    def exploration_rate(self) -> None:
        """None: the actor draws by its own probabilities."""
        return None

    @property
    def loss(self) -> float | None:
        """Mean loss of the latest round's gradient steps."""
        return self.latest_loss

    @property
    def mean_q(self) -> float | None:
        """Mean value of the latest rollout, before its gradient steps."""
        return self.latest_value

    @property
    def latest_observations(self) -> Any:
        """Observations before the next placement."""
        return self._observations

    def action_values(self, observation: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Returns the scores of the average; -inf for illegal actions."""
        scores: npt.NDArray[np.float32] = self._scores(np.asarray(observation, dtype=np.float32)[None])[0]
        return scores

    def _scores(self, observations: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        rows = torch.as_tensor(observations, device=self.device)
        with torch.no_grad():
            scores = self.networks[_PLAYING](rows).masked_fill(rows[..., 0] < 0, -torch.inf)
        result: npt.NDArray[np.float32] = scores.cpu().numpy()
        return result

    def predict(self, observation: npt.NDArray[Any], *, deterministic: bool) -> npt.NDArray[Any]:
        """Chooses the rows of the highest scores, or draws rows by the softmax of the scores."""
        observation = learner.checked_observation(observation, self.vec_env.observation_space.shape)
        scores = self._scores(observation.reshape(-1, *observation.shape[-2:]))
        if not deterministic:
            scores = scores + self.vec_env.action_space.np_random.gumbel(size=scores.shape)  # type: ignore[assignment]
        actions: npt.NDArray[np.int64] = scores.argmax(axis=1)
        return actions[0] if observation.ndim == 2 else actions

    def setup_learn(self, n_steps: int, callbacks: Sequence[BaseCallback]) -> BaseCallback:
        """Prepares for a number of further placements; schedules always span ``schedule_steps``."""
        self._observations = self.vec_env.core.observe()  # the games may have been played since
        return self.model.combine(callbacks)

    def run_round(self, callback: BaseCallback) -> bool:
        """Collects ``ppo_n_steps`` placements of every game, and trains on them for ``ppo_n_epochs`` epochs."""
        rng = np.random.default_rng((self.config.seed, self.n_rounds))
        callback.on_rollout_start()
        if not self._collect(callback, rng):
            return False
        callback.on_rollout_end()
        self._train(rng)
        self.n_rounds += 1
        return True

    def _collect(self, callback: BaseCallback, rng: np.random.Generator) -> bool:
        """Plays the rollout; returns False if a callback requests an immediate stop."""
        rollout, n_envs = self._rollout, self.vec_env.num_envs
        network = self._compiled_actor()
        rollout.clear()
        for step in range(self.config.ppo_n_steps):
            actions = rollout.choices.draw(step, self._observations, network, rng.random(n_envs))
            self.vec_env.step_async(actions)
            self._observations, rewards, dones, infos = self.vec_env.step_wait()
            rollout.rewards[step], rollout.dones[step] = rewards, dones
            for game in dones.nonzero()[0].tolist():
                if infos[game]["TimeLimit.truncated"]:
                    rollout.truncated.append((step, game, infos[game]["terminal_observation"]))
            self.model.num_timesteps += n_envs
            callback.update_locals({"rewards": rewards, "dones": dones, "infos": infos, "new_obs": self._observations})
            if not callback.on_step():
                return False
        rollout.choices.draw(self.config.ppo_n_steps, self._observations, network, np.zeros(n_envs))
        return True

    def _compiled_actor(self) -> CompiledNetwork:
        weights = learner.to_numpy(self.networks["actor"].state_dict())
        return self.make_policy(weights, self.config, self.env_config, "actor").compiled_network()

    def _train(self, rng: np.random.Generator) -> None:
        """Takes the gradient steps on the rollout.

        Raises:
            TetrariumError: if a loss is not finite.
        """
        config, rollout = self.config, self._rollout
        is_mirrored = config.mirroring and self.n_rounds % 2 == 1
        batch = self._batch(rollout.choices, is_mirrored=is_mirrored)
        n_steps, n_envs = rollout.rewards.shape
        n = n_steps * n_envs
        values, log_probs = self._predictions(batch)
        values_2d = values.cpu().numpy().reshape(n_steps + 1, n_envs)
        returns = lambda_returns(
            rollout.rewards,
            rollout.dones,
            values_2d,
            self._final_values(is_mirrored=is_mirrored),
            config.gamma,
            config.ppo_gae_lambda,
        )
        advantages = returns - values_2d[:-1]
        advantages /= max(float(advantages.std()), 1e-8)
        of_choices = [torch.from_numpy(part.ravel()).to(self.device) for part in (advantages, returns)]
        progress = self.model.num_timesteps / (config.schedule_steps or config.total_timesteps)
        self.optimizer.param_groups[0]["lr"] = self._schedule(max(1.0 - progress, 0.0))
        losses = []
        for _ in range(config.ppo_n_epochs):
            for part in np.array_split(rng.permutation(n), -(-n // config.batch_size)):
                chosen = torch.from_numpy(part).to(self.device)
                losses.append(self._step(batch, chosen, log_probs[chosen], *(of[chosen] for of in of_choices)))
        self.latest_value = float(values_2d[:-1].mean())
        self.latest_loss = float(np.mean(losses))
        if not np.isfinite(self.latest_loss):
            raise learner.divergence_error("loss was", self.timesteps_trained)
        self._log(returns)

    def _batch(self, choices: Choices, *, is_mirrored: bool) -> _Batch:
        """Returns choices without the rows that they do not have."""
        counts = choices.counts.reshape(-1)
        is_kept = np.arange(N_BEST) < choices.counts[..., None]
        rows = torch.from_numpy(choices.rows[is_kept]).to(self.device)
        first = np.concatenate([[0], counts.cumsum()[:-1]])
        places = choices.places.reshape(-1)
        return _Batch(
            rows[:, self._mirrored] if is_mirrored else rows,
            *(torch.from_numpy(part).to(self.device) for part in (first, counts, places)),
        )

    def _predictions(self, batch: _Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns the values of all states, and the log-probabilities of what was drawn in them, without gradients."""
        every = torch.arange(len(batch.counts), device=self.device)
        values, drawn = [], []
        with torch.no_grad():
            for chosen in torch.split(every, _N_PREDICTED):
                log_probs, is_row, indices = self._log_probs(batch, chosen)
                row_values = torch.zeros(is_row.shape, device=self.device)
                row_values[is_row] = self.networks["critic"](batch.rows[indices])
                values.append((log_probs.exp() * row_values).sum(dim=1))
                drawn.append(log_probs.gather(1, batch.places[chosen, None])[:, 0])
        return torch.cat(values), torch.cat(drawn)

    def _log_probs(self, batch: _Batch, chosen: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Returns the log-probabilities of the rows of some choices.

        Returns:
            Log-probabilities ``(n, N_BEST)``, where a choice has a row, and the indices of these rows in the batch.
        """
        places = torch.arange(N_BEST, device=self.device)
        is_row = places < batch.counts[chosen, None]
        indices = (batch.first[chosen, None] + places)[is_row]
        scores = torch.full(is_row.shape, -torch.inf, device=self.device)
        scores = scores.masked_scatter(is_row, self.networks["actor"](batch.rows[indices]))
        return torch.log_softmax(scores, dim=1), is_row, indices

    def _final_values(self, *, is_mirrored: bool) -> npt.NDArray[np.float32]:
        """Returns the values of the final states of truncated games, ``(n_steps, n_envs)``; 0 elsewhere."""
        rollout = self._rollout
        values = np.zeros_like(rollout.rewards)
        if rollout.truncated:
            steps, games, observations = zip(*rollout.truncated, strict=True)
            final = Choices((len(steps),), rollout.choices.rows.shape[-1])
            final.draw((), np.stack(observations), self._compiled_actor(), np.zeros(len(steps)))
            values[steps, games] = self._predictions(self._batch(final, is_mirrored=is_mirrored))[0].cpu().numpy()
        return values

    def _step(
        self,
        batch: _Batch,
        chosen: torch.Tensor,
        old_log_probs: torch.Tensor,
        advantages: torch.Tensor,
        returns: torch.Tensor,
    ) -> float:
        """Takes one gradient step on some choices; returns its loss."""
        config, places = self.config, batch.places[chosen]
        all_log_probs, is_row, _ = self._log_probs(batch, chosen)
        log_probs = all_log_probs.gather(1, places[:, None])[:, 0]
        ratio = (log_probs - old_log_probs).exp()
        clipped = ratio.clamp(1 - config.ppo_clip_range, 1 + config.ppo_clip_range)
        loss = -torch.min(ratio * advantages, clipped * advantages).mean()
        predicted = self.networks["critic"](batch.rows[batch.first[chosen] + places])
        loss = loss + config.ppo_vf_coef * nn.functional.mse_loss(predicted, returns)
        if config.ppo_ent_coef:
            finite = all_log_probs.masked_fill(~is_row, 0.0)
            loss = loss + config.ppo_ent_coef * (finite.exp() * finite).sum(dim=1).mean()
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.networks["actor"].parameters(), config.max_grad_norm)
        self.optimizer.step()
        self.n_averaged += 1
        update_average(self.networks[_PLAYING], self.networks["actor"], self.n_averaged, config.averaging)
        return loss.item()

    def _log(self, returns: npt.NDArray[np.float32]) -> None:
        logger = self.model.logger
        logger.record("train/loss", self.latest_loss)
        logger.record("train/learning_rate", self.optimizer.param_groups[0]["lr"])
        logger.record("train/mean_return", float(returns.mean()))
        logger.record("train/n_updates", self.n_averaged)

    def weights(self) -> learner.Weights:
        """Returns copies of the averaged weights."""
        return learner.to_numpy(self.networks[_PLAYING].state_dict())

    def load_weights(self, weights: learner.Weights) -> None:
        """Initializes actor and average with the weights of another policy; the critic begins anew."""
        tensors = {name: torch.tensor(value) for name, value in weights.items()}
        for name in ("actor", _PLAYING):
            self.networks[name].load_state_dict(tensors)

    def write(self, folder: Path) -> None:
        """Writes the networks, the moments of Adam and the games.

        Raises:
            TetrariumError: if a weight is not finite, which the latest gradient step may have caused.
        """
        if not all(torch.isfinite(value).all() for value in self._trained):
            raise learner.divergence_error("weights were", self.timesteps_trained)
        write_tensors(folder / _NETWORKS, learner.to_numpy(self.networks.state_dict()))
        write_tensors(folder / _OPTIMIZER, learner.to_numpy(self._moments()))
        training_env.write_game_states(self.vec_env, folder)

    def _moments(self) -> dict[str, torch.Tensor]:
        """Returns the state of Adam by parameter and moment; empty before the first gradient step."""
        states = self.optimizer.state_dict()["state"]
        return {f"{number}.{name}": states[number][name] for number in states for name in _MOMENTS}

    def counters(self) -> dict[str, Any]:
        """Returns the numbers of placements, rounds and gradient steps."""
        return {"num_timesteps": self.model.num_timesteps, "n_rounds": self.n_rounds, "n_averaged": self.n_averaged}

    def read(self, read_file: learner.ReadFile, counters: Mapping[str, Any]) -> None:
        """Restores the complete state."""
        weights = safetensors.numpy.load(read_file(_NETWORKS))
        self.networks.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
        moments = safetensors.numpy.load(read_file(_OPTIMIZER))
        numbers = sorted({int(name.split(".")[0]) for name in moments})
        self.optimizer.load_state_dict(
            {
                "state": {
                    number: {name: torch.from_numpy(moments[f"{number}.{name}"]) for name in _MOMENTS}
                    for number in numbers
                },
                "param_groups": self.optimizer.state_dict()["param_groups"],
            }
        )
        self._observations = training_env.read_game_states(self.vec_env, read_file)
        self.model.num_timesteps = int(counters["num_timesteps"])
        self.n_rounds, self.n_averaged = int(counters["n_rounds"]), int(counters["n_averaged"])

    @classmethod
    def read_weights(cls, files: Sequence[str], read_file: learner.ReadFile) -> learner.Weights:  # noqa: ARG003 it is one file
        """Reads the averaged weights."""
        weights = safetensors.numpy.load(read_file(_NETWORKS))
        prefix = f"{_PLAYING}."
        return {name.removeprefix(prefix): weights[name] for name in weights if name.startswith(prefix)}

    @classmethod
    def weight_specs(cls, config: TrainingConfig, env_config: EnvConfig) -> learner.WeightSpecs:
        """Returns those of the network's layers."""
        return network_specs(config, env_config)

    @classmethod
    def make_policy(
        cls, weights: learner.Weights, config: TrainingConfig, env_config: EnvConfig, name: str
    ) -> NetworkPolicy:
        """Returns the compiled policy that chooses the row of the highest score."""
        return network_policy(weights, config, env_config, name)
