"""Layers of configuration: a value means the same in each, and a layer gives a setting once."""

from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import run_captured
from tetrarium.cli.configuration import read_assignments, read_configs
from tetrarium.errors import ConfigError


def read(
    file: Path | None = None, assignments: tuple[str, ...] = (), environment: dict[str, str] | None = None, **flags: Any
) -> Any:
    """Returns the training settings of all layers."""
    return read_configs("default", file, assignments, flags, environment or {})[1]


@pytest.mark.parametrize("content", ["{} = {}", "[training]\n{} = {}"])
@pytest.mark.parametrize(
    ("name", "text", "in_toml", "value"),
    [
        ("total_timesteps", "1e6", "1e6", 1_000_000),
        ("total_timesteps", "1_000_000", "1_000_000", 1_000_000),
        ("gamma", ".5", "0.5", 0.5),
        ("target_lines", "none", "'none'", None),
        ("double_q", "false", "false", False),
        ("net_arch", "8,8", "[8, 8]", (8, 8)),
        ("device", "cuda", "'cuda'", "cuda"),
    ],
)
def test_a_value_is_alike_in_all_layers(
    content: str, name: str, text: str, in_toml: str, value: Any, tmp_path: Path
) -> None:
    file = tmp_path / "one.toml"
    file.write_bytes(content.format(name, in_toml).encode("utf-8-sig"))

    configs = [read(file), read(None, (f"{name}={text}",)), read(environment={f"TETRARIUM_{name.upper()}": text})]
    assert [getattr(config, name) for config in configs] == [value] * 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"gamma = 0.8\n[training]\ngamma = 0.9",
         "A setting is given once; gamma is 0.8 at the top of one.toml and 0.9 in [training] of one.toml. Remove one."),
        (b"[game]\ngamma = 0.8", "gamma is a setting of [training]; one.toml has it in [game]. Move it there."),
        (b"[training]\nwidth = 8", "width is a setting of [game]; one.toml has it in [training]. Move it there."),
        (b"[trainig]\nwidth = 8", "Unknown setting 'trainig' in one.toml. Did you mean 'training'?"),
        (b"[game]\nwdth = 8", "Unknown setting 'wdth' in [game] of one.toml. Did you mean 'width'?"),
        (b"gamma = 2", "got 2. Choose one in that range. It is given at the top of one.toml."),
        (b"gamma = 1979-05-27", "got 1979-05-27. Choose one in that range."),
        ("gamma = 0.8".encode("utf-16"), "one.toml' is in UTF-16; save it in UTF-8."),
        (b"gamma = 1" + b"0" * 5_000, "one.toml' Exceeds the limit"),
        (b"gamma = " + b"[" * 5_000, "one.toml'"),
    ],
)  # fmt: skip
def test_a_file_is_refused_in_words(content: bytes, message: str, tmp_path: Path) -> None:
    file = tmp_path / "one.toml"
    file.write_bytes(content)

    with pytest.raises(ConfigError) as refused:
        read(file)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("assignments", "environment", "flags", "message"),
    [
        (("gamma=0.8", "gamma=0.9"), {}, {}, "gamma is 0.8 by --set and 0.9 by --set."),
        (("seed=5",), {}, {"seed": 6}, "seed is 6 by its flag and 5 by --set."),
        ((), {"TETRARIUM_SEED": "5", "TETRARIUM_seed": "6"}, {},
         "seed is 5 in the environment as TETRARIUM_SEED and 6 in the environment as TETRARIUM_seed."),
        ((), {"TETRARIUM_SEED": "x"}, {}, "got 'x'. Choose one in that range. It is given in the environment as TETR"),
    ],
)  # fmt: skip
def test_conflicts_name_both_places(
    assignments: tuple[str, ...], environment: dict[str, str], flags: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        read(None, assignments, environment, **flags)
    assert message in str(refused.value)


def test_resume_refuses_a_total_given_twice() -> None:
    with pytest.raises(ConfigError, match=r"total_timesteps is 5 by its flag and 6 by --set\. Remove one\."):
        read_assignments(["total_timesteps=6"], {"total_timesteps": 5})


def test_a_higher_layer_unsets_a_target() -> None:
    assert read(environment={"TETRARIUM_TARGET_LINES": "5"}, target_lines="none").target_lines is None


def test_variables_that_are_no_settings_are_named_once(capsys: pytest.CaptureFixture[str]) -> None:
    environment = {
        "TETRARIUM_PORT": "tcp://10.0.0.1:80", "TETRARIUM_GAMA": "0.8", "TETRARIUM_SEED": "", "TETRARIUM_HOME": "/x",
    }  # fmt: skip
    assert read(environment=environment).seed == 1
    assert capsys.readouterr().err == (
        "tetrarium: Ignored variables of the environment that are no settings: TETRARIUM_PORT, TETRARIUM_GAMA. Did "
        "you mean 'gamma'? `tetrarium train --settings` lists all settings.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("evaluate", "random", "--games", "1.5"), "--games: a whole number, such as 1000, is expected; got '1.5'."),
        (("evaluate", "random", "--games", "1e999"), "is expected; got '1e999'."),
        (("watch", "random", "--speed", "nan"), "--speed: a number, such as 1000, is expected; got 'nan'."),
        (("train", "--seed", "1.5"), "--seed: a whole number, such as 1000, is expected; got '1.5'."),
        (("tune", "a", "--vary", "gamma=0.8,0.9", "--set", "gamma=0.7"),
         "A setting is either varied or set to one value; gamma is in the ranges and among the settings."),
    ],
)  # fmt: skip
def test_flags_are_read_by_the_same_parser(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run_captured(capsys, *arguments)
    shown = " ".join((out + err).replace("│", " ").split())
    assert code == 2
    assert message in shown


def test_whole_numbers_may_have_exponents_and_separators(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run_captured(
        capsys, "evaluate", "random", "--games", "2e0", "--max-pieces", "1_0", "--seed", "0x1", "--json"
    )
    assert code == 0
    assert '"n_games": 2' in out
