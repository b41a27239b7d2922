/** Names as people read them, and every problem as one plain sentence with what to do. */

/** `jumping-jack` → `Jumping jack`. */
export function titleOf(name) {
  const words = String(name).replaceAll(/[-_]/g, " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Seconds as `1:07.3`. */
export function clockOf(seconds) {
  const minutes = Math.floor(seconds / 60);
  return `${minutes}:${(seconds - 60 * minutes).toFixed(1).padStart(4, "0")}`;
}

/** Bytes as `2.1 MB`. */
export function sizeOf(bytes) {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** An event as `Squat 3`, `Thumb up`, `Sitting`. */
export function wordsOfEvent({event, value}) {
  const [name, ending] = event.split(/\.(?=[^.]*$)/);
  if (ending === "rep") return `${titleOf(name)} ${value}`;
  if (event === "posture") return titleOf(value);
  if (event === "fall") return "Fall";
  if (ending === "on") return titleOf(name) + (/_hand$/.test(value) ? `, ${titleOf(value).toLowerCase()}` : "");
  if (ending === "off") return `${titleOf(name)} ended`;
  return titleOf(ending ? `${name} ${ending}` : name) + (value === null || typeof value === "boolean" ? "" : ` ${value}`);
}

/** Why no picture came, and what to do. */
export function wordsOfProblem(error, kind) {
  const thing = kind === "screen" ? "screen" : "camera";
  switch (error.name) {
    case "NotAllowedError":
      return kind === "screen"
        ? "The screen was not shared. Choose “Share screen” again and pick a window or a screen."
        : "This page may not use the camera. Allow it beside the address of this page, then choose “Use camera” again.";
    case "NotFoundError":
    case "OverconstrainedError":
      return `No ${thing} was found. Plug one in, or open a file instead.`;
    case "NotReadableError":
    case "AbortError":
      return `The ${thing} did not start: another program may use it. Close that program, then try again.`;
    case "SecurityError":
      return "This browser gives the camera to pages on https:// or localhost only. Open this page there, or open a file.";
    default:
      return error.message || "Something went wrong. Reload the page and try again.";
  }
}
