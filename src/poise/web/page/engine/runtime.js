/**
 * Run networks with onnxruntime-web (WebAssembly): what a worker and Node share.
 */

/** Where the files of onnxruntime-web lie in a bundle. */
export const RUNTIME = {
  script: "runtime/ort.wasm.min.mjs",
  glue: "runtime/ort-wasm-simd-threaded.mjs",
  wasm: "runtime/ort-wasm-simd-threaded.wasm.packed",
};

/**
 * Unpack a file of a bundle; the counterpart of `poise/web/packing.py`. One that a server has unpacked already stays.
 *
 * @param {Uint8Array} bytes
 * @param {number} [width]  in so many planes its bytes lie: all first bytes, then all second ones
 * @returns {Promise<Uint8Array>}
 */
export async function unpacked(bytes, width = 1) {
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) {
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  }
  if (width === 1) return bytes;
  const made = new Uint8Array(bytes.length);
  for (let first = 0, from = 0; first < width; first++) {
    for (let to = first; to < made.length; to += width) made[to] = bytes[from++];
  }
  return made;
}

/** Threads that pay: more than four are slower for networks of this size, and without isolation there is one. */
export function usableThreads(wanted) {
  if (!globalThis.crossOriginIsolated) return 1;
  const cores = globalThis.navigator?.hardwareConcurrency ?? 1;
  return Math.max(1, Math.min(wanted ?? 4, cores));
}

/**
 * Make onnxruntime-web ready.
 *
 * @param {object} ort  the module
 * @param {{glue: string, binary?: ArrayBuffer, wasm?: string, threads: number}} options  addresses of its files, or the
 *   bytes of the WebAssembly
 */
export function prepare(ort, { glue, wasm, binary, threads }) {
  ort.env.wasm.numThreads = threads;
  ort.env.wasm.wasmPaths = wasm ? { mjs: glue, wasm } : { mjs: glue };
  if (binary) ort.env.wasm.wasmBinary = binary;
  ort.env.logLevel = "error";
}

/**
 * Open a network.
 *
 * @param {object} ort
 * @param {Uint8Array} bytes  of an ONNX file
 * @param {string} name  how errors call it
 * @returns {Promise<{input: string, outputs: string[], run: (feeds: object) => Promise<object>, close: () => Promise<void>}>}
 */
export async function openNetwork(ort, bytes, name) {
  let session;
  try {
    session = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"], graphOptimizationLevel: "all" });
  } catch (error) {
    throw new Error(`${name}: the network cannot be opened: ${error.message}`);
  }
  return {
    input: session.inputNames[0],
    outputs: session.outputNames,
    /** @param {Record<string, {type: string, data: ArrayBufferView, dims: number[]}>} feeds */
    async run(feeds) {
      const tensors = {};
      for (const [key, { type, data, dims }] of Object.entries(feeds)) tensors[key] = new ort.Tensor(type, data, dims);
      return session.run(tensors);
    },
    close: () => session.release(),
  };
}
