// Puts the parts of the page together. It runs last. Without scripts, and in print, everything that
// is in the page is shown: all pictures and all rows.
'use strict';

document.documentElement.classList.add('js');
const report = readReport();
const labels = new Labels(report);

function makeParts(finding) {
  const sized = finding.events[0] ?? { width: 4, height: 3 };
  const svgBox = finding.section.querySelector('.player svg').viewBox.baseVal;
  finding.size = finding.events.length ? sized : { width: svgBox.width, height: svgBox.height };
  const player = new Player(report, finding, labels);
  const stage = new Stage(report, finding, player, labels);
  const move = new Move(report, finding, stage, labels);
  const about = new About(report, finding, labels, move);
  const timeline = new Timeline(report, finding, (seconds) => stage.showTime(seconds));
  for (const listen of [zoomByWheel, zoomByButtons, zoomByDrag]) listen(timeline);
  return { player, stage, move, about, timeline, pager: new Pager(finding) };
}

const partsOf = new Map(report.findings.map((finding) => [finding, makeParts(finding)]));
const parts = (item) => partsOf.get(item.finding);

showLabels(report, labels);
const filters = new Filters(report, labels);
report.on('chosen', (item) => {
  const { move, stage, about, timeline, pager } = parts(item);
  move.end();
  stage.show(item);
  about.show(item);
  pager.reveal(item);
  timeline.setCursor(item.seconds);
  for (const other of partsOf.values()) if (other.timeline !== timeline) other.timeline.draw();
  timeline.reveal(item);
});
report.on('labelled', (item) => {
  if (!item) return;
  const { stage, about, timeline } = parts(item);
  writeVerdicts(report, labels, [item]);
  about.showVerdict(item.finding.current);
  stage.redraw();
  timeline.draw();
});
report.on('filtered', () => {
  for (const { timeline, pager } of partsOf.values()) {
    timeline.draw();
    pager.show(0);
  }
  const first = report.items.find((item) => item.shown);
  if (first && !report.current.shown) choose(report, first);
});
report.on('frame', (player) => {
  // A frame that was sought for the event before may come late, behind a picture.
  if (player.box.hidden) return;
  const { timeline, move } = partsOf.get(player.finding);
  const seconds = report.secondsOf(player.stamp);
  timeline.setCursor(seconds);
  if (player.isPlaying) timeline.keepInView(seconds);
  else move.follow(player.stamp);
});
report.on('playing', (player) => {
  partsOf.get(player.finding).stage.playButton.textContent = player.isPlaying ? 'Pause' : 'Play';
});
writeVerdicts(report, labels, report.events);
followLinks(report);
listenToKeys(report, parts);
chooseFirst(report);
