// A binary glTF file with one skin and one animation: read, and posed at any time.

import { matrix, multiply } from "./math.js";

const ARRAYS = { 5121: Uint8Array, 5123: Uint16Array, 5125: Uint32Array, 5126: Float32Array };
const WIDTHS = { SCALAR: 1, VEC3: 3, VEC4: 4, MAT4: 16 };

// Returns { nodes, parts, skin, times, channels }: what the page draws.
export function readGlb(buffer) {
  const view = new DataView(buffer), length = view.getUint32(12, true);
  const json = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 20, length)));
  const body = 20 + length + 8;
  const array = (n) => {
    const a = json.accessors[n], v = json.bufferViews[a.bufferView];
    return new ARRAYS[a.componentType](buffer, body + v.byteOffset, a.count * WIDTHS[a.type]);
  };
  const nodes = json.nodes.map((n) => ({
    name: n.name, t: n.translation || [0, 0, 0], q: n.rotation || [0, 0, 0, 1], parent: -1, children: n.children || [],
  }));
  nodes.forEach((n, at) => n.children.forEach((c) => (nodes[c].parent = at)));
  const animation = json.animations[0];
  const channels = animation.channels.map((c) => ({
    node: c.target.node, path: c.target.path, values: array(animation.samplers[c.sampler].output),
  }));
  const mesh = json.meshes[0], first = mesh.primitives[0].attributes;
  return {
    nodes, channels, times: array(animation.samplers[0].input),
    skin: { joints: json.skins[0].joints, bind: array(json.skins[0].inverseBindMatrices) },
    vertices: {
      position: array(first.POSITION), normal: array(first.NORMAL), joints: array(first.JOINTS_0),
      weights: array(first.WEIGHTS_0),
    },
    parts: mesh.primitives.map((p) => {
      const m = json.materials[p.material];
      const { baseColorFactor, roughnessFactor } = m.pbrMetallicRoughness;
      return { name: m.name, colour: baseColorFactor, rough: roughnessFactor, corners: array(p.indices) };
    }),
  };
}

// The last frame at or before a time, and how far it is on to the next one.
export function frameAt(times, time) {
  let low = 0, high = times.length - 1;
  while (low < high) {
    const mid = (low + high + 1) >> 1;
    if (times[mid] <= time) low = mid;
    else high = mid - 1;
  }
  const next = Math.min(low + 1, times.length - 1);
  const span = times[next] - times[low];
  return [low, next, span > 0 ? Math.min(Math.max((time - times[low]) / span, 0), 1) : 0];
}

// World matrices of all nodes at a time.
export function pose(model, time) {
  const [a, b, f] = frameAt(model.times, time);
  const locals = model.nodes.map((n) => ({ t: n.t, q: n.q }));
  for (const { node, path, values } of model.channels) {
    const width = path === "rotation" ? 4 : 3, out = new Array(width);
    let sign = 1;
    if (width === 4) {
      let d = 0;
      for (let k = 0; k < 4; k++) d += values[a * 4 + k] * values[b * 4 + k];
      sign = d < 0 ? -1 : 1;
    }
    let size = 0;
    for (let k = 0; k < width; k++) {
      out[k] = values[a * width + k] * (1 - f) + sign * values[b * width + k] * f;
      size += out[k] * out[k];
    }
    if (width === 4) locals[node].q = out.map((v) => v / Math.sqrt(size));
    else locals[node].t = out;
  }
  const world = [];
  // Parents come before their children.
  model.nodes.forEach((n, at) => {
    const local = matrix(locals[at].t, locals[at].q);
    world[at] = n.parent < 0 ? local : multiply(world[n.parent], local);
  });
  return world;
}

// The rows of the matrices that move the skin: three of four numbers a bone.
export function skinRows(model, world, out) {
  model.skin.joints.forEach((node, at) => {
    const m = multiply(world[node], model.skin.bind.subarray(at * 16, at * 16 + 16));
    for (let r = 0; r < 3; r++) for (let c = 0; c < 4; c++) out[at * 12 + r * 4 + c] = m[c * 4 + r];
  });
  return out;
}
