/** Repetitions: the large number with its ring, everybody's counts, and what a screen reader says. */

import {areaOf, colourOf} from "../draw.js";
import {byId, element, write} from "./dom.js";
import {titleOf} from "./words.js";

const FLASH_MS = 600;

export class Counter {
  constructor() {
    this.box = byId("counter");
    this.number = byId("counter-number");
    this.title = byId("counter-title");
    this.list = byId("people");
    this.wanted = "auto";
    this.reset();
  }

  reset() {
    this.rows = new Map();
    this.list.replaceChildren();
    this.main = null;
    this.box.hidden = true;
  }

  /** What the ring shows now, for recordings; null: nothing. */
  get state() {
    return this.main && this.wanted ? {count: this.main.count, progress: this.main.progress, title: this.#name(this.main)} : null;
  }

  /**
   * Show how far everybody is.
   * @returns {string[]} what was just counted, in words
   */
  show(answer) {
    const {reps} = answer;
    const present = new Map(answer.result.instances.map((one) => [one.id, areaOf(one)]));
    // Who has done most; between equals, who is nearer to the camera.
    const rank = (one) => one.count * 1e12 + (present.get(one.id) ?? 0);
    this.main = reps.length ? reps.reduce((best, one) => (rank(one) > rank(best) ? one : best)) : null;
    this.box.hidden = !this.main;
    if (this.main) {
      write(this.number, String(this.main.count));
      write(this.title, this.#name(this.main));
      this.box.style.setProperty("--progress", this.main.progress.toFixed(3));
    }
    this.#people(reps, present);
    const counted = answer.events.filter(({event}) => event.endsWith(".rep"));
    if (counted.length) this.#flash();
    return counted.map(({event, value}) => `${titleOf(event.slice(0, -4))} ${value}`);
  }

  #name({exercise}) {
    if (exercise !== "none") return titleOf(exercise);
    return this.wanted === "auto" ? "Which exercise?" : titleOf(this.wanted ?? "");
  }

  #people(reps, present) {
    for (const one of reps) {
      if (!this.rows.has(one.id)) {
        const dot = element("span", {className: "dot", ariaHidden: "true"});
        dot.style.setProperty("--colour", colourOf(one.id));
        const row = element("li", {}, dot, element("span", {textContent: `Person ${one.id}`}), element("span"), element("b"));
        this.rows.set(one.id, row);
        this.list.append(row);
      }
      const row = this.rows.get(one.id);
      row.classList.toggle("away", !present.has(one.id));
      // Who is gone and has done nothing is of no interest; a list of many hides those who have.
      row.hidden = !present.has(one.id) && !one.count;
      write(row.children[2], one.exercise === "none" ? "–" : titleOf(one.exercise));
      write(row.children[3], String(one.count));
    }
    const known = new Set(reps.map(({id}) => id));
    for (const [id, row] of this.rows) {
      if (known.has(id)) continue;
      row.remove();
      this.rows.delete(id);
    }
  }

  #flash() {
    this.box.classList.add("flash");
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.box.classList.remove("flash"), FLASH_MS);
  }
}
