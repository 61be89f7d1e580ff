// Which findings, events and trajectories are shown: by question, score and label.
'use strict';

class Filters {
  constructor(report, labels) {
    Object.assign(this, { report, labels });
    this.controls = document.querySelector('.tools');
    const control = (name) => this.controls.querySelector(`[name=${name}]`);
    this.question = control('question');
    this.from = control('score-from');
    this.to = control('score-to');
    this.label = control('label');
    for (const input of [this.question, this.from, this.to, this.label]) {
      input.addEventListener('input', () => this.apply());
    }
    this.controls.querySelector('[name=show-all]').addEventListener('click', () => this.clear());
  }

  clear() {
    for (const input of [this.question, this.from, this.to, this.label]) input.value = '';
    this.apply();
  }

  apply() {
    for (const finding of this.report.findings) {
      const isAsked = this.question.value === '' || Number(this.question.value) === finding.index;
      finding.section.hidden = !isAsked;
      for (const item of finding.items) {
        item.shown = isAsked && this.#hasScore(item) && this.#hasLabel(item);
      }
    }
    this.report.tell('filtered');
  }

  /** Whether the score lies within the limits; an item without one does if there are none. */
  #hasScore(item) {
    const from = this.from.value === '' ? -Infinity : Number(this.from.value);
    const to = this.to.value === '' ? Infinity : Number(this.to.value);
    if (item.score === null) return from === -Infinity && to === Infinity;
    return from <= item.score && item.score <= to;
  }

  #hasLabel(item) {
    if (this.label.value === '') return true;
    return item.kind === 'event' && (this.labels.kind(item) || 'none') === this.label.value;
  }
}
