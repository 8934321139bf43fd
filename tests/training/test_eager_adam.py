"""``EagerAdam`` makes the same steps as torch's Adam, and loads no compiler."""

import subprocess
import sys
from typing import Any

import pytest
import torch

from tests.torture.run_results import as_bytes
from tetrarium.environment import EnvConfig, make_env
from tetrarium.training import TetrisAgent, TrainingConfig
from tetrarium.training.algorithms.networks import EagerAdam


def optimize(optimizer_class: type[torch.optim.Adam], n_steps: int, state: Any = None, **settings: Any) -> list[Any]:
    """Returns the weights after some steps on a small problem, and the optimizer's state."""
    generator = torch.Generator().manual_seed(1)
    weights = [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in ((3, 2), (2,))]
    optimizer = optimizer_class(weights, lr=0.05, **settings)
    if state is not None:
        optimizer.load_state_dict(state)
    for _ in range(n_steps):
        loss = ((torch.randn(5, 3, generator=generator) @ weights[0] + weights[1]) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return [[weight.detach() for weight in weights], optimizer.state_dict()]


@pytest.mark.parametrize("settings", [{}, {"fused": True}, {"eps": 0.01, "weight_decay": 0.1}])
def test_steps_equal_those_of_adam(settings: dict[str, Any]) -> None:
    assert as_bytes(optimize(EagerAdam, 20, **settings)) == as_bytes(optimize(torch.optim.Adam, 20, **settings))


def test_agents_and_runs_resume_each_others_checkpoints() -> None:
    ours, theirs = optimize(EagerAdam, 7)[1], optimize(torch.optim.Adam, 7)[1]

    resumed = [optimize(EagerAdam, 5, theirs), optimize(torch.optim.Adam, 5, ours)]

    assert as_bytes(resumed[0]) == as_bytes(resumed[1])
    assert as_bytes(resumed[0]) != as_bytes(optimize(EagerAdam, 5))


def test_construction_and_steps_load_no_compiler() -> None:
    script = (
        "import sys, torch\n"
        "from tetrarium.training.algorithms.networks import EagerAdam\n"
        "weight = torch.nn.Parameter(torch.ones(1))\n"
        "step = EagerAdam.step\n"
        "optimizer = EagerAdam([weight])\n"
        "optimizer.zero_grad()\n"
        "weight.sum().backward()\n"
        "optimizer.step()\n"
        "optimizer.load_state_dict(optimizer.state_dict())\n"
        "print('torch._dynamo' in sys.modules, EagerAdam.step is step)\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)

    assert ended.stdout == "False True\n"


@pytest.mark.parametrize("algorithm", ["dqn", "qr-dqn", "maskable-ppo"])
def test_every_network_trains_with_eager_adam(algorithm: str) -> None:
    agent = TetrisAgent(make_env(EnvConfig())(), TrainingConfig(algorithm=algorithm, n_envs=1))

    assert type(agent.model.policy.optimizer) is EagerAdam
