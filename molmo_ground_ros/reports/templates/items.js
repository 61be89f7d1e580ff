// Reads what the page holds: findings, their events and trajectories, and the cameras' stamps.
// A stamp is a BigInt: a number of JavaScript cannot hold one exactly.
'use strict';

const jsonIn = (element) => JSON.parse(element.textContent);

/** Seconds in words, as the page's own texts have them: '15.8 s', from a minute on '0:01:15.8'. */
function clock(seconds) {
  const tenths = Math.round(seconds * 10);
  if (Math.abs(tenths) < 600) return `${(tenths / 10).toFixed(1)} s`;
  const whole = Math.floor(tenths / 10);
  const two = (number) => String(Math.floor(number) % 60).padStart(2, '0');
  return `${Math.floor(whole / 3600)}:${two(whole / 60)}:${two(whole)}.${tenths % 10}`;
}

/** A camera: its stamps, ascending, and for each frame of its video the index of its stamp. */
function readCamera(data, index) {
  const stamps = data.first ? [BigInt(data.first)] : [];
  for (const step of data.steps) stamps.push(stamps[stamps.length - 1] + BigInt(step));
  const frameOf = new Map(data.frames.map((place, frame) => [stamps[place], frame]));
  const frames = data.frames.map((place) => stamps[place]);
  return { index, stamps, frames, frameOf, note: data.note };
}

/** The exact integer that a label line has under a key. Quotes inside texts are escaped in it. */
const integerIn = (line, key) => BigInt(new RegExp(`"${key}": (-?\\d+)`).exec(line)[1]);

/** An event: what its label line says, and its row of the table. */
function readEvent(finding, row, line, inks) {
  const record = JSON.parse(`${line}}`);
  return {
    kind: 'event', finding, row, line, ink: inks[(record.id - 1) % inks.length],
    name: row.dataset.item, number: record.id, seconds: record.seconds, until: record.seconds,
    score: record.score, x: record.x, y: record.y,
    width: record.image_width, height: record.image_height,
    stamp: integerIn(line, 'stamp_ns'),
    windowStart: integerIn(line, 'window_start_ns'), windowEnd: integerIn(line, 'window_end_ns'),
    shown: true,
  };
}

/** A trajectory: its row of the table. It has no label. */
function readTrack(finding, row) {
  return {
    kind: 'track', finding, row, line: '', score: null, shown: true,
    name: row.dataset.item, number: Number(row.dataset.number),
    seconds: Number(row.dataset.seconds), until: Number(row.dataset.until),
  };
}

/** A finding: its section, camera, events and trajectories. */
function readFinding(section, cameras, inks) {
  const data = jsonIn(section.querySelector('script.data'));
  const finding = { section, index: data.index, camera: cameras[data.camera], paths: data.paths };
  const rows = (kind) => [...section.querySelectorAll(`table.${kind} tbody tr`)];
  finding.events = rows('events').map((row, place) =>
    readEvent(finding, row, data.lines[place], inks));
  finding.tracks = rows('tracks').map((row) => readTrack(finding, row));
  finding.items = [...finding.events, ...finding.tracks];
  return finding;
}

/** Everything, and who wants to hear of a change: 'chosen', 'filtered', 'labelled', 'frame'. */
function readReport() {
  const data = jsonIn(document.getElementById('report-data'));
  const cameras = data.cameras.map(readCamera);
  const sections = [...document.querySelectorAll('.finding')];
  const listeners = new Map();
  const report = {
    lengthS: data.length_s, startNs: BigInt(data.start_ns), digest: data.digest,
    labelsName: data.labels_name, cameras, current: null,
    findings: sections.map((section) => readFinding(section, cameras, data.inks)),
    on(name, listener) { listeners.set(name, [...(listeners.get(name) ?? []), listener]); },
    tell(name, value) { for (const listener of listeners.get(name) ?? []) listener(value); },
  };
  report.items = report.findings.flatMap((finding) => finding.items);
  report.events = report.findings.flatMap((finding) => finding.events);
  report.byName = new Map(report.items.map((item) => [item.name, item]));
  report.secondsOf = (stamp) => Number(stamp - report.startNs) / 1e9;
  return report;
}
