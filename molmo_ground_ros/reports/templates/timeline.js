// A finding's timeline. Events are pills with their numbers where there is room for most of those
// that can be seen, and else bars that show how many there are.
'use strict';

const ROWS = 3; // of pills in the lane of events
const MOST_PILLS = 150;
const FEW = 40; // events that are never bars, however near they are to one another
const MOST_SMALL = 0.2; // the share of pills without a number, from which on there are bars
const BAR_PX = 7;
const SHORTEST_S = 4; // that can be zoomed to
const TICK_PX = 90; // at least, between two labels of the axis
const TICKS_S = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200,
  21600, 86400];

class Timeline {
  constructor(report, finding, seek) {
    Object.assign(this, { report, finding, seek, lengthS: Math.max(report.lengthS, 1e-9) });
    this.box = finding.section.querySelector('.timeline');
    this.scroller = this.box.querySelector('.scroller');
    this.lanes = this.box.querySelector('.lanes');
    this.marks = this.box.querySelector('.marks');
    this.axis = this.box.querySelector('.ticks');
    this.cursor = this.box.querySelector('.cursor');
    this.words = this.box.querySelector('.zoom output');
    this.zoom = 1;
    this.pills = new Map();
    this.scroller.addEventListener('scroll', () => this.#later());
    addEventListener('resize', () => this.#later());
    this.draw();
  }

  get widthPx() { return this.lanes.clientWidth; }
  get startS() { return this.scroller.scrollLeft / this.widthPx * this.lengthS; }
  get endS() { return this.startS + this.lengthS / this.zoom; }

  /** Show the time from `start` to `end`, in seconds. */
  show(start, end) {
    const length = Math.min(Math.max(end - start, SHORTEST_S), this.lengthS);
    const middle = (start + end) / 2;
    this.zoom = this.lengthS / length;
    this.lanes.style.width = `${100 * this.zoom}%`;
    this.scroller.scrollLeft = (middle - length / 2) / this.lengthS * this.widthPx;
    this.draw();
  }

  /** Zoom by a factor, so that the time at `seconds` stays where it is. */
  zoomBy(factor, seconds = (this.startS + this.endS) / 2) {
    const length = (this.endS - this.startS) / factor;
    const share = (seconds - this.startS) / (this.endS - this.startS);
    this.show(seconds - share * length, seconds + (1 - share) * length);
  }

  showAll() { this.show(0, this.lengthS); }

  /** Bring an item into view. */
  reveal(item) {
    this.keepInView(item.seconds, item.until);
    this.draw();
  }

  /** Move to a time that cannot be seen, at the same zoom. */
  keepInView(start, end = start) {
    if (end >= this.startS && start <= this.endS) return;
    const length = this.endS - this.startS;
    this.show(start - length / 2, start + length / 2);
  }

  /** The time under a place of the screen, seconds. */
  timeAt(clientX) {
    const left = this.lanes.getBoundingClientRect().left;
    return Math.min(Math.max((clientX - left) / this.widthPx, 0), 1) * this.lengthS;
  }

  setCursor(seconds) {
    this.cursor.hidden = false;
    this.cursor.style.left = `${100 * seconds / this.lengthS}%`;
  }

  draw() {
    if (!this.widthPx) return;
    const seen = this.finding.events.filter((item) =>
      item.shown && item.seconds >= this.startS && item.seconds <= this.endS);
    const rows = seen.length <= MOST_PILLS ? this.#rows(seen) : [];
    const small = rows.filter((row) => row < 0).length;
    const isDense = seen.length > MOST_PILLS
      || (seen.length > FEW && small > MOST_SMALL * seen.length);
    this.box.classList.toggle('dense', isDense);
    if (isDense) this.#drawBars(seen);
    else this.#drawPills(seen, rows);
    this.#drawAxis();
    this.#markPaths();
    const windows = this.box.querySelectorAll('.windows .bar').length;
    this.box.classList.toggle('crowded', this.widthPx / Math.max(1, windows) < 22);
    const part = this.zoom > 1.001 ? `${clock(this.startS)} to ${clock(this.endS)}`
      : `all of ${clock(this.lengthS)}`;
    this.words.textContent = this.finding.events.length ? `${part}: ${seen.length} events` : part;
  }

  #later() {
    cancelAnimationFrame(this.waiting);
    this.waiting = requestAnimationFrame(() => this.draw());
  }

  /** The row of pills for each event, so that none covers another; -1 where there is no room. */
  #rows(items) {
    const ends = new Array(ROWS).fill(-Infinity);
    const rows = [];
    for (const item of items) {
      const half = (10 + 7 * String(item.number).length) / 2;
      const at = item.seconds / this.lengthS * this.widthPx;
      const row = ends.findIndex((end) => end <= at - half);
      if (row >= 0) ends[row] = at + half + 1;
      rows.push(row);
    }
    return rows;
  }

