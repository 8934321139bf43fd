"""Policies behind ``predict``: played in lockstep, their answers checked, agents replaced by what plays for them."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.evaluation.sample_policies import SMALL, STACKER, Predictor
from tetrarium.errors import IllegalActionError, PolicyError
from tetrarium.evaluation import evaluate


class Saying:
    """Predicts the same whatever it is shown."""

    features = ("column_heights", "holes")

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.seen: list[npt.NDArray[np.float32]] = []

    def predict(self, observations: npt.NDArray[np.float32]) -> tuple[Any, None]:
        self.seen.append(observations.copy())
        return np.resize(self.answer, len(observations)) if np.ndim(self.answer) == 0 else self.answer, None


def test_games_are_played_in_lockstep_until_each_has_ended() -> None:
    predictor = Predictor()
    report = evaluate(predictor, SMALL, n_games=9, seed=4, max_pieces=30)
    lengths = [game.pieces for game in report.games]
    assert predictor.batches == [sum(length > step for length in lengths) for step in range(max(lengths))]
    assert (report.policy, report.n_ended + report.n_truncated) == ("predictor", 9)


def test_observations_are_those_of_the_policys_features() -> None:
    saying = Saying(0)
    evaluate(saying, SMALL.with_changes(randomizer="I"), n_games=1, max_pieces=2)
    first, second = saying.seen
    assert first.shape == (1, 24, 7)
    assert first.dtype == np.float32
    assert first[0, 0].tolist() == [1, 1, 1, 1, 0, 0, 0]
    assert first[0, 1].tolist() == [4, 0, 0, 0, 0, 0, 0]
    assert first[0, 2].tolist() == [-1] * 7
    assert second[0, 4 * 2].tolist() == [1, 1, 2, 2, 2, 2, 2]


def test_features_come_in_the_order_in_which_the_policy_names_them() -> None:
    usual, other = Saying(0), Saying(0)
    other.features = ("holes", "column_heights")
    for saying in (usual, other):
        evaluate(saying, SMALL, n_games=1, max_pieces=8)
    assert usual.seen[-1][0, 0, -1] > 0
    for as_usual, as_named in zip(usual.seen, other.seen, strict=True):
        np.testing.assert_array_equal(as_named, np.roll(as_usual, 1, axis=-1))


def test_an_action_that_is_not_legal_is_played_as_the_nearest() -> None:
    config = SMALL.with_changes(randomizer="O", illegal_action="nearest")
    assert evaluate(Saying(23), config, n_games=1).games == evaluate(Saying(16), config, n_games=1).games


def test_an_illegal_action_is_rejected_if_the_config_says_so() -> None:
    config = SMALL.with_changes(randomizer="O", illegal_action="raise")
    with pytest.raises(IllegalActionError) as refused:
        evaluate(Saying(23), config, n_games=1)
    assert str(refused.value) == (
        "The policy 'Saying' chose action 23, which the piece does not have; the nearest is 16. Choose a row that is "
        "not -1, or play with illegal_action='nearest'."
    )


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (24, "An action is from 0 to 23; the policy 'Saying' predicted 24."),
        (-1, "An action is from 0 to 23; the policy 'Saying' predicted -1."),
        (
            [0],
            "The policy 'Saying' predicts 3 integers, one for each game; it predicted int64 of shape (1,). "
            "Return one action for each observation.",
        ),
        (
            [0.5, 1, 2],
            "The policy 'Saying' predicts 3 integers, one for each game; it predicted float64 of shape (3,). "
            "Return one action for each observation.",
        ),
    ],
)
def test_invalid_predictions_are_rejected(answer: Any, message: str) -> None:
    with pytest.raises(PolicyError) as refused:
        evaluate(Saying(answer), SMALL, n_games=3)
    assert str(refused.value) == message


def test_the_error_names_what_an_object_lacks_as_a_policy() -> None:
    class Model:
        def predict(self, observations: Any) -> Any: ...

    with pytest.raises(PolicyError, match=r"got .*Model.* without\. Set its 'features' to those of the"):
        evaluate(Model(), SMALL)
    with pytest.raises(PolicyError, match=r"got a tuple, as load_model returns\. Write policy, config ="):
        evaluate((STACKER, SMALL), SMALL)


def test_an_agent_is_played_by_its_playing_policy() -> None:
    class Agent(Predictor):
        def compiled_policy(self) -> Any:
            return STACKER

    agent = Agent()
    assert evaluate(agent, SMALL, n_games=3).games == evaluate(STACKER, SMALL, n_games=3).games
    assert agent.batches == []


def test_a_width_that_an_object_carries_is_checked() -> None:
    predictor = Predictor()
    predictor.width = 10  # type: ignore[attr-defined]
    with pytest.raises(PolicyError, match="The policy 'predictor' plays width=10 only; got width=6"):
        evaluate(predictor, SMALL, n_games=1)
