// Shows the chosen event of a finding: its picture, or its frame of the video while that is used.
'use strict';

class Stage {
  constructor(report, finding, player, labels) {
    Object.assign(this, { report, finding, player, labels });
    this.box = finding.section.querySelector('.stage');
    this.shots = this.box.querySelector('.shots');
    this.nothing = this.box.querySelector('.nothing');
    this.playButton = this.box.querySelector('button[data-play]');
    this.playButton.addEventListener('click', () => this.play());
    for (const button of this.box.querySelectorAll('button[data-frames]')) {
      button.addEventListener('click', () => this.stepFrame(Number(button.dataset.frames)));
    }
    this.box.querySelector('select.speed').addEventListener('change', (event) => {
      player.speed = Number(event.target.value);
      player.video.playbackRate = player.speed;
    });
    this.box.classList.toggle('silent', !player.exists);
    if (!finding.items.length && player.exists) this.#useVideo(() => player.showFrame(0));
  }

  /** Show an item: its picture where the page holds one, else its frame of the video. */
  show(item) {
    this.player.pause();
    for (const chosen of this.box.querySelectorAll('.chosen')) chosen.classList.remove('chosen');
    const spot = document.getElementById(item.name);
    this.shot = spot && spot.closest('.shot');
    if (this.shot) {
      this.shot.classList.add('chosen');
      spot.classList.add('chosen');
      this.shots.hidden = false;
      this.player.box.hidden = this.nothing.hidden = true;
      if (this.player.exists) this.player.frame = this.#frameOf(item) ?? this.player.frame;
    } else if (this.#frameOf(item) !== undefined) {
      this.#useVideo(() => this.player.showFrame(this.#frameOf(item)));
    } else {
      this.shots.hidden = this.player.box.hidden = true;
      this.nothing.hidden = false;
    }
    this.redraw();
  }

  /** Play, from a little before the chosen event where its picture is shown; or pause. */
  play() {
    if (!this.player.exists) return;
    if (this.player.box.hidden) {
      const start = Math.max(0, this.player.frame - 4);
      this.#useVideo(() => this.player.showFrame(start));
    }
    this.player.toggle();
  }

  stepFrame(by) {
    if (!this.player.exists) return;
    this.player.pause();
    this.#useVideo(() => this.player.showFrame(this.player.frame + by));
  }

  /** Show the frame of a stamp; whether the video has it. */
  showStamp(stamp) {
    if (this.shot && this.finding.current?.stamp === stamp) {
      this.show(this.finding.current);
      return true;
    }
    const frame = this.player.camera.frameOf.get(stamp);
    if (frame !== undefined) this.#useVideo(() => this.player.showFrame(frame));
    return frame !== undefined;
  }

  showTime(seconds) {
    if (this.player.exists) this.#useVideo(() => this.player.showTime(seconds));
  }

  /** The stamp of the frame that can be seen; undefined if none can. */
  get stamp() {
    if (!this.player.box.hidden) return this.player.stamp;
    return this.nothing.hidden ? this.finding.current?.stamp : undefined;
  }

  /** The element that one can click a place on. */
  get picture() {
    return this.player.box.hidden ? this.shot?.querySelector('.frame') : this.player.overlay;
  }

  /** Draw again what a label changes: on the picture, and on the video. */
  redraw() {
    const item = this.finding.current;
    for (const old of this.shots.querySelectorAll('.cross')) old.remove();
    if (this.shot && item && item.kind === 'event') {
      const spot = document.getElementById(item.name);
      const kind = this.labels.kind(item);
      for (const name of ['wrong', 'moved']) spot.classList.toggle(name, kind === name);
      const place = this.labels.place(item);
      const radius = Math.max(item.width, item.height) / 45;
      if (place && place.stamp === item.stamp) {
        this.shot.querySelector('svg').append(cross(place.x, place.y, radius, item.number));
      }
    }
    if (!this.player.box.hidden) this.player.draw();
  }

  /** The frame of the video that shows an item: of a trajectory the one where it begins. */
  #frameOf(item) {
    if (item.kind === 'event') return this.player.camera.frameOf.get(item.stamp);
    const path = this.finding.paths.find((other) => other.id === item.number);
    return path?.places[0]?.[0];
  }

  #useVideo(show) {
    this.shots.hidden = this.nothing.hidden = true;
    this.player.box.hidden = false;
    show();
  }
}
