"""No wrong argument of the Python API raises an exception of another library, whatever its type, shape or size.

The functions of ``environment`` are tried in ``tests/environment/test_bad_calls.py``.
"""

import itertools
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.registry.bad_bundles import sample
from tests.wrong_values import VALUES, outcome
from tetrarium import engine, evaluation, training, tuning
from tetrarium.engine import Games, KeyGames, KeyRules, Rules, make_layout, row_length
from tetrarium.engine.keyplay.observations import n_row_words
from tetrarium.engine.rules import is_integer
from tetrarium.environment import EnvConfig, make_env
from tetrarium.environment.replays import Replay
from tetrarium.errors import ConfigError, GameError
from tetrarium.registry import Home, NameRule, check_name
from tetrarium.registry.model_store import ModelStore
from tetrarium.training import TrainingConfig
from tetrarium.training.presets import find_preset
from tetrarium.training.runs.control import Control
from tetrarium.workers.directories.run_views import list_runs, read_run

Call = Callable[[Any], Any]
SIZE: dict[str, Any] = {"width": 4, "height": 6, "hidden_rows": 20, "randomizer": "7-bag", "preview": 1}
RULES, KEY_RULES = Rules(**SIZE), KeyRules(**SIZE)
LAYOUT = make_layout(["column_heights", "holes"], 4, 1)
ACTIONS = np.zeros(2, np.int64)
GAME, RANDOM = EnvConfig(width=4, height=6), evaluation.RandomPolicy()
STUDY: dict[str, Any] = {"name": "a", "preset": "quick", "ranges": (tuning.parse_range("n_steps=1,2"),)}
REPLAY: dict[str, Any] = {
    "env_config": GAME, "seed": 0, "game": 0, "actions": b"", "lines": 0, "pieces": 0, "over": False,
}  # fmt: skip


def calls_of_games() -> dict[str, Call]:
    """Calls of both kinds of games; arrays of wrong shapes must not reach a kernel."""
    games, keys = Games(RULES, 0, [0, 1]), KeyGames(KEY_RULES, 0, [0, 1])
    rows, masks = np.zeros((2, 16, row_length(LAYOUT)), np.float32), np.zeros((2, 16), np.bool_)
    words, key_masks = np.zeros((2, n_row_words(4, 6, 1)), np.int64), np.zeros((2, 8), np.bool_)
    calls: dict[str, Call] = {
        "observe layout": lambda v: games.observe(v, rows, masks),
        "observe rows": lambda v: games.observe(LAYOUT, v, masks),
        "observe masks": lambda v: games.observe(LAYOUT, rows, v),
        "observe words": lambda v: keys.observe(v, key_masks),
        "observe key masks": lambda v: keys.observe(words, v),
        "step actions": lambda v: games.step(v, LAYOUT, rows, masks, max_pieces=9),
        "step layout": lambda v: games.step(ACTIONS, v, rows, masks, max_pieces=9),
        "step rows": lambda v: games.step(ACTIONS, LAYOUT, v, masks, max_pieces=9),
        "step masks": lambda v: games.step(ACTIONS, LAYOUT, rows, v, max_pieces=9),
        "step max_pieces": lambda v: games.step(ACTIONS, LAYOUT, rows, masks, max_pieces=v, final=rows),
        "step final": lambda v: games.step(ACTIONS, LAYOUT, rows, masks, max_pieces=9, final=v),
        "step keys": lambda v: keys.step(v, words, key_masks, max_pieces=9),
        "step words": lambda v: keys.step(ACTIONS, v, key_masks, max_pieces=9),
        "step key masks": lambda v: keys.step(ACTIONS, words, v, max_pieces=9),
        "step key final": lambda v: keys.step(ACTIONS, words, key_masks, max_pieces=9, final=v),
        "keys_to game": lambda v: games.keys_to(v, 0),
        "keys_to action": lambda v: games.keys_to(0, v),
    }
    for batch, mask in ((games, masks), (keys, key_masks)):
        made: Any = type(batch)
        batch_calls: dict[str, Call] = {
            "rules": lambda v, made=made: made(v, 0, [0]),
            "seed": lambda v, batch=batch: type(batch)(batch.rules, v, [0]),
            "numbers": lambda v, batch=batch: type(batch)(batch.rules, 0, v),
            "n_threads": lambda v, batch=batch: type(batch)(batch.rules, 0, [0], v),
            "advance": lambda v, batch=batch: batch.advance(v, max_pieces=9, restart=True),
            "max_pieces": lambda v, batch=batch: batch.advance(ACTIONS, max_pieces=v, restart=True),
            "restart": lambda v, batch=batch: batch.advance(ACTIONS, max_pieces=9, restart=v),
            "resets": lambda v, batch=batch: batch.advance(ACTIONS, max_pieces=9, restart=True, reset_mask=v),
            "write_masks": lambda v, batch=batch, mask=mask: batch.write_masks(v, mask),
            "masks": lambda v, batch=batch: batch.write_masks(batch.rows, v),
            "game": lambda v, batch=batch: batch.place(v, 0),
            "action": lambda v, batch=batch: batch.move(0, v),
            "nearest": lambda v, batch=batch: batch.nearest(0, v),
            "nearest in": lambda v, batch=batch: batch.nearest(v, 0),
            "state": batch.state,
            "restore": lambda v, batch=batch: batch.restore(0, v),
            "restore game": lambda v, batch=batch: batch.restore(v, batch.state(0)),
            "set_board": lambda v, batch=batch: batch.set_board(0, v),
            "reseed": lambda v, batch=batch: batch.reseed(0, v),
            "reseed_one": lambda v, batch=batch: batch.reseed_one(v, 0, 0),
            "restart one": batch.restart,
        }  # fmt: skip
        for field in fields(batch.state(0)):
            batch_calls[f"restore {field.name}"] = lambda v, batch=batch, name=field.name: restore_and_place(
                batch, replace(batch.state(0), **{name: v})
            )
        calls |= {f"{made.__name__} {name}": call for name, call in batch_calls.items()}
    return calls