  #drawPills(items, rows) {
    const pills = items.map((item, place) => {
      const pill = this.#pill(item);
      pill.classList.toggle('small', rows[place] < 0);
      pill.style.top = rows[place] < 0 ? '' : `${0.1 + 1.4 * rows[place]}rem`;
      return pill;
    });
    // A pill that stays keeps the keyboard's focus only if it is not taken out in between.
    const staying = new Set(pills);
    for (const old of [...this.marks.children]) if (!staying.has(old)) old.remove();
    pills.forEach((pill, place) => {
      const there = this.marks.children[place] ?? null;
      if (there !== pill) this.marks.insertBefore(pill, there);
    });
  }

  #pill(item) {
    if (!this.pills.has(item)) {
      const pill = document.createElement('a');
      pill.href = `#${item.name}`;
      pill.dataset.shows = item.name;
      pill.textContent = item.number;
      pill.draggable = false;
      const doubts = item.row.querySelector('.doubts')?.textContent ?? '';
      pill.title = `event ${item.number} at ${clock(item.seconds)}${doubts ? `; ${doubts}` : ''}`;
      pill.setAttribute('aria-label', pill.title);
      pill.style.left = `${100 * item.seconds / this.lengthS}%`;
      this.pills.set(item, pill);
    }
    const pill = this.pills.get(item);
    const doubt = item.row.classList.contains('doubt') ? ' doubt' : '';
    pill.className = `pick event${doubt} ${item.verdict ?? ''}`.trim();
    if (this.report.current === item) pill.setAttribute('aria-current', 'true');
    else pill.removeAttribute('aria-current');
    return pill;
  }

  /** Bars: how many events there are in each stretch of the part that can be seen. */
  #drawBars(items) {
    const number = Math.max(1, Math.floor(this.scroller.clientWidth / BAR_PX));
    const length = (this.endS - this.startS) / number;
    const bars = Array.from({ length: number }, () => []);
    for (const item of items) {
      bars[Math.min(number - 1, Math.floor((item.seconds - this.startS) / length))].push(item);
    }
    const most = Math.max(...bars.map((bar) => bar.length));
    this.marks.replaceChildren(...bars.flatMap((bar, place) => {
      if (!bar.length) return [];
      const start = this.startS + place * length;
      const element = document.createElement('i');
      const labelled = bar.filter((item) => item.verdict).length;
      element.className = 'density';
      element.dataset.start = start;
      element.dataset.end = start + length;
      element.style.left = `${100 * start / this.lengthS}%`;
      element.style.width = `${100 * length / this.lengthS}%`;
      element.style.height = `${100 * bar.length / most}%`;
      element.style.setProperty('--labelled', `${100 * labelled / bar.length}%`);
      element.classList.toggle('current', bar.includes(this.report.current));
      element.title = `${bar.length} events from ${clock(start)} to ${clock(start + length)}`
        + `${labelled ? `, ${labelled} labelled` : ''}; click to zoom in`;
      return [element];
    }));
  }

  #drawAxis() {
    const pxPerS = this.widthPx / this.lengthS;
    const step = TICKS_S.find((length) => length * pxPerS >= TICK_PX) ?? this.lengthS;
    const first = Math.max(0, Math.floor(this.startS / step));
    const last = Math.min(Math.floor(this.lengthS / step), Math.ceil(this.endS / step));
    const ticks = [];
    for (let number = first; number <= last; number += 1) {
      const left = `${100 * number * step / this.lengthS}%`;
      const line = document.createElement('i');
      const label = document.createElement('span');
      line.style.left = label.style.left = left;
      label.textContent = clock(number * step);
      if (number === 0) label.className = 'first';
      else if ((this.lengthS - number * step) * pxPerS < 40) label.className = 'last';
      ticks.push(line, label);
    }
    this.axis.replaceChildren(...ticks);
  }

  #markPaths() {
    for (const bar of this.box.querySelectorAll('.pick.path')) {
      const item = this.report.byName.get(bar.dataset.shows);
      if (item && item === this.report.current) bar.setAttribute('aria-current', 'true');
      else bar.removeAttribute('aria-current');
    }
  }
}
