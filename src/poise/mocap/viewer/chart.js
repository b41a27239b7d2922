// Angles of a joint over time, a line a side, and their values at the moment that is shown.

import { clamp } from "./math.js";
import { makePaper } from "./paper.js";

const TALL = 168, RIM = 8;
export const LINES = ["#0d9aa8", "#d6409f", "#b07d00"];

// lines: [{ name, values, trust }], degrees and 0..255 a frame; times are those of the timeline below, place for place.
export function makeChart(canvas, times, onSeek) {
  const start = times[0], span = Math.max(times[times.length - 1] - start, 1e-6);
  canvas.style.height = `${TALL}px`;
  let left = 92, width = 0, back = null, lines = [], low = 0, high = 1;

  const x = (time) => left + ((time - start) / span) * (width - left - 6);
  const y = (degrees) => RIM + ((high - degrees) / (high - low)) * (TALL - 2 * RIM);

  function set(chosen) {
    lines = chosen;
    let [least, most] = [Infinity, -Infinity];
    for (const { values } of lines) for (const one of values) [least, most] = [Math.min(least, one), Math.max(most, one)];
    // Something that stands still is no mountain range.
    const spare = Math.max(0, 20 - (most - least)) / 2 + 0.05 * (most - least);
    [low, high] = [least - spare, most + spare];
  }

  function paint(style) {
    let c;
    ({ back, c, width, left } = makePaper(canvas, TALL, style));
    c.textAlign = "right";
    const step = [5, 10, 15, 20, 30, 45, 60, 90, 180, 360, 720].find((s) => (high - low) / s <= 6) || 3600;
    for (let degrees = Math.ceil(low / step) * step; degrees <= high; degrees += step) {
      c.fillStyle = style.line;
      c.fillRect(left, Math.round(y(degrees)), width - left - 6, degrees ? 1 : 2);
      c.fillStyle = style.quiet;
      c.fillText(`${degrees}°`, left - 8, y(degrees));
    }
    c.lineWidth = 2;
    c.lineJoin = c.lineCap = "round";
    lines.forEach(({ values, trust }, k) => {
      c.strokeStyle = LINES[k];
      for (let a = 0; a < times.length;) {
        // A stretch that is seen or that is not: what was not seen is pale.
        const seen = trust[a] > 25;
        let b = a + 1;
        while (b < times.length && trust[b] > 25 === seen) b++;
        c.globalAlpha = seen ? 1 : 0.4;
        c.beginPath();
        for (let f = a; f <= Math.min(b, times.length - 1); f++) c.lineTo(x(times[f]), y(values[f]));
        if (times.length === 1) c.arc(x(times[0]), y(values[0]), 1, 0, 7);
        c.stroke();
        a = b;
      }
    });
  }

  function draw(time, row, style) {
    const c = canvas.getContext("2d"), ratio = canvas.width / Math.max(width, 1);
    c.setTransform(1, 0, 0, 1, 0, 0);
    c.clearRect(0, 0, canvas.width, canvas.height);
    if (back) c.drawImage(back, 0, 0);
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    c.fillStyle = style.now;
    c.fillRect(x(time) - 1, 0, 2, TALL);
    lines.forEach(({ values }, k) => {
      c.fillStyle = LINES[k];
      c.beginPath();
      c.arc(x(time), y(values[row]), 4, 0, 7);
      c.fill();
    });
  }

  seekable(canvas, () => [left, width], (share) => onSeek(start + share * span));
  return { set, paint, draw };
}

// A press or a drag between the left edge and the right one seeks.
export function seekable(canvas, edges, onShare) {
  const seek = (event) => {
    const [left, width] = edges();
    onShare(clamp((event.clientX - canvas.getBoundingClientRect().left - left) / (width - left - 6), 0, 1));
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    seek(event);
  });
  canvas.addEventListener("pointermove", (event) => event.buttons && seek(event));
}
