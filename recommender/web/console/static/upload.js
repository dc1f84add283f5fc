// Sends a file in pieces. After a lost connection it goes on by itself; after a reload somebody
// chooses the same file again, and it goes on where it was.
//
//   <form data-upload data-address="…/files"><input type="file"><progress hidden></progress><p data-told></p></form>

import { say } from './console.js';

const LONGEST_WAIT_MS = 30_000;
const token = document.querySelector('meta[name="form-token"]')?.content ?? '';
const wait = (ms) => new Promise((done) => { setTimeout(done, ms); });

/** A request that the service refuses for good: asking again does not help. */
class Refusal extends Error {
  constructor(status, detail) {
    super(detail || String(status));
    this.status = status;
  }
}

async function post(address, body) {
  const answer = await fetch(address, {
    method: 'POST', body, credentials: 'same-origin',
    headers: { 'X-Part': '1', 'X-Form-Token': token },
  });
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  const { detail } = await answer.json().catch(() => ({}));
  const passes = answer.status >= 500 || [408, 409, 429].includes(answer.status);
  throw passes ? new Error(detail) : new Refusal(answer.status, detail);
}

/** Where to go on with a file. */
function begin(address, file) {
  const facts = new FormData();
  facts.set('name', file.name);
  facts.set('size', String(file.size));
  facts.set('modified', String(file.lastModified));
  return post(address, facts);
}

async function send(address, file, show) {
  let failures = 0;
  let whole = null; // the id of the file once all of it has arrived
  let asked = false; // whether its import may be asked for, though no answer has come
  for (;;) {
    try {
      if (whole === null) {
        let { id, received, piece } = await begin(address, file);
        show(received);
        while (received < file.size) {
          const bytes = file.slice(received, received + piece);
          ({ received } = await post(`${address}/${id}/pieces/${received}`, bytes));
          failures = 0;
          show(received);
        }
        whole = id;
      }
      return await post(`${address}/${whole}/read`);
    } catch (fault) {
      if (asked && fault.status === 404) return null; // it has been read meanwhile
      if (fault instanceof Refusal || fault.name === 'NotReadableError') throw fault;
      asked = whole !== null;
      failures += 1;
      show(null);
      await wait(Math.min(LONGEST_WAIT_MS, 500 * 2 ** failures));
    }
  }
}

/** A function that shows how far the file is, and about how long the rest takes. */
function meterOf(form, file) {
  const bar = form.querySelector('progress');
  const told = form.querySelector('[data-told]');
  let begun = null;
  bar.hidden = false;
  bar.max = file.size;
  return (received) => {
    if (received === null) { told.textContent = form.dataset.lost; begun = null; return; }
    bar.value = received;
    begun ??= { at: performance.now(), from: received };
    const spent = (performance.now() - begun.at) / 1000;
    const left = Math.ceil((spent * (file.size - received)) / (received - begun.from));
    const percent = String(Math.floor((100 * received) / file.size));
    const text = form.dataset.sent.replace('{percent}', percent);
    told.textContent = Number.isFinite(left) && left > 0 ? `${text} ${leftIn(form, left)}` : text;
  };
}

function leftIn(form, seconds) {
  const minutes = Math.round(seconds / 60);
  return (minutes ? form.dataset.minutes : form.dataset.seconds).replace('{n}', String(minutes || seconds));
}

const form = document.querySelector('form[data-upload]');
const chosen = form?.querySelector('input[type=file]');
const button = form?.querySelector('button');

form?.addEventListener('submit', async (event) => {
  event.preventDefault();
  const file = chosen.files[0];
  if (!file) return;
  button.disabled = true;
  chosen.disabled = true;
  try {
    await send(form.dataset.address, file, meterOf(form, file));
    form.querySelector('[data-told]').textContent = form.dataset.arrived;
    chosen.value = '';
    document.getElementById('begun')?.remove();
  } catch (fault) {
    form.querySelector('[data-told]').textContent = fault instanceof Refusal ? fault.message : form.dataset.unreadable;
    say(form.querySelector('[data-told]').textContent);
  }
  button.disabled = false;
  chosen.disabled = false;
  form.querySelector('progress').hidden = true;
});

if (form) {
  form.hidden = false;
  document.getElementById('no-script').hidden = true;
}

document.addEventListener('click', async (event) => {
  const forget = event.target.closest('[data-forget]');
  if (!forget) return;
  try {
    await post(forget.dataset.forget);
    forget.closest('li').remove();
  } catch (fault) {
    say(fault.message);
  }
});
