/** Where frames come from: a camera, a screen, a video or a picture. All but pictures play in one video element. */

const CAMERA = {width: {ideal: 1280}, height: {ideal: 720}, frameRate: {ideal: 30}};

/** One source that is open. */
export class Media {
  /** @param {"camera"|"screen"|"video"|"picture"} kind */
  constructor(kind, video, {stream = null, address = null, bitmap = null, title = ""}) {
    Object.assign(this, {kind, video, stream, address, bitmap, title});
    this.live = kind === "camera" || kind === "screen";
  }

  get width() {
    return this.bitmap?.width ?? this.video.videoWidth;
  }

  get height() {
    return this.bitmap?.height ?? this.video.videoHeight;
  }

  /** What drawImage takes. */
  get drawable() {
    return this.bitmap ?? this.video;
  }

  get track() {
    return this.stream?.getVideoTracks()[0];
  }

  /** The camera that gives the frames, and whether a phone's looks away from who holds it: `deviceId`, `facingMode`. */
  get camera() {
    return this.track?.getSettings() ?? {};
  }

  close() {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.video.pause();
    this.video.srcObject = null;
    this.video.removeAttribute("src");
    this.video.load();
    if (this.address) URL.revokeObjectURL(this.address);
    this.bitmap?.close();
  }
}

/** Open the camera with this id, or any. @returns {Promise<Media>} */
export async function openCamera(video, device = "") {
  if (!navigator.mediaDevices?.getUserMedia) throw new DOMException("", "SecurityError");
  const wanted = device ? {...CAMERA, deviceId: {exact: device}} : {...CAMERA, facingMode: "user"};
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({video: wanted, audio: false});
  } catch (error) {
    if (!device || !["NotFoundError", "OverconstrainedError"].includes(error.name)) throw error;
    // The camera of last time is not plugged in today.
    stream = await navigator.mediaDevices.getUserMedia({video: CAMERA, audio: false});
  }
  return playStream("camera", video, stream);
}

/** Let the visitor choose a screen or a window. @returns {Promise<Media>} */
export async function openScreen(video) {
  return playStream("screen", video, await navigator.mediaDevices.getDisplayMedia({video: {frameRate: 30}, audio: false}));
}

/** Open a picture or a video. @returns {Promise<Media>} */
export async function openFile(video, file) {
  const unreadable = new Error(
    `This browser cannot show ${file.name}. Choose a picture (JPEG, PNG, WebP) or a video (MP4 with H.264, WebM).`,
  );
  if (file.type.startsWith("image/")) {
    const bitmap = await createImageBitmap(file).catch(() => Promise.reject(unreadable));
    return new Media("picture", video, {bitmap, title: file.name});
  }
  const address = URL.createObjectURL(file);
  try {
    video.srcObject = null;
    video.src = address;
    await loaded(video);
    if (!video.videoWidth) throw unreadable; // sound only
  } catch {
    video.removeAttribute("src");
    video.load();
    URL.revokeObjectURL(address);
    throw unreadable;
  }
  return new Media("video", video, {address, title: file.name});
}

/** The cameras that this device has; they have names only after one was allowed. */
export async function listCameras() {
  const devices = (await navigator.mediaDevices?.enumerateDevices?.().catch(() => [])) ?? [];
  return devices
    .filter(({kind, deviceId}) => kind === "videoinput" && deviceId)
    .map(({deviceId, label}, i) => ({value: deviceId, title: label.replace(/ \([0-9a-f]{4}:[0-9a-f]{4}\)$/, "") || `Camera ${i + 1}`}));
}

async function playStream(kind, video, stream) {
  video.srcObject = stream;
  try {
    await loaded(video);
  } catch (error) {
    for (const track of stream.getTracks()) track.stop();
    throw error;
  }
  return new Media(kind, video, {stream, title: stream.getVideoTracks()[0].label});
}

/** Wait until a video knows its size. */
function loaded(video) {
  return new Promise((resolve, reject) => {
    if (video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) return resolve();
    video.addEventListener("loadeddata", () => resolve(), {once: true});
    video.addEventListener("error", () => reject(new DOMException("", "NotReadableError")), {once: true});
  });
}
