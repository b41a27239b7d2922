/** Sounds of the game. */

import {memory} from "../ui/dom.js";
import {Speaker} from "../ui/sound.js";

// From and to, hertz; seconds; loudness; kind of wave.
const TONES = {
  jump: [[320, 620, 0.16, 0.16, "triangle"]],
  duck: [[300, 190, 0.12, 0.12, "triangle"]],
  land: [[120, 80, 0.07, 0.16, "sine"]],
  hit: [[190, 70, 0.3, 0.26, "sawtooth"]],
  count: [[520, 520, 0.12, 0.16, "sine"]],
  go: [[780, 780, 0.28, 0.18, "sine"]],
  over: [[392, 392, 0.18, 0.18, "triangle"], [330, 330, 0.18, 0.18, "triangle"], [262, 262, 0.4, 0.2, "triangle"]],
  best: [[523, 523, 0.12, 0.16, "triangle"], [659, 659, 0.12, 0.16, "triangle"], [784, 784, 0.3, 0.18, "triangle"]],
};
// Keypoints in a row climb a scale of five tones.
const SCALE = [523, 587, 659, 784, 880, 1047];

export class Sounds extends Speaker {
  constructor() {
    super(memory.read("muted", false));
    this.row = 0;
    this.lastDot = 0;
  }

  play(name) {
    if (!this.on) return;
    if (name === "dot") {
      const now = this.context.currentTime;
      this.row = now - this.lastDot < 0.6 ? Math.min(this.row + 1, SCALE.length - 1) : 0;
      this.lastDot = now;
      return this.tone([SCALE[this.row], SCALE[this.row], 0.14, 0.1, "sine"]);
    }
    let late = 0;
    for (const tone of TONES[name] ?? []) {
      this.tone(tone, late);
      late += tone[2] * 0.8;
    }
  }
}
