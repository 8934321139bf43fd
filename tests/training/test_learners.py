"""Each algorithm against the common contract, with tests of its own."""

import copy
import math
from pathlib import Path
from typing import Any, ClassVar

import gymnasium
import numpy as np
import pytest
import torch
from sb3_contrib.common.maskable.distributions import MaskableCategorical
from stable_baselines3.common.callbacks import BaseCallback

from tests.training.learner_contract import LearnerContract
from tetrarium.environment import EnvConfig, make_env
from tetrarium.errors import ConfigError, TetrariumError
from tetrarium.evaluation import evaluate, play_moves
from tetrarium.evaluation.policy_runner import GameBatch
from tetrarium.training import TetrisAgent, TrainingConfig
from tetrarium.training.algorithms.cma_es.search import CMA_STATE, CmaSearch
from tetrarium.training.algorithms.replay_buffer import STORED

REPLAY = TrainingConfig(
    n_envs=4, total_timesteps=2_000, learning_starts=40, batch_size=16, net_arch=(8,), buffer_size=400, seed=3,
    target_update_interval=100,
)  # fmt: skip


class ReplayContract(LearnerContract):
    """Tests common to DQN and QR-DQN."""

    WHOLE = 600
    FEW = 80

    def fingerprint(self, agent: TetrisAgent) -> dict[str, Any]:
        model = agent.model
        replay = model.replay_buffer
        moments = [value for state in model.policy.optimizer.state.values() for value in state.values()]
        return {
            **super().fingerprint(agent),
            "policy": [value.numpy().tobytes() for value in model.policy.state_dict().values()],
            "optimizer": [value.numpy().tobytes() for value in moments],
            "replay": [getattr(replay, name)[: replay.size()].tobytes() for name in STORED],
            "replay_state": (replay.pos, replay.full, replay.random.bit_generator.state),
            "model": (model._n_updates, model._n_calls, model.exploration_rate),
        }


class TestDqn(ReplayContract):
    SMALL = REPLAY
    LEARNS = TrainingConfig(total_timesteps=40_000)
    OTHER_SHAPE: ClassVar[tuple[EnvConfig, dict[str, Any], str]] = (
        EnvConfig(), {"net_arch": (6,)}, "has net_arch=(6,), this agent (8,)",
    )  # fmt: skip


class TestQuantileDqn(ReplayContract):
    SMALL = REPLAY.with_changes(algorithm="qr-dqn", n_quantiles=5)
    LEARNS = TrainingConfig(algorithm="qr-dqn", total_timesteps=30_000)
    OTHER_SHAPE: ClassVar[tuple[EnvConfig, dict[str, Any], str]] = (
        EnvConfig(), {"n_quantiles": 7}, "has n_quantiles=7, this agent 5",
    )  # fmt: skip

    def test_quantiles_of_a_certain_return_are_that_return(self) -> None:
        """A horizontal I piece on four columns clears its row for a reward of 1, so the value is 1 / (1 - gamma)."""
        config = TrainingConfig(
            algorithm="qr-dqn", n_envs=4, gamma=0.5, exploration_initial_eps=0.0, learning_starts=40, n_quantiles=5,
            net_arch=(16,), total_timesteps=6_000, target_update_interval=100,
        )  # fmt: skip
        env = make_env(EnvConfig(width=4, randomizer="I", preview=0, features=("lines_cleared", "holes")))()
        agent = TetrisAgent(env, config).train(6_000)
        observation, _ = env.reset(seed=0)
        rows = torch.as_tensor(observation[observation[:, 0] > 0])

        assert np.allclose(agent.model.online_net.quantiles(rows).detach().numpy(), 2.0, atol=0.1)

    def test_the_value_of_a_final_placement_is_its_reward(self) -> None:
        agent = TetrisAgent(make_env(EnvConfig())(), self.SMALL).train(400)
        batch = agent.model._sample_rows(200)
        targets = agent.model._targets(batch)

        assert batch.terminal.any()
        assert torch.isfinite(targets).all()
        assert torch.equal(targets[batch.terminal], batch.rewards[batch.terminal][:, None].expand(-1, 5))

    def test_a_loss_that_is_not_finite_stops_training(self) -> None:
        agent = TetrisAgent(make_env(EnvConfig())(), self.SMALL).train(100)
        with torch.no_grad():
            next(agent.model.quantile_net.parameters()).fill_(torch.nan)

        with pytest.raises(TetrariumError, match="The loss was not finite at step"):
            agent.train(100)


