// Which event is chosen, and how one goes to the next: by links, buttons and the browser's address.
'use strict';

/** Choose an event or trajectory; everything that shows it listens to 'chosen'. */
function choose(report, item) {
  report.current = item;
  item.finding.current = item;
  report.tell('chosen', item);
}

/** The item `by` places further among those of all findings that are not filtered out. */
function neighbour(report, by) {
  const items = report.items.filter((item) => item.shown || item === report.current);
  const place = items.indexOf(report.current);
  return items[(place + by + items.length) % items.length];
}

function step(report, by) {
  if (!report.items.length) return null;
  const before = report.current;
  const item = neighbour(report, by);
  choose(report, item);
  if (before && before.finding !== item.finding) item.finding.section.scrollIntoView();
  return item;
}

function followLinks(report) {
  document.addEventListener('click', (event) => {
    const link = event.target.closest('a[data-shows]');
    const item = link && report.byName.get(link.dataset.shows);
    if (!item) return;
    event.preventDefault();
    choose(report, item);
    if (!link.classList.contains('pick')) {
      item.finding.section.querySelector('.stage').scrollIntoView({ block: 'nearest' });
    }
  });
  for (const finding of report.findings) {
    for (const button of finding.section.querySelectorAll('.steps button[data-by]')) {
      button.addEventListener('click', () => {
        if (report.current?.finding !== finding && finding.current) choose(report, finding.current);
        step(report, Number(button.dataset.by));
      });
    }
  }
}

/** Choose the first event of every finding, and at last the one that the address names. */
function chooseFirst(report) {
  for (const finding of [...report.findings].reverse()) {
    if (finding.items.length) choose(report, finding.items[0]);
  }
  const linked = report.byName.get(decodeURIComponent(location.hash.slice(1)));
  if (linked) choose(report, linked);
}
