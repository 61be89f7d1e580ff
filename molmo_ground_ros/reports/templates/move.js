// Moves an event: a click on the picture says where, and a time says in which image.
'use strict';

class Move {
  constructor(report, finding, stage, labels) {
    Object.assign(this, { report, finding, stage, labels, item: null });
    this.box = finding.section.querySelector('.move');
    this.time = this.box.querySelector('input');
    this.note = this.box.querySelector('output');
    this.box.querySelector('[data-done]').addEventListener('click', () => this.end());
    this.time.addEventListener('change', () => this.#goTo(Number(this.time.value)));
    stage.box.querySelector('.view').addEventListener('click', (event) => this.#click(event));
  }

  begin(item) {
    this.item = item;
    this.box.hidden = false;
    this.stage.box.classList.add('moving');
    const place = this.labels.place(item);
    this.#setStamp(place ? place.stamp : item.stamp);
  }

  end() {
    this.item = null;
    this.box.hidden = true;
    this.stage.box.classList.remove('moving');
  }

  /** The video shows another frame: that is the time. */
  follow(stamp) {
    if (this.item && stamp !== this.stamp) this.#tell(stamp);
  }

  /** Take the image that is nearest to a time, and show it. */
  #goTo(seconds) {
    const away = (stamp) => Math.abs(this.report.secondsOf(stamp) - seconds);
    const inWindow = this.#stamps();
    if (!this.item || !inWindow.length) return;
    this.#setStamp(inWindow.reduce((best, stamp) => (away(stamp) < away(best) ? stamp : best)));
  }

  /** The stamps that the event can have: those of its window. */
  #stamps() {
    const { windowStart, windowEnd } = this.item;
    return this.finding.camera.stamps.filter((stamp) => stamp >= windowStart && stamp <= windowEnd);
  }

  #setStamp(stamp) {
    this.isVisible = this.stage.showStamp(stamp);
    this.#tell(stamp);
    // An event that was placed before keeps its place at the new time.
    const place = this.labels.place(this.item);
    if (place && place.stamp !== stamp) this.labels.move(this.item, place.x, place.y, stamp);
  }

  #tell(stamp) {
    this.stamp = stamp;
    this.time.value = this.report.secondsOf(stamp).toFixed(2);
    const { windowStart, windowEnd } = this.item;
    this.isAllowed = stamp >= windowStart && stamp <= windowEnd;
    if (!this.isAllowed) {
      this.note.textContent = 'This image is outside the event\u2019s window: choose one from '
        + `${clock(this.report.secondsOf(windowStart))} to ${clock(this.report.secondsOf(windowEnd))}.`;
    } else if (this.isVisible === false) {
      this.note.textContent = 'The page holds no picture of this time: a click gives the place only.';
    } else {
      this.note.textContent = 'Click on the right place.';
    }
  }

  #click(event) {
    const picture = this.stage.picture;
    if (!this.item || !this.isAllowed || !picture || event.target.closest('button, select')) return;
    const box = picture.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width * this.item.width;
    const y = (event.clientY - box.top) / box.height * this.item.height;
    if (x < 0 || y < 0 || x > this.item.width || y > this.item.height) return;
    this.labels.move(this.item, x, y, this.stamp);
  }
}
