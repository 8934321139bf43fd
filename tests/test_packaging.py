"""Versions of dependencies: those that are declared, and those that make installs."""

import re
import tomllib
from itertools import chain
from pathlib import Path
from typing import Final

import pytest
from packaging.requirements import Requirement

ROOT: Final = Path(__file__).parents[1]
PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS: Final = PROJECT["optional-dependencies"]
ALL: Final = {one.name: one for one in map(Requirement, chain(PROJECT["dependencies"], *EXTRAS.values()))}


@pytest.mark.parametrize(
    ("name", "version", "other"),
    [("pillow", "11.3.0", "moviepy, which needs pillow < 12"), ("gymnasium", "1.2.0", "ray[rllib]")],
)
def test_lower_bounds_allow_what_other_libraries_pin(name: str, version: str, other: str) -> None:
    assert ALL[name].specifier.contains(version), f"{ALL[name]} cannot be installed beside {other}"


def test_versions_that_make_installs_are_within_the_bounds() -> None:
    pinned = dict(
        re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)
    )
    beyond = [str(one) for name, one in ALL.items() if name in pinned and not one.specifier.contains(pinned[name])]
    assert beyond == []
    assert {"numba", "torch", "gymnasium", "pillow"} <= pinned.keys()
