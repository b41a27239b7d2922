/** A short sound for each repetition. */

export class Sound {
  constructor() {
    this.muted = false;
    this.context = null;
  }

  /** Browsers let a page make sounds only after the visitor did something. */
  wake() {
    if (!globalThis.AudioContext) return;
    this.context ??= new AudioContext();
    if (this.context.state === "suspended") this.context.resume().catch(() => {});
  }

  /** Every tenth repetition sounds higher, so that it is heard without looking. */
  count(number) {
    if (this.muted || this.context?.state !== "running") return;
    const {currentTime, destination} = this.context;
    const tone = this.context.createOscillator();
    const loudness = this.context.createGain();
    tone.frequency.setValueAtTime(number % 10 === 0 ? 1046 : 698, currentTime);
    loudness.gain.setValueAtTime(0, currentTime);
    loudness.gain.linearRampToValueAtTime(0.22, currentTime + 0.01);
    loudness.gain.exponentialRampToValueAtTime(0.001, currentTime + 0.16);
    tone.connect(loudness).connect(destination);
    tone.start(currentTime);
    tone.stop(currentTime + 0.18);
  }
}
