"""How an agent learns: ``TrainingConfig``.

Settings that Stable-Baselines3's DQN has bear its names. Every default stands here and nowhere else; the reason for
each is in ``docs/learning.md``.
"""

from dataclasses import dataclass
from typing import Final

from tetrarium.errors import ConfigError
from tetrarium.settings import Settings, setting

__all__ = ["ACTIVATIONS", "ALGORITHMS", "CHANGEABLE", "TrainingConfig"]

ALGORITHMS: Final = ("dqn", "qr-dqn", "maskable-ppo", "cma-es")
ACTIVATIONS: Final = ("relu", "tanh")
# What may change when a run goes on; whatever else did would make it another run.
CHANGEABLE: Final = (
    "total_timesteps", "target_lines", "target_mean_lines", "target_evaluation_lines", "checkpoint_every",
    "checkpoint_every_s", "keep_checkpoints", "keep_every", "device", "torch_threads",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(Settings):
    """One way of training.

    >>> TrainingConfig(net_arch=(32, 32)).to_dict()["net_arch"]
    [32, 32]
    >>> TrainingConfig.from_dict({"batchsize": 64})
    Traceback (most recent call last):
        ...
    tetrarium.errors.ConfigError: TrainingConfig has no setting 'batchsize'. Did you mean 'batch_size'?

    Raises:
        ConfigError: if a value breaks its rule.
    """

    algorithm: str = setting("dqn", "how it learns: 'dqn', 'qr-dqn', 'maskable-ppo' or 'cma-es'", choices=ALGORITHMS)
    total_timesteps: int = setting(400_000, "placements to learn from; schedules run over them", 1, 10**12)
    n_envs: int = setting(50, "games played at once", 1, 4096)
    seed: int = setting(1, "same seed, same result", 0, 2**32 - 1)
    target_lines: int | None = setting(None, "stop once a single game has so many lines", 1, 10**12)
    target_mean_lines: int | None = setting(None, "stop once the latest games have so many on average", 1, 10**12)
    target_mean_games: int = setting(100, "how many latest games that is, the running ones included", 1, 10**6)
    target_evaluation_lines: int | None = setting(None, "stop once an evaluation finds so many a game", 1, 10**12)
    max_pieces_game: int = setting(10_000, "cut a training game after so many pieces", 1, 10**12)

    learning_rate: float = setting(3e-3, "step size of Adam at the start", 1e-12, 10.0)
    learning_rate_final: float = setting(1e-4, "step size at the end; falls linearly", 0.0, 10.0)
    gamma: float = setting(0.9, "discount per placement", 0.0, 0.999999)
    n_steps: int = setting(1, "placements whose rewards are counted before the value of what follows", 1, 1000)
    batch_size: int = setting(256, "transitions a gradient step learns from", 1, 2**20)
    buffer_size: int = setting(200_000, "transitions kept for replay", 1, 10**9)
    learning_starts: int = setting(1_000, "random placements before learning begins", 0, 10**12)
    train_freq: int = setting(1, "placements of every game between updates", 1, 10**6)
    gradient_steps: int = setting(1, "gradient steps in an update; -1 for as many as placements of a game", -1, 10**6)
    target_update_interval: int = setting(2_000, "placements between updates of the target network", 1, 10**12)
    tau: float = setting(1.0, "how far the target network moves at an update", 0.0, 1.0)
    max_grad_norm: float = setting(10.0, "gradients are clipped to this length", 1e-12, 1e12)
    exploration_initial_eps: float = setting(0.1, "share of random placements at the start", 0.0, 1.0)
    exploration_final_eps: float = setting(0.0, "share of random placements at the end of the fall", 0.0, 1.0)
    exploration_fraction: float = setting(0.5, "part of training over which that share falls", 1e-9, 1.0)
    mirroring: bool = setting(False, "learn from half of the transitions with left and right swapped")
    net_arch: tuple[int, ...] = setting((64, 64), "widths of the hidden layers")
    activation: str = setting("relu", "what the hidden layers do: 'relu' or 'tanh'", choices=ACTIVATIONS)
    double_q: bool = setting(True, "online network chooses the next placement, target network values it")
    averaging: float = setting(0.999, "decay of the averaged weights that play; 0 plays the latest", 0.0, 0.999999999)

    n_quantiles: int = setting(32, "qr-dqn: numbers that tell the distribution of a value", 1, 1024)
    ppo_n_steps: int = setting(32, "maskable-ppo: placements of every game in a round", 2, 10**6)
    ppo_n_epochs: int = setting(4, "maskable-ppo: how often a round's placements are learnt from", 1, 1_000)
    ppo_gae_lambda: float = setting(
        0.9, "maskable-ppo: how far advantages look beyond the value of what is next", 0.0, 1.0
    )
    ppo_clip_range: float = setting(0.2, "maskable-ppo: how far a step moves an action's probability", 1e-6, 1.0)
    ppo_ent_coef: float = setting(0.01, "maskable-ppo: how much it is worth to stay undecided", 0.0, 1e3)
    ppo_vf_coef: float = setting(0.5, "maskable-ppo: weight of the value's loss", 0.0, 1e3)
    cma_population: int = setting(30, "cma-es: candidates of a generation", 4, 10_000)
    cma_sigma: float = setting(1.0, "cma-es: how far the first candidates are from 0", 1e-9, 1e9)
    cma_games: int = setting(4, "cma-es: games of a candidate at first; more as candidates come closer", 1, 10_000)

    stats_window_size: int = setting(100, "games over which Stable-Baselines3 takes its means", 1, 10**9)
    checkpoint_every: int = setting(100_000, "placements between checkpoints", 1, 10**12)
    checkpoint_every_s: int | None = setting(None, "seconds between checkpoints, beside those", 1, 10**9)
    keep_checkpoints: int = setting(3, "how many of a run's latest checkpoints are kept", 1, 10**9)
    keep_every: int | None = setting(None, "keep the first checkpoint of every so many placements too", 1, 10**12)
    evaluate_every: int = setting(100_000, "placements between evaluations of what plays; 0 for none", 0, 10**12)
    evaluation_games: int = setting(20, "games of such an evaluation", 1, 10**6)
    evaluation_pieces: int = setting(2_000, "where such a game is cut off", 1, 10**12)
    evaluation_seed: int = setting(1_000, "whose games they are", 0, 2**32 - 1)
    device: str = setting("cpu", "'cpu', 'cuda' or 'auto'")
    torch_threads: int = setting(
        1, "threads of torch while training; with small networks they wait for each other", 1, 1024
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        widths = self.net_arch
        if not isinstance(widths, tuple) or not all(type(n) is int and 1 <= n <= 4096 for n in widths):
            raise ConfigError(f"net_arch is widths from 1 to 4096; got {widths!r}. Write (64, 64), say.")
        if self.gradient_steps == 0:
            raise ConfigError("gradient_steps is above 0, or -1; got 0. An agent learns nothing without one.")
        if not isinstance(self.device, str) or not self.device:
            raise ConfigError(f"device is 'cpu', 'cuda' or 'auto'; got {self.device!r}. Choose one of them.")
