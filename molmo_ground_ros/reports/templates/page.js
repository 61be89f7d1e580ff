// Chooses which figure is shown. It holds no data. Without it, and in print, all are shown.
'use strict';
document.documentElement.classList.add('js');
for (const finding of document.querySelectorAll('.finding')) {
  const picks = [...finding.querySelectorAll('.timeline .pick')];
  const links = [...finding.querySelectorAll('a[data-shows]')];
  let current = 0;
  const choose = (name) => {
    const place = document.getElementById(name);
    if (!place) return;
    for (const chosen of finding.querySelectorAll('.chosen')) chosen.classList.remove('chosen');
    place.closest('.shot').classList.add('chosen');
    place.classList.add('chosen');
    for (const link of links) {
      if (link.dataset.shows === name) link.setAttribute('aria-current', 'true');
      else link.removeAttribute('aria-current');
    }
    current = Math.max(0, picks.findIndex((pick) => pick.dataset.shows === name));
  };
  const step = (by) => {
    if (!picks.length) return null;
    const next = picks[(current + by + picks.length) % picks.length];
    choose(next.dataset.shows);
    return next;
  };
  for (const link of links) {
    link.addEventListener('click', (event) => {
      event.preventDefault();
      choose(link.dataset.shows);
      if (!link.classList.contains('pick')) {
        finding.querySelector('.shots').scrollIntoView({ block: 'nearest' });
      }
    });
  }
  for (const button of finding.querySelectorAll('.steps button')) {
    button.addEventListener('click', () => step(Number(button.dataset.by)));
  }
  const timeline = finding.querySelector('.timeline');
  if (timeline) {
    timeline.addEventListener('keydown', (event) => {
      const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      const next = by && step(by);
      if (next) { event.preventDefault(); next.focus(); }
    });
  }
  if (picks.length) choose(picks[0].dataset.shows);
}
