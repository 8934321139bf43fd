"""Linear controllers from the literature, by name.

Sources: Pierre Dellacherie's controller as described by Fahey, "Tetris AI", 2003; *DU* from Thiery and Scherrer,
"Building Controllers for Tetris", ICGA Journal 32, 2009 (there called BCTS); *DT-10* from Scherrer, Ghavamzadeh,
Gabillon, Lesner and Geist, JMLR 16, 2015. Table 1 there has the mean lines over 10,000 games under literature rules: DU
3,800 and DT-10 5,000 on a board of 10 × 10, 31,000,000 and 29,000,000 on 10 × 20.

DU was published with the cumulative wells of Thiery and Scherrer, here ``wells``; the DT controllers with the variant
here called ``fast_wells``.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from tetrarium.errors import ConfigError, suggestion
from tetrarium.evaluation.policies import LinearPolicy, RandomPolicy

__all__ = ["POLICY_NAMES", "PUBLISHED", "named_policy"]

PUBLISHED: Final[Mapping[str, Mapping[str, float]]] = MappingProxyType(
    {
        "dellacherie": {
            "landing_height": -1.0,
            "eroded_cells": 1.0,
            "row_transitions": -1.0,
            "column_transitions": -1.0,
            "holes": -4.0,
            "wells": -1.0,
        },
        "du": {
            "landing_height": -12.62900,
            "eroded_cells": 6.601974,
            "row_transitions": -9.215815,
            "column_transitions": -19.77356,
            "holes": -13.08335,
            "wells": -10.48747,
            "hole_depth": -1.611863,
            "rows_with_holes": -24.04087,
        },
        "dt-10": {
            "landing_height": -2.18,
            "eroded_cells": 2.42,
            "row_transitions": -2.17,
            "column_transitions": -3.31,
            "holes": 0.95,
            "fast_wells": -2.22,
            "hole_depth": -0.81,
            "rows_with_holes": -9.65,
            "pattern_diversity": 1.27,
        },
    }
)

_RANDOM: Final = "random"
POLICY_NAMES: Final = (_RANDOM, *PUBLISHED)


def named_policy(name: str) -> LinearPolicy | RandomPolicy:
    """Returns random play or a published controller.

    >>> named_policy("dt-10").name
    'dt-10'

    Raises:
        ConfigError: if there is none of that name.
    """
    if name == _RANDOM:
        return RandomPolicy()
    if name not in PUBLISHED:
        raise ConfigError(
            f"A policy by name is one of {', '.join(POLICY_NAMES)}; got {name!r}.{suggestion(str(name), POLICY_NAMES)}"
        )
    return LinearPolicy(PUBLISHED[name], name=name)
