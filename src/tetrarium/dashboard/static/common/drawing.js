// What charts draw alike. A pen is {context, plot, colours, x, y}: a canvas, where its plot is, and which pixel a value has.

/** A pen for a plot from the left to the right end of `domain`, as high as `scale`. */
export function penOf(context, plot, colours, domain, scale) {
  return {
    context, plot, colours,
    x: (value) => plot.left + ((value - domain[0]) / (domain[1] - domain[0] || 1)) * (plot.right - plot.left),
    y: (value) => plot.bottom - scale.position(value) * (plot.bottom - plot.top),
  };
}

/** The value under a pixel of the canvas; beside the plot, that of its nearer end. */
export function placeUnder(pixel, { left, right }, [low, high]) {
  const share = Math.min(1, Math.max(0, (pixel - left) / Math.max(1, right - left)));
  return low + share * (high - low);
}

/** First and last index to draw of rising places: what lies in the domain, and one more on both sides. */
export function windowOf(places, [low, high]) {
  const first = places.findIndex((place) => place >= low);
  if (first < 0) return [0, -1];
  let last = places.length - 1;
  while (last > first && places[last] > high) last -= 1;
  return [Math.max(0, first - 1), Math.min(places.length - 1, last + 1)];
}

/** Draws what `draw` draws no further than a little beyond the plot. */
export function clipped({ context, plot }, draw) {
  context.save();
  context.beginPath();
  context.rect(plot.left, plot.top - 4, plot.right - plot.left + 6, plot.bottom - plot.top + 8);
  context.clip();
  draw();
  context.restore();
}

/** The stretch that somebody drags over. */
export function drawSelection({ context, plot, colours, x }, [from, to]) {
  context.globalAlpha = 0.18;
  context.fillStyle = colours.accent;
  context.fillRect(x(Math.min(from, to)), plot.top, Math.abs(x(to) - x(from)), plot.bottom - plot.top);
  context.globalAlpha = 1;
}

/** A line from the first to the last index, with a gap wherever there is no number. */
export function drawLine({ context, x, y }, { places, values, colour, width, stroke = [] }, [first, last]) {
  context.beginPath();
  let isDown = false;
  for (let k = first; k <= last; k += 1) {
    const value = values[k];
    if (typeof value !== "number") {
      isDown = false;
      continue;
    }
    if (isDown) context.lineTo(x(places[k]), y(value));
    else context.moveTo(x(places[k]), y(value));
    isDown = true;
  }
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.lineJoin = "round";
  context.setLineDash(stroke);
  context.stroke();
  context.setLineDash([]);
}

/** The upright line where somebody looks. */
export function drawCursorLine({ context, plot, colours, x }, place) {
  const middle = Math.round(x(place)) + 0.5;
  context.strokeStyle = colours.muted;
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(middle, plot.top);
  context.lineTo(middle, plot.bottom);
  context.stroke();
}

/** One measurement. */
export function drawDot({ context, x, y }, colour, place, value, radius) {
  context.beginPath();
  context.arc(x(place), y(value), radius, 0, 2 * Math.PI);
  context.fillStyle = colour;
  context.fill();
}
