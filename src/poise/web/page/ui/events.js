/** What happened, with times: the newest above. */

import {colourOf} from "../draw.js";
import {byId, element} from "./dom.js";
import {clockOf, wordsOfEvent} from "./words.js";

// More would make the page slow; downloads have all of them.
const MOST_ROWS = 60;

export class EventList {
  constructor() {
    this.list = byId("events");
    this.none = byId("no-events");
    this.clear();
  }

  clear() {
    this.list.replaceChildren();
    this.none.hidden = false;
  }

  /** Show new events. The end of a gesture is written down but not shown. */
  add(events) {
    for (const event of events) {
      if (event.event.endsWith(".off")) continue;
      const dot = element("span", {className: "dot", ariaHidden: "true"});
      dot.style.setProperty("--colour", event.id === null ? "currentColor" : colourOf(event.id));
      const row = element(
        "li",
        {className: event.event === "fall" ? "urgent" : ""},
        element("time", {textContent: clockOf(event.time)}),
        dot,
        element("span", {textContent: wordsOfEvent(event)}),
        element("span", {className: "quiet", textContent: event.id === null ? "" : `#${event.id}`}),
      );
      this.list.prepend(row);
      this.none.hidden = true;
    }
    while (this.list.children.length > MOST_ROWS) this.list.lastChild.remove();
  }
}
