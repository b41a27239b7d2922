// Call single functions of the engine: node run_pieces.mjs JOB.json. The job: {engine, calls: [{what, …}], out}.
import fs from "node:fs";
import { pathToFileURL } from "node:url";

const job = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
const module = (name) => import(`${pathToFileURL(job.engine).href}/${name}.js`);
const [pictures, letterbox, yolo, people, runtime] = await Promise.all(
  ["pictures", "letterbox", "yolo", "people", "runtime"].map(module),
);
const picture = ({ file, width, height }) => ({ data: new Uint8Array(fs.readFileSync(file)), width, height, channels: 3 });

const CALLS = {
  letterbox: ({ source, width, height }) => Array.from(pictures.letterbox(picture(source), width, height).canvas.data),
  cut: ({ source, region, width, height, gap, turn }) =>
    Array.from(pictures.turned(pictures.cut(picture(source), region, width, height, gap).crop, turn).data),
  yoloInput({ source, target, auto }) {
    const placement = letterbox.place([source.width, source.height], target, { auto });
    const { data, dims } = letterbox.write(picture(source), placement);
    return { dims, levels: Array.from(data, (value) => Math.round(value * 255)) };
  },
  rows: ({ output, dims, layout, select, options }) =>
    yolo.rowsOf({ data: Float32Array.from(output), dims }, layout, select, options),
  move: ({ box, before, after, weight }) => people.move(box, before, after, weight),
  unpacked: async ({ file, width }) => Array.from(await runtime.unpacked(new Uint8Array(fs.readFileSync(file)), width)),
};

const results = [];
for (const { what, ...values } of job.calls) results.push(await CALLS[what](values));
fs.writeFileSync(job.out, JSON.stringify(results));
