"""Bundles play the same on another machine, and weights that do not fit their config are refused."""

import io
import json
import pickle
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3 import DQN, PPO

from tetrarium.environment import EnvConfig, make_env
from tetrarium.errors import BundleError, TetrariumError, UnknownAgentError
from tetrarium.evaluation import evaluate
from tetrarium.registry.bundles import Bundle
from tetrarium.registry.home import Home
from tetrarium.training import TetrisAgent, TrainingConfig, read_policy
from tetrarium.training.agent_reference import resolve_checkpoint
from tetrarium.training.checkpoints.agent_checkpoint import read_saved_policy
from tetrarium.training.checkpoints.model_bundles import make_bundle, policy_from_bundle, read_sb3_model
from tetrarium.training.config import ALGORITHMS

GAME = EnvConfig(width=6, height=8)
NETWORKS = ("dqn", "qr-dqn", "maskable-ppo")
ENDING = "Ask its author for another copy."
SHARE = "Ask for a bundle, made by `tetrarium models export`."


def config(algorithm: str) -> TrainingConfig:
    return TrainingConfig(
        algorithm=algorithm, n_envs=2, total_timesteps=200, learning_starts=20, batch_size=8, net_arch=(4, 3),
        buffer_size=200, n_quantiles=5, ppo_n_steps=8, cma_population=4, cma_games=1, max_pieces_game=40,
    )  # fmt: skip


