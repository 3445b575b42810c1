// Ticks the rules for a new password while it is typed, as passwords/rules.py
// judges them. It holds nothing back: the server decides. The page works the
// same without it.
(() => {
  'use strict';

  const PAUSE = 1000;

  const TYPES = {
    lowercase: /[a-z]/,
    uppercase: /[A-Z]/,
    number: /[0-9]/,
    special: /[ !"#$%&'()*+,\-./:;<=>?@[\\\]^_`{|}~]/,
  };

  const has = (text) => (type) => TYPES[type].test(text);
  const isAlphanumeric = (unit) => /[A-Za-z0-9]/.test(unit);

  // How far apart two neighbours are that may be part of a sequence.
  const step = (text, at) => isAlphanumeric(text[at - 1]) && isAlphanumeric(text[at])
    ? text.charCodeAt(at) - text.charCodeAt(at - 1) : 0;

  const longestRun = (text) => {
    let longest = 1;
    for (let at = 1, run = 1; at < text.length; at += 1) {
      run = text[at] === text[at - 1] ? run + 1 : 1;
      longest = Math.max(longest, run);
    }
    return longest;
  };

  const longestSequence = (text) => {
    let longest = 1;
    for (let at = 1, run = 1, direction = 0; at < text.length; at += 1) {
      const next = step(text, at);
      if (Math.abs(next) !== 1) [run, direction] = [1, 0];
      else if (next === direction) run += 1;
      else [run, direction] = [2, next];
      longest = Math.max(longest, run);
    }
    return longest;
  };

  const JUDGES = {
    lengthAtLeast: (text, least) => text.length >= least,
    shouldContain: (text, _none, types) => types.every(has(text)),
    containsAtLeast: (text, least, types) => types.filter(has(text)).length >= least,
    identicalChars: (text, most) => text !== '' && longestRun(text) <= most,
    sequentialChars: (text, most) => text !== '' && longestSequence(text) <= most,
    maxLength: (text, most) => text !== '' && new TextEncoder().encode(text).length <= most,
  };

  // From 0 for nothing to 4. Length counts, less what repeats or goes on from the character before.
  const strength = (text) => {
    if (text === '') return 0;
    const characters = [...text];
    const codes = characters.map((character) => character.codePointAt(0));
    const fresh = codes.filter((code, at) => at === 0 || Math.abs(code - codes[at - 1]) > 1).length;
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
    return (text, then = () => {}) => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        if (status.textContent !== text) status.textContent = text;
        then();
      }, PAUSE);
    };
  };

  const listen = (input, update) => {
    // Some password managers send no more than `change`.
    for (const type of ['input', 'change']) input.addEventListener(type, update);
    update();
  };

  // The field of the new password: rules above it, a hint on its strength below

  const RULE = '[data-rule]';
  const TICKED = '[data-rule], [data-type]';
  const isMet = (item) => item.classList.contains('met');

  const prepare = (list) => {
    list.querySelectorAll(TICKED).forEach((item) => item.prepend(unseen()));
    list.classList.add('ticking');
  };

  const judge = ({ rule, type, format, types = '' }, text) => {
    if (type) return has(text)(type);
    const [bound] = JSON.parse(format);
    return Boolean(JUDGES[rule]?.(text, bound, types.split(' ')));
  };

  const tick = (list, text) => list.querySelectorAll(TICKED).forEach((item) => {
    item.classList.toggle('met', judge(item.dataset, text));
  });

  const spellOut = (list, text) => list.querySelectorAll(TICKED).forEach((item) => {
    const { met, open } = list.dataset;
    item.firstChild.textContent = text && `${isMet(item) ? met : open} `;
  });

  const tally = (list) => {
    const all = [...list.querySelectorAll(RULE)];
    const { said } = list.dataset;
    return all.length ? said.replace('{met}', all.filter(isMet).length).replace('{all}', all.length) : '';
  };

  const parts = [...document.querySelectorAll('.rules, .strength')];
  new Set(parts.map((part) => part.closest('.field'))).forEach((field) => {
    const input = field.querySelector('input');
    const list = field.querySelector('.rules');
    const hint = field.querySelector('.strength');
    const say = speaker(field);

    if (list) prepare(list);
    if (hint) hint.hidden = false;

    listen(input, () => {
      const text = input.value;
      const level = strength(text);
      const words = hint?.dataset[level] ?? '';
      if (list) tick(list, text);
      if (hint) {
        hint.querySelector('.bar').dataset.level = level;
        hint.querySelector('.words').textContent = words;
      }
      say(text && `${list ? tally(list) : ''} ${words}`.trim(), () => list && spellOut(list, text));
    });
  });

  // The second field, which is to hold the same

  document.querySelectorAll('[data-same-as]').forEach((hint) => {
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
