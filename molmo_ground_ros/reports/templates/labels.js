// What a person says about events: kept in this browser's storage, and saved as JSON lines.
// A verdict is what `molmo-ground export` reads: 'confirmed', 'wrong', 'x y' or 'x y stamp_ns'.
'use strict';

class Labels {
  constructor(report) {
    this.report = report;
    this.key = `molmo-ground labels ${report.digest}`;
    this.verdicts = new Map();
    this.isStored = true;
    this.isSaved = true;
    this.#read();
  }

  verdict(item) { return this.verdicts.get(item.name) ?? ''; }

  /** '', 'confirmed', 'wrong' or 'moved'. */
  kind(item) {
    const verdict = this.verdict(item);
    return verdict.includes(' ') ? 'moved' : verdict;
  }

  /** Where a person moved an event to; null if nobody did. */
  place(item) {
    if (this.kind(item) !== 'moved') return null;
    const [x, y, stamp] = this.verdict(item).split(' ');
    return { x: Number(x), y: Number(y), stamp: stamp ? BigInt(stamp) : item.stamp };
  }

  /** Label an event; '' takes its label away. */
  set(item, verdict) {
    if (verdict) this.verdicts.set(item.name, verdict);
    else this.verdicts.delete(item.name);
    this.isSaved = false;
    this.#write();
    this.report.tell('labelled', item);
  }

  /** Move an event to a pixel of the image of a stamp. */
  move(item, x, y, stamp) {
    const place = `${x.toFixed(1)} ${y.toFixed(1)}`;
    this.set(item, stamp === item.stamp ? place : `${place} ${stamp}`);
  }

  get count() { return this.verdicts.size; }

  /** The file: a line for every event, labelled or not, so that export knows what is missing. */
  text() {
    return this.report.events.map((item) => {
      const verdict = this.verdict(item);
      return `${item.line}, "verdict": ${verdict ? JSON.stringify(verdict) : 'null'}}\n`;
    }).join('');
  }

  save() {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([this.text()], { type: 'application/x-ndjson' }));
    link.download = this.report.labelsName;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    this.isSaved = true;
    this.report.tell('labelled', null);
  }

  #read() {
    try {
      const stored = JSON.parse(localStorage.getItem(this.key) ?? '{}');
      for (const [name, verdict] of Object.entries(stored)) {
        if (this.report.byName.has(name)) this.verdicts.set(name, verdict);
      }
      this.isSaved = !this.verdicts.size;
    } catch {
      this.isStored = false; // the browser keeps nothing for this page
    }
  }

  #write() {
    try {
      localStorage.setItem(this.key, JSON.stringify(Object.fromEntries(this.verdicts)));
    } catch {
      this.isStored = false;
    }
  }
}

/** The button that saves, how many are labelled, and a warning where nothing else keeps them. */
function showLabels(report, labels) {
  const box = document.querySelector('.tools');
  const words = box.querySelector('output');
  const button = box.querySelector('[name=save]');
  const tell = () => {
    for (const item of report.events) item.verdict = labels.kind(item);
    const warning = '; this browser keeps no labels: save them before you close the page';
    words.textContent = `${labels.count} of ${report.events.length} labelled`
      + (labels.isStored ? '' : warning);
    button.disabled = !labels.count;
    button.classList.toggle('unsaved', !labels.isSaved);
  };
  button.addEventListener('click', () => labels.save());
  addEventListener('beforeunload', (event) => {
    if (labels.count && !labels.isSaved && !labels.isStored) event.preventDefault();
  });
  report.on('labelled', tell);
  tell();
}
