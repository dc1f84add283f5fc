// A part of a page that is asked for again every few seconds, while somebody looks at it.
//
//   <div data-again="ADDRESS" data-seconds="5">

import { ask, fill } from './console.js';

for (const part of document.querySelectorAll('[data-again]')) {
  setInterval(async () => {
    // Somebody who is about to press a button in it is not disturbed.
    if (document.hidden || part.contains(document.activeElement)) return;
    try { fill(part, await ask(part.dataset.again)); } catch { /* the next look tries again */ }
  }, Number(part.dataset.seconds) * 1000);
}
