"""Settings that need more memory than there is, and a clock outside of the years of a zip archive."""

import io
import re
import time
import zipfile
from pathlib import Path

import pytest

from tetrarium.environment import EnvConfig, make_env
from tetrarium.errors import ConfigError
from tetrarium.registry.home import Home
from tetrarium.training import TetrisAgent, TrainingConfig
from tetrarium.training.memory import memory_bytes, require_memory

SMALL = TrainingConfig(n_envs=1, learning_starts=8, net_arch=(4,), buffer_size=100, evaluate_every=0)


@pytest.mark.skipif(memory_bytes() >= 74e9, reason="the largest buffer fits into the memory of this machine")
def test_settings_larger_than_the_memory_are_refused() -> None:
    assert 1e8 < memory_bytes() < 1e14
    require_memory("buffer_size", "all of it", memory_bytes())
    with pytest.raises(ConfigError) as caught:
        TetrisAgent(make_env(EnvConfig(width=16))(), SMALL.with_changes(buffer_size=10**9))
    expected = (
        r"buffer_size must fit into memory: a replay buffer of 1,000,000,000 transitions needs 74\.0 GB, "
        r"and this machine has [\d.,]+ GB\. Choose a smaller buffer_size\."
    )
    assert re.fullmatch(expected, str(caught.value))
    assert caught.value.field == "buffer_size"
    with pytest.raises(ConfigError, match="net_arch must fit into memory: a network of widths") as caught:
        TetrisAgent(make_env(EnvConfig())(), SMALL.with_changes(net_arch=(4_096,) * 10_000))
    assert caught.value.field == "net_arch"


@pytest.mark.parametrize("now_s", [0.0, -1e9, 5e9])
def test_checkpoint_is_written_at_any_time(now_s: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = TetrisAgent(make_env(EnvConfig())(), SMALL)
    monkeypatch.setattr(time, "time", lambda: now_s)
    monkeypatch.setattr(time, "localtime", lambda seconds=None: time.gmtime(now_s if seconds is None else seconds))
    agent.save_checkpoint(tmp_path / "saved", home=Home(tmp_path))
    with zipfile.ZipFile(io.BytesIO((tmp_path / "saved" / "model.zip").read_bytes())) as archive:
        assert archive.getinfo("data").date_time[0] == 1980
    loaded = TetrisAgent.load_checkpoint(tmp_path / "saved", make_env(EnvConfig())(), home=Home(tmp_path))
    assert loaded.timesteps_trained == 0
