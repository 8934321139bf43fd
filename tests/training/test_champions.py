"""The built-in models: their descriptions and their play."""

from pathlib import Path

import pytest

from tetrarium.environment import EnvConfig
from tetrarium.evaluation import POLICY_NAMES, PROTOCOLS, evaluate
from tetrarium.registry.bundles import read_bundle
from tetrarium.registry.home import Home
from tetrarium.registry.scores import builtin_scores
from tetrarium.registry.versions import CHAMPIONS, champion_names, champion_path
from tetrarium.training.presets import find_preset
from tetrarium.training.saved_models import load_model

NAMES = ("champion", "champion-10x10", "champion-10x10-ppo", "champion-10x20")


def test_the_package_contains_its_champions_and_their_description() -> None:
    assert champion_names() == NAMES
    assert "tools/champions.py" in (CHAMPIONS / "README.md").read_text(encoding="utf-8")


def test_scores_come_with_the_package() -> None:
    found = {name: builtin_scores(protocol.to_dict()) for name, protocol in PROTOCOLS.items()}
    scored = {name: {score.agent for score in scores} for name, scores in found.items()}
    agents = {*NAMES, *POLICY_NAMES}
    assert scored == {name: set() if name == "literature-10x20" else agents for name in PROTOCOLS}
    for name, scores in found.items():
        assert {score.report["n_games"] for score in scores} <= {PROTOCOLS[name].n_games}
        assert {score.report["max_pieces"] for score in scores} <= {PROTOCOLS[name].max_pieces}


@pytest.mark.parametrize("name", NAMES)
def test_a_champion_names_its_command_and_is_small(name: str) -> None:
    path = champion_path(name)
    assert path is not None
    bundle = read_bundle(path)

    preset = find_preset(bundle.about["preset"])
    assert bundle.about["command"] == f"tetrarium train --preset {bundle.about['preset']} --seed {bundle.seed}"
    assert EnvConfig.from_dict(bundle.env_config) == preset.env_config
    assert bundle.training_config["total_timesteps"] == preset.training_config.total_timesteps
    assert bundle.note and path.stat().st_size < 300_000


@pytest.mark.parametrize(
    ("name", "config", "least_lines"),
    [
        ("champion", EnvConfig(), 390.0),  # of 1,000 pieces: at most 400
        ("champion-10x10", EnvConfig.literature(10), 3_500.0),
        ("champion-10x10-ppo", EnvConfig.literature(10), 3_500.0),
        ("champion-10x20", EnvConfig.literature(20), 390.0),
    ],
)
def test_a_champion_plays_its_game(name: str, config: EnvConfig, least_lines: float, tmp_path: Path) -> None:
    policy, trained_for = load_model(name, Home.locate(tmp_path))
    rules = ("width", "height", "randomizer", "actions", "hold", "game_over")
    assert trained_for is not None
    assert all(getattr(trained_for, rule) == getattr(config, rule) for rule in rules)

    is_endless = config.height > 10
    report = evaluate(policy, config, n_games=100, seed=31, max_pieces=1_000 if is_endless else 1_000_000)
    assert report.n_truncated == (100 if is_endless else 0)
    assert sum(game.lines for game in report.games) / 100 > least_lines
