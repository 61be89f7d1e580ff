// Tells what is known of the chosen event, and offers its labels.
'use strict';

class About {
  constructor(report, finding, labels, move) {
    Object.assign(this, { report, finding, labels, move });
    this.box = finding.section.querySelector('.chosen-item');
    this.title = this.box.querySelector('h3');
    this.facts = this.box.querySelector('dl');
    this.buttons = this.box.querySelector('.verdicts');
    this.words = this.box.querySelector('.verdict-words');
    this.buttons.addEventListener('click', (event) => {
      const button = event.target.closest('button[data-verdict]');
      if (button) this.act(button.dataset.verdict);
    });
  }

  /** Do what a button says: 'confirmed', 'wrong', '' to take a label away, or 'move'. */
  act(verdict) {
    const item = this.finding.current;
    if (!item || item.kind !== 'event') return;
    if (verdict === 'move') this.move.begin(item);
    else {
      this.move.end();
      this.labels.set(item, verdict);
    }
  }

  show(item) {
    this.box.hidden = false;
    this.title.textContent = `${item.kind === 'event' ? 'Event' : 'Object'} ${item.number}`;
    const heads = item.row.closest('table').tHead.rows[0].cells;
    const facts = [...item.row.cells].flatMap((cell, place) => {
      const isShown = place > 0 && cell.textContent.trim() && !cell.classList.contains('verdict');
      if (!isShown) return [];
      const [name, value] = [document.createElement('dt'), document.createElement('dd')];
      name.textContent = heads[place].textContent;
      value.append(...[...cell.childNodes].map((node) => node.cloneNode(true)));
      return [name, value];
    });
    this.facts.replaceChildren(...facts);
    this.buttons.hidden = item.kind !== 'event';
    this.showVerdict(item);
  }

  showVerdict(item) {
    for (const button of this.buttons.querySelectorAll('button')) {
      const verdict = button.dataset.verdict === 'move' ? 'moved' : button.dataset.verdict;
      const isGiven = verdict !== '' && verdict === this.labels.kind(item);
      button.setAttribute('aria-pressed', String(isGiven));
    }
    this.words.textContent = verdictWords(this.report, this.labels, item);
  }
}

/** A label in words: 'moved to (12.0, 30.5) at 4.5 s'; '' if there is none. */
function verdictWords(report, labels, item) {
  const place = labels.place(item);
  if (!place) return labels.kind(item);
  const at = place.stamp === item.stamp ? '' : ` at ${clock(report.secondsOf(place.stamp))}`;
  return `moved to (${place.x.toFixed(1)}, ${place.y.toFixed(1)})${at}`;
}

/** Write the label of every event into its row. */
function writeVerdicts(report, labels, items) {
  for (const item of items) {
    const cell = item.row.querySelector('.verdict');
    cell.textContent = verdictWords(report, labels, item);
    item.row.dataset.verdict = labels.kind(item);
  }
}
