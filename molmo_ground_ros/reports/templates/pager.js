// Shows a page of a finding's table of events at a time, without those that are filtered out.
'use strict';

const PAGE = 20; // rows

class Pager {
  constructor(finding) {
    this.finding = finding;
    this.box = finding.section.querySelector('.pager');
    this.page = 0;
    for (const button of this.box?.querySelectorAll('button') ?? []) {
      button.addEventListener('click', () => this.show(this.page + Number(button.dataset.pages)));
    }
    this.show(0);
  }

  get rows() { return this.finding.events.filter((item) => item.shown); }

  show(page) {
    if (!this.box) return;
    const items = this.rows;
    const last = Math.max(0, Math.ceil(items.length / PAGE) - 1);
    this.page = Math.min(Math.max(page, 0), last);
    const first = this.page * PAGE;
    const visible = new Set(items.slice(first, first + PAGE));
    for (const item of this.finding.events) item.row.hidden = !visible.has(item);
    const [back, on] = this.box.querySelectorAll('button');
    back.disabled = this.page === 0;
    on.disabled = this.page === last;
    this.#tell(items.length, first, visible.size);
  }

  #tell(number, first, visible) {
    const all = this.finding.events.length;
    this.box.hidden = all <= PAGE && number === all;
    const inAll = number < all ? ` (${all} in all)` : '';
    this.box.querySelector('output').textContent = number
      ? `${first + 1} to ${first + visible} of ${number}${inAll}` : `none of ${all}`;
  }

  /** Turn to the page of an item, and mark its row. */
  reveal(item) {
    for (const other of this.finding.items) other.row.classList.toggle('current', other === item);
    const place = this.rows.indexOf(item);
    if (place >= 0) this.show(Math.floor(place / PAGE));
  }
}
