/**
 * Run networks with onnxruntime-web (WebAssembly): what a worker and Node share.
 */

/** Where the files of onnxruntime-web lie in a bundle. */
export const RUNTIME = {
  script: "runtime/ort.wasm.min.mjs",
  glue: "runtime/ort-wasm-simd-threaded.mjs",
  wasm: "runtime/ort-wasm-simd-threaded.wasm.gzip",
};

/**
 * Unpack a file of a bundle. One that a server has unpacked already, or that never was packed, stays as it is.
 *
 * @param {Uint8Array} bytes
 * @returns {Promise<Uint8Array>}
 */
export async function unpacked(bytes) {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
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
