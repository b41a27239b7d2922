/** Short sounds, made of plain tones. */

export class Speaker {
  constructor(muted = false) {
    this.muted = muted;
    this.context = null;
  }

  /** Whether a sound would be heard now. */
  get on() {
    return !this.muted && this.context?.state === "running";
  }

  /** Browsers let a page make sounds only after the visitor did something. */
  wake() {
    if (!globalThis.AudioContext) return;
    this.context ??= new AudioContext();
    if (this.context.state === "suspended") this.context.resume().catch(() => {});
  }

  /** One tone, `late` seconds from now: hertz from and to, seconds, loudness, kind of wave. */
  tone([from, to, seconds, loud, kind], late = 0) {
    const start = this.context.currentTime + late;
    const tone = this.context.createOscillator();
    const loudness = this.context.createGain();
    tone.type = kind;
    tone.frequency.setValueAtTime(from, start);
    tone.frequency.exponentialRampToValueAtTime(to, start + seconds);
    loudness.gain.setValueAtTime(0, start);
    loudness.gain.linearRampToValueAtTime(loud, start + 0.012);
    loudness.gain.exponentialRampToValueAtTime(0.001, start + seconds);
    tone.connect(loudness).connect(this.context.destination);
    tone.start(start);
    tone.stop(start + seconds + 0.02);
  }
}

/** A short sound for each repetition. */
export class Sound extends Speaker {
  /** Every tenth repetition sounds higher, so that it is heard without looking. */
  count(number) {
    const pitch = number % 10 ? 698 : 1046;
    if (this.on) this.tone([pitch, pitch, 0.16, 0.22, "sine"]);
  }
}
