"""Plays policies on fixed seeds and reports what they score."""

from tetrarium.engine.placement.states import Move
from tetrarium.evaluation.evaluator import evaluate
from tetrarium.evaluation.network_policy import NetworkPolicy
from tetrarium.evaluation.policies import POLICY_NAMES, PUBLISHED, LinearPolicy, RandomPolicy, named_policy
from tetrarium.evaluation.protocols import PROTOCOLS, Protocol, find_protocol
from tetrarium.evaluation.reports import Comparison, GameResult, Report, compare_reports
from tetrarium.evaluation.single_games import play_moves

__all__ = [
    "POLICY_NAMES",
    "PROTOCOLS",
    "PUBLISHED",
    "Comparison",
    "GameResult",
    "LinearPolicy",
    "Move",
    "NetworkPolicy",
    "Protocol",
    "RandomPolicy",
    "Report",
    "compare_reports",
    "evaluate",
    "find_protocol",
    "named_policy",
    "play_moves",
]
