"""What is loaded into a process of which workers will be forks, so that each of them has it."""

from importlib import import_module

from tetrarium.engine import are_kernels_cached
from tetrarium.environment import EnvConfig, make_env

__all__ = ["load_kernels", "load_modules"]


def load_modules(*names: str) -> None:
    """Imports modules of the package that are otherwise imported where they are used."""
    for name in names:
        import_module(f"tetrarium.{name}")


def load_kernels() -> None:
    """Plays a placement of the default game, unless its kernels are yet to be compiled, which takes long.

    It starts no thread, which no fork would take along.
    """
    if are_kernels_cached(EnvConfig().rules()):
        env = make_env(EnvConfig())()
        _, info = env.reset(seed=0)
        env.step(info["action_mask"].argmax())