def restore_and_place(batch: Any, state: Any) -> None:
    batch.restore(0, state)
    batch.advance(ACTIONS, max_pieces=9, restart=True)


def calls_of_functions(home: Home) -> dict[str, Call]:
    """Calls of the engine's functions, and of evaluation, training, tuning and the registry."""
    column = np.zeros(4, np.int64)
    network = [([[1.0]], [0.0])]
    store = ModelStore(home)
    calls: dict[str, Call] = {
        "cells of a piece": lambda v: engine.orientation_cells(v, 0),
        "cells of a rotation": lambda v: engine.orientation_cells(0, v),
        "row_length": row_length,
        "layout": lambda v: make_layout(v, 4, 1),
        "layout width": lambda v: make_layout(["column_heights"], v, 1),
        "layout preview": lambda v: make_layout(["queue"], 4, v),
        "feature": lambda v: engine.feature_width(v, 4, 1),
        "board_cells": lambda v: engine.board_cells(v, 6),
        "board_cells height": lambda v: engine.board_cells(column, v),
        "draw_board": lambda v: engine.draw_board(v, 6),
        "draw_board height": lambda v: engine.draw_board(column, v),
        "parse_board": engine.parse_board,
        "perft": lambda v: engine.perft(v, 1),
        "perft width": lambda v: engine.perft("I", 1, width=v),
        "named_policy": evaluation.named_policy,
        "protocol": evaluation.find_protocol,
        "linear": evaluation.LinearPolicy,
        "weight": lambda v: evaluation.LinearPolicy({"holes": v}),
        "weights": lambda v: evaluation.LinearPolicy({"column_heights": v}),
        "compare": lambda v: evaluation.compare_reports(v, v),
        "network features": lambda v: evaluation.NetworkPolicy(v, []),
        "network layers": lambda v: evaluation.NetworkPolicy(["holes"], v),
        "network layer": lambda v: evaluation.NetworkPolicy(["holes"], [v]),
        "network weights": lambda v: evaluation.NetworkPolicy(["holes"], [(v, [0])]),  # type: ignore[list-item]
        "activation": lambda v: evaluation.NetworkPolicy(["holes"], network, v),  # type: ignore[arg-type]
        "scale": lambda v: evaluation.NetworkPolicy(["holes"], network, scale=v),  # type: ignore[arg-type]
        "network width": lambda v: evaluation.NetworkPolicy(["column_heights"], network, width=v),  # type: ignore[arg-type]
        "policy": lambda v: evaluation.evaluate(v, EnvConfig(width=4, height=6), n_games=1, max_pieces=3),
        "home": Home.locate,
        "preset": find_preset,
        "training": TrainingConfig.from_dict,
        "parse_range": tuning.parse_range,
        "range": lambda v: tuning.Range.of(v, values=(1, 2)),
        "values": lambda v: tuning.Range.of("n_steps", values=v),
        "bound": lambda v: tuning.Range.of("gamma", low=v, high=0.9),
        "range of a mapping": lambda v: tuning.Range.from_dict("gamma", v),
        "listed values": lambda v: tuning.Range.from_dict(v, {"values": [1]}),
        "create_study": lambda v: tuning.create_study(home, v),
        "list_studies": tuning.list_studies,
        "extend_study": lambda v: tuning.extend_study(home, v),
        "has_study": lambda v: tuning.has_study(home, v),
        "read_study_config": lambda v: tuning.read_study_config(home, v),
        "run_study": lambda v: tuning.run_study(home, v),
        "start_tuner": lambda v: tuning.start_tuner(home, v),
        "tuner": lambda v: tuning.Tuner(home, v, Control(), print),
        "study of a mapping": tuning.StudyConfig.from_dict,
        "train_command": lambda v: tuning.train_command(v, EnvConfig(), TrainingConfig()),
        "game of train_command": lambda v: tuning.train_command("quick", v, TrainingConfig()),
        "training of train_command": lambda v: tuning.train_command("quick", EnvConfig(), v),
        "list_runs": list_runs,
        "read_run": lambda v: read_run(home, v),
        "find_model": lambda v: training.find_model(v, home),
        "load_model": lambda v: training.load_model(v, home),
        "read_policy": training.read_policy,
        "check_name": check_name,
        "name rule": NameRule,
        "play_moves": lambda v: evaluation.play_moves(v, GAME),
        "game of play_moves": lambda v: evaluation.play_moves(RANDOM, v),
        "seed of play_moves": lambda v: evaluation.play_moves(RANDOM, GAME, v),
        "number of play_moves": lambda v: evaluation.play_moves(RANDOM, GAME, 0, v),
        "limit of play_moves": lambda v: evaluation.play_moves(RANDOM, GAME, max_pieces=v),
        "game of evaluate": lambda v: evaluation.evaluate(RANDOM, v, 1, max_pieces=3),
        "n_games": lambda v: evaluation.evaluate(RANDOM, GAME, v, max_pieces=3) if v is not VALUES[5] else None,
        "seed of evaluate": lambda v: evaluation.evaluate(RANDOM, GAME, 1, v, max_pieces=3),
        "limit of evaluate": lambda v: evaluation.evaluate(RANDOM, GAME, 1, max_pieces=v),
        "threads of evaluate": lambda v: evaluation.evaluate(RANDOM, GAME, 1, max_pieces=3, n_threads=v),
        "on_progress": lambda v: (
            None if v is int else evaluation.evaluate(RANDOM, GAME, 1, max_pieces=3, on_progress=v)
        ),
        "executor": lambda v: evaluation.evaluate(RANDOM, GAME, 1, max_pieces=3, executor=v),
        "ledger": lambda v: evaluation.evaluate(RANDOM, GAME, 1, max_pieces=3, ledger=v),
        "replay": Replay.from_bytes,
        "random seed": evaluation.RandomPolicy,
        "read_study": lambda v: tuning.read_study(home, v),
        "delete_study": lambda v: tuning.delete_study(home, v),
        "find a model": store.find,
    }
    for name in (
        "list_studies", "read_study", "delete_study", "has_study", "read_study_config", "extend_study", "run_study",
        "start_tuner",
    ):  # fmt: skip
        rest = () if name == "list_studies" else ("a",)
        calls[f"home of {name}"] = lambda v, name=name, rest=rest: getattr(tuning, name)(v, *rest)
    calls |= {
        "home of create_study": lambda v: tuning.create_study(v, tuning.StudyConfig.of_preset(**STUDY)),
        "home of a tuner": lambda v: tuning.Tuner(v, "a", Control(), print),
        "home of find_model": lambda v: None if v is None else training.find_model("a", v),
        "home of load_model": lambda v: None if v is None else training.load_model("a", v),
        "home of read_run": lambda v: read_run(v, "a"),
    }
    for name in ("env_config", "seed", "game", "stream", "actions", "lines", "pieces", "over", "about"):
        calls[f"replay {name}"] = lambda v, name=name: Replay(**{**REPLAY, name: v})
    for name in ("run_folder", "study_folder", "demo_folder", "job_folder", "require_free"):
        calls[name] = getattr(home, name)
    for kind, field in itertools.product((Rules, KeyRules), (*SIZE, "hold", "game_over", "actions")):
        calls[f"{kind.__name__} {field}"] = lambda v, kind=kind, field=field: kind(**{**SIZE, field: v})
    for name in TrainingConfig().to_dict():
        calls[name] = lambda v, name=name: TrainingConfig(**{name: v})
    for name in (*STUDY, "n_trials", "n_at_once", "objective", "sampler", "seed", "prunes"):
        calls[f"study {name}"] = lambda v, name=name: tuning.StudyConfig.of_preset(**{**STUDY, name: v}).check()
    return calls


