/** The picture with its overlay. The newest answer is drawn with every refresh of the display. */

import {drawAnswer, drawCounter, fitView} from "../draw.js";

export class Stage {
  /**
   * @param {HTMLElement} frame
   * @param {HTMLVideoElement} video
   * @param {HTMLCanvasElement} canvas
   */
  constructor(frame, video, canvas) {
    Object.assign(this, {frame, video, canvas});
    this.show = {boxes: false, labels: true, angles: false};
    this.mirrored = false;
    this.skeleton = null;
    /** @type {import("./media.js").Media|null} */
    this.media = null;
    /** @type {{answer: object, bitmap: ImageBitmap|null, captured: number, wait: number}|null} */
    this.shot = null;
    /** Called once for each answer, when it is on the screen. */
    this.onShown = () => {};
    /** Called with every refresh, for recordings. */
    this.onRefresh = () => {};
    this.fresh = false;
    new ResizeObserver(() => this.resize()).observe(frame);
    const refresh = () => {
      this.paint();
      this.onRefresh();
      requestAnimationFrame(refresh);
    };
    requestAnimationFrame(refresh);
  }

  resize() {
    const unit = Math.min(2, devicePixelRatio || 1);
    this.canvas.width = Math.round(this.frame.clientWidth * unit);
    this.canvas.height = Math.round(this.frame.clientHeight * unit);
    this.unit = unit;
    this.stale = true;
  }

  /** Show this source from now on; null: none. */
  open(media, mirrored) {
    this.clear();
    this.media = media;
    this.mirror(mirrored);
  }

  mirror(mirrored) {
    this.mirrored = mirrored;
    this.video.classList.toggle("mirrored", mirrored);
    this.stale = true;
  }

  /** Take over a new answer. */
  take(shot) {
    this.shot?.bitmap?.close();
    this.shot = shot;
    this.fresh = this.stale = true;
  }

  /** Take the overlay away, as when the connection is lost: an old skeleton would lie. */
  clear() {
    this.shot?.bitmap?.close();
    this.shot = null;
    this.fresh = false;
    this.stale = true;
  }

  paint() {
    if (!this.stale) return;
    this.stale = false;
    const context = this.canvas.getContext("2d");
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    if (!this.media?.width) return;
    const picture = this.shot?.bitmap ?? this.media.bitmap;
    if (picture) drawPicture(context, picture, this.#view(picture, this.canvas));
    this.#answer(context, this.canvas, this.unit);
    if (this.fresh) {
      this.fresh = false;
      this.onShown(this.shot);
    }
  }

  /** Draw picture, overlay and counter onto a canvas of its own, for recordings. */
  compose(context, counter) {
    const {canvas} = context;
    const picture = this.shot?.bitmap ?? this.media.drawable;
    drawPicture(context, picture, this.#view(picture, canvas));
    this.#answer(context, canvas, Math.max(1, Math.max(canvas.width, canvas.height) / 960));
    if (counter) drawCounter(context, counter, canvas.width, canvas.height);
  }

  #view(picture, canvas) {
    const width = picture.videoWidth ?? picture.width;
    return fitView(width, picture.videoHeight ?? picture.height, canvas.width, canvas.height, this.mirrored);
  }

  #answer(context, canvas, unit) {
    if (!this.shot || !this.skeleton) return;
    const {width, height} = this.shot.answer.result;
    const view = fitView(width, height, canvas.width, canvas.height, this.mirrored);
    drawAnswer(context, this.shot.answer, this.skeleton, view, {...this.show, unit});
  }
}

function drawPicture(context, picture, {left, top, width, height, mirrored}) {
  context.save();
  if (mirrored) {
    context.translate(2 * left + width, 0);
    context.scale(-1, 1);
  }
  context.drawImage(picture, left, top, width, height);
  context.restore();
}
