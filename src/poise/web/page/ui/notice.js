/** One sentence above the picture: what is wrong, and what to do. */

import {byId, write} from "./dom.js";

export class Notice {
  constructor() {
    this.box = byId("notice");
    this.words = byId("notice-words");
    this.wait = byId("notice-wait");
    this.action = byId("notice-action");
    byId("notice-close").addEventListener("click", () => this.hide());
    this.action.addEventListener("click", () => this.act?.());
  }

  /**
   * @param {string} sentence
   * @param {{action?: string, act?: () => void, seconds?: number, about?: string}} options seconds: count down to the next
   *   try; about: what the sentence is about, for `hide`
   */
  show(sentence, {action = "", act = null, seconds = 0, about = ""} = {}) {
    clearInterval(this.timer);
    Object.assign(this, {act, about});
    this.box.hidden = false;
    write(this.words, sentence);
    this.action.hidden = !action;
    write(this.action, action);
    const until = performance.now() + seconds * 1000;
    // Not for screen readers, which would read each second aloud.
    const tick = () => {
      const left = Math.ceil((until - performance.now()) / 1000);
      write(this.wait, seconds ? (left > 0 ? `Trying again in ${left} s.` : "Trying again …") : "");
    };
    tick();
    if (seconds) this.timer = setInterval(tick, 250);
  }

  /** Take the sentence away; with `about`, only one that is about this. */
  hide(about = this.about) {
    if (about !== this.about) return;
    clearInterval(this.timer);
    this.box.hidden = true;
    write(this.words, "");
  }
}
