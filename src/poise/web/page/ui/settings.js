/** The form on the right: what the engine is asked, what is drawn, and what is greyed because it is not there. */

import {byId, fillSelect, memory, write} from "./dom.js";
import {titleOf} from "./words.js";

const WAIT_MS = 250;
const MISSING = "Not available with this engine";

export class Settings {
  /**
   * @param {() => void} onEngine what the engine is asked has changed
   * @param {() => void} onDrawing what is drawn has changed
   */
  constructor(onEngine, onDrawing) {
    this.form = byId("settings");
    this.kept = memory.read("settings", {});
    let timer = 0;
    const late = () => {
      clearTimeout(timer);
      timer = setTimeout(onEngine, WAIT_MS);
    };
    for (const input of document.querySelectorAll("[data-setting]")) {
      const name = input.dataset.setting;
      if (name in this.kept) put(input, this.kept[name]);
      input.addEventListener("input", () => {
        this.kept[name] = take(input);
        memory.write("settings", this.kept);
        this.#outputs();
        if (input.dataset.for === "drawing") onDrawing();
        else if (input.type === "range") late();
        else onEngine();
      });
    }
    this.#outputs();
  }

  /** What the engine is asked. */
  get engine() {
    const smooth = document.querySelector("[name=smooth]:checked").value;
    const asked = {
      conf: Number(byId("conf").value),
      smooth: smooth === "off" ? false : smooth,
      reps: byId("exercise").value || null,
      gestures: this.#on("gestures"),
      falls: this.#on("falls"),
      posture: this.#on("posture"),
      // The camera's own picture is not mirrored; only what the page shows is.
      mirrored: false,
    };
    const model = byId("model").value;
    return model ? {model, ...asked} : asked;
  }

  /** What is drawn. */
  get drawing() {
    return {boxes: byId("boxes").checked, labels: byId("labels").checked, angles: byId("angles").checked};
  }

  get inStep() {
    return byId("in-step").checked;
  }

  /** Whether the visitor has chosen this themselves, now or on an earlier visit. */
  chose(name) {
    return name in this.kept;
  }

  #on(name) {
    const input = byId(name);
    return input.checked && !input.disabled;
  }

  /** Offer what an engine has. */
  offer({models = [], exercises = [], features = {}, info = {}}) {
    const offered = models.length ? models : info.model ? [{name: info.model}] : [];
    if (offered.length) {
      fillSelect(byId("model"), offered.map(({name}) => ({value: name, title: name})), info.model ?? this.kept.model);
      const {title, notes} = offered.find(({name}) => name === byId("model").value);
      write(byId("model-notes"), [title, notes].filter(Boolean).join(". "));
    }
    if (exercises.length) {
      const known = [...exercises].sort().map((name) => ({value: name, title: titleOf(name)}));
      const usual = [{value: "auto", title: "Recognise by itself"}, {value: "", title: "Do not count"}];
      fillSelect(byId("exercise"), [...usual, ...known], this.kept.reps ?? "auto");
    }
    for (const input of document.querySelectorAll("[data-setting]")) {
      const missing = features[input.dataset.setting] === false;
      input.disabled = missing;
      input.closest("label").title = missing ? MISSING : "";
    }
  }

  #outputs() {
    write(byId("conf-value"), `${Math.round(byId("conf").value * 100)} %`);
  }
}

function take(input) {
  if (input.type === "checkbox") return input.checked;
  return input.type === "range" ? Number(input.value) : input.value;
}

function put(input, value) {
  if (input.type === "checkbox") input.checked = value;
  else if (input.type === "radio") input.checked = input.value === value;
  else input.value = value;
}
