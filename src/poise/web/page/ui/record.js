/** What can be taken away: records as JSON lines, keypoints and events as CSV, and a video with its overlay. */

// Text is put away in pieces: the browser keeps those outside the page's own memory.
const PIECE_CHARACTERS = 1 << 20;
const MOST_BYTES = 512e6;
const LONGEST_VIDEO_SIDE = 1280;
const VIDEO_TYPES = ["video/mp4;codecs=avc1.640028", "video/webm;codecs=vp9", "video/webm"];

const COLUMNS = [
  "source", "frame", "time", "instance", "id", "class", "name", "box_conf", "keypoint", "x", "y", "conf", "sigma_x", "sigma_y",
  "X", "Y", "Z",
];
const EVENT_COLUMNS = ["time", "frame", "id", "event", "value", "conf"];

/** Every record since the source was opened. */
export class Records {
  constructor() {
    this.clear();
  }

  clear() {
    this.pieces = [];
    this.text = "";
    this.events = [];
    this.frames = 0;
    this.bytes = 0;
  }

  /** Whether nothing more is kept, because it is as much as a browser can be asked to hold. */
  get full() {
    return this.bytes >= MOST_BYTES;
  }

  add(answer) {
    if (this.full) return;
    const line = `${JSON.stringify(answer.result)}\n`;
    this.frames += 1;
    this.bytes += line.length;
    this.text += line;
    this.events.push(...answer.events);
    if (this.text.length > PIECE_CHARACTERS) this.#putAway();
  }

  #putAway() {
    this.pieces.push(new Blob([this.text]));
    this.text = "";
  }

  /** The records as they came, a line a frame. */
  lines() {
    return new Blob([...this.pieces, this.text], {type: "application/x-ndjson"});
  }

  /** A row a keypoint, as `poise predict --out x.csv` writes. */
  async table(skeleton) {
    const parts = [rowOf(COLUMNS)];
    for (const piece of [...this.pieces, new Blob([this.text])]) {
      const lines = (await piece.text()).split("\n").filter(Boolean);
      parts.push(new Blob(lines.map((line) => rowsOf(JSON.parse(line), skeleton.keypoints))));
    }
    return new Blob(parts, {type: "text/csv"});
  }

  eventTable() {
    const cells = ({time, conf, ...event}) => ({...event, time: real(time), conf: real(conf)});
    const rows = this.events.map(cells).map((event) => rowOf(EVENT_COLUMNS.map((key) => event[key])));
    return new Blob([rowOf(EVENT_COLUMNS), ...rows], {type: "text/csv"});
  }
}

/** The CSV rows of one record. */
export function rowsOf(record, names) {
  const rows = [];
  for (const [number, instance] of record.instances.entries()) {
    const head = [
      ...[record.source, record.frame, real(record.time), number, instance.id, instance.class, instance.name],
      real(instance.conf),
    ];
    for (const [i, point] of instance.keypoints.entries()) {
      const sigma = instance.sigma?.[i] ?? [null, null];
      const space = instance.xyz?.[i] ?? [null, null, null];
      rows.push(rowOf([...head, names[i], ...[...point, ...sigma, ...space].map(real)]));
    }
  }
  return rows.join("");
}

/** A measured number as Python writes it: whole ones with `.0`, so that a column keeps its kind. */
function real(value) {
  if (value === null || value === undefined) return null;
  if (Number.isInteger(value)) return value.toFixed(1);
  if (Math.abs(value) < 1e-4) return value.toExponential().replace(/e-(\d)$/, "e-0$1");
  return String(value);
}

function rowOf(values) {
  const cells = values.map((value) => {
    const text = String(value ?? "");
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  });
  return `${cells.join(",")}\n`;
}

/** Records what a canvas shows. */
export class VideoRecorder {
  static get possible() {
    return Boolean(globalThis.MediaRecorder && HTMLCanvasElement.prototype.captureStream);
  }

  constructor(width, height) {
    const scale = Math.min(1, LONGEST_VIDEO_SIDE / Math.max(width, height));
    this.canvas = document.createElement("canvas");
    // Encoders take even sizes only.
    this.canvas.width = 2 * Math.round((width * scale) / 2);
    this.canvas.height = 2 * Math.round((height * scale) / 2);
    this.context = this.canvas.getContext("2d", {alpha: false});
    this.type = VIDEO_TYPES.find((type) => MediaRecorder.isTypeSupported(type));
    this.recorder = new MediaRecorder(this.canvas.captureStream(30), {mimeType: this.type, videoBitsPerSecond: 5e6});
    this.parts = [];
    this.bytes = 0;
    this.recorder.ondataavailable = ({data}) => {
      this.parts.push(data);
      this.bytes += data.size;
    };
    this.started = performance.now();
    this.recorder.start(1000);
  }

  get seconds() {
    return (performance.now() - this.started) / 1000;
  }

  /** @returns {Promise<Blob>} the video */
  stop() {
    return new Promise((resolve) => {
      this.recorder.onstop = () => resolve(new Blob(this.parts, {type: this.type.split(";")[0]}));
      this.recorder.stop();
      for (const track of this.recorder.stream.getTracks()) track.stop();
    });
  }
}

/** Let the visitor keep a file. */
export function download(blob, ending) {
  const now = new Date();
  const two = (value) => String(value).padStart(2, "0");
  const day = `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
  const hour = `${two(now.getHours())}${two(now.getMinutes())}${two(now.getSeconds())}`;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `poise-${day}-${hour}${ending}`;
  link.click();
  // The download has its own hold on the bytes once it began.
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}
