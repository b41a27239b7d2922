// What a chart or a strip is painted on once, and shown from then on: as sharp as the screen, with room for names.

export function makePaper(canvas, height, style) {
  const ratio = Math.min(globalThis.devicePixelRatio || 1, 2);
  const width = canvas.clientWidth;
  [canvas.width, canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
  const back = document.createElement("canvas");
  [back.width, back.height] = [canvas.width, canvas.height];
  const c = back.getContext("2d");
  c.scale(ratio, ratio);
  c.font = `11px ${style.font}`;
  c.textBaseline = "middle";
  return { back, c, width, left: width < 480 ? 72 : 92 };
}
