// What a test or a benchmark calls in the page.
import { LocalEngine } from "./engine/local.js";

const bitmapOf = async (address) => {
  const response = await fetch(address);
  return createImageBitmap(await response.blob(), { colorSpaceConversion: "none", premultiplyAlpha: "none" });
};

/** Answers to pictures, one engine for all. */
window.answers = async (settings, pictures, options) => {
  const engine = await LocalEngine.open(settings, options);
  const found = [];
  for (const { address, time } of pictures) found.push(await engine.process(await bitmapOf(address), time ?? found.length));
  const { skeleton, info, models, exercises, features } = engine;
  engine.close();
  return { found, about: { skeleton, info, models, exercises, features } };
};

/** How long the first answer takes from nothing, and how many frames a second follow. */
window.pace = async (settings, addresses, { threads, seconds, rate }) => {
  const begun = performance.now();
  const engine = await LocalEngine.open(settings, { threads });
  const frames = await Promise.all(addresses.map(bitmapOf));
  await engine.process(frames[0], 0);
  const first = performance.now() - begun;
  let count = 0;
  const speed = {};
  const start = performance.now();
  while (performance.now() - start < seconds * 1000) {
    const answer = await engine.process(frames[++count % frames.length], (performance.now() - begun) / 1000);
    for (const [stage, ms] of Object.entries(answer.speed)) speed[stage] = (speed[stage] ?? 0) + ms;
  }
  const elapsed = performance.now() - start;
  for (const stage of Object.keys(speed)) speed[stage] /= count;
  const { info } = engine;
  engine.close();
  return { first, rate: (count / elapsed) * 1000, count, speed, info };
};

window.LocalEngine = LocalEngine;
window.bitmapOf = bitmapOf;
