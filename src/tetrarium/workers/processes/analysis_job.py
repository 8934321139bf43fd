"""Jobs on recorded games: an analysis, whose records appear in the job's folder as it proceeds, and a continuation."""

import io
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from tetrarium.environment.placement_replays import reduce_to_placements
from tetrarium.environment.replays import Replay, pack_actions
from tetrarium.errors import ConfigError, ReplayError
from tetrarium.evaluation.analysis.analyzer import RECORD, Analyzer, Records
from tetrarium.evaluation.analysis.positions import Positions, replay_positions
from tetrarium.evaluation.policy_runner import GameBatch, as_playable, require_playable
from tetrarium.registry.files.atomic import write_file
from tetrarium.registry.home import Home
from tetrarium.training.agent_reference import resolve_policy
from tetrarium.workers.directories.game_reference import resolve_game
from tetrarium.workers.human_play.saved_games import import_game

ANALYSIS_FILE: Final = "analysis.npy"
_CHUNK: Final = 256  # positions
_WRITE_EVERY_S: Final = 0.5


def analyze_game(
    home: Home, folder: Path, values: Mapping[str, Any], report_progress: Callable[..., None]
) -> tuple[str, dict[str, Any]]:
    """Analyzes a game: first all values, then the placements ahead, from the position that is looked at."""
    game = resolve_game(values["game"], home, reads_paths=False)
    policy, _ = resolve_policy(values["advisor"], home)
    report_progress(now=True, message=f"Analyzing {game.title}.", share_done=0.0)
    analyzer = Analyzer(game.positions(), policy)
    n = len(analyzer.positions)
    n_done, written_s = 0, -float("inf")
    for step in (analyzer.value, analyzer.look_ahead):
        for first in _chunks_around(min(values["first"], n - 1), n):
            step(first, min(first + _CHUNK, n))
            n_done += min(_CHUNK, n - first)
            if time.monotonic() >= written_s + _WRITE_EVERY_S:
                write_records(folder, analyzer.records)
                written_s = time.monotonic()
            report_progress(share_done=n_done / (2 * n))
    write_records(folder, analyzer.records)
    result = {"advisor": as_playable(policy).name, "n_positions": n, "n_left_out": analyzer.positions.n_left_out}
    return f"Analyzed {game.title}: {n:,} positions.", result


def _chunks_around(center: int, n: int) -> Iterator[int]:
    """Yields the first positions of all chunks, the nearest one to ``center`` first."""
    yield from sorted(range(0, n, _CHUNK), key=lambda first: abs(first + _CHUNK // 2 - center))


def write_records(folder: Path, records: Records) -> None:
    """Writes an analysis as far as it is done."""
    content = io.BytesIO()
    np.save(content, records, allow_pickle=False)
    write_file(folder / ANALYSIS_FILE, content.getvalue())


def read_records(folder: Path) -> Records | None:
    """Reads an analysis as far as it is done; None before its first part."""
    try:
        content = (folder / ANALYSIS_FILE).read_bytes()
    except FileNotFoundError:
        return None
    records: Records = np.load(io.BytesIO(content), allow_pickle=False)
    return records if records.dtype == RECORD else None


def continue_game(
    home: Home, _folder: Path, values: Mapping[str, Any], report_progress: Callable[..., None]
) -> tuple[str, dict[str, Any]]:
    """Has an agent play on from a position of a game, and saves the result as an imported game."""
    game, first, n_pieces = resolve_game(values["game"], home, reads_paths=False), values["first"], values["max_pieces"]
    if game.replay is None:
        raise ReplayError("A game is played on from a replay; a fumen holds no random state. Choose another game.")
    policy, _ = resolve_policy(values["agent"], home)
    report_progress(now=True, message=f"{values['agent']} plays on.", share_done=0.0)
    positions, replay = replay_positions(game.replay), reduce_to_placements(game.replay).replay
    if first >= len(positions):
        raise ConfigError(
            f"first is a position before the end, 0 to {len(positions) - 1:,}; got {first:,}.", field="first"
        )
    continued = _played_on(replay, positions, policy, first, n_pieces)
    name = import_game(home, continued)
    added = len(continued) - first
    return f"{values['agent']} placed {added:,} more pieces.", {"game": name, "first": first, "pieces": added}


def _played_on(replay: Replay, positions: Positions, policy: Any, first: int, n_pieces: int) -> Replay:
    playable = as_playable(policy)
    require_playable(playable, positions.config)
    batch = GameBatch.begin(positions.config, replay.seed, (replay.game,))
    batch.games.rows[0] = positions.rows[first]
    runner = playable.make_runner(batch)
    actions = replay.action_numbers()[:first]
    while len(actions) < first + n_pieces and not batch.games.terminated[0]:
        action = runner.choose(0)
        batch.games.place(0, action)
        actions.append(action)
    state = batch.games.state(0)
    return replace(
        replay,
        actions=pack_actions(positions.config, actions),
        lines=state.lines,
        pieces=state.pieces,
        terminated=state.terminated,
        about={"agent": f"{playable.name} from piece {first + 1:,} on", "continued_at": first},
    )