def test_no_wrong_value_raises_an_exception_of_another_tree(tmp_path: Path) -> None:
    calls = calls_of_games() | calls_of_functions(Home.locate(tmp_path))
    for (name, call), value in itertools.product(calls.items(), VALUES):
        assert outcome(call, value) is None, (name, value)
    assert list(tmp_path.iterdir()) == []


def test_no_wrong_value_of_an_agent_or_a_model_raises_an_exception_of_another_tree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tetrarium.training import TetrisAgent

    monkeypatch.chdir(tmp_path)  # some values are names of folders
    home = Home.locate(tmp_path / "home")
    store, bundle = ModelStore(home), sample()
    store.save("mine", bundle)
    env = make_env(EnvConfig(width=4, height=6))()
    config = TrainingConfig(n_envs=2, learning_starts=4, buffer_size=50, batch_size=4, net_arch=(4,))
    agent = TetrisAgent(env, config).train(8)
    agent.save_checkpoint("saved", home=home)
    calls: dict[str, Call] = {
        "env": lambda v: TetrisAgent(v, config),
        "config": lambda v: TetrisAgent(env, v),
        "train": lambda v: agent.train(v) if not is_integer(v) or v <= 8 else None,
        "callback": lambda v: agent.train(0, v),
        "predict": agent.predict,
        "start_from": agent.start_from,
        "save": lambda v: agent.save_checkpoint(v, home=home),
        "save in a home": lambda v: agent.save_checkpoint("other", home=v),
        "load": lambda v: TetrisAgent.load_checkpoint(v, env, home=home),
        "load on": lambda v: TetrisAgent.load_checkpoint("saved", v, home=home),
        "load from a home": lambda v: TetrisAgent.load_checkpoint("saved", env, home=v),
        "load with": lambda v: TetrisAgent.load_checkpoint("saved", env, home=home, config=v),
        "device": lambda v: TetrisAgent.load_checkpoint("saved", env, home=home, device=v),
        "store of a home": lambda v: ModelStore(v).slots(),
        "note": lambda v: store.set_note("mine", v),
        "note of": lambda v: store.set_note(v, "x"),
        "tags of": store.set_tags,
        "tag": lambda v: store.set_tags("mine", [v]),
        "tags": lambda v: store.set_tags("mine", v),
        "removed tags": lambda v: store.set_tags("mine", (), v),
        "save as": lambda v: store.save(v, bundle),
        "save a bundle": lambda v: store.save("mine", v),
        "save a file": lambda v: store.save_file("mine", v),
        "path": store.path,
        "remove": store.remove,
        "remove one": lambda v: store.remove([v]),
        "empty_trash": store.empty_trash,
    }
    calls |= {
        name: getattr(store, name) for name in ("find", "load", "versions", "has", "promote", "delete", "restore")
    }
    for (name, call), value in itertools.product(calls.items(), VALUES):
        assert outcome(call, value) is None, (name, value)


def test_arrays_of_other_shapes_are_refused_in_a_sentence() -> None:
    games = Games(RULES, 0, [0, 1])
    rows, masks = np.zeros((2, 16, 6), np.float32), np.zeros((2, 16), np.bool_)
    with pytest.raises(GameError) as refused:
        games.observe(LAYOUT, rows, masks)
    assert str(refused.value) == (
        "rows is a writable array of float32 of shape (2, 16, 5); got float32 of shape (2, 16, 6). Pass such one."
    )
    with pytest.raises(ConfigError, match=r"^A layout is of make_layout for 4 columns and a preview of 1; got array"):
        games.observe(LAYOUT + 1, rows, masks)
    with pytest.raises(GameError, match=r"^The games of a batch are 0 to 1; got 2\. Choose one of them\.$"):
        games.place(2, 0)
