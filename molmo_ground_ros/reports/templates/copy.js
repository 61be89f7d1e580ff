// A click on a stamp copies it.
'use strict';

async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // No clipboard for this page: the older way, through a selection.
    const field = document.createElement('textarea');
    field.value = text;
    document.body.append(field);
    field.select();
    document.execCommand('copy');
    field.remove();
  }
}

document.addEventListener('click', async (event) => {
  const stamp = event.target.closest('.stamp');
  if (!stamp) return;
  await copyText(stamp.textContent);
  stamp.classList.add('copied');
  setTimeout(() => stamp.classList.remove('copied'), 1200);
});
