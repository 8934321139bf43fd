"""Wrong calls of the Python API: the same sentence on every interface, and never an exception of another library."""

import itertools
import json
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from stable_baselines3.common.monitor import Monitor

from tests.wrong_values import VALUES, outcome
from tetrarium.environment import EnvConfig, TetrisEnv, TetrisVecEnv, TetrisVectorEnv, make_env, make_vec_env
from tetrarium.errors import ConfigError, GameError, PolicyError
from tetrarium.evaluation import RandomPolicy, evaluate, play_moves

RAISING = EnvConfig(width=4, height=6, illegal_action="raise")
MODES = [RAISING, RAISING.with_changes(illegal_action="nearest"), RAISING.with_changes(actions="keys")]


def single(config: EnvConfig) -> Callable[[Any], Any]:
    env = TetrisEnv(config)
    env.reset(seed=0)
    return env.step


def vector(config: EnvConfig) -> Callable[[Any], Any]:
    envs = TetrisVectorEnv(config, 2, seed=0)
    envs.reset()
    return envs.step


def vec(config: EnvConfig) -> Callable[[Any], Any]:
    envs = make_vec_env(config, 2)
    envs.reset()
    return envs.step


@pytest.mark.parametrize("config", MODES, ids=["raise", "nearest", "keys"])
def test_wrong_actions_have_the_same_sentence_everywhere(config: EnvConfig) -> None:
    n = 8 if config.actions == "keys" else 16
    sentence = f"^An action is from 0 to {n - 1}; got "
    for action in (n, -1, 2**63 - 1, np.uint64(2**64 - 1), np.int64(-(2**63))):
        shown = min(int(action), 2**63 - 1)
        with pytest.raises(GameError, match=rf"{sentence}{int(action)}\. Choose one that the"):
            single(config)(action)
        for interface in (vector, vec):
            with pytest.raises(GameError, match=rf"{sentence}{shown}\. Choose one that the"):
                interface(config)(np.array([action, action]))
    with pytest.raises(GameError, match=rf"{sentence}{10**20}\."):
        single(config)(10**20)
    for interface, shape in itertools.product((vector, vec), [(), (1,), (3,), (2, 1)]):
        with pytest.raises(GameError, match=r"^Each of 2 games takes one action; got shape \(.*\)\. Pass one each\.$"):
            interface(config)(np.zeros(shape, dtype=np.int64))
    for interface, actions in itertools.product((vector, vec), [[[0], [0, 1]], [[0, 1], 2]]):
        with pytest.raises(GameError, match=r"^Each of 2 games takes one action; got \[\[0"):
            interface(config)(actions)
    for interface, actions in itertools.product((vector, vec), [[0.5, 1], "ab", None, [10**20, 0], [True, False]]):
        with pytest.raises(GameError, match=r"^Actions are integers; got .*\. Pass one integer for each game\.$"):
            interface(config)(actions)


