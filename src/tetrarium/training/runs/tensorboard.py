"""TensorBoard records that a resumed run does not double."""

from pathlib import Path

from stable_baselines3.common.logger import Logger, TensorBoardOutputFormat
from torch.utils.tensorboard import SummaryWriter

__all__ = ["tensorboard_logger", "write_scalar"]


class _ResumedOutput(TensorBoardOutputFormat):
    """Stable-Baselines3's writer, telling TensorBoard to forget what was recorded after the step it goes on from."""

    def __init__(self, folder: str, step: int) -> None:
        self.writer = SummaryWriter(log_dir=folder, purge_step=step + 1)
        self._is_closed = False


def tensorboard_logger(folder: Path, step: int) -> Logger:
    """Makes a logger that writes TensorBoard events into a run's folder.

    Args:
        folder: The run's folder.
        step: Placements made before; later records in the folder are void.
    """
    return Logger(str(folder), [_ResumedOutput(str(folder), step)])


def write_scalar(logger: Logger, name: str, value: float, step: int) -> None:
    """Writes one scalar at once, beside those that a logger gathers."""
    for output in logger.output_formats:
        output.write({name: value}, {name: ()}, step)