def trained(algorithm: str, folder: Path) -> TetrisAgent:
    agent = TetrisAgent(make_env(GAME)(), config(algorithm)).train(60)
    agent.save_checkpoint(folder / algorithm)
    return agent


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a checkpoint and a bundle of each algorithm, and the models of Stable-Baselines3."""
    folder = tmp_path_factory.mktemp("bundles")
    for algorithm in ALGORITHMS:
        agent = trained(algorithm, folder)
        saved = read_saved_policy(folder / algorithm)
        (folder / f"{algorithm}.tetris").write_bytes(make_bundle(saved, algorithm).to_bytes())
        if algorithm in NETWORKS:
            agent.model.save(folder / f"{algorithm}.zip")
    return folder


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TETRARIUM_HOME", str(tmp_path / "home"))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_bundle_plays_like_its_checkpoint(algorithm: str, bundles: Path) -> None:
    one, its_game = read_policy(bundles / algorithm)
    other, same_game = read_policy(bundles / f"{algorithm}.tetris")

    assert same_game == its_game == GAME and other.name == one.name
    assert evaluate(one, GAME, 5, 3).games == evaluate(other, GAME, 5, 3).games


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_training_can_start_from_a_bundle(algorithm: str, bundles: Path) -> None:
    def begun(path: Path) -> dict[str, bytes]:
        agent = TetrisAgent(make_env(GAME)(), config(algorithm).with_changes(seed=7)).start_from(path).train(40)
        return {name: value.tobytes() for name, value in agent.learner.weights().items()}

    assert begun(bundles / f"{algorithm}.tetris") == begun(bundles / algorithm)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_weights_match_their_specs(algorithm: str, bundles: Path) -> None:
    saved = read_saved_policy(bundles / algorithm)
    kinds = {name: (value.shape, str(value.dtype)) for name, value in saved.weights.items()}

    assert kinds == saved.learner.weight_specs(saved.config, saved.env_config)


def said(bundle: Bundle) -> str:
    with pytest.raises(BundleError) as caught:
        policy_from_bundle(Bundle.from_bytes(bundle.to_bytes()), "'x.tetris'")
    assert str(caught.value).isprintable()
    return str(caught.value)


def changed(weights: Any, name: str, change: Callable[[Any], Any]) -> dict[str, Any]:
    return {key: change(value) if key == name else value for key, value in weights.items()}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_weights_that_do_not_fit_the_config_are_refused(algorithm: str, bundles: Path) -> None:
    bundle = make_bundle(read_saved_policy(bundles / algorithm), "x")
    for name, value in bundle.weights.items():
        fewer = {key: kept for key, kept in bundle.weights.items() if key != name}
        assert f"has no weights {name!r}, which its config requires" in said(replace(bundle, weights=fewer))
        longer = changed(bundle.weights, name, lambda kept: np.concatenate([kept, kept]))
        assert f"has weights {name!r} of {' x '.join(map(str, longer[name].shape))} " in said(
            replace(bundle, weights=longer)
        )
        other = np.float64 if value.dtype == np.float32 else np.float32
        retyped = changed(bundle.weights, name, lambda kept, kind=other: kept.astype(kind))
        assert f"but its config requires {' x '.join(map(str, value.shape))} {value.dtype}" in said(
            replace(bundle, weights=retyped)
        )
        renamed = {f"{key}x" if key == name else key: kept for key, kept in bundle.weights.items()}
        assert f"has no weights {name!r}" in said(replace(bundle, weights=renamed))
    more = {**bundle.weights, "code": np.zeros(1, np.float32)}
    assert "has weights 'code', which its config excludes" in said(replace(bundle, weights=more))


@pytest.mark.parametrize(
    ("part", "changes", "expected"),
    [
        (
            "training_config",
            {"net_arch": [4]},
            "has weights 'q_net.2.weight' of 3 x 4 float32, but its config requires",
        ),
        ("training_config", {"net_arch": [4, 3, 2]}, "has weights 'q_net.4.weight' of 1 x 3 float32, but its config"),
        ("training_config", {"net_arch": 4}, "net_arch contains widths from 1 to 4096; got 4"),
        ("training_config", {"gamma": 2.0}, "gamma is a number from 0.0 to 0.999999; got 2.0"),
        ("training_config", {"gama": 0.9}, "has no setting 'gama'. Did you mean 'gamma'?"),
        ("training_config", {"seed": 2}, "names two seeds, 1 and 2"),
        ("training_config", {"algorithm": "qr-dqn"}, "names two algorithms, 'dqn' and 'qr-dqn'"),
        ("env_config", {"width": 7}, "but its config requires"),
        ("env_config", {"width": 99}, "width is a whole number from 4 to 16; got 99"),
        ("env_config", {"features": ["holes"]}, "but its config requires 1 float32"),
        ("env_config", {"features": ["cheats"]}, "A feature is one of"),
        ("env_config", {"features": 3}, "features is a list of names; got 3"),
        ("env_config", {"randomizer": "QQ"}, "holds an invalid config"),
    ],
)
def test_invalid_configs_are_refused(bundles: Path, part: str, changes: dict[str, Any], expected: str) -> None:
    bundle = make_bundle(read_saved_policy(bundles / "dqn"), "x")

    assert expected in said(replace(bundle, **{part: {**getattr(bundle, part), **changes}}))


def test_an_unknown_algorithm_is_named(bundles: Path) -> None:
    bundle = replace(make_bundle(read_saved_policy(bundles / "dqn"), "x"), algorithm="magic")

    assert said(bundle) == (
        "The bundle 'x.tetris' names the algorithm 'magic'; this version supports "
        "'dqn', 'qr-dqn', 'ppo', 'maskable-ppo', 'cma-es'. Update tetrarium."
    )


def test_another_input_scale_is_refused(bundles: Path) -> None:
    bundle = make_bundle(read_saved_policy(bundles / "dqn"), "x")
    scaled = changed(bundle.weights, "input_scale", lambda kept: kept * 2)

    assert "scales its inputs differently from this version" in said(replace(bundle, weights=scaled))


# A model.zip from an untrusted source


@pytest.mark.parametrize("algorithm", NETWORKS)
def test_a_model_of_stable_baselines_plays_as_it_did(algorithm: str, bundles: Path) -> None:
    saved = read_sb3_model(bundles / f"{algorithm}.zip", GAME, TrainingConfig())

    assert (saved.config.algorithm, saved.config.net_arch) == (algorithm, (4, 3))
    assert saved.config.n_quantiles == (5 if algorithm == "qr-dqn" else 32)
    with zipfile.ZipFile(bundles / f"{algorithm}.zip") as archive:
        tensors = torch.load(io.BytesIO(archive.read("policy.pth")), weights_only=True)
    network = saved.learner.network
    for name, value in saved.weights.items():
        assert np.array_equal(value, tensors[f"{network}.{name}"].numpy())


def test_a_model_of_other_features_is_refused(bundles: Path) -> None:
    with pytest.raises(BundleError) as caught:
        read_sb3_model(bundles / "dqn.zip", EnvConfig(), TrainingConfig())

    assert "has weights 'input_scale' of 19 float32, but its config requires 23 float32." in str(caught.value)
    assert "Pass the features and settings that it was trained with" in str(caught.value)


class _Runs:
    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.place,))


def policy_file(tensors: Any) -> bytes:
    out = io.BytesIO()
    torch.save(tensors, out)
    return out.getvalue()


def repacked(data: bytes, change: Callable[[str, bytes], bytes], kind: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", kind) as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return out.getvalue()


def faulty_models(model: bytes, ran: Path) -> Iterator[tuple[str, bytes]]:
    """Returns model files with one fault each."""
    with zipfile.ZipFile(io.BytesIO(model)) as archive:
        policy = archive.read("policy.pth")
    tensors = torch.load(io.BytesIO(policy), weights_only=True)

    def with_policy(content: bytes) -> bytes:
        return repacked(model, lambda name, old: content if name == "policy.pth" else old)

    def with_tensors(**changes: Any) -> bytes:
        return with_policy(policy_file({**tensors, **changes}))

    run = pickle.dumps(_Runs(ran))
    yield "a pickle", run
    yield "a pickle as the policy", with_policy(run)
    yield "a pickle in the policy", with_policy(repacked(policy, lambda n, old: run if n.endswith("data.pkl") else old))
    yield "a tensor that runs", with_policy(policy_file({**tensors, "q_net.input_scale": _Runs(ran)}))
    yield "a list", with_policy(policy_file([1, 2]))
    yield "numbers for names", with_policy(policy_file({1: torch.zeros(1)}))
    yield "nothing", with_policy(policy_file({}))
    yield "no policy", repacked(model, lambda _, old: old).replace(b"policy.pth", b"policy.ptx")
    yield "compressed policy", with_policy(repacked(policy, lambda _, old: old, zipfile.ZIP_DEFLATED))
    yield "strings", with_tensors(**{"q_net.q_net.0.weight": "x"})
    yield (
        "a tensor of 10^18 from 4 bytes",
        with_tensors(**{"q_net.q_net.0.weight": torch.zeros(1).expand(10**9, 10**9)}),
    )
    yield "a tensor of two axes of 0", with_tensors(**{"q_net.q_net.0.weight": torch.zeros(0, 0)})
    yield "a sparse tensor", with_tensors(**{"q_net.q_net.0.weight": torch.eye(3).to_sparse()})
    yield "a tensor without numbers", with_tensors(**{"q_net.q_net.0.weight": torch.zeros(4, 19, device="meta")})
    yield "whole numbers", with_tensors(**{"q_net.q_net.0.weight": torch.zeros(4, 19, dtype=torch.int64)})
    yield "half precision", with_tensors(**{"q_net.q_net.0.weight": torch.zeros(4, 19, dtype=torch.float16)})
    yield "no numbers", with_tensors(**{"q_net.q_net.0.weight": torch.full((4, 19), torch.nan)})
    yield "one axis", with_tensors(**{"q_net.q_net.0.weight": torch.zeros(4)})
    yield "more layers", with_tensors(**{"q_net.q_net.9.weight": torch.zeros(1, 1)})
    yield "more weights", with_tensors(**{"q_net.more": torch.zeros(1)})
    yield "a wide layer", with_tensors(**{"q_net.q_net.0.weight": torch.zeros(5_000, 19)})
    yield "scales", with_tensors(**{"q_net.input_scale": torch.ones(19)})
    for length in range(0, len(model), 1_000):
        yield f"the first {length} bytes", model[:length]


def test_faulty_models_are_refused_in_one_line(bundles: Path, tmp_path: Path) -> None:
    ran, path = tmp_path / "ran", tmp_path / "model.zip"
    for name, content in faulty_models((bundles / "dqn.zip").read_bytes(), ran):
        path.write_bytes(content)
        with pytest.raises(TetrariumError) as caught:
            read_sb3_model(path, GAME, TrainingConfig())
        assert str(caught.value).isprintable() and len(str(caught.value)) < 500, name
        assert str(path) in str(caught.value), name
    assert not ran.exists()


@pytest.mark.parametrize(
    ("algorithm", "env", "observation"),
    [(DQN, "CartPole-v1", "Box of shape [4]"), (PPO, "Pendulum-v1", "Box of shape [3]"), (DQN, "Taxi-v4", "Discrete")],
)
def test_models_of_other_environments_are_named_as_such(
    algorithm: Any, env: str, observation: str, tmp_path: Path
) -> None:
    path = tmp_path / "model.zip"
    algorithm("MlpPolicy", env, **({"buffer_size": 10} if algorithm is DQN else {})).save(path)

    message = f"The model {str(path)!r} is not a model of tetrarium: its observation is {observation}"
    for refused in (
        lambda: read_sb3_model(path, GAME, TrainingConfig()),
        lambda: resolve_checkpoint(str(path), Home(tmp_path)),
    ):
        with pytest.raises(BundleError) as caught:
            refused()
        assert str(caught.value).startswith(message)


def test_an_agent_is_no_model_zip(bundles: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownAgentError, match=r"Import it with `tetrarium models import .*dqn.zip`, then"):
        resolve_checkpoint(str(bundles / "dqn.zip"), Home(tmp_path))


def test_running_runs_are_skipped(bundles: Path, tmp_path: Path) -> None:
    """Stable-Baselines3 would unpickle these parts of the file; the weights beside them are read without."""
    ran, path = tmp_path / "ran", tmp_path / "model.zip"

    def change(name: str, old: bytes) -> bytes:
        if name == "data":
            values = json.loads(old)
            values["policy_class"] = {":type:": "x", ":serialized:": pickle.dumps(_Runs(ran)).hex()}
            return json.dumps(values).encode()
        return policy_file({"a": _Runs(ran)}) if name == "pytorch_variables.pth" else old

    path.write_bytes(repacked((bundles / "dqn.zip").read_bytes(), change))
    saved = read_sb3_model(path, GAME, TrainingConfig())

    assert saved.config.net_arch == (4, 3) and not ran.exists()
    torch.load(io.BytesIO(policy_file({"a": _Runs(ran)})), weights_only=False)
    assert ran.exists()  # as an unsafe reader would have done


def test_a_missing_or_too_large_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        BundleError, match=r"The model '.*' cannot be read: No such file or directory\. Check the path\."
    ):
        read_sb3_model(tmp_path / "none.zip", GAME, TrainingConfig())
    with (tmp_path / "huge.zip").open("wb") as file:
        file.truncate(10_000_000_000)
    with pytest.raises(BundleError, match="has more than 71,303,168 bytes"):
        read_sb3_model(tmp_path / "huge.zip", GAME, TrainingConfig())