class TestEvolution(LearnerContract):
    SMALL = TrainingConfig(
        algorithm="cma-es", n_envs=2, cma_population=6, cma_games=2, max_pieces_game=50, seed=3, total_timesteps=10_000
    )
    WHOLE = 4_000
    FEW = 2_000
    LEARNS = TrainingConfig(algorithm="cma-es", total_timesteps=400_000)
    LEARNS_LINES = 300.0  # limit of 400: no game ends
    OTHER_SHAPE: ClassVar[tuple[EnvConfig, dict[str, Any], str]] = (
        EnvConfig(features=("holes", "game_over")), {}, "has features=('holes', 'game_over'), this agent",
    )  # fmt: skip

    def fingerprint(self, agent: TetrisAgent) -> dict[str, Any]:
        search = agent.learner.search
        arrays = {name: value.tobytes() for name, value in search.arrays().items()}
        return {**super().fingerprint(agent), "search": arrays, "numbers": search.numbers()}

    def test_the_librarys_state_is_complete(self) -> None:
        """Everything that changes between two generations is in the checkpoint, or follows from it."""
        agent = TetrisAgent(make_env(EnvConfig())(), self.SMALL).train(1_000)
        cma = agent.learner.search._cma
        before = {name: copy.deepcopy(value) for name, value in vars(cma).items()}
        agent.train(1_000)
        changed = {name for name, value in vars(cma).items() if name != "_rng" and str(value) != str(before[name])}

        assert changed <= {*CMA_STATE, "_B", "_D", "_funhist_values"}  # the last is for unused stopping rules

    def test_threads_change_no_result(self, monkeypatch: pytest.MonkeyPatch) -> None:
        weights = []
        for n_cores in (1, 3):
            monkeypatch.setattr("os.sched_getaffinity", lambda _process, n_cores=n_cores: set(range(n_cores)))
            agent = TetrisAgent(make_env(EnvConfig())(), self.SMALL).train(3_000)
            assert agent.learner.search.generation > 3
            weights.append(agent.learner.policy_weights)
        assert np.array_equal(*weights)

    def test_candidates_of_a_generation_play_the_same_new_games(self) -> None:
        agent = TetrisAgent(make_env(EnvConfig())(), self.SMALL.with_changes(cma_games=6))
        same = [-np.ones(len(agent.learner.features))] * 6
        agent.learner.search.ask = lambda: same
        _, numbers, played = agent.learner._search_generation()
        _, later_numbers, later = agent.learner._search_generation()

        assert all(np.array_equal(played[0], one) for one in played)
        assert numbers.tolist() == [[(1 << 32) + game for game in range(6)]] * 6
        assert later_numbers[0, 0] == (1 << 32) + 6 and not np.array_equal(played[0], later[0, :6])

    def test_games_per_candidate_grow_as_candidates_converge_up_to_their_limit(self) -> None:
        search = CmaSearch(np.zeros(3), 1.0, population=4, n_games=4, seed=0)
        for _ in range(5):
            search.update(search.ask(), np.array([[1, 2], [9, 11], [90, 110], [900, 1_100]]), max_games=1_000)
        assert search.n_games == 4
        for _ in range(30):
            search.update(search.ask(), np.array([[10, 190], [11, 191], [12, 192], [13, 193]]), max_games=60)
        assert search.n_games == 60

    def test_a_distribution_in_which_candidates_hardly_differ_is_widened(self) -> None:
        search = CmaSearch(np.zeros(3), sigma=0.5, population=6, n_games=2, seed=0)
        same = np.array([[9, 11]] * 6)
        sigmas = []
        for _ in range(10):
            candidates = search.ask()
            by_cma = copy.deepcopy(search._cma)
            by_cma.tell([(one, -10.0) for one in candidates])
            search.update(candidates, same, max_games=2)
            sigmas.append((by_cma._sigma, search.sigma))

        assert all(theirs == ours for theirs, ours in sigmas[:8])
        assert [ours / theirs for theirs, ours in sigmas[8:]] == pytest.approx([1.25, 1.25])

    def test_all_games_are_counted_and_none_is_left_running(self) -> None:
        agent = TetrisAgent(make_env(EnvConfig())(), self.SMALL).train(1)

        assert agent.statistics.games_ended == len(agent.statistics.latest_games) == 6 * 2
        assert agent.statistics.state()["running"] == []
        assert agent.learner.exploration_rate is None and agent.learner.loss is None

    def test_training_never_plays_an_evaluation_game(self) -> None:
        agent = TetrisAgent(make_env(EnvConfig())(), self.SMALL)
        begun: list[tuple[int, ...]] = []
        begin = GameBatch.begin
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(GameBatch, "begin", lambda *given: (begun.append(given[2]), begin(*given))[1])
            agent.train(1_000)

        numbers = [number for generation in set(begun) for number in generation]  # each thread begins all of them
        assert len(numbers) == len(set(numbers)) >= 4
        assert min(numbers) == 1 << 32

    def test_features_without_a_scalar_one_are_refused(self) -> None:
        env = make_env(EnvConfig(features=("column_heights", "game_over")))()

        with pytest.raises(
            ConfigError, match="'cma-es' requires 'game_over' and at least one feature of a single number"
        ):
            TetrisAgent(env, self.SMALL)
        alone = make_env(EnvConfig(features=("game_over",)))()
        with pytest.raises(ConfigError, match="'cma-es' requires 'game_over' and at least one feature of a placement;"):
            TetrisAgent(alone, self.SMALL.with_changes(cma_columns=True))

    def test_a_wrapped_environment_is_refused(self) -> None:
        env = gymnasium.wrappers.TimeLimit(make_env(EnvConfig())(), 30)

        with pytest.raises(ConfigError, match="'cma-es' requires an environment of tetrarium; got DummyVecEnv"):
            TetrisAgent(env, self.SMALL.with_changes(n_envs=1))

    def test_no_file_of_its_checkpoint_is_a_pickle(self, tmp_path: Path) -> None:
        TetrisAgent(make_env(EnvConfig())(), self.SMALL).train(100).save_checkpoint(tmp_path / "one")

        names = sorted(path.name for path in (tmp_path / "one").iterdir())
        assert names == ["evolution.safetensors", "games.safetensors", "metadata.json", "weights.safetensors"]

    def test_ties_and_losing_placements_are_resolved_as_in_the_kernel(self) -> None:
        config = EnvConfig(width=5, height=4, features=("lines_cleared", "game_over"))  # nearly always a tie
        learner = TetrisAgent(make_env(config)(), self.SMALL).learner
        learner.load_weights({"lines_cleared": np.array([1.0])})
        env = make_env(config)()
        policy = learner.make_policy(learner.weights(), self.SMALL, config, "ours")
        for game in range(60):
            observation, _ = env.reset(seed=game)
            for move in play_moves(policy, config, seed=game, game=0):
                assert learner.predict(observation, deterministic=True) == move.action
                observation, _, over, _, _ = env.step(move.action)
                if over:
                    break


