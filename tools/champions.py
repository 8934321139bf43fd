"""Trains the built-in models and writes their bundles: run ``python tools/champions.py``; ``--scores`` measures them.

Each contains the best evaluated weights of `tetrarium train` with a preset and a seed. Its bundle records preset, seed,
steps and command, which `tetrarium models show NAME` prints. Training is reproducible: the same library versions give
the same weights. The networks are small, so that a bundle stays below a few hundred kB.

With ``--scores`` nothing is trained: the named built-in models and controllers are evaluated under the protocols, and
the leaderboard's scores of them are written to ``scores.json``.
"""

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tetrarium.evaluation import POLICY_NAMES, PROTOCOLS, evaluate, find_protocol
from tetrarium.evaluation.leaderboard import find_ranked_agent, save_score
from tetrarium.registry.bundles import BUNDLE_SUFFIX, read_bundle
from tetrarium.registry.files.atomic import write_file
from tetrarium.registry.home import Home
from tetrarium.registry.model_store import ModelStore
from tetrarium.registry.scores import BUILTIN_SCORES, builtin_entry
from tetrarium.registry.versions import CHAMPIONS
from tetrarium.training.agent_reference import load_ranked_policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Champion:
    """Recipe of a built-in model."""

    preset: str
    seed: int
    note: str


_RUN: Final = "made"
RECIPES: Final = {
    "champion": Champion(preset="default", seed=1, note="Plays the default game."),
    "champion-10x10": Champion(preset="literature-10x10-cma", seed=1, note="Plays the literature's game on 10 rows."),
    "champion-10x10-ppo": Champion(
        preset="literature-10x10-ppo", seed=1, note="A network that plays the literature's game on 10 rows."
    ),
    "champion-10x20": Champion(preset="literature-10x20-cma", seed=1, note="Plays the literature's game on 20 rows."),
}


def train_champion(name: str, recipe: Champion, bundle_folder: Path) -> None:
    """Trains a model and writes its bundle into the folder."""
    arguments = ["train", "--preset", recipe.preset, "--seed", str(recipe.seed)]
    command = shlex.join(["tetrarium", *arguments])
    print(f"{name}: {command}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(  # noqa: S603 fixed arguments
            [sys.executable, "-m", "tetrarium", *arguments, "--name", _RUN, "--home", folder], check=True
        )
        bundle = ModelStore(Home.locate(folder)).load(_RUN)
    about = {**bundle.about, "preset": recipe.preset, "command": command}
    content = bundle.described(name=name, about=about, note=recipe.note).to_bytes()
    write_file(bundle_folder / f"{name}{BUNDLE_SUFFIX}", content)
    written = read_bundle(bundle_folder / f"{name}{BUNDLE_SUFFIX}")
    print(f"{name}: {len(content) / 1e3:,.1f} kB, step {written.step:,}, weights {written.weights_sha256[:16]}")


def measure_scores(names: list[str], agents: list[str]) -> None:
    """Evaluates built-in models and controllers under these protocols; keeps all other scores."""
    kept = json.loads(BUILTIN_SCORES.read_bytes()) if BUILTIN_SCORES.exists() else []
    with tempfile.TemporaryDirectory() as folder:
        home = Home.locate(folder)
        for name in names:
            protocol = find_protocol(name)
            kept = [entry for entry in kept if entry["protocol"] != name or entry["agent"] not in agents]
            for what in agents:
                agent = find_ranked_agent(what, home)
                report = evaluate(
                    load_ranked_policy(agent, home),
                    protocol.env_config,
                    protocol.n_games,
                    protocol.seed,
                    max_pieces=protocol.max_pieces,
                )
                kept.append(builtin_entry(save_score(home, agent, protocol, report), protocol.to_dict()))
                print(f"{name}: {report}", flush=True)
                write_file(BUILTIN_SCORES, json.dumps(kept, indent=1).encode() + b"\n")


def main() -> None:
    """Trains the requested models."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[[], *RECIPES, *POLICY_NAMES], help="agents (default: all)")
    parser.add_argument("--folder", type=Path, default=CHAMPIONS, help="folder of the bundles")
    parser.add_argument("--scores", nargs="+", choices=PROTOCOLS, help="measure scores under these protocols instead")
    arguments = parser.parse_args()
    if arguments.scores:
        measure_scores(arguments.scores, arguments.names or [*RECIPES, *POLICY_NAMES])
        return
    if controllers := [name for name in arguments.names if name not in RECIPES]:
        parser.error(f"Controllers are not trained; got {', '.join(controllers)}. Add --scores to measure them.")
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for name in arguments.names or RECIPES:
        train_champion(name, RECIPES[name], arguments.folder)


if __name__ == "__main__":
    main()
