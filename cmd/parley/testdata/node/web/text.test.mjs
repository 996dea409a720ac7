// The text of messages, without a browser: what takes long for one message would freeze the page of all who see it.
import assert from 'node:assert/strict';
import { test } from 'node:test';

// Only as much of a document as nodes are made with.
globalThis.location = { origin: 'http://parley.example' };
class Node {
  constructor() {
    this.children = [];
    this.classList = { add() {} };
    this.style = {};
  }

  append(...nodes) { this.children.push(...nodes); }

  appendChild(node) { this.children.push(node); }

  setAttribute() {}

  addEventListener() {}

  get textContent() { return this.children.map((c) => (typeof c === 'string' ? c : c.textContent)).join(''); }

  set textContent(text) { this.children = [text]; }
}
globalThis.Node = Node;
globalThis.HTMLElement = Node;
globalThis.DocumentFragment = Node;
globalThis.document = { createDocumentFragment: () => new Node(), createElement: () => new Node(), createElementNS: () => new Node(), createTextNode: (text) => text };

const { renderText } = await import('../../../../../handlers/web/client/text.js');

/** How many characters the methods of strings are called on while f runs. */
function looksAt(f) {
  let characters = 0;
  const methods = ['slice', 'split', 'indexOf', 'lastIndexOf', 'replace', 'matchAll', 'match', 'endsWith'];
  const own = Object.fromEntries(methods.map((name) => [name, String.prototype[name]]));
  for (const name of methods) {
    String.prototype[name] = function counted(...args) {
      characters += this.length;
      return own[name].apply(this, args);
    };
  }
  try {
    f();
  } finally {
    Object.assign(String.prototype, own);
  }
  return characters;
}

for (const [name, piece] of [['round', ')'], ['square', ']'], ['curly', '}'], ['pairs of', '()'], ['stops and', '.)']]) {
  test(`an address with 8,000 ${name} brackets is looked at a few times, not once for each`, () => {
    const text = `http://parley.example/${piece.repeat(8000 / piece.length)}`;
    const characters = looksAt(() => renderText(text, 'ada'));
    assert.ok(characters < 100 * text.length, `${characters} characters were looked at`);
  });
}

test('brackets that belong to the sentence stay out of the address, those of the address in it', () => {
  for (const [text, address] of [
    ['(see http://a.example/b)', 'http://a.example/b'], ['http://a.example/b_(c)', 'http://a.example/b_(c)'],
    ['(http://a.example/b_(c)).', 'http://a.example/b_(c)'], ['[http://a.example/?q={1}]]', 'http://a.example/?q={1}'],
  ]) {
    const links = renderText(text, 'ada').children.filter((c) => typeof c !== 'string');
    assert.deepEqual(links.map((l) => l.textContent), [address], text);
  }
});
