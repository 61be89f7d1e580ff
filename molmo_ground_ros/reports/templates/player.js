// Plays the video of a camera, a frame at a time where one steps, and draws on it.
'use strict';

const FRAMES_A_SECOND = 4;
const HOLD_NS = 1_500_000_000n; // an event has a thin ring for this long after its frame
const TRAIL_NS = 5_000_000_000n;

/** The address of a camera's video; it is unpacked when it is needed, and once. */
function videoAddress(camera) {
  if (camera.address === undefined) {
    const packed = document.getElementById(`video-${camera.index}`);
    camera.address = '';
    if (packed) {
      const bytes = Uint8Array.from(atob(packed.textContent), (letter) => letter.charCodeAt(0));
      camera.address = URL.createObjectURL(new Blob([bytes], { type: 'video/mp4' }));
    }
  }
  return camera.address;
}

class Player {
  /** The player of one finding. */
  constructor(report, finding, labels) {
    Object.assign(this, { report, finding, labels, camera: finding.camera, frame: 0, speed: 1 });
    this.box = finding.section.querySelector('.player');
    this.video = this.box.querySelector('video');
    this.overlay = this.box.querySelector('svg');
    this.clock = finding.section.querySelector('.steps output');
    for (const name of ['seeked', 'loadeddata', 'ended', 'pause']) {
      this.video.addEventListener(name, () => this.#moved());
    }
    this.video.addEventListener('play', () => this.#follow());
    for (const name of ['play', 'pause', 'ended']) {
      this.video.addEventListener(name, () => report.tell('playing', this));
    }
  }

  get exists() { return this.camera.frames.length > 0; }
  get isPlaying() { return this.exists && !this.video.paused && !this.video.ended; }
  get stamp() { return this.camera.frames[this.frame]; }

  /** Show the frame of a stamp; whether the video has it. */
  showStamp(stamp) {
    const frame = this.camera.frameOf.get(stamp);
    if (frame === undefined) return false;
    this.showFrame(frame);
    return true;
  }

  /** Show the frame that is nearest to a time in seconds. */
  showTime(seconds) {
    const away = (stamp) => Math.abs(this.report.secondsOf(stamp) - seconds);
    let best = 0;
    this.camera.frames.forEach((stamp, frame) => {
      if (away(stamp) < away(this.camera.frames[best])) best = frame;
    });
    this.showFrame(best);
  }

  showFrame(frame) {
    this.#load();
    this.frame = Math.max(0, Math.min(frame, this.camera.frames.length - 1));
    this.wanted = this.frame;
    this.video.currentTime = (this.frame + 0.5) / FRAMES_A_SECOND;
    this.draw();
  }

  toggle() {
    this.#load();
    this.wanted = undefined;
    this.video.playbackRate = this.speed;
    if (this.isPlaying) this.video.pause();
    else this.video.play().catch(() => {});
  }

  pause() { if (this.isPlaying) this.video.pause(); }

  #load() {
    if (!this.video.src) this.video.src = videoAddress(this.camera);
  }

  #moved() {
    if (this.wanted === undefined) {
      const frame = Math.floor(this.video.currentTime * FRAMES_A_SECOND + 0.01);
      this.frame = Math.max(0, Math.min(frame, this.camera.frames.length - 1));
    } else if (!this.video.seeking) {
      this.frame = this.wanted;
    }
    this.draw();
  }

  /** Draw at every picture of the screen, while the video plays. */
  #follow() {
    this.#moved();
    if (this.isPlaying) requestAnimationFrame(() => this.#follow());
  }

  /** Draw the rings and trails of the frame, and tell its time. */
  draw() {
    if (!this.exists) return;
    const stamp = this.stamp;
    this.clock.textContent = clock(this.report.secondsOf(stamp));
    drawFrame(this.overlay, this.finding, this.labels, this.camera.frames, stamp);
    this.report.tell('frame', this);
  }
}
