// Ticks the rules for a new password while it is typed, as passwords/rules.py
// judges them. It holds nothing back: the server decides. The page works the
// same without it.
(() => {
  'use strict';

  const TYPES = {
    lowercase: /[a-z]/,
    uppercase: /[A-Z]/,
    number: /[0-9]/,
    special: /[ -/:-@[-`{-~]/,
  };
  const has = (text) => (type) => TYPES[type].test(text);

  // Runs of characters that count as sequences; no password holds a line's end.
  const UP = '0123456789\nABCDEFGHIJKLMNOPQRSTUVWXYZ\nabcdefghijklmnopqrstuvwxyz\n';
  const DOWN = [...UP].reverse().join('');
  const hasPart = (text, order, length) => [...order].some((_, at) => (
    at + length <= order.length && text.includes(order.slice(at, at + length))
  ));

  const JUDGES = {
    lengthAtLeast: (text, least) => text.length >= least,
    shouldContain: (text, _, types) => types.every(has(text)),
    containsAtLeast: (text, least, types) => types.filter(has(text)).length >= least,
    identicalChars: (text, most) => !RegExp(`([^])\\1{${most}}`).test(text),
    sequentialChars: (text, most) => ![UP, DOWN].some((order) => hasPart(text, order, most + 1)),
    maxLength: (text, most) => new TextEncoder().encode(text).length <= most,
  };

  // From 0 for nothing to 4. Length counts, less what repeats or goes on from the character before.
  const strength = (text) => {
    if (!text) return 0;
    const codes = [...text].map((character) => character.codePointAt(0));
    const fresh = codes.filter((code, at) => !at || Math.abs(code - codes[at - 1]) > 1).length;
    const kinds = Object.keys(TYPES).filter(has(text)).length + /[^ -~]/.test(text);
    const score = Math.min(fresh, 1.5 * new Set(codes).size) + kinds;
    return 1 + [10, 14, 20].filter((least) => score >= least).length;
  };

  const unseen = () => {
    const span = document.createElement('span');
    span.className = 'unseen';
    return span;
  };

  // Says something to screen readers, not at every key but after a pause.
  const speaker = (box) => {
    const status = unseen();
    let timer;
    status.setAttribute('role', 'status');
    box.append(status);
    return (text, then) => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        if (status.textContent !== text) status.textContent = text;
        then?.();
      }, 1000);
    };
  };

  const listen = (input, update) => {
    // Some password managers send no more than `change`.
    for (const type of ['input', 'change']) input.addEventListener(type, update);
    update();
  };

  // The field of the new password: rules above it, a hint on its strength below

  document.querySelectorAll('.field').forEach((field) => {
    const list = field.querySelector('.rules');
    const hint = field.querySelector('.strength');
    if (!list && !hint) return;

    const input = field.querySelector('input');
    const rules = [...field.querySelectorAll('[data-rule]')];
    const types = [...field.querySelectorAll('[data-type]')];
    const ticked = [...rules, ...types];
    const say = speaker(field);
    const isMet = (item) => item.classList.contains('met');
    const judge = ({ rule, bound, type }, text) => text !== '' && (
      type ? has(text)(type) : JUDGES[rule](text, +bound, types.map((item) => item.dataset.type))
    );
    const spellOut = (item) => {
      item.firstChild.textContent = input.value && `${list.dataset[isMet(item) ? 'met' : 'open']} `;
    };
    const tally = () => (rules.length ? list.dataset.said : '')
      .replace('{met}', rules.filter(isMet).length).replace('{all}', rules.length);

    ticked.forEach((item) => item.prepend(unseen()));
    list?.classList.add('ticking');
    if (hint) hint.hidden = false;

    listen(input, () => {
      const text = input.value;
      const level = strength(text);
      const words = hint?.dataset[level] ?? '';
      ticked.forEach((item) => item.classList.toggle('met', judge(item.dataset, text)));
      if (hint) {
        hint.querySelector('.bar').dataset.level = level;
        hint.querySelector('.words').textContent = words;
      }
      say(text && `${tally()} ${words}`.trim(), () => ticked.forEach(spellOut));
    });
  });

  // The second field, which is to hold the same

  document.querySelectorAll('.same').forEach((hint) => {
    const field = hint.closest('.field');
    const input = field.querySelector('input');
    const first = document.getElementById(hint.dataset.sameAs);
    const sentence = hint.textContent;
    const state = unseen();
    const say = speaker(field);

    hint.prepend(state);
    hint.hidden = false;
    const update = () => {
      const isSame = input.value !== '' && input.value === first.value;
      hint.classList.toggle('met', isSame);
      // At once: unlike the rules, it describes no field, so nobody reads it out at every key.
      state.textContent = isSame ? '' : `${hint.dataset.open} `;
      say(isSame ? sentence : '');
    };
    listen(first, update);
    listen(input, update);
  });
})();
