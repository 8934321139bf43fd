"""What was trained is saved, loaded, exported and imported as a model, and plays the same wherever it comes to lie."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.training.test_sharing import GAME, config
from tetrarium.environment import EnvConfig, make_env, make_vec_env
from tetrarium.errors import BundleError, ModelError, TetrariumError
from tetrarium.evaluation import evaluate
from tetrarium.registry import box
from tetrarium.registry.bundles import read_bundle
from tetrarium.registry.home import Home
from tetrarium.registry.models import ModelStore
from tetrarium.training import TetrisAgent, TrainingConfig, find_model, load_model, read_policy
from tetrarium.training.config import ALGORITHMS
from tetrarium.training.models import export_model, import_model, keep_best, save_model
from tetrarium.training.runs.run import TrainingRun


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
    """What a model plays on boards of a game of random play."""
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
    assert import_model(tmp_path / "mine.tetris", other).spec == "mine@1"

    assert actions(other, "mine@1") == before and len(set(before)) > 10
    assert evaluate(load_model("mine@1", other)[0], GAME, 5, 1).games == played
    assert ModelStore(other).find("mine").sha256 == saved.sha256


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_runs_best_weights_land_among_the_models_by_themselves(algorithm: str, home: Home) -> None:
    landed = ModelStore(home).versions(algorithm)
    best, _ = read_policy(home.run_folder(algorithm) / "best")

    assert len({version.sha256 for version in landed}) == len(landed)
    assert landed[-1].about["run"] == algorithm and landed[-1].about["checkpoint"] == "best"
    assert evaluate(load_model(algorithm, home)[0], GAME, 3, 1).games == evaluate(best, GAME, 3, 1).games
    keep_best(home, algorithm)
    assert ModelStore(home).versions(algorithm) == landed


def test_training_goes_on_where_models_cannot_be_kept(home: Home) -> None:
    for path in home.root.glob("registry.db*"):
        path.unlink()
    (home.root / "registry.db").write_bytes(b"no database" * 1_000)
    small = config("dqn").with_changes(evaluate_every=50, evaluation_games=2, evaluation_pieces=20)
    _, ended = TrainingRun.create(home, "next", GAME, small, lambda _: None).execute()

    assert ended.state == "finished" and (home.run_folder("next") / "best").is_dir()


def test_a_model_tells_where_it_comes_from(home: Home) -> None:
    best = save_model(home.run_folder("dqn") / "best", home, "mine", note="fine", tags=("b", "a"))
    last = save_model(home.run_folder("dqn") / "checkpoints" / "200", home, "mine")

    assert best.about["run"] == "dqn" and best.about["checkpoint"] == "best" and best.about["evaluation_lines"] >= 0
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
    with pytest.raises(ModelError, match=r"The model 'mine' has the versions 1, 2; got 3\. Name one of these\."):
        load_model("mine@3")


def test_a_known_name_is_not_given_away(home: Home) -> None:
    with pytest.raises(ModelError, match=r"A model has a name of its own; 'du' is a known one\. Choose another name\."):
        save_model(home.run_folder("dqn") / "best", home, "du")


def test_models_of_all_kinds_are_taken_in(home: Home, tmp_path: Path) -> None:
    agent = TetrisAgent(make_env(GAME)(), config("dqn"))
    agent.model.save(tmp_path / "theirs.zip")
    shutil.copytree(home.run_folder("dqn") / "checkpoints" / "200", tmp_path / "folder")

    assert import_model(tmp_path / "theirs.zip", home, env_config=GAME).spec == "theirs@1"
    assert import_model(tmp_path / "folder", home).spec == "folder@1"
    assert import_model(tmp_path / "folder", home, "theirs").spec == "theirs@2"
    weights = agent.model.policy.q_net.state_dict()
    assert np.array_equal(
        ModelStore(home).load("theirs@1").weights["q_net.0.weight"], weights["q_net.0.weight"].numpy()
    )


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.write_bytes(b"x"), "What is imported is a bundle (NAME.tetris), a model.zip of"),
        (lambda path: path.with_suffix(".tetris").write_bytes(b"x"), "is not a whole zip file"),
        (lambda path: path.with_suffix(".zip").write_bytes(b"x"), "is not a model of Stable-Baselines3 whose weights"),
        (lambda path: path.mkdir(), "is not a checkpoint: it has no metadata.json"),
    ],
)
def test_what_is_no_model_is_not_taken_in(home: Home, tmp_path: Path, make: object, said: str) -> None:
    make(tmp_path / "thing")  # type: ignore[operator]
    (path,) = tmp_path.glob("thing*")

    with pytest.raises(TetrariumError) as caught:
        import_model(path, home)
    assert said in str(caught.value) and str(caught.value).isprintable()
    assert [slot.name for slot in ModelStore(home).slots()] == sorted(ALGORITHMS)


def test_an_export_harms_no_file(home: Home, tmp_path: Path) -> None:
    save_model(home.run_folder("dqn") / "best", home, "mine")
    there = tmp_path / "there.tetris"
    there.write_text("mine")

    for path, said in (
        (there, r"A file that is there stays as it is; '.*' is\. Name another, or add --force\."),
        (tmp_path / "x.zip", r"A bundle's name ends in \.tetris; got"),
        (tmp_path / "no" / "x.tetris", r"A bundle is a file in a folder that is there"),
    ):
        with pytest.raises(BundleError, match=said):
            export_model("mine", path, home)
    assert there.read_text() == "mine"
    export_model("mine", there, home, force=True)
    assert read_bundle(there).name == "mine"


def test_a_champion_in_the_box_plays_and_stays(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(box, "CHAMPIONS", tmp_path)
    save_model(home.run_folder("dqn") / "best", home, "mine")
    export_model("mine", tmp_path / "champion.tetris", home)
    store = ModelStore(home)

    assert load_model("champion", home)[0].name.startswith("champion at step")
    assert store.find("champion@1").is_in_box and store.path(store.find("champion")) == tmp_path / "champion.tetris"
    for call, *more in (("promote",), ("set_note", "x"), ("delete",)):
        with pytest.raises(ModelError, match=r"The model 'champion' is in the box and stays as it is\. Save a copy"):
            getattr(store, call)("champion", *more)
    with pytest.raises(ModelError, match="'champion' is a known one"):
        save_model(home.run_folder("dqn") / "best", home, "champion")
    assert save_model(find_model("champion", home), home, "copy").spec == "copy@1"
