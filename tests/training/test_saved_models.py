"""Models are saved, loaded, exported and imported, and play the same everywhere."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.training.test_model_bundles import GAME, config
from tetrarium.environment import EnvConfig, make_env, make_vec_env
from tetrarium.errors import BundleError, ModelError, TetrariumError
from tetrarium.evaluation import evaluate
from tetrarium.registry import versions
from tetrarium.registry.bundles import read_bundle
from tetrarium.registry.home import Home
from tetrarium.registry.model_store import ModelStore
from tetrarium.training import TetrisAgent, TrainingConfig, find_model, load_model, read_policy
from tetrarium.training.config import ALGORITHMS
from tetrarium.training.runs.run import TrainingRun
from tetrarium.training.saved_models import export_model, import_model, save_best_model, save_model


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with a run of each algorithm."""
    home = Home.locate(tmp_path_factory.mktemp("ran"))
    for algorithm in ALGORITHMS:
        small = config(algorithm).with_changes(evaluate_every=50, evaluation_games=2, evaluation_pieces=20)
        TrainingRun.create(home, algorithm, GAME, small, lambda _: None).execute()
    return home


@pytest.fixture
def home(ran: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    shutil.copytree(ran.root, tmp_path / "home")
    monkeypatch.setenv("TETRARIUM_HOME", str(tmp_path / "home"))
    return Home.locate(tmp_path / "home")


def actions(home: Home, spec: str, n_boards: int = 1_000) -> list[int]:
    """Returns a model's actions on boards of random games."""
    agent_actions = []
    policy, game = load_model(spec, home)
    games = make_vec_env(game, n_envs=50, seed=11)
    observations = games.reset()
    agent = TetrisAgent(make_env(game)(), config(read_bundle(find_model(spec, home)).algorithm))
    agent.start_from(find_model(spec, home))
    draw = np.random.default_rng(3)
    while len(agent_actions) < n_boards:
        chosen, _ = agent.predict(observations)
        agent_actions += chosen.tolist()
        masks = observations[:, :, 0] >= 0
        observations = games.step(np.array([draw.choice(np.flatnonzero(mask)) for mask in masks]))[0]
    assert policy.name.startswith(spec)
    return agent_actions[:n_boards]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_export_delete_import_elsewhere_play_the_same(algorithm: str, home: Home, tmp_path: Path) -> None:
    saved = save_model(home.run_folder(algorithm) / "best", home, "mine")
    before, played = actions(home, "mine@1"), evaluate(load_model("mine", home)[0], GAME, 5, 1).games
    export_model("mine", tmp_path / "mine.tetris", home)
    ModelStore(home).delete("mine")
    other = Home.locate(tmp_path / "other")
    assert import_model(tmp_path / "mine.tetris", other).version.spec == "mine@1"

    assert actions(other, "mine@1") == before and len(set(before)) > 10
    assert evaluate(load_model("mine@1", other)[0], GAME, 5, 1).games == played
    assert ModelStore(other).find("mine").sha256 == saved.sha256


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_runs_best_weights_are_saved_as_a_model_automatically(algorithm: str, home: Home) -> None:
    landed = ModelStore(home).versions(algorithm)
    best, _ = read_policy(home.run_folder(algorithm) / "best")

    assert len({version.sha256 for version in landed}) == len(landed)
    assert landed[-1].about["run"] == algorithm and landed[-1].about["checkpoint"] == "best"
    assert evaluate(load_model(algorithm, home)[0], GAME, 3, 1).games == evaluate(best, GAME, 3, 1).games
    save_best_model(home, algorithm)
    assert ModelStore(home).versions(algorithm) == landed


def test_training_continues_if_models_cannot_be_saved(home: Home) -> None:
    for path in home.root.glob("registry.db*"):
        path.unlink()
    (home.root / "registry.db").write_bytes(b"no database" * 1_000)
    small = config("dqn").with_changes(evaluate_every=50, evaluation_games=2, evaluation_pieces=20)
    _, ended = TrainingRun.create(home, "next", GAME, small, lambda _: None).execute()

    assert ended.state == "finished" and (home.run_folder("next") / "best").is_dir()


def test_a_model_names_its_run_and_checkpoint(home: Home) -> None:
    best = save_model(home.run_folder("dqn") / "best", home, "mine", note="fine", tags=("b", "a"))
    last = save_model(home.run_folder("dqn") / "checkpoints" / "200", home, "mine")

    assert (
        best.about["run"] == "dqn"
        and best.about["checkpoint"] == "best"
        and best.about["lines_until_limit"] >= 0
        and best.about["harder_lines"] >= 0
    )
    assert last.about == {"run": "dqn", "checkpoint": "200"}
    assert (best.note, best.tags, best.number, last.number, last.step) == ("fine", ("a", "b"), 1, 2, 200)
    assert EnvConfig.from_dict(best.env_config) == GAME
    assert TrainingConfig.from_dict(best.training_config).net_arch == (4, 3)
    curve = ModelStore(home).load("mine@2").curve
    assert curve is not None and curve["steps"] == [50, 100, 150, 200]


def test_python_loads_models_by_name_and_version(home: Home) -> None:
    save_model(home.run_folder("dqn") / "best", home, "mine")
    save_model(home.run_folder("qr-dqn") / "best", home, "mine")

    policy, game = load_model("mine@1")
    assert policy.name.startswith("mine@1 at step ") and game == GAME
    assert load_model("mine")[0].name.startswith("mine@2 at step ")
    assert read_policy(find_model("mine@1"))[1] == GAME
    with pytest.raises(ModelError, match=r"The model 'mine' has the versions 1, 2; got 3\. Choose one of these\."):
        load_model("mine@3")


def test_a_reserved_name_is_refused(home: Home) -> None:
    with pytest.raises(ModelError, match=r"'du' is the name of a controller or built-in model\. Choose"):
        save_model(home.run_folder("dqn") / "best", home, "du")


def test_models_of_all_kinds_are_imported(home: Home, tmp_path: Path) -> None:
    agent = TetrisAgent(make_env(GAME)(), config("dqn"))
    agent.model.save(tmp_path / "theirs.zip")
    shutil.copytree(home.run_folder("dqn") / "checkpoints" / "200", tmp_path / "folder")

    first = import_model(tmp_path / "theirs.zip", home, env_config=GAME)
    assert (first.version.spec, first.is_new, first.default) == ("theirs@1", True, "theirs@1")
    assert import_model(tmp_path / "folder", home).message == "Imported folder@1: dqn at step 200."
    second = import_model(tmp_path / "folder", home, "theirs")
    assert second.message == "Imported theirs@2: dqn at step 200. The default version is still theirs@1."
    again = import_model(tmp_path / "folder", home, "theirs")
    assert (again.version, again.is_new) == (second.version, False)
    assert again.message == "The same weights are already here as theirs@2. The default version is still theirs@1."
    assert import_model(tmp_path / "folder", home, "theirs", promote=True).default == "theirs@2"
    assert len(ModelStore(home).versions("theirs")) == 2
    weights = agent.model.policy.q_net.state_dict()
    assert np.array_equal(
        ModelStore(home).load("theirs@1").weights["q_net.0.weight"], weights["q_net.0.weight"].numpy()
    )


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.write_bytes(b"x"), "Only a bundle (NAME.tetris), a model.zip of"),
        (lambda path: path.with_suffix(".tetris").write_bytes(b"x"), "is not a complete zip file"),
        (lambda path: path.with_suffix(".zip").write_bytes(b"x"), "is not a model of Stable-Baselines3 whose weights"),
        (lambda path: path.mkdir(), "is not a checkpoint: it has no metadata.json"),
    ],
)
def test_invalid_models_are_not_imported(home: Home, tmp_path: Path, make: object, said: str) -> None:
    make(tmp_path / "thing")  # type: ignore[operator]
    (path,) = tmp_path.glob("thing*")

    with pytest.raises(TetrariumError) as caught:
        import_model(path, home)
    assert said in str(caught.value) and str(caught.value).isprintable()
    assert [slot.name for slot in ModelStore(home).slots()] == sorted(ALGORITHMS)


