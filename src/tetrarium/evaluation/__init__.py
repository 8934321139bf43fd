"""Plays policies on fixed seeds and reports what they score."""

from tetrarium.engine.placement.states import Move
from tetrarium.evaluation.analysis.results import Analysis, PositionAnalysis, analyze
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
    "Analysis",
    "Comparison",
    "GameResult",
    "LinearPolicy",
    "Move",
    "NetworkPolicy",
    "PositionAnalysis",
    "Protocol",
    "RandomPolicy",
    "Report",
    "analyze",
    "compare_reports",
    "evaluate",
    "find_protocol",
    "named_policy",
    "play_moves",
]
