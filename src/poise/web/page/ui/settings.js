/** The form on the right: what the engine is asked, what is drawn, and what is greyed because it is not there. */

import {byId, fillSelect, memory, write} from "./dom.js";
import {titleOf} from "./words.js";

const WAIT_MS = 250;
const SMOOTH = {off: false, "one-euro": "one-euro", kalman: "kalman"};
const MISSING = "Not available with this engine";

export class Settings {
  /**
   * @param {() => void} onEngine what the engine is asked has changed
   * @param {() => void} onDrawing what is drawn has changed
   */
  constructor(onEngine, onDrawing) {
    this.form = byId("settings");
    this.kept = memory.read("settings", {});
    const late = debounce(onEngine, WAIT_MS);
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
    const asked = {
      conf: Number(byId("conf").value),
      smooth: SMOOTH[document.querySelector("[name=smooth]:checked").value],
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

  #on(name) {
    const input = byId(name);
    return input.checked && !input.disabled;
  }

  /** Offer what an engine has. */
  offer({models = [], exercises = [], features = {}, info = {}}) {
    const wanted = this.kept.model ?? info.model ?? "";
    if (models.length) fillSelect(byId("model"), models.map(({name, title}) => ({value: name, title: title ?? name})), wanted);
    else if (info.model) fillSelect(byId("model"), [{value: info.model, title: info.model}]);
    if (!this.kept.model && info.model) byId("model").value = info.model;
    write(byId("model-notes"), models.find(({name}) => name === byId("model").value)?.notes ?? "");
    if (exercises.length) {
      const known = [...exercises].sort().map((name) => ({value: name, title: titleOf(name)}));
      const usual = [{value: "auto", title: "Recognise by itself"}, {value: "", title: "Do not count"}];
      fillSelect(byId("exercise"), [...usual, ...known], this.kept.reps ?? "auto");
    }
    for (const [name, input] of [["gestures", "gestures"], ["falls", "falls"], ["posture", "posture"], ["reps", "exercise"]]) {
      const missing = features[name] === false;
      byId(input).disabled = missing;
      byId(input).closest("label, .field").title = missing ? MISSING : "";
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

function debounce(act, wait) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(act, wait);
  };
}
