// Objects in the events that workers publish, and subscriptions to them. The events' types are generated from events.py.

/** Value of one legal placement and the cells that its piece would fill. */
interface ActionValue {
  action: number;
  value: number;
  cells: number[];
}

/** Action values of the placement to come. */
interface ActionValues {
  actions: ActionValue[];
  chosen: number;
}

/** A board as the canvas shows it. Rows count from 0 at the bottom; a cell's index is row * width + column. */
interface Board {
  width: number;
  height: number;
  cells: string;
  queue: number[];
  held?: number | null;
  game?: number;
  step?: number;
  pieces_game?: number;
  cleared_rows?: number[];
  action_values?: ActionValues | null;
  ghost?: number[];
  falling?: number[];
  advice?: Pick<Advice, "cells"> | null;
  is_over?: boolean;
  is_still?: boolean;
  key_number?: number | null;
  sent_s?: number;
}

interface TableSeat extends Board {
  seat: number;
  agent: string;
  ghost: number[];
  is_over: boolean;
  is_truncated: boolean;
  game: number;
  lines_game: number;
  pieces_game: number;
  score_game: number;
  games_ended: number;
  lines_total: number;
  best_lines_game: number;
  games_won: number;
}

interface Advice {
  agent: string;
  state: string;
  message: string;
  cells: number[];
  value: number | null;
}

interface Opponent {
  agent: string;
  state: string;
  message: string;
  lines: number;
  pieces: number;
  score: number;
  lost: boolean;
  finished: boolean;
  seconds: number;
}

/** What the live socket subscribes to. */
interface Subscription {
  kind: "run" | "demo" | "human-game";
  name: string;
  boards?: boolean;
  action_values?: boolean;
  boards_per_second?: number;
}
