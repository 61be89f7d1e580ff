// Wheel, buttons, drag and clicks on a timeline.
'use strict';

const WHEEL = 1.0015; // the factor for a wheel's pixel
const DRAG_PX = 6; // a shorter drag is a click
const PASSING_MS = 400; // a wheel that scrolls the page on to a timeline goes on scrolling the page

let wheelElsewhereMs = -Infinity;
document.addEventListener('wheel', (event) => {
  if (!event.target.closest('.scroller')) wheelElsewhereMs = event.timeStamp;
}, { passive: true, capture: true }); // before the timeline takes away what the wheel is over

function zoomByWheel(timeline) {
  timeline.scroller.addEventListener('wheel', (event) => {
    const scrollsPage = event.timeStamp - wheelElsewhereMs < PASSING_MS;
    const isSideways = event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY);
    const isAtEnd = event.deltaY > 0 && timeline.zoom <= 1.001;
    if (scrollsPage) wheelElsewhereMs = event.timeStamp;
    if (scrollsPage || isSideways || isAtEnd) return;
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    timeline.zoomBy(WHEEL ** (-event.deltaY * lines), timeline.timeAt(event.clientX));
  }, { passive: false });
}

function zoomByButtons(timeline) {
  const actions = {
    in: () => timeline.zoomBy(2),
    out: () => timeline.zoomBy(0.5),
    all: () => timeline.showAll(),
  };
  for (const button of timeline.box.querySelectorAll('button[data-zoom]')) {
    button.addEventListener('click', actions[button.dataset.zoom]);
  }
  timeline.scroller.addEventListener('dblclick', () => timeline.showAll());
}

/** A drag zooms to the part that was drawn over; a click goes to the time, or into a bar. */
function zoomByDrag(timeline) {
  const brush = timeline.box.querySelector('.brush');
  let from = null;
  const place = (to) => {
    const [left, right] = [timeline.timeAt(from), timeline.timeAt(to)].sort((a, b) => a - b);
    brush.style.left = `${100 * left / timeline.lengthS}%`;
    brush.style.width = `${100 * (right - left) / timeline.lengthS}%`;
    return [left, right];
  };
  timeline.lanes.addEventListener('pointerdown', (event) => {
    if (event.button || event.target.closest('a')) return;
    from = event.clientX;
    timeline.lanes.setPointerCapture(event.pointerId);
  });
  timeline.lanes.addEventListener('pointermove', (event) => {
    if (from === null) return;
    brush.hidden = Math.abs(event.clientX - from) < DRAG_PX;
    place(event.clientX);
  });
  timeline.lanes.addEventListener('pointerup', (event) => {
    if (from === null) return;
    const isDrag = Math.abs(event.clientX - from) >= DRAG_PX;
    const span = place(event.clientX);
    from = null;
    brush.hidden = true;
    if (isDrag) timeline.show(...span);
    else clickTimeline(timeline, event);
  });
  timeline.lanes.addEventListener('pointercancel', () => { from = null; brush.hidden = true; });
}

function clickTimeline(timeline, event) {
  // The pointer is captured, so the event's own target is the lanes.
  const bar = document.elementFromPoint(event.clientX, event.clientY)?.closest('.density');
  if (bar) {
    const [start, end] = [Number(bar.dataset.start), Number(bar.dataset.end)];
    timeline.show(start - 4 * (end - start), end + 4 * (end - start));
  } else {
    timeline.seek(timeline.timeAt(event.clientX));
  }
}
