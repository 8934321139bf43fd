// @ts-check
// Result of a game against an opponent: who won, and why.

import { formatClock, formatCount } from "../common/format.js";

/** @typedef {Pick<HumanGameShown, "phase" | "goal_lines" | "lines_game" | "seconds" | "opponent">} EndedGame */

/** @param {number} count */
const linesText = (count) => `${formatCount(count)} ${count === 1 ? "line" : "lines"}`;

/**
 * Returns title and reason, or null without an opponent. The first to reach the goal wins; who tops out first loses.
 *
 * @param {EndedGame} game
 * @returns {[title: string, reason: string] | null}
 */
export function resultOf({ phase, goal_lines: goal, lines_game: lines, seconds, opponent }) {
  if (opponent?.state !== "ready") return null;
  const { agent, finished, lost, seconds: ended, lines: opponentLines } = opponent;
  const target = linesText(goal ?? 0);
  const isFinished = phase === "finished";
  const counts = `with ${linesText(lines)} to ${formatCount(opponentLines)}`;
  if (isFinished ? finished && ended >= seconds : lost && ended >= seconds)
    return ["A draw", isFinished ? `Both reached ${target} at once.` : `Both topped out at once, ${counts}.`];
  if (finished) return ["You lost", `${agent} reached ${target} first, in ${formatClock(ended)}.`];
  if (isFinished) return ["You won", `You reached ${target} first, ${agent} ${formatCount(opponentLines)}.`];
  if (lost) return ["You won", `${agent} topped out first, ${counts}.`];
  return ["You lost", `You topped out first, ${counts}.`];
}
