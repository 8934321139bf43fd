"""Messages come back equal through JSON, and nothing else is taken for one."""

import pytest

from tetrarium.events import (
    BoardShown,
    CheckpointSaved,
    ControlChanged,
    EvaluationFinished,
    EvaluationProgress,
    Event,
    HumanGameShown,
    KernelsCompiling,
    Progress,
    RunEnded,
    RunStarted,
    StateChanged,
    TableShown,
    WarningGiven,
    event_from_json,
    event_to_json,
)

EVENTS = [
    KernelsCompiling(),
    RunStarted(name="a", folder="/a", step=0, total_steps=9, seed=1, n_envs=2),
    Progress(
        step=5, total_steps=9, steps_per_second=2.5, seconds=2.0, seconds_left=None, games_ended=1,
        training_mean=0.5, training_n_ended=0, training_n_running=2, games_lost=0,
        best_lines_game=1, lines_total=1, exploration_rate=0.1, loss=None,
    ),
    StateChanged(state="paused", step=41_200, message="Paused at step 41,200. Nothing is lost."),
    ControlChanged(mode="every-move", pieces_per_second=12.5, action_values=True),
    BoardShown(width=2, height=1, cells="IO........", queue=(1, 2), lines_game=0, pieces_game=1),
    BoardShown(
        width=2, height=1, cells="IOx.......", queue=(1, 2), held=3, game=4, is_over=True, games_ended=3, lines_game=5,
        pieces_game=6, score_game=700, step=8, placed=(0, 1), cleared_rows=(0,), paused=True, sent_s=1.5,
        action_values={"actions": [{"action": 4, "value": -0.5, "cells": [2, 3]}], "chosen": 4},
    ),
    TableShown(seats=({"seat": 0, "cells": "IO..", "queue": [1, 2]}, {"seat": 1}), step=9, paused=True, sent_s=1.5),
    HumanGameShown(
        phase="playing", mode="sprint", goal_lines=40, game=2, seed=3, width=2, height=1, cells="IO........",
        falling=(4, 5), ghost=(2, 3), queue=(1, 2), held=None, can_hold=True, level=1, lines_game=0, pieces_game=1,
        score_game=2, seconds=0.5, combo=0, back_to_back=False, clear_label=("Tetris", "+800"), clear_label_pieces=1,
        cleared_rows=(0, 1), key_number=7, opponent={"agent": "du", "lines": 1}, advice=None, saved_as="", sent_s=1.5,
    ),
    CheckpointSaved(path="/a/1", step=1, seconds=0.1),
    EvaluationProgress(games_done=1, n_games=2, pieces_total=3),
    EvaluationFinished(report={"n_games": 2}),
    WarningGiven(step=5, message="The disk is full. Training goes on."),
    RunEnded(state="finished", step=9, seconds=3.0, checkpoint="/a/9"),
    RunEnded(state="failed", step=9, seconds=3.0, checkpoint="", error="No.", code="invalid-value", field="gamma"),
]  # fmt: skip


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.kind)
def test_an_event_survives_a_round_trip(event: Event) -> None:
    text = event_to_json(event)

    assert "\n" not in text
    assert event_from_json(text) == event


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"kind": "nonsense"}', "got 'nonsense'"),
        ("[]", "got None"),
        ('{"kind": "run-ended", "step": 3}', "A run-ended event does not have the fields ['step']"),
    ],
)
def test_invalid_json_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 the message is checked below
        event_from_json(text)

    assert message in str(caught.value)
