// What lies over the page, and the browser's Back: each open layer (a dialog, a large picture, a panel that covers a small
// screen) has an entry of its own in the history, so that Back closes the top layer and leaves the room only when there is
// none. A layer that is closed otherwise takes its entry along; Forward to one whose layer is gone leads back.

/** @typedef {{ isOpen: () => boolean, close: () => void }} Layer */

const MOVE_TIMEOUT = 1000; // milliseconds for the browser to move in the history; one that refuses must not block the page
/** Those that are open, the top one last. @type {Layer[]} */
let layers = [];
let moveTimer = 0; // the timer of a move in the history that is under way
/** @type {(() => void) | null} */
let afterSync = null; // what waits until the history is as it should be

/** How many layers the current entry of the history stands for. */
const depth = () => Number(history.state?.layer) || 0;

/** From here on Back closes layers. Called once, when the page starts. */
export function watchHistory() {
  addEventListener('popstate', () => {
    if (moveTimer) finishMove();
    else while (layers.length > depth()) layers.pop()?.close();
    syncHistory();
  });
  syncHistory();
}

/** @param {Layer} layer has just been opened; whoever closes it calls balance */
export function addLayer(layer) {
  layers.push(layer);
  syncHistory();
}

/** Shows a dialog over everything. It leaves the page when it is closed. @param {HTMLDialogElement} el */
export function openModal(el) {
  document.body.append(el);
  el.addEventListener('close', () => {
    el.remove();
    syncHistory();
  });
  el.showModal();
  addLayer({ isOpen: () => el.open, close: () => el.close() });
}

/** Gives the history as many entries as there are open layers. */
export function syncHistory() {
  layers = layers.filter((layer) => layer.isOpen());
  if (moveTimer) return;
  const missing = layers.length - depth();
  if (missing < 0) {
    moveTimer = setTimeout(() => {
      finishMove();
      history.replaceState(null, '');
      syncHistory();
    }, MOVE_TIMEOUT);
    history.go(missing);
    return;
  }
  for (let d = layers.length - missing + 1; d <= layers.length; d++) history.pushState({ layer: d }, '');
  const callback = afterSync;
  afterSync = null;
  callback?.();
}

/** Does something to the history once the layers that were closed have left it. @param {() => void} f */
export function whenHistorySynced(f) {
  afterSync = f;
  syncHistory();
}

function finishMove() {
  clearTimeout(moveTimer);
  moveTimer = 0;
}
