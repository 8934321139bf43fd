"""Configuration of training: ``TrainingConfig``.

Settings that Stable-Baselines3's algorithms have keep its names. Every default is defined here and nowhere else; the
reason for each is in ``docs/explanation/how-it-learns.md``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Final

from tetrarium.errors import ConfigError
from tetrarium.settings import Settings, names_of_groups, setting

# Module and class of the learner of each algorithm, in ``training/algorithms``; imported only when used.
ALGORITHMS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "dqn": "dqn:DqnLearner",
        "qr-dqn": "qr_dqn:QrDqnLearner",
        "ppo": "ppo.learner:PpoLearner",
        "maskable-ppo": "maskable_ppo:MaskablePpoLearner",
        "cma-es": "cma_es.learner:CmaEsLearner",
    }
)
# Groups of settings that only some algorithms use.
ALGORITHM_GROUPS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"qr-dqn": ("qr-dqn",), "ppo": ("ppo", "maskable-ppo"), "cma-es": ("cma-es",)}
)
ACTIVATIONS: Final = ("relu", "tanh")
_DEVICE: Final = re.compile(r"auto|(cpu|cuda|mps|xpu)(:[0-9]{1,3})?")
_run, _length, _learning, _exploration, _network, _checkpoints, _evaluation, _hardware = (
    partial(setting, group)
    for group in ("run", "length", "learning", "exploration", "network", "checkpoints", "evaluation", "hardware")
)
_qr_dqn, _ppo, _cma_es = (partial(setting, group) for group in ALGORITHM_GROUPS)


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(Settings):
    """Settings of one training run.

    >>> TrainingConfig(net_arch=(32, 32)).to_dict()["net_arch"]
    [32, 32]
    >>> TrainingConfig.from_dict({"batchsize": 64})
    Traceback (most recent call last):
        ...
    tetrarium.errors.ConfigError: TrainingConfig has no setting 'batchsize'. Did you mean 'batch_size'?

    Raises:
        ConfigError: if a value is invalid.
    """

    algorithm: str = _run("dqn", "learning algorithm", choices=tuple(ALGORITHMS))
    total_timesteps: int = _length(400_000, "placements to train on", 1, 10**12)
    schedule_steps: int | None = _length(
        None, "placements that the schedules of exploration and learning rate span; all by default", 1, 10**12
    )
    n_envs: int = _run(50, "games played in parallel", 1, 4096)
    seed: int = _run(1, "random seed; equal seeds give equal results", 0, 2**32 - 1)
    target_lines: int | None = _length(None, "stop once a single game reaches this many lines", 1, 10**12)
    target_mean_lines: int | None = _length(None, "stop once the latest games average this many lines", 1, 10**12)
    target_mean_games: int = _length(100, "window of that mean, in games, running ones included", 1, 10**6)
    target_evaluation_lines: int | None = _length(
        None, "stop once an evaluation averages this many lines until the limit", 1, 10**12
    )
    max_pieces_game: int = _run(10_000, "truncate a training game after this many pieces", 1, 10**12)

    learning_rate: float = _learning(3e-3, "learning rate of Adam at the start", 1e-12, 10.0)
    learning_rate_final: float = _learning(1e-4, "learning rate at the end; decays linearly", 0.0, 10.0)
    gamma: float = _learning(0.9, "discount factor per placement", 0.0, 0.999999)
    n_steps: int = _learning(1, "length of n-step returns, in placements", 1, 1000)
    batch_size: int = _learning(256, "transitions per gradient step", 1, 2**20)
    buffer_size: int = _learning(200_000, "capacity of the replay buffer, in transitions", 1, 10**9)
    learning_starts: int = _exploration(1_000, "random placements before the first gradient step", 0, 10**12)
    train_freq: int = _learning(1, "placements per game between updates", 1, 10**6)
    gradient_steps: int = _learning(1, "gradient steps per update; -1 for one per placement of a game", -1, 10**6)
    target_update_interval: int = _learning(2_000, "placements between updates of the target network", 1, 10**12)
    tau: float = _learning(1.0, "soft-update coefficient of the target network; 1 copies the weights", 0.0, 1.0)
    max_grad_norm: float = _learning(
        10.0, "maximum norm of the gradient, for clipping; of the actor with ppo", 1e-12, 1e12
    )
    exploration_initial_eps: float = _exploration(0.1, "share of random placements at the start", 0.0, 1.0)
    exploration_final_eps: float = _exploration(0.0, "share of random placements after the decay", 0.0, 1.0)
    exploration_fraction: float = _exploration(0.5, "fraction of training over which that share decays", 1e-9, 1.0)
    mirroring: bool = _learning(False, "mirror half of the sampled transitions left to right")
    net_arch: tuple[int, ...] = _network((64, 64), "widths of the hidden layers")
    activation: str = _network("relu", "activation of the hidden layers: 'relu' or 'tanh'", choices=ACTIVATIONS)
    double_q: bool = _learning(True, "double Q-learning: the online network selects, the target network evaluates")
    averaging: float = _network(0.999, "decay of the weight average used for play; 0 for none", 0.0, 0.999999999)

    n_quantiles: int = _qr_dqn(32, "qr-dqn: quantiles per action value", 1, 1024)
    ppo_n_steps: int = _ppo(32, "ppo, maskable-ppo: placements per game in a rollout", 2, 10**6)
    ppo_n_epochs: int = _ppo(4, "ppo, maskable-ppo: epochs per rollout", 1, 1_000)
    ppo_gae_lambda: float = _ppo(0.9, "ppo, maskable-ppo: lambda of generalized advantage estimation", 0.0, 1.0)
    ppo_clip_range: float = _ppo(0.2, "ppo, maskable-ppo: clipping range of the probability ratio", 1e-6, 1.0)
    ppo_ent_coef: float = _ppo(0.01, "ppo, maskable-ppo: entropy coefficient", 0.0, 1e3)
    ppo_vf_coef: float = _ppo(0.5, "ppo, maskable-ppo: value-function coefficient", 0.0, 1e3)
    cma_population: int = _cma_es(30, "cma-es: candidates per generation", 4, 10_000)
    cma_sigma: float = _cma_es(1.0, "cma-es: initial standard deviation", 1e-9, 1e9)
    cma_games: int = _cma_es(4, "cma-es: games per candidate at the start; grows as candidates converge", 1, 10_000)
    cma_walkers: int = _cma_es(
        0, "cma-es: in the final fit, estimate long games from so many of each stack height; 0 plays them", 0, 10_000
    )
    cma_search_height: int | None = _cma_es(
        None, "cma-es: rows of the board before the final fit; all by default", 4, 40
    )
    cma_columns: bool = _cma_es(
        False, "cma-es: also weigh the features of single columns and gaps, mirrored ones alike"
    )

    checkpoint_every: int = _checkpoints(100_000, "placements between checkpoints", 1, 10**12)
    checkpoint_every_s: int | None = _checkpoints(None, "seconds between additional checkpoints", 1, 10**9)
    keep_checkpoints: int = _checkpoints(3, "latest checkpoints to keep", 1, 10**9)
    keep_every: int | None = _checkpoints(None, "also keep the first checkpoint in every so many placements", 1, 10**12)
    evaluate_every: int = _evaluation(100_000, "placements between evaluations; 0 for none", 0, 10**12)
    evaluation_games: int = _evaluation(20, "games per evaluation", 1, 10**6)
    evaluation_pieces: int = _evaluation(1_000, "truncate an evaluation game after this many pieces", 1, 10**12)
    harder_games: int = _evaluation(50, "games per evaluation on the harder game, of few rows; 0 for none", 0, 10**6)
    evaluation_seed: int = _evaluation(1_000, "seed of the evaluation games", 0, 2**32 - 1)
    stats_window_size: int = _evaluation(100, "window of Stable-Baselines3's means, in games", 1, 10**9)
    device: str = _hardware("cpu", "torch device: 'cpu', 'cuda' or 'auto'")
    torch_threads: int = _hardware(1, "torch threads while training; more slow small networks down", 1, 1024)

    def __post_init__(self) -> None:
        super().__post_init__()
        widths = self.net_arch
        if not isinstance(widths, tuple) or not all(type(n) is int and 1 <= n <= 4096 for n in widths):
            raise ConfigError(
                f"net_arch contains widths from 1 to 4096; got {widths!r}. Set it to (64, 64), for example.",
                field="net_arch",
            )
        if self.gradient_steps == 0:
            raise ConfigError(
                "gradient_steps is positive or -1; got 0. Without gradient steps an agent cannot learn.",
                field="gradient_steps",
            )
        if not isinstance(self.device, str) or _DEVICE.fullmatch(self.device) is None:
            raise ConfigError(
                "device is 'auto', 'cpu', 'cuda', 'mps' or 'xpu', or one of several, such as 'cuda:1'; "
                f"got {self.device!r}. Choose one of them.",
                field="device",
            )


# Settings that may differ when a run resumes; a change of any other would make it another run.
CHANGEABLE_SETTINGS: Final = tuple(
    name for name in names_of_groups(TrainingConfig, "length", "checkpoints", "hardware") if name != "target_mean_games"
)