def test_numbers_are_integers_of_python_or_numpy() -> None:
    two: Any = np.int64(2)
    np.testing.assert_array_equal(make_vec_env(RAISING, two, two).reset(), make_vec_env(RAISING, 2, 2).reset())
    assert evaluate(RandomPolicy(), RAISING, n_games=two, seed=two, max_pieces=two, n_threads=two).n_games == 2
    env, other = TetrisEnv(RAISING), TetrisEnv(RAISING)
    np.testing.assert_array_equal(env.reset(seed=two)[0], other.reset(seed=2)[0])
    assert len({make_vec_env(RAISING, 8, seed=None).state()["rows"].tobytes() for _ in range(4)}) == 4


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: TetrisEnv().keys_to(3.0), "An action is from 0 to 39; got 3.0. Choose one that the mask allows."),  # type: ignore[arg-type]
        (lambda: TetrisEnv().keys_to(40), "An action is from 0 to 39; got 40. Choose one that the mask allows."),
        (lambda: make_vec_env(n_envs="3"), "n_envs is 1 or more; got '3'. Pass an integer of up to 1,048,576."),  # type: ignore[arg-type]
        (lambda: TetrisVectorEnv(num_envs=10**12), "n_envs is 1 or more; got 1000000000000. Pass an integer of up to"),
        (lambda: make_vec_env(seed=1.5), "A seed is 0 or more; got 1.5. Pass an integer of 0 or more."),  # type: ignore[arg-type]
        (lambda: TetrisVectorEnv(seed=-1), "A seed is 0 or more; got -1. Pass an integer of 0 or more."),
        (lambda: TetrisVectorEnv(num_envs=2).reset(seed=[1.5, 2]), "A seed is 0 or more; got 1.5."),  # type: ignore[list-item]
        (lambda: TetrisVectorEnv(num_envs=2).reset(seed="ab"), "A seed is 0 or more; got 'ab'."),  # type: ignore[arg-type]
        (lambda: TetrisEnv().reset(seed=-1), "A seed is 0 or more; got -1."),
        (lambda: TetrisEnv().reset(options="x"), "options is a mapping; got 'x'. Pass {'keys': True}, for example."),  # type: ignore[arg-type]
        (lambda: TetrisVectorEnv().reset(options=[1]), "options is a mapping; got [1]."),  # type: ignore[arg-type]
        (lambda: make_vec_env().seed("x"), "A seed is 0 or more; got 'x'."),  # type: ignore[arg-type]
        (lambda: make_vec_env(n_envs=2).get_attr("config", [2]), "Indices are of 2 games, from 0; got 2. Omit them"),
        (lambda: TetrisEnv("x"), "config is an instance of EnvConfig or a mapping of its settings; got 'x'."),  # type: ignore[arg-type]
        (lambda: TetrisEnv({"heigth": 10}), "EnvConfig has no setting 'heigth'. Did you mean 'height'?"),
        (lambda: evaluate(RandomPolicy(), None), "config is an instance of EnvConfig or a mapping"),  # type: ignore[arg-type]
        (lambda: evaluate(RandomPolicy(), RAISING, seed=1.5), "seed is a whole number, 0 or more; got 1.5."),  # type: ignore[arg-type]
        (lambda: evaluate(RandomPolicy, RAISING), "A policy is an object; got the class RandomPolicy. Pass RandomPol"),
        (lambda: play_moves(RandomPolicy(), RAISING, seed="x"), "A seed and a game number are 0 or more; got seed"),  # type: ignore[arg-type]
    ],
)  # fmt: skip
def test_wrong_arguments_are_refused_in_a_sentence(call: Callable[[], Any], message: str) -> None:
    with pytest.raises((ConfigError, GameError, PolicyError)) as error:
        call()
    assert str(error.value).startswith(message)


@pytest.mark.parametrize("make", [TetrisEnv, lambda config: TetrisVectorEnv(config, 2), lambda c: make_vec_env(c, 2)])
@pytest.mark.parametrize("actions", ["drop", "keys"])
def test_a_state_of_another_board_is_refused(make: Callable[[EnvConfig], Any], actions: str) -> None:
    tall = make(EnvConfig(width=4, height=20, actions=actions))
    low = make(EnvConfig(width=4, height=6, actions=actions))
    before = low.state()
    tall.core.games.columns[-1] = (1 << 15, 0, 0, 0)
    with pytest.raises(GameError, match=r"^The (board|current piece) (of a game in play ends|must)"):
        low.set_state(tall.state())
    for name in before:
        if name != "n_steps":  # states of earlier versions lack it
            with pytest.raises(GameError, match=f"^A state has {name}; got"):
                low.set_state({other: value for other, value in before.items() if other != name})
        with pytest.raises(GameError, match=f"^A state fits its games, of shape .* in {name}; got"):
            low.set_state({**before, name: "x"})
    for name, value in low.state().items():
        np.testing.assert_array_equal(value, before[name])
    low.set_state(before)


STATES = [
    RAISING.with_changes(illegal_action="nearest", hidden_rows=20, **changes)
    for changes in ({}, {"actions": "reachable", "hold": True}, {"game_over": "guideline"}, {"randomizer": "IO"},
                    {"actions": "keys", "hold": True}, {"actions": "keys", "observation": "board"})
]  # fmt: skip


