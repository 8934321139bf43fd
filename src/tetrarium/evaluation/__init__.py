"""Plays policies on fixed seeds and reports what they score."""

from tetrarium.evaluation.comparisons import Comparison, compare_reports
from tetrarium.evaluation.evaluator import evaluate
from tetrarium.evaluation.moves import Move, play_moves
from tetrarium.evaluation.networks import NetworkPolicy
from tetrarium.evaluation.policies import LinearPolicy, RandomPolicy
from tetrarium.evaluation.protocols import PROTOCOLS, Protocol, find_protocol
from tetrarium.evaluation.published import POLICY_NAMES, PUBLISHED, named_policy
from tetrarium.evaluation.report import GameResult, Report

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
