// Run models of bundles over pictures that lie as raw RGBA files. Each line that comes in is the path of a job, each line
// that goes out is empty, or what went wrong: one process for all, since the runtime takes seconds to start.
// A job: {bundle, model, settings, video, pictures: [{file, width, height, time}], out}.
import fs from "node:fs";
import readline from "node:readline";
import { pathToFileURL } from "node:url";

let runtime = null; // that of the first bundle: all hold the same

async function run(job) {
  const root = `${pathToFileURL(job.bundle).href}/`;
  const { build, modelOf, networksOf, optionsOf } = await import(`${root}engine/model.js`);
  const { RUNTIME, openNetwork, prepare, unpacked } = await import(`${root}engine/runtime.js`);
  const { record } = await import(`${root}engine/record.js`);

  const read = (path, planes) => unpacked(new Uint8Array(fs.readFileSync(`${job.bundle}/${path}`)), planes);
  if (!runtime) {
    runtime = await import(root + RUNTIME.script);
    prepare(runtime, { glue: root + RUNTIME.glue, binary: (await read(RUNTIME.wasm)).buffer, threads: 1 });
  }
  const manifest = JSON.parse(fs.readFileSync(`${job.bundle}/manifest.json`, "utf8"));
  const model = modelOf(manifest, job.model);
  const opened = {};
  for (const name of networksOf(model)) {
    const { file, planes } = manifest.networks[name];
    opened[name] = await openNetwork(runtime, await read(file, planes), name);
  }
  const estimator = build(manifest, model, opened);
  const memory = job.video ? estimator.memory() : null;
  const options = optionsOf(job.settings);
  const records = [];
  for (const [frame, { file, width, height, time }] of job.pictures.entries()) {
    const picture = { data: new Uint8Array(fs.readFileSync(file)), width, height };
    const start = performance.now();
    const estimate = await estimator.predict(picture, options, memory, time);
    const ms = performance.now() - start;
    records.push({ ...record(estimate, { source: "", frame, time, width, height }, model.skeleton, model.names), ms });
  }
  fs.writeFileSync(job.out, JSON.stringify(records));
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  let wrong = "";
  try {
    await run(JSON.parse(fs.readFileSync(line, "utf8")));
  } catch (error) {
    wrong = String(error.stack).replaceAll("\n", " ");
  }
  process.stdout.write(`${wrong}\n`);
}
process.exit(0);
