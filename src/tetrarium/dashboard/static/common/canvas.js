// @ts-check
// Canvases: their context, and their resolution.

/**
 * @param {HTMLCanvasElement} canvas
 * @returns {CanvasRenderingContext2D}
 */
export function contextOf(canvas) {
  const context = canvas.getContext("2d");
  if (!context) throw new Error("This browser has no 2D canvas.");
  return context;
}

/**
 * Gives a canvas one pixel per device pixel, and calls back when its size has changed.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {() => void} onResize
 */
export function fitToDevicePixels(canvas, onResize) {
  const resize = (/** @type {number} */ width, /** @type {number} */ height) => {
    if (canvas.width === width && canvas.height === height) return;
    canvas.width = width;
    canvas.height = height;
    onResize();
  };
  new ResizeObserver(([entry]) => {
    const exact = entry.devicePixelContentBoxSize?.[0];
    const ratio = window.devicePixelRatio;
    if (exact) resize(exact.inlineSize, exact.blockSize);
    else resize(Math.round(entry.contentRect.width * ratio), Math.round(entry.contentRect.height * ratio));
  }).observe(canvas);
}
