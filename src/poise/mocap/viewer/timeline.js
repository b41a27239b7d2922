// What was seen and where the feet stood, over time: a strip a body part, one a foot, and the moment that is shown.

import { seekable } from "./chart.js";
import { clamp } from "./math.js";
import { makePaper } from "./paper.js";
import { trustColour } from "./scene.js";

const ROW = 11, GAP = 3, TOP = 4, AXIS = 18;

// parts: [{ name, values }], values in 0..255 a frame; feet: [{ name, stands }], 0 or 1 a frame.
export function makeTimeline(canvas, times, parts, feet, onSeek) {
  const start = times[0], span = Math.max(times[times.length - 1] - start, 1e-6);
  const rows = parts.length + feet.length;
  const height = TOP + rows * (ROW + GAP) + 4 + AXIS;
  canvas.style.height = `${height}px`;
  let left = 92, width = 0, back = null;

  const x = (time) => left + ((time - start) / span) * (width - left - 6);

  function paint(style) {
    let c;
    ({ back, c, width, left } = makePaper(canvas, height, style));
    const strip = (row, name, colourOf) => {
      const y = TOP + row * (ROW + GAP) + (row >= parts.length ? 4 : 0);
      c.fillStyle = style.quiet;
      c.fillText(name, 0, y + ROW / 2 + 0.5);
      c.save();
      c.beginPath();
      c.roundRect(left, y, width - left - 6, ROW, 3);
      c.clip();
      c.fillStyle = style.line;
      c.fillRect(left, y, width - left, ROW);
      // One column a pixel: the least that was seen in it.
      const columns = Math.max(1, Math.round(width - left - 6));
      for (let k = 0; k < columns; k++) {
        const a = Math.floor((k / columns) * times.length), b = Math.max(a + 1, Math.floor(((k + 1) / columns) * times.length));
        const colour = colourOf(a, b);
        if (!colour) continue;
        c.fillStyle = colour;
        c.fillRect(left + k, y, 1.3, ROW);
      }
      c.restore();
    };
    const rgb = (v) => `rgb(${trustColour(v).map((k) => Math.round(255 * k)).join(" ")})`;
    parts.forEach((part, row) =>
      strip(row, part.name, (a, b) => {
        let least = 255;
        for (let k = a; k < b; k++) least = Math.min(least, part.values[k]);
        return rgb(least / 255);
      }));
    feet.forEach((foot, row) =>
      strip(parts.length + row, foot.name, (a, b) => {
        for (let k = a; k < b; k++) if (foot.stands[k]) return style.stand;
        return "";
      }));
    c.fillStyle = style.quiet;
    c.textAlign = "center";
    const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600].find((s) => (span / s) * 46 < width - left) || 1200;
    for (let t = Math.ceil(start / step - 1e-9) * step; t <= start + span + 1e-9; t += step)
      c.fillText(`${+t.toFixed(1)}`, clamp(x(t), left + 4, width - 10), height - AXIS / 2);
  }

  function draw(time, style) {
    const c = canvas.getContext("2d"), ratio = canvas.width / Math.max(width, 1);
    c.setTransform(1, 0, 0, 1, 0, 0);
    c.clearRect(0, 0, canvas.width, canvas.height);
    if (back) c.drawImage(back, 0, 0);
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    const at = x(time);
    c.fillStyle = style.now;
    c.fillRect(at - 1, 0, 2, height - AXIS + 2);
    c.beginPath();
    c.arc(at, height - AXIS + 3, 4.5, 0, 7);
    c.fill();
  }

  seekable(canvas, () => [left, width], (share) => onSeek(start + share * span));
  return { paint, draw };
}
