/** The few words of the DOM that every part of the page uses. */

/** @returns {any} the element with this id, which index.html must have */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`index.html has no element with id "${id}"`);
  return found;
}

/** Make an element with properties and children. */
export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/** Set text only where it changed: screen readers repeat whatever is written. */
export function write(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/** A button that is on or off. */
export function setPressed(button, pressed) {
  button.setAttribute("aria-pressed", String(pressed));
}

/** Put options into a select; the one that was chosen stays chosen where it is still there. */
export function fillSelect(select, options, chosen = select.value) {
  select.replaceChildren(...options.map(({value, title}) => element("option", {value, textContent: title})));
  if (options.some(({value}) => value === chosen)) select.value = chosen;
}

/** What the page remembers from visit to visit. Where storage is forbidden it forgets. */
export const memory = {
  read(key, otherwise) {
    try {
      return JSON.parse(localStorage.getItem(`poise.${key}`)) ?? otherwise;
    } catch {
      return otherwise;
    }
  },
  write(key, value) {
    try {
      localStorage.setItem(`poise.${key}`, JSON.stringify(value));
    } catch {
      // A private window: nothing is remembered.
    }
  },
};
