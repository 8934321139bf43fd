"""Studies: hyperparameter search over the settings of training, in which each trial is a run.

>>> from tetrarium.tuning import StudyConfig, create_study, parse_range, run_study
>>> ranges = (parse_range("learning_rate=1e-4..1e-2:log"), parse_range("n_steps=1,2,3"))
>>> study = StudyConfig.of_preset("first", "quick", ranges=ranges)
>>> run_study(home, create_study(home, study).name)  # doctest: +SKIP
'finished'
"""

from tetrarium.training.runs.storage.run_config import train_command
from tetrarium.tuning.objectives import OBJECTIVES
from tetrarium.tuning.search_space import Range, parse_range, variable_settings
from tetrarium.tuning.study import SAMPLERS, StudyConfig, has_study, read_study_config
from tetrarium.tuning.study_directory import (
    Importances,
    StudyDetail,
    StudyView,
    TrialView,
    create_study,
    delete_study,
    delete_trial,
    ended_trial_run,
    list_studies,
    read_study,
    settings_of_run,
)
from tetrarium.tuning.study_process import extend_study, run_study, start_tuner
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
    "create_study",
    "delete_study",
    "delete_trial",
    "ended_trial_run",
    "extend_study",
    "has_study",
    "list_studies",
    "parse_range",
    "read_study",
    "read_study_config",
    "run_study",
    "settings_of_run",
    "start_tuner",
    "train_command",
    "variable_settings",
]
