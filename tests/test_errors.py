"""Codes and fields of exceptions."""

import copy
import pickle
from typing import Any

import pytest

import tetrarium.tuning
from tetrarium import errors
from tetrarium.environment import EnvConfig
from tetrarium.errors import ConfigError, TetrariumError, error_classes, error_from_dict, error_to_dict
from tetrarium.registry.home import check_name
from tetrarium.training import TrainingConfig

CODES = {
    "already-running": "AlreadyRunningError",
    "checkpoint-error": "CheckpointError",
    "checkpoint-not-found": "CheckpointNotFoundError",
    "damaged-checkpoint": "DamagedCheckpointError",
    "entry-not-found": "EntryNotFoundError",
    "error": "TetrariumError",
    "executor-error": "ExecutorError",
    "folder-moved": "FolderMovedError",
    "home-error": "HomeError",
    "illegal-action": "IllegalActionError",
    "invalid-bundle": "BundleError",
    "invalid-command": "CommandError",
    "invalid-fumen": "FumenError",
    "invalid-game": "GameError",
    "invalid-name": "InvalidNameError",
    "invalid-replay": "ReplayError",
    "invalid-value": "ConfigError",
    "ledger-error": "LedgerError",
    "limit-reached": "LimitReachedError",
    "model-error": "ModelError",
    "model-in-trash": "ModelInTrashError",
    "model-not-found": "ModelNotFoundError",
    "name-taken": "NameTakenError",
    "newer-bundle": "NewerBundleError",
    "newer-checkpoint": "NewerCheckpointError",
    "newer-format": "NewerFormatError",
    "newer-registry": "NewerRegistryError",
    "newer-replay": "NewerReplayError",
    "not-found": "NotFoundError",
    "not-running": "WorkerNotRunningError",
    "other-cpu": "OtherCpuError",
    "registry-busy": "RegistryBusyError",
    "run-in-trash": "RunInTrashError",
    "unknown-agent": "UnknownAgentError",
    "unsuitable-policy": "PolicyError",
    "untrusted-checkpoint": "UntrustedCheckpointError",
    "upload-too-large": "UploadTooLargeError",
    "worker-error": "WorkerError",
    "worker-starting": "WorkerStartingError",
    "worker-timeout": "WorkerTimeoutError",
}
CLASSES = [getattr(errors, name) for name in CODES.values()]


def test_codes_are_stable() -> None:
    assert {code: kind.__name__ for code, kind in error_classes().items()} == CODES


def test_each_class_has_its_own_code_and_its_place_in_the_tree_drawn_at_the_top() -> None:
    public = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert sorted(kind.__name__ for kind in public) == sorted(CODES.values())
    assert all("code" in vars(kind) for kind in public)
    assert [kind.__name__ for kind in public if f" {kind.__name__}" not in str(errors.__doc__)] == []


@pytest.mark.parametrize("kind", CLASSES)
def test_errors_keep_their_field_through_copies_and_dictionaries(kind: type[TetrariumError]) -> None:
    error = kind("gamma is from 0 to 1.", field="gamma")
    for other in (copy.copy(error), pickle.loads(pickle.dumps(error)), error_from_dict(error.to_dict())):
        assert (type(other), str(other), other.field) == (kind, "gamma is from 0 to 1.", "gamma")
    assert error.to_dict() == {"error": "gamma is from 0 to 1.", "code": kind.code, "field": "gamma"}


def test_an_error_of_an_unknown_code_is_of_the_default_class() -> None:
    error = error_from_dict({"error": "No.", "code": "of-later"}, errors.WorkerError)
    assert (type(error), str(error), error.field) == (errors.WorkerError, "No.", None)
    assert type(error_from_dict({})) is TetrariumError


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"width": 3}, "width"),
        ({"randomizer": "Q"}, "randomizer"),
        ({"game_over": "never"}, "game_over"),
        ({"hold": 1}, "hold"),
        ({"features": ("hole",)}, "features"),
        ({"features": ("held_piece",)}, "features"),
        ({"hold": True, "preview": 0}, "preview"),
        ({"widht": 10}, "widht"),
    ],
)
def test_a_game_names_the_setting_at_fault(values: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigError) as caught:
        EnvConfig.from_dict(values).rules()
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"gamma": 2.0}, "gamma"),
        ({"net_arch": (0,)}, "net_arch"),
        ({"gradient_steps": 0}, "gradient_steps"),
        ({"device": ""}, "device"),
        ({"algorithm": "dnq"}, "algorithm"),
        ({"gama": 0.9}, "gama"),
    ],
)
def test_a_training_config_names_the_setting_at_fault(values: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigError) as caught:
        TrainingConfig.from_dict(values)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("text", "field"),
    [("gamma=2..3", "gamma"), ("gamma=0.9", "gamma"), ("width=8,10", "width"), ("n_steps=1..x", "n_steps")],
)
def test_a_range_names_the_setting_at_fault(text: str, field: str) -> None:
    with pytest.raises(ConfigError) as caught:
        tetrarium.tuning.parse_range(text)
    assert caught.value.field == field


def test_a_name_that_is_refused_is_the_field_name() -> None:
    with pytest.raises(errors.InvalidNameError) as caught:
        check_name("../else")
    assert caught.value.field == "name"


def test_exceptions_of_other_libraries_are_described_alike() -> None:
    assert error_to_dict(OSError("full")) == {"error": "full", "code": "system-error", "field": None}
    assert error_to_dict(KeyError()) == {"error": "KeyError", "code": "internal-error", "field": None}
    assert error_to_dict(ConfigError(field="x")) == {"error": "ConfigError", "code": "invalid-value", "field": "x"}
