// The form of a rule: its amounts follow what it does; its preview follows what is typed.
import { refresh } from './console.js';

const TYPING_MS = 300;
const form = document.getElementById('rule-form');
const preview = document.getElementById('rule-preview');
let typing;

function showAmounts() {
  const action = form.elements.does.value;
  for (const amount of form.querySelectorAll('.rule__amount')) {
    amount.hidden = !amount.dataset.for.split(' ').includes(action);
  }
}

function look() {
  refresh(preview, `${form.dataset.preview}?${new URLSearchParams(new FormData(form))}`);
}

/** After a rule was saved, the form is for the next one; an edited rule stays in it. */
function begin() {
  if (form.elements.edit.value) {
    form.elements.edit.value = form.elements.name.value;
    return;
  }
  form.reset();
  showAmounts();
  preview.replaceChildren();
}

if (form) {
  showAmounts();
  if (form.elements.edit.value) look();
  form.addEventListener('input', () => {
    showAmounts();
    clearTimeout(typing);
    typing = setTimeout(look, TYPING_MS);
  });
}
document.addEventListener('filled', (event) => {
  if (event.target.id !== 'rules') return;
  const outcome = document.getElementById('rules-outcome');
  outcome?.focus();
  if (outcome?.dataset.result === 'saved') begin();
});
