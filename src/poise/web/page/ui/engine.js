/** Which engine a page was written for, and where it is: what every page of Poise begins with. */

// A token in the address is for this page's own requests: it should not be seen, shared or kept in the history.
const given = new URL(location.href).searchParams.get("token");
if (given) {
  sessionStorage.setItem("poise.token", given);
  history.replaceState(null, "", location.pathname);
}

/** The address of this page's folder, with the token where there is one. */
export const base = new URL(location.pathname, location.href);
const token = sessionStorage.getItem("poise.token");
if (token) base.searchParams.set("token", token);

/**
 * Load the engine: manifest.json beside the page says which.
 * @returns {Promise<{Engine: any, local: boolean}>} local: frames stay in this browser
 */
export async function loadEngine() {
  const manifest = await fetch("manifest.json").then((response) => (response.ok ? response.json() : {})).catch(() => ({}));
  const local = manifest.kind === "static";
  const Engine = local ? (await import("../engine/local.js")).LocalEngine : (await import("../engine/remote.js")).RemoteEngine;
  if (local) navigator.serviceWorker?.register("sw.js").catch(() => {});
  return {Engine, local};
}
