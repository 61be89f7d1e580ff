# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Style and script of the page. The script only chooses which figure is shown, and holds no data.

Without the script, and in print, all figures are shown one after the other.
"""

STYLE = """
:root { color-scheme: light; --ink: #1c2127; --faint: #5f6b7a; --line: #d5dae1; --paper: #fff;
  --wash: #f3f5f8; --accent: #0b5cad; --warn: #8a3b00; --warn-wash: #fff1e3; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem; max-width: 72rem; background: var(--paper);
  color: var(--ink); font: 15px/1.5 system-ui, "DejaVu Sans", sans-serif; }
h1 { font-size: 1.1rem; margin: 0; color: var(--faint); font-weight: 600; }
h2 { font-size: 1.5rem; line-height: 1.25; margin: 0; overflow-wrap: anywhere; }
h3 { font-size: 1rem; margin: 1.75rem 0 .5rem; }
p { margin: .25rem 0; overflow-wrap: anywhere; }
a { color: var(--accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.faint { color: var(--faint); }
.warn { background: var(--warn-wash); color: var(--warn); padding: .5rem .75rem;
  border-left: 4px solid var(--warn); }
.finding, .about { border-top: 1px solid var(--line); margin-top: 2rem; padding-top: 1.5rem; }
.said { white-space: pre-wrap; unicode-bidi: isolate; overflow-wrap: anywhere; }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: .5rem 0; }
.facts dt { color: var(--faint); }
.facts dd { margin: 0; overflow-wrap: anywhere; }
.answer { display: flex; flex-wrap: wrap; gap: 1rem; margin: 1rem 0; }
.card { background: var(--wash); border-radius: .5rem; padding: .75rem 1.25rem; flex: 0 1 auto;
  max-width: 100%; }
.card b { display: block; font-size: 2rem; line-height: 1.2; }
.card.words b, .card.many b { font-size: 1.1rem; }
.timeline { position: relative; margin: .5rem 0 1rem; }
.lane { position: relative; height: 1.5rem; margin-left: 7rem; border-top: 1px solid var(--line); }
.lane > .name { position: absolute; right: 100%; margin-right: .75rem; width: 6.25rem;
  text-align: right; color: var(--faint); font-size: .8rem; line-height: 1.5rem;
  white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.lane.windows { height: 2.1rem; }
.bar { position: absolute; height: .8rem; top: .35rem; min-width: 3px; border-radius: 2px;
  background: #8fb4d9; }
.windows .bar { top: .15rem; font-size: .65rem; line-height: .8rem; text-align: center;
  overflow: hidden; color: #10263c; }
.windows .bar.odd { top: 1.1rem; }
.bar.truncated { background: #e6c35c; }
.bar.refused, .bar.failed { background: #e0876a; }
.bar.gap { background: repeating-linear-gradient(45deg, #b3502e 0 4px, #f7d9cb 4px 8px); }
.pick { position: absolute; text-decoration: none; }
.pick.event { transform: translateX(-50%); min-width: 1.3rem; height: 1.3rem; top: .1rem;
  padding: 0 .2rem; border-radius: .65rem; border: 2px solid #fff; background: var(--accent);
  color: #fff; font-size: .7rem; line-height: 1rem; text-align: center; }
.pick.small { min-width: .7rem; width: .7rem; height: 1.1rem; font-size: 0; }
.pick.doubt { background: var(--warn); }
.pick.path { height: .9rem; top: .3rem; min-width: 6px; border-radius: 2px; }
.pick[aria-current] { box-shadow: 0 0 0 3px var(--ink); z-index: 2; }
.pick:hover { z-index: 3; filter: brightness(.85); }
.axis { height: 1.6rem; }
.axis i { position: absolute; top: 0; border-left: 1px solid var(--faint); height: .35rem; }
.axis span { position: absolute; top: .35rem; transform: translateX(-50%); font-size: .75rem;
  color: var(--faint); font-style: normal; white-space: nowrap; }
.axis span.last { transform: translateX(-100%); }
.axis span.first { transform: none; }
.shots { margin: 0; }
.shot { margin: 0 0 1rem; break-inside: avoid; }
.frame { position: relative; background: #20242a; max-width: 54rem; }
.frame img, .frame svg { display: block; width: 100%; height: auto; }
.frame svg { position: absolute; inset: 0; height: 100%; overflow: visible; }
.frame .none { color: #fff; padding: 25% 1rem; text-align: center; }
figcaption { padding: .35rem 0; overflow-wrap: anywhere; }
.js .shot { display: none; }
.js .shot.chosen { display: block; }
g.spot { opacity: .55; }
g.spot.chosen { opacity: 1; }
html:not(.js) g.spot { opacity: 1; }
.steps { display: none; gap: .5rem; margin: .25rem 0 .5rem; }
.js .steps { display: flex; }
button { font: inherit; padding: .2rem .8rem; border: 1px solid var(--line); border-radius: .3rem;
  background: var(--wash); color: var(--ink); cursor: pointer; }
.scroll { overflow: auto; max-height: 26rem; }
table { border-collapse: collapse; width: 100%; font-size: .87rem;
  font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0;
  border-bottom: 1px solid var(--line); }
th { color: var(--faint); font-weight: 600; white-space: nowrap; position: sticky; top: 0;
  background: var(--paper); }
summary { cursor: pointer; font-weight: 600; }
details { margin: 1rem 0; }
@media print {
  body { max-width: none; padding: 0; font-size: 10pt; }
  .steps { display: none !important; }
  .scroll { max-height: none; }
  .shots { columns: 2; }
  .js .shot { display: block; }
  g.spot { opacity: 1; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""

SCRIPT = """
'use strict';
document.documentElement.classList.add('js');
for (const finding of document.querySelectorAll('.finding')) {
  const picks = [...finding.querySelectorAll('.timeline .pick')];
  const links = [...finding.querySelectorAll('a[data-shows]')];
  let at = 0;
  const choose = (name) => {
    const place = document.getElementById(name);
    if (!place) return;
    for (const one of finding.querySelectorAll('.chosen')) one.classList.remove('chosen');
    place.closest('.shot').classList.add('chosen');
    place.classList.add('chosen');
    for (const link of links) {
      if (link.dataset.shows === name) link.setAttribute('aria-current', 'true');
      else link.removeAttribute('aria-current');
    }
    at = Math.max(0, picks.findIndex((one) => one.dataset.shows === name));
  };
  const step = (by) => {
    if (!picks.length) return null;
    const next = picks[(at + by + picks.length) % picks.length];
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
"""
