// The draft desk: copies links as HTML, and looks at the draft with Ctrl and Enter.
import { say } from './console.js';

const draft = document.getElementById('draft');

/** Put a text where it can be pasted from; also as rich text, for editors that take it. */
async function copy(source) {
  const text = source.value;
  try {
    if (navigator.clipboard?.write && window.ClipboardItem) {
      await navigator.clipboard.write([new ClipboardItem({
        'text/plain': new Blob([text], { type: 'text/plain' }),
        'text/html': new Blob([text], { type: 'text/html' }),
      })]);
      return true;
    }
  } catch { /* not allowed here: the old way follows */ }
  const field = document.createElement('textarea');
  field.value = text;
  field.className = 'hidden';
  document.body.append(field);
  field.select();
  const done = document.execCommand('copy');
  field.remove();
  return done;
}

document.addEventListener('click', async (event) => {
  const button = event.target.closest('[data-copy]');
  if (!button) return;
  const done = await copy(document.querySelector(button.dataset.copy));
  button.focus();
  say(done ? draft.dataset.copied : draft.dataset.notCopied);
});

document.querySelector('.desk__draft').addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    event.currentTarget.requestSubmit();
  }
});
