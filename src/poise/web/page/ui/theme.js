/** Light, dark, or as the visitor's system. */

import {byId, memory} from "./dom.js";

const THEMES = ["auto", "light", "dark"];

/** Whether the page is dark now. */
export function isDark() {
  const theme = memory.read("theme", "auto");
  return theme === "dark" || (theme === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
}

/** Show the theme of the last visit, and let the button change it. */
export function prepareTheme(changed = () => {}) {
  const show = (theme) => {
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    const button = byId("theme");
    button.title = `Colours: ${{auto: "as the system", light: "light", dark: "dark"}[theme]}. Change`;
    button.setAttribute("aria-label", button.title);
    changed();
  };
  byId("theme").addEventListener("click", () => {
    const next = THEMES[(THEMES.indexOf(memory.read("theme", "auto")) + 1) % THEMES.length];
    memory.write("theme", next);
    show(next);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
  show(memory.read("theme", "auto"));
}