class TestPpo(LearnerContract):
    SMALL = TrainingConfig(
        algorithm="ppo", n_envs=4, ppo_n_steps=8, ppo_n_epochs=2, batch_size=16, net_arch=(8,), mirroring=True, seed=3,
        total_timesteps=2_000, max_pieces_game=10,
    )  # fmt: skip
    WHOLE = 640
    FEW = 120
    LEARNS = TrainingConfig(
        algorithm="ppo", total_timesteps=100_000, n_envs=64, batch_size=512, ppo_ent_coef=0.0, learning_rate=0.01,
        averaging=0.99,
    )  # fmt: skip
    OTHER_SHAPE: ClassVar[tuple[EnvConfig, dict[str, Any], str]] = (
        EnvConfig(), {"net_arch": (6,)}, "has net_arch=(6,), this agent (8,)",
    )  # fmt: skip

    def fingerprint(self, agent: TetrisAgent) -> dict[str, Any]:
        ppo = agent.learner
        moments = [value for state in ppo.optimizer.state.values() for value in state.values()]
        return {
            **super().fingerprint(agent),
            "networks": [value.numpy().tobytes() for value in ppo.networks.state_dict().values()],
            "optimizer": [value.numpy().tobytes() for value in moments],
        }

    def test_its_agent_on_ten_rows_loses_seldom_within_seconds(self) -> None:
        config = EnvConfig(height=10, randomizer="uniform", preview=0)
        agent = TetrisAgent(make_env(config)(), self.LEARNS.with_changes(mirroring=True)).train(100_000)

        assert evaluate(agent, config, n_games=50, seed=3, max_pieces=1_000).lines_total > 50 * 100

    def test_the_loss_is_that_of_ppo_on_the_kept_rows(self) -> None:
        """Ratios of 1 for the first 16 choices and of 2, which is clipped at 1.2 for a gain only, for the others."""
        agent = TetrisAgent(make_env(EnvConfig())(), self.SMALL.with_changes(mirroring=False, max_pieces_game=1_000))
        ppo = agent.learner
        rng = np.random.default_rng(1)
        assert ppo._collect(ppo.setup_learn(32, []), rng)
        batch = ppo._batch(ppo._rollout.choices, is_mirrored=False)
        values, log_probs = ppo._predictions(batch)
        rows, counts, places = (getattr(ppo._rollout.choices, name) for name in ("rows", "counts", "places"))
        for number, (step, game) in enumerate(np.ndindex(9, 4)):
            kept = torch.from_numpy(rows[step, game, : counts[step, game]])
            scores = torch.log_softmax(ppo.networks["actor"](kept), dim=0)
            assert log_probs[number].item() == pytest.approx(scores[places[step, game]].item(), abs=1e-5)
            mean = (scores.exp() * ppo.networks["critic"](kept)).sum().item()
            assert values[number].item() == pytest.approx(mean, abs=1e-5)

        chosen, entropy, errors = torch.arange(32), [], []
        for step, game in np.ndindex(8, 4):
            kept = torch.from_numpy(rows[step, game, : counts[step, game]])
            probabilities = torch.softmax(ppo.networks["actor"](kept), dim=0)
            entropy.append(-(probabilities * probabilities.log()).sum().item())
            errors.append((ppo.networks["critic"](kept)[places[step, game]].item() - 0.5) ** 2)
        old = log_probs[:32] - math.log(2) * (chosen >= 16)
        advantages = torch.where(chosen % 2 == 0, 0.5, -0.5)
        gains = 0.5 * (8 * 1 - 8 * 1 + 8 * 1.2 - 8 * 2) / 32
        loss = ppo._step(batch, chosen, old, advantages, torch.full((32,), 0.5))
        assert loss == pytest.approx(-gains + 0.5 * np.mean(errors) - 0.01 * np.mean(entropy), abs=1e-5)

    def test_a_truncated_game_is_valued_by_its_final_state(self) -> None:
        agent = TetrisAgent(make_env(EnvConfig())(), self.SMALL.with_changes(mirroring=False))
        ppo = agent.learner
        assert ppo._collect(ppo.setup_learn(32, []), np.random.default_rng(1))
        ppo.run_round(ppo.setup_learn(32, []))
        finals = ppo._final_values(is_mirrored=False)

        assert len(ppo._rollout.truncated) == 4, "all games are truncated after ten pieces"
        assert np.count_nonzero(finals) == 4
        for step, game, observation in ppo._rollout.truncated:
            rows = torch.from_numpy(observation[observation[:, 0] >= 0])
            scores = ppo.networks["actor"](rows)
            best = scores.topk(min(10, len(rows))).indices
            mean = (torch.softmax(scores[best], dim=0) * ppo.networks["critic"](rows[best])).sum().item()
            assert finals[step, game] == pytest.approx(mean, abs=1e-5)

    def test_a_loss_that_is_not_finite_stops_training(self) -> None:
        agent = TetrisAgent(make_env(EnvConfig())(), self.SMALL).train(100)
        with torch.no_grad():
            next(agent.learner.networks["critic"].parameters()).fill_(torch.nan)

        with pytest.raises(TetrariumError, match="The loss was not finite at step"):
            agent.train(100)

    def test_no_file_of_its_checkpoint_is_a_pickle(self, tmp_path: Path) -> None:
        TetrisAgent(make_env(EnvConfig())(), self.SMALL).train(100).save_checkpoint(tmp_path / "one")

        names = sorted(path.name for path in (tmp_path / "one").iterdir())
        assert names == ["games.safetensors", "metadata.json", "networks.safetensors", "optimizer.safetensors"]


