// Stands for engine/motion/motion.js where it is not in the page: people keep their places in the list as ids.
export class Motion {
  constructor({ skeleton, exercises, settings }) {
    Object.assign(this, { skeleton, exercises, settings });
  }

  update(result) {
    const instances = result.instances.map((one, i) => ({ ...one, id: i + 1 }));
    return { result: { ...result, instances }, reps: [], events: [] };
  }

  reset() {}
}
