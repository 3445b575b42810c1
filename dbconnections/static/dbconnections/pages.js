// Adds a "Show"/"Hide" button to each password field, and brings what went
// wrong into view. The pages work the same without it.
(() => {
  'use strict';

  // The first field has the words of all.
  const words = document.querySelector('[data-show]')?.dataset;

  document.querySelectorAll('.secret').forEach((box) => {
    const input = box.querySelector('input');
    const button = document.createElement('button');
    const status = document.createElement('span');

    const show = (on) => {
      input.type = on ? 'text' : 'password';
      button.textContent = on ? words.hide : words.show;
      button.setAttribute('aria-pressed', on);
    };

    button.type = 'button';
    button.className = 'toggle';
    // The spoken name stays the same while aria-pressed changes; it holds both visible words.
    button.setAttribute('aria-label', box.dataset.name);
    button.setAttribute('aria-controls', input.id);
    button.addEventListener('click', () => {
      const on = input.type === 'password';
      show(on);
      status.textContent = on ? words.shown : words.hidden;
    });

    status.className = 'unseen';
    status.setAttribute('role', 'status');

    show(false);
    box.classList.add('toggled');
    box.append(button, status);

    // Hidden again when sent, so that no browser keeps it as ordinary text.
    input.form?.addEventListener('submit', () => show(false));
  });

  document.getElementById('error-summary')?.focus();
})();
