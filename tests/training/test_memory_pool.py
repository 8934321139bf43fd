"""Gradient steps reuse allocated memory."""

import resource
import sys

import pytest

from tetrarium.environment import EnvConfig, make_env
from tetrarium.training import TetrisAgent, TrainingConfig
from tetrarium.training.algorithms.off_policy import keep_freed_memory


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's malloc")
def test_a_gradient_step_touches_hardly_any_new_page() -> None:
    assert keep_freed_memory()
    agent = TetrisAgent(make_env(EnvConfig())(), TrainingConfig()).train(3_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt

    agent.train(2_000)  # 40 gradient steps

    assert (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 40 < 100
