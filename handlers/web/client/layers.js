// What lies over the page, and the browser's Back: each open layer (a dialog, a large picture, a panel that covers a small
// screen) has an entry of its own in the history, so that Back closes the top layer and leaves the room only when there is
// none. A layer that is closed otherwise takes its entry along; Forward to one whose layer is gone leads back.

/** @typedef {{ isOpen: () => boolean, close: () => void }} Layer */

const PATIENCE = 1000; // milliseconds for the browser to move in the history; one that refuses must not block the page
/** Those that are open, the top one last. @type {Layer[]} */
let layers = [];
let moving = 0; // the timer of a move in the history that is under way
/** @type {(() => void) | null} */
let next = null; // what waits until the history is as it should be

/** How many layers the current entry of the history stands for. */
const depth = () => Number(history.state?.layer) || 0;

/** From here on Back closes layers. Called once, when the page starts. */
export function watchHistory() {
  addEventListener('popstate', () => {
    if (moving) arrived();
    else while (layers.length > depth()) layers.pop()?.close();
    balance();
  });
  balance();
}

/** @param {Layer} layer has just been opened; the code that closes it calls balance */
export function addLayer(layer) {
  layers.push(layer);
  balance();
}

/** Shows a dialog over everything. It leaves the page when it is closed. @param {HTMLDialogElement} el */
export function openModal(el) {
  document.body.append(el);
  el.addEventListener('close', () => {
    el.remove();
    balance();
  });
  el.showModal();
  addLayer({ isOpen: () => el.open, close: () => el.close() });
}

/** Gives the history as many entries as there are open layers. */
export function balance() {
  layers = layers.filter((layer) => layer.isOpen());
  if (moving) return;
  const missing = layers.length - depth();
  if (missing < 0) {
    moving = setTimeout(() => {
      arrived();
      history.replaceState(null, '');
      balance();
    }, PATIENCE);
    history.go(missing);
    return;
  }
  for (let d = layers.length - missing + 1; d <= layers.length; d++) history.pushState({ layer: d }, '');
  const due = next;
  next = null;
  due?.();
}

/** Does something to the history once the layers that were closed have left it. @param {() => void} f */
export function whenBalanced(f) {
  next = f;
  balance();
}

function arrived() {
  clearTimeout(moving);
  moving = 0;
}
