"""Studies: which settings of a training matter, found out by training with many of them.

>>> from tetrarium.tuning import StudyConfig, create_study, parse_range
>>> ranges = (parse_range("learning_rate=1e-4..1e-2:log"), parse_range("n_steps=1,2,3"))
>>> study = StudyConfig.of_preset("first", "quick", ranges=ranges)
>>> carry_out(home, create_study(home, study).name, Control())  # doctest: +SKIP
'finished'
"""

from tetrarium.tuning.commands import train_command
from tetrarium.tuning.directory import StudyDetail, StudyView, TrialView, list_studies, read_study
from tetrarium.tuning.importances import Importances
from tetrarium.tuning.objectives import OBJECTIVES
from tetrarium.tuning.processes import carry_out, extend_study, start_tuner
from tetrarium.tuning.ranges import Range, parse_range, variable_settings
from tetrarium.tuning.studies import SAMPLERS, StudyConfig, create_study, has_study, read_study_config
from tetrarium.tuning.tuner import Tuner

__all__ = [
    "OBJECTIVES",
    "SAMPLERS",
    "Importances",
    "Range",
    "StudyConfig",
    "StudyDetail",
    "StudyView",
    "TrialView",
    "Tuner",
    "carry_out",
    "create_study",
    "extend_study",
    "has_study",
    "list_studies",
    "parse_range",
    "read_study",
    "read_study_config",
    "start_tuner",
    "train_command",
    "variable_settings",
]
