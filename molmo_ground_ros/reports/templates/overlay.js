// Draws rings and trails on a frame, as SVG in pixels of the recording's image.
'use strict';

const SVG = 'http://www.w3.org/2000/svg';

function svg(name, attributes, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** A ring with a black rim and its number beside it. */
function ring(x, y, radius, ink, number, kind = '') {
  const line = radius / 5;
  const circle = (stroke, width) => svg('circle', {
    cx: x, cy: y, r: radius, fill: 'none', stroke, 'stroke-width': width });
  const text = svg('text', {
    x: x + 1.3 * radius, y: y - 0.7 * radius, fill: ink, 'font-size': 1.4 * radius,
    'font-weight': 'bold', stroke: '#000', 'stroke-width': line, 'paint-order': 'stroke' },
  `#${number}`);
  return svg('g', { class: `ring ${kind}` }, circle('#000', 2 * line), circle(ink, line), text);
}

/** A cross where a person moved a point to. */
function cross(x, y, radius, number) {
  const arms = `M${x - radius} ${y}H${x + radius}M${x} ${y - radius}V${y + radius}`;
  const arm = (stroke, width) => svg('path', { d: arms, stroke, 'stroke-width': width });
  return svg('g', { class: 'cross', 'data-number': number },
    arm('#000', radius / 2), arm('#fff', radius / 5));
}

/** The part of a path that ends at the stamp, and a disc at its end. */
function trail(path, frames, stamp, radius) {
  const places = path.places.filter(([frame]) =>
    frames[frame] <= stamp && frames[frame] >= stamp - TRAIL_NS);
  if (!places.length) return [];
  const points = places.map(([, x, y]) => `${x},${y}`).join(' ');
  const line = svg('polyline', {
    points, fill: 'none', stroke: path.ink, 'stroke-width': radius / 4 });
  const [frame, x, y] = places[places.length - 1];
  return frames[frame] === stamp ? [line, ring(x, y, radius / 2, path.ink, path.id)] : [line];
}

/** Draw what a finding has at a stamp of its camera's video. */
function drawFrame(overlay, finding, labels, frames, stamp) {
  const size = finding.size;
  overlay.setAttribute('viewBox', `0 0 ${size.width} ${size.height}`);
  const radius = Math.max(size.width, size.height) / 45;
  const drawn = finding.paths.flatMap((path) => trail(path, frames, stamp, radius));
  for (const item of finding.events) {
    const place = labels.place(item);
    if (place) {
      if (place.stamp === stamp) drawn.push(cross(place.x, place.y, radius, item.number));
    } else if (item.stamp <= stamp && item.stamp >= stamp - HOLD_NS) {
      const kind = [item.stamp === stamp ? 'now' : 'past', labels.kind(item)].join(' ');
      drawn.push(ring(item.x, item.y, radius, item.ink, item.number, kind));
    }
  }
  overlay.replaceChildren(...drawn);
}
