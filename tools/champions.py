"""Trains the champions in the box and writes their bundles: run ``python tools/champions.py``.

Each is what `tetrarium train` makes of a preset and a seed: the weights that did best in evaluation. Preset, seed,
steps and the command stand in the bundle, and `tetrarium models show NAME` tells them. Training is exact, so the same
versions make the same weights again; the shapes of the networks keep a bundle below some hundred kB.
"""

import argparse
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tetrarium.registry.atomic import write_file
from tetrarium.registry.box import CHAMPIONS
from tetrarium.registry.bundles import BUNDLE_SUFFIX, read_bundle
from tetrarium.registry.home import Home
from tetrarium.registry.models import ModelStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Champion:
    """How one is made."""

    preset: str
    seed: int
    note: str
    height: int | None = None  # of the board that it is set up for, where that is another than it was trained on


_RUN: Final = "made"
RECIPES: Final = {
    "champion": Champion(preset="default", seed=1, note="Plays the default game."),
    "champion-10x10": Champion(preset="literature-10x10-cma", seed=1, note="Plays the literature's game on 10 rows."),
    "champion-10x20": Champion(
        preset="strong", seed=1, note="Plays the literature's game on 20 rows; learnt it on 10.", height=20
    ),
}


def make(name: str, recipe: Champion, box: Path) -> None:
    """Trains one and puts its bundle into the box."""
    arguments = ["train", "--preset", recipe.preset, "--seed", str(recipe.seed)]
    command = shlex.join(["tetrarium", *arguments])
    print(f"{name}: {command}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(  # noqa: S603 fixed arguments
            [sys.executable, "-m", "tetrarium", *arguments, "--name", _RUN, "--home", folder], check=True
        )
        bundle = ModelStore(Home.locate(folder)).load(_RUN)
    about = {**bundle.about, "preset": recipe.preset, "command": command}
    game = bundle.env_config if recipe.height is None else {**bundle.env_config, "height": recipe.height}
    content = bundle.described(name=name, about=about, note=recipe.note, env_config=game).to_bytes()
    write_file(box / f"{name}{BUNDLE_SUFFIX}", content)
    made = read_bundle(box / f"{name}{BUNDLE_SUFFIX}")
    print(f"{name}: {len(content) / 1e3:,.1f} kB, step {made.step:,}, weights {made.weights_sha256[:16]}")


def main() -> None:
    """Makes those that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[[], *RECIPES], help="which ones; all without a name")
    parser.add_argument("--box", type=Path, default=CHAMPIONS, help="the folder to write to")
    chosen = parser.parse_args()
    chosen.box.mkdir(parents=True, exist_ok=True)
    for name in chosen.names or RECIPES:
        make(name, RECIPES[name], chosen.box)


if __name__ == "__main__":
    main()
