// The page "where a story is shown": the lists are looked through after the page stands, and which
// caches know of a change is asked for until all do.
import { refresh } from './console.js';

const AGAIN_MS = 2000;
const MOST_TIMES = 30;
const appears = document.getElementById('appears');

if (appears.dataset.load) refresh(appears, appears.dataset.load);

let times = 0;
let next;
document.addEventListener('filled', (event) => {
  if (event.target === appears) {
    times = 0;
    document.getElementById('appears-outcome')?.focus();
  }
  clearTimeout(next);
  const waits = appears.querySelector('[data-again]');
  if (!waits || times >= MOST_TIMES) return;
  times += 1;
  next = setTimeout(() => refresh(document.getElementById('told-caches'), waits.dataset.again), AGAIN_MS);
});
