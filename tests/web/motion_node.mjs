// Calls the scripts of the page for tests: a line of JSON in, a line of JSON out.
//   {"file": "geometry.js", "call": "assign", "args": [...]}            one function
//   {"file": "motion.js", "make": "Motion", "args": [...], "calls": [["update", [...]], ...]}   a class and its methods
//   {"file": "settings.js", "read": "TRACKERS"}                         a constant
// {"f64": [...]} is a Float64Array with null for NaN, "inf" for infinity; {"rgba": path, ...} is a picture in a file.
import fs from "node:fs";
import readline from "node:readline";

const [folder] = process.argv.slice(2);

function revive(value) {
  if (Array.isArray(value)) return value.map(revive);
  if (value === null || typeof value !== "object") return value;
  if ("f64" in value) return Float64Array.from(value.f64, (one) => (one === "inf" ? Infinity : one ?? NaN));
  if ("rgba" in value) {
    const data = Buffer.alloc(value.width * value.height * 4);
    const file = fs.openSync(value.rgba, "r");
    fs.readSync(file, data, 0, data.length, data.length * value.frame);
    fs.closeSync(file);
    return {data, width: value.width, height: value.height};
  }
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, revive(one)]));
}

const plain = (key, value) => {
  if (ArrayBuffer.isView(value)) return Array.from(value);
  if (value instanceof Set) return [...value];
  return value === Infinity ? "inf" : value === -Infinity ? "-inf" : value;
};

async function answer({file, call, make, read, args = [], calls = []}) {
  const module = await import(`file://${folder}/${file}`);
  if (read) return module[read];
  if (call) return module[call](...revive(args));
  const object = new module[make](...revive(args));
  return calls.map(([method, given]) => {
    const value = typeof object[method] === "function" ? object[method](...revive(given)) : object[method];
    return JSON.parse(JSON.stringify(value ?? null, plain));
  });
}

for await (const line of readline.createInterface({input: process.stdin})) {
  let out;
  try {
    out = {value: (await answer(JSON.parse(line))) ?? null};
  } catch (error) {
    out = {error: `${error.name}: ${error.message}`};
  }
  process.stdout.write(`${JSON.stringify(out, plain)}\n`);
}