class TestMaskablePpo(LearnerContract):
    SMALL = TrainingConfig(
        algorithm="maskable-ppo", n_envs=4, ppo_n_steps=8, ppo_n_epochs=2, batch_size=16, net_arch=(8,), seed=3,
        total_timesteps=2_000,
    )  # fmt: skip
    WHOLE = 640
    FEW = 120
    LEARNS = TrainingConfig(algorithm="maskable-ppo", total_timesteps=30_000)
    OTHER_SHAPE: ClassVar[tuple[EnvConfig, dict[str, Any], str]] = (
        EnvConfig(), {"activation": "tanh"}, "has activation='tanh', this agent 'relu'",
    )  # fmt: skip

    def fingerprint(self, agent: TetrisAgent) -> dict[str, Any]:
        model = agent.model
        moments = [value for state in model.policy.optimizer.state.values() for value in state.values()]
        return {
            **super().fingerprint(agent),
            "policy": [value.numpy().tobytes() for value in model.policy.state_dict().values()],
            "optimizer": [value.numpy().tobytes() for value in moments],
            "draws": model.action_space.np_random.bit_generator.state,
            "model": (model._n_updates, str(model._last_episode_starts)),
            "episodes": [episode["r"] for episode in model.ep_info_buffer or ()],
        }

    def test_probabilities_equal_sb3_contribs_distribution(self) -> None:
        env = make_env(EnvConfig())()
        policy = TetrisAgent(env, self.SMALL).model.policy
        observations = torch.as_tensor(np.stack([env.reset(seed=seed)[0] for seed in range(20)]))
        legal = observations[:, :, 0] >= 0
        logits = torch.zeros(legal.shape)
        logits[legal] = policy.actor(observations[legal])
        theirs = MaskableCategorical(logits=logits, masks=legal)
        actions = legal.int().argmax(dim=1)
        values, log_prob, entropy = policy.evaluate_actions(observations, actions)

        assert torch.allclose(log_prob, theirs.log_prob(actions), atol=1e-5)
        assert torch.allclose(entropy, theirs.entropy(), atol=1e-5)
        expected = (theirs.probs * policy.critic(observations.reshape(-1, 23)).reshape(20, 40)).sum(dim=1)
        assert torch.allclose(values[:, 0], expected, atol=1e-4)

    def test_sampled_actions_are_legal_and_follow_their_probabilities(self) -> None:
        env = make_env(EnvConfig())()
        agent = TetrisAgent(env, self.SMALL)
        observation, info = env.reset(seed=0)
        observations = torch.as_tensor(np.stack([observation] * 20_000))
        with torch.no_grad():
            actions, _, log_prob = agent.model.policy(observations)
        n_chosen = np.bincount(actions.numpy(), minlength=40)

        assert set(np.flatnonzero(n_chosen)) == set(np.flatnonzero(info["action_mask"]))
        for action in np.flatnonzero(info["action_mask"]):
            chance = float(log_prob[actions == action][0].exp())
            assert abs(n_chosen[action] / 20_000 - chance) < 5 * (chance / 20_000) ** 0.5

    def test_a_board_without_a_legal_action_has_value_0(self) -> None:
        agent = TetrisAgent(make_env(EnvConfig())(), self.SMALL)

        assert agent.model.policy.predict_values(torch.full((2, 40, 23), -1.0)).tolist() == [[0.0], [0.0]]

    @pytest.mark.parametrize(
        ("n_envs", "n_steps", "batch_size", "sizes"), [(1, 9, 4, {3}), (1, 3, 2, {3}), (2, 8, 99, {16})]
    )
    def test_every_transition_is_in_one_batch_and_none_is_alone(
        self, n_envs: int, n_steps: int, batch_size: int, sizes: set[int]
    ) -> None:
        config = self.SMALL.with_changes(n_envs=n_envs, ppo_n_steps=n_steps)
        agent = TetrisAgent(make_env(EnvConfig())(), config).train(1)
        batches = list(agent.model.rollout_buffer.get(batch_size))

        assert {len(batch.actions) for batch in batches} == sizes
        assert sum(len(batch.actions) for batch in batches) == n_envs * n_steps

    def test_a_loss_that_is_not_finite_stops_training(self) -> None:
        agent = TetrisAgent(make_env(EnvConfig())(), self.SMALL).train(100)
        with torch.no_grad():
            next(agent.model.policy.critic.parameters()).fill_(torch.nan)

        with pytest.raises(TetrariumError, match="The loss was not finite at step"):
            agent.train(100)

    def test_after_an_sb3_stop_observations_match_the_games(self) -> None:
        class Stop(BaseCallback):
            def _on_step(self) -> bool:
                return self.num_timesteps < 100

        agent = TetrisAgent(make_env(EnvConfig())(), self.SMALL).train(2_000, [Stop()])

        assert agent.timesteps_trained == 100
        assert np.array_equal(agent.model._last_obs, agent.vec_env.core.observe())

    def test_training_works_on_a_wrapped_environment(self) -> None:
        env = gymnasium.wrappers.TimeLimit(make_env(EnvConfig())(), 30)

        assert TetrisAgent(env, self.SMALL.with_changes(n_envs=1)).train(64).timesteps_trained == 64