def test_an_export_overwrites_no_other_file(home: Home, tmp_path: Path) -> None:
    save_model(home.run_folder("dqn") / "best", home, "mine")
    there = tmp_path / "there.tetris"
    there.write_text("mine")

    for path, said in (
        (there, r"'.*' already exists\. Choose another name or pass --force\."),
        (tmp_path / "x.zip", r"A bundle's name ends in \.tetris; got"),
        (tmp_path / "no" / "x.tetris", r"The folder of '.*' does not exist\. Create it first\."),
    ):
        with pytest.raises(BundleError, match=said):
            export_model("mine", path, home)
    assert there.read_text() == "mine"
    export_model("mine", there, home, force=True)
    assert read_bundle(there).name == "mine"


def test_a_built_in_model_plays_and_cannot_be_changed(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versions, "CHAMPIONS", tmp_path)
    save_model(home.run_folder("dqn") / "best", home, "mine")
    export_model("mine", tmp_path / "champion.tetris", home)
    store = ModelStore(home)

    assert load_model("champion", home)[0].name.startswith("champion at step")
    assert store.find("champion@1").is_builtin and store.path(store.find("champion")) == tmp_path / "champion.tetris"
    for call, *more in (("promote",), ("set_note", "x"), ("delete",)):
        with pytest.raises(ModelError, match=r"The model 'champion' is built in and cannot be changed\. Save a copy"):
            getattr(store, call)("champion", *more)
    with pytest.raises(ModelError, match="'champion' is the name of a controller or built-in model"):
        save_model(home.run_folder("dqn") / "best", home, "champion")
    assert save_model(find_model("champion", home), home, "copy").spec == "copy@1"
