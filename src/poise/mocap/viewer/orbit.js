// Mouse, fingers and wheel round the person: turn, come nearer, move aside.

import { clamp } from "./math.js";

export function orbit(canvas, camera, changed) {
  const fingers = new Map();
  let apart = 0, middle = null;

  function turn(dx, dy) {
    camera.yaw -= dx * 0.008;
    camera.pitch = clamp(camera.pitch + dy * 0.006, -0.06, 1.45);
  }
  function move(dx, dy) {
    const s = (camera.distance * 0.62) / canvas.clientHeight;
    camera.pan[0] -= dx * s * Math.cos(camera.yaw);
    camera.pan[2] += dx * s * Math.sin(camera.yaw);
    camera.pan[1] = clamp(camera.pan[1] + dy * s, -1, 1.5);
  }
  const zoom = (factor) => (camera.distance = clamp(camera.distance * factor, 0.7, 14));

  canvas.addEventListener("pointerdown", (e) => {
    canvas.setPointerCapture(e.pointerId);
    fingers.set(e.pointerId, [e.clientX, e.clientY]);
    apart = 0;
  });
  const lift = (e) => {
    fingers.delete(e.pointerId);
    apart = 0;
  };
  canvas.addEventListener("pointerup", lift);
  canvas.addEventListener("pointercancel", lift);
  canvas.addEventListener("pointermove", (e) => {
    const before = fingers.get(e.pointerId);
    if (!before) return;
    fingers.set(e.pointerId, [e.clientX, e.clientY]);
    const [dx, dy] = [e.clientX - before[0], e.clientY - before[1]];
    if (fingers.size === 1) (e.shiftKey || e.buttons & 6 ? move : turn)(dx, dy);
    else {
      const [a, b] = [...fingers.values()];
      const now = Math.hypot(a[0] - b[0], a[1] - b[1]), centre = [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
      if (apart) {
        zoom(apart / Math.max(now, 1));
        move(centre[0] - middle[0], centre[1] - middle[1]);
      }
      [apart, middle] = [now, centre];
    }
    changed();
  });
  canvas.addEventListener("wheel", (e) => {
    e.preventDefault();
    zoom(Math.exp(clamp(e.deltaY, -120, 120) * 0.0015));
    changed();
  }, { passive: false });
  canvas.addEventListener("contextmenu", (e) => e.preventDefault());
  canvas.addEventListener("keydown", (e) => {
    const key = e.key.toLowerCase();
    if (key === "a" || key === "d") turn(key === "a" ? 20 : -20, 0);
    else if (key === "w" || key === "s") turn(0, key === "w" ? 20 : -20);
    else if (key === "+" || key === "=") zoom(0.9);
    else if (key === "-") zoom(1.1);
    else return;
    e.preventDefault();
    changed();
  });
}