@pytest.mark.parametrize("config", STATES)
def test_a_state_with_any_numbers_is_refused_or_plays_on(config: EnvConfig) -> None:
    env = TetrisEnv(config)
    env.reset(seed=1)
    env.step(env.action_masks().argmax())
    state = env.state()
    numbers = (-(2**63), -1, 0, 1, 99, 2**31, 2**62, 2**63 - 1)
    for place, number in itertools.product(range(state["rows"].shape[1]), numbers):
        rows = state["rows"].copy()
        rows[0, place] = number
        try:
            env.set_state({**state, "rows": rows})
        except GameError:
            for name, value in env.state().items():
                np.testing.assert_array_equal(value, state[name])
            continue
        for _ in range(3):
            if not env.core.games.terminated[0]:
                assert env.observation_space.contains(env.step(env.action_masks().argmax())[0]), (place, number)
        env.set_state(state)
    with pytest.raises(GameError, match=r"^Numbers of a state lie within ±4,611,686,018,427,387,904\. Pass"):
        env.set_state({**state, "rows": state["rows"].astype(np.uint64) | np.uint64(2**63)})


def test_specs_and_keywords_hold_configs_as_mappings() -> None:
    env = gymnasium.make("tetrarium/Tetris-v0", config=EnvConfig(height=10))
    assert env.spec is not None
    values = json.loads(env.spec.to_json())
    assert values["kwargs"]["config"]["height"] == 10
    again: Any = gymnasium.make(EnvSpec.from_json(env.spec.to_json()))
    assert again.unwrapped.config == EnvConfig(height=10)
    given: Any = {"height": 10}
    assert make_env(given)().config.height == make_vec_env(given).config.height == 10
    assert TetrisVectorEnv(given).config == EnvConfig(height=10)
    assert evaluate(RandomPolicy(), given, 2).games == evaluate(RandomPolicy(), EnvConfig(height=10), 2).games


def test_an_overridden_prediction_is_evaluated() -> None:
    class Agent:
        features = EnvConfig().features

        def predict(self, observations: Any) -> Any:
            return np.argmax(observations[..., 0] >= 0, axis=1), None

        def compiled_policy(self) -> Any:
            return RandomPolicy()

    class Other(Agent):
        def predict(self, observations: Any) -> Any:
            legal = observations[..., 0] >= 0
            return legal.shape[1] - 1 - np.argmax(legal[:, ::-1], axis=1), None

    assert evaluate(Agent(), RAISING, 2).policy == "random"
    assert evaluate(Other(), RAISING, 2).policy == "Other"


def test_no_wrong_value_raises_an_exception_of_another_tree() -> None:
    env, envs, batch = TetrisEnv(RAISING), TetrisVectorEnv(RAISING, 2, seed=0), make_vec_env(RAISING, 2)
    for one in (env, envs, batch):
        one.reset()
    calls: list[Callable[[Any], Any]] = [
        EnvConfig.of, EnvConfig.from_dict, TetrisEnv, lambda v: make_env(v)(), make_vec_env, TetrisVectorEnv,
        lambda v: TetrisEnv(None, v), lambda v: make_vec_env(RAISING, v), lambda v: make_vec_env(RAISING, 2, v),
        lambda v: make_vec_env(RAISING, 2, n_threads=v), lambda v: TetrisVecEnv(v, v),
        lambda v: TetrisVectorEnv(None, v),
        lambda v: TetrisVectorEnv(RAISING, 2, seed=v), lambda v: TetrisVectorEnv(RAISING, 2, autoreset_mode=v),
        lambda v: TetrisVectorEnv(RAISING, 2, render_mode=v), lambda v: TetrisVectorEnv(RAISING, 2, n_threads=v),
        lambda v: env.reset(seed=v), lambda v: env.reset(options=v), env.step, env.keys_to, env.set_state,
        lambda v: env.set_state({**env.state(), "rows": v}), lambda v: env.set_state({**env.state(), "score": v}),
        lambda v: envs.reset(seed=v), lambda v: envs.reset(options=v),
        lambda v: envs.reset(options={"reset_mask": v}),
        envs.step, envs.set_state, lambda v: envs.set_state({**envs.state(), "ended": v}), batch.seed, batch.step,
        batch.set_state, lambda v: batch.env_method("keys_to", v),
        lambda v: batch.env_method("action_masks", indices=v),
        lambda v: batch.get_attr("config", v),
    ]  # fmt: skip
    calls += [lambda v, name=name: EnvConfig(**{name: v}) for name in EnvConfig().to_dict()]
    for call, value in itertools.product(calls, VALUES):
        assert outcome(call, value) is None, (call, value)
    for one in (env, envs, batch):  # nothing wrong was stored
        one.reset()
    assert batch.env_is_wrapped(Monitor) == [True, True]
