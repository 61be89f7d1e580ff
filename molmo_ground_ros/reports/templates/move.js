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
    if (!this.item || stamp === this.stamp) return;
    this.isVisible = true;
    this.#tell(stamp);
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
    // At a new time an event keeps its place until one clicks on another.
    const place = this.labels.place(this.item) ?? this.item;
    if (place.stamp !== stamp) this.labels.move(this.item, place.x, place.y, stamp);
  }

  #tell(stamp) {
    this.stamp = stamp;
    this.time.value = this.report.secondsOf(stamp).toFixed(2);
    const { windowStart, windowEnd } = this.item;
    this.isAllowed = stamp >= windowStart && stamp <= windowEnd;
    this.note.textContent = this.#advice(windowStart, windowEnd);
  }

  #advice(windowStart, windowEnd) {
    if (!this.isAllowed) {
      const [start, end] = [windowStart, windowEnd].map((stamp) => this.report.secondsOf(stamp));
      return `Outside the event\u2019s window: choose from ${clock(start)} to ${clock(end)}.`;
    }
    return this.isVisible ? 'Click on the right place.' : 'The page holds no picture of this time.';
  }

  #click(event) {
    const picture = this.stage.picture;
    const isButton = event.target.closest('button, select');
    if (!this.item || !this.isAllowed || !picture || isButton) return;
    const box = picture.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width * this.item.width;
    const y = (event.clientY - box.top) / box.height * this.item.height;
    if (x < 0 || y < 0 || x > this.item.width || y > this.item.height) return;
    this.labels.move(this.item, x, y, this.stamp);
  }
}
