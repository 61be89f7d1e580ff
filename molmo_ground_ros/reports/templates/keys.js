// The keyboard: arrows go from event to event, letters label, space plays.
'use strict';

function listenToKeys(report, parts) {
  const stepWith = (by) => {
    const item = step(report, by);
    // Whoever walks the timeline by keyboard stays on it.
    if (document.activeElement?.matches('.pick')) parts(item).timeline.pills.get(item)?.focus();
  };
  const label = (verdict) => {
    const before = report.current;
    if (before.kind !== 'event') return;
    parts(before).about.act(verdict);
    stepWith(1);
  };
  const of = () => parts(report.current);
  const actions = {
    ArrowRight: () => stepWith(1),
    ArrowLeft: () => stepWith(-1),
    c: () => label('confirmed'),
    w: () => label('wrong'),
    m: () => of().about.act('move'),
    u: () => of().about.act(''),
    ' ': () => of().stage.play(),
    ',': () => of().stage.stepFrame(-1),
    '.': () => of().stage.stepFrame(1),
    Escape: () => of().move.end(),
  };
  document.addEventListener('keydown', (event) => {
    const action = actions[event.key];
    const isTyping = event.target.closest('input, select, textarea');
    const isPressing = event.key === ' ' && event.target.closest('button, a, summary');
    const hasModifier = event.ctrlKey || event.metaKey || event.altKey;
    if (!action || !report.current || isTyping || isPressing || hasModifier) return;
    event.preventDefault();
    action();
  });
}
