/**
 * Who is who, steady points and repetitions, from frame to frame: what poise/live/stream.py does after the network.
 *
 *     const motion = new Motion({skeleton, exercises, settings});
 *     const {result, reps, events} = motion.update(record);
 */

import {round3} from "./arrays.js";
import {Smoother} from "./filters/smoothing.js";
import {readFrame, writeFrame} from "./frame.js";
import {RepCounter} from "./reps/live.js";
import {Tracker} from "./tracking/tracker.js";

/** The longest step back in time that is taken for frames out of order; a longer one begins another source, seconds. */
const BACK_S = 1;
/** A frame that is not after the last is taken for one so much after it, seconds. */
const STEP_S = 1e-3;

export class Motion {
  /**
   * @param {object} parts
   * @param {{name: string, keypoints: string[], edges: number[][], sigmas: number[]}} parts.skeleton
   * @param {object[]} [parts.exercises] the exercises' TOML files as objects; needed where `reps` is set
   * @param {object} [parts.settings] those of a stream: `smooth` (true unless given, "one-euro", "kalman", false),
   *   `tracker` ("pose.yaml", "bytetrack.yaml", "botsort.yaml", or an object of settings), `reps` (null, "auto" or a
   *   name)
   */
  constructor({skeleton, exercises = [], settings = {}}) {
    const {smooth = true, tracker = "pose.yaml", reps = null} = settings;
    this.tracker = new Tracker(skeleton, tracker);
    this.smoother = smooth ? new Smoother(skeleton, smooth) : null;
    this.counter = reps ? new RepCounter(skeleton, exercises, reps) : null;
    this.reset();
  }

  /** Forget everybody: the next frame is the first of another source. */
  reset() {
    this.tracker.reset();
    this.smoother?.reset();
    this.counter?.reset();
    this.time = null;
    this.size = "";
  }

  /**
   * Take the next frame. One more than a second before the last, or of another size, begins another source.
   * @param {object} result the record of a frame, as `poise predict --json` writes it; not changed
   * @param {?{data: ArrayLike<number>, width: number, height: number}} [picture] its pixels, RGBA, of any size: with
   *   them who comes back is known by colours too, and a cut of the scene is noticed
   * @returns {{result: object, reps: object[], events: object[]}} the people who are followed, with ids, steadied;
   *   everybody who is counted; the repetitions that this frame finished
   */
  update(result, picture = null) {
    const frame = readFrame(result);
    const size = `${frame.width} ${frame.height}`;
    if (this.time !== null && (frame.time < this.time - BACK_S || size !== this.size)) this.reset();
    if (this.time !== null) frame.time = Math.max(frame.time, this.time + STEP_S);
    [this.time, this.size] = [frame.time, size];
    let people = this.tracker.update(frame, picture);
    if (this.smoother) people = this.smoother.update(people, frame.time);
    const made = this.counter?.update(people, frame.time) ?? [];
    return {
      result: {...writeFrame(result, people), time: frame.time},
      reps: (this.counter?.states ?? []).map((state) => ({...state, progress: round3(state.progress)})),
      events: made.map(({id, rep, exercise, count}) => ({
        time: round3(frame.time),
        frame: result.frame,
        id,
        event: `${exercise.replaceAll(" ", "-")}.rep`,
        value: count,
        conf: round3(rep.conf),
      })),
    };
  }
}
