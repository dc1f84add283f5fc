// The sliders of the story page: what they say beside themselves; console.js asks for the list.

const sliders = document.querySelector('.sliders');
const shared = ['meaning', 'passages', 'words'].map((name) => document.getElementById(`s-${name}`));

function show(input) {
  const output = document.querySelector(`output[for="${input.id}"]`);
  if (output) { output.value = input.value; }
}

// The three weights are shown as what they are: parts of a hundred.
function showShares() {
  const total = shared.reduce((sum, one) => sum + Number(one.value), 0);
  for (const one of shared) {
    const share = total ? Math.round((100 * one.value) / total) : 0;
    document.querySelector(`output[for="${one.id}"]`).value = `${share} %`;
  }
}

// Before console.js asks for the list: whoever moves a weight wants it to count.
document.addEventListener('input', ({ target }) => {
  if (!sliders.contains(target) || target.type !== 'range') return;
  if (shared.includes(target)) {
    document.getElementById('s-own').checked = true;
    showShares();
  } else {
    show(target);
  }
});

// Whoever does not see the list hears what a trial changes.
document.getElementById('story-list').addEventListener('filled', () => {
  const said = document.querySelector('.trial p');
  document.getElementById('trial-status').textContent = said ? said.textContent : '';
});

if (matchMedia('(min-width: 60rem)').matches) { sliders.open = true; }
showShares();
